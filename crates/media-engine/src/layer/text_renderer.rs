//! Draws text and gradients on a thread of its own, so that neither fonts nor large pictures hold up
//! the worker's loop.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use sm_common::id::MessageId;
use sm_common::layer::{Color, GradientStop, TextStyle};

use super::chat_board::Sheet;
use super::chat_text::parts;
use super::failure::Failure;
use super::text_painter::{Span, TextPainter};
use super::{Mailbox, News, gradient};
use crate::picture::{Bitmap, Matrix, Picture};

/// Everything that a picture depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) subject: Subject,
    pub(super) shape: Shape,
}

/// What is in a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Text.
    Text { text: String, style: TextStyle },
    /// Colours that run into each other.
    Gradient {
        stops: Vec<GradientStop>,
        direction: gradient::Direction,
    },
}

/// What text is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A box of this size.
    Box { width: u32, height: u32 },
    /// A strip as long as the text, whose end joins its beginning.
    Strip { height: u32 },
}

/// A chat message, and everything that its picture depends on.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: MessageId,
    /// `None` where only the text is to be seen.
    pub(super) name: Option<String>,
    pub(super) name_color: Color,
    pub(super) text: String,
    pub(super) style: Arc<TextStyle>,
    /// Most width and height.
    pub(super) size: (u32, u32),
}

/// What is to be drawn.
#[derive(Debug)]
pub(super) enum Job {
    /// One text.
    Text(Written),
    /// Chat messages, a picture each.
    Messages(Vec<Message>),
}

/// A job for somebody.
#[derive(Debug)]
pub(super) struct Order {
    /// Comes back with the picture.
    pub(super) number: u64,
    pub(super) job: Job,
    /// The uploaded font that is to be used instead of the style's.
    pub(super) font: Option<PathBuf>,
    pub(super) matrix: Matrix,
    /// Who gets it.
    pub(super) mailbox: Mailbox,
}

/// A drawn text.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    /// The order's number.
    pub(super) number: u64,
    /// What came of it.
    pub(super) drawn: Result<Drawn, Failure>,
    /// What is wrong with it nevertheless.
    pub(super) flaw: Option<Failure>,
}

/// Text as pictures.
#[derive(Clone, Debug)]
pub(super) enum Drawn {
    /// A box.
    Box(Arc<Picture>),
    /// A strip, and the same turned by one pixel.
    Strip([Arc<Picture>; 2]),
    /// Chat messages; `None` for one that cannot be drawn.
    Messages(Vec<(MessageId, Option<Sheet>)>),
}

/// Where text is given to be drawn. Its thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct TextRenderer(Arc<Orders>);

/// Orders that wait: at most one of each layer, the newest.
#[derive(Debug, Default)]
struct Orders {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    orders: VecDeque<Order>,
    closed: bool,
}

impl TextRenderer {
    /// Starts the thread, which looks for fonts at once.
    pub(super) fn start() -> Self {
        let orders = Arc::new(Orders::default());
        let theirs = Arc::clone(&orders);
        let started = thread::Builder::new()
            .name("text".to_owned())
            .spawn(move || theirs.serve());
        if let Err(error) = started {
            tracing::error!(%error, "no thread to draw text");
            orders.lock().closed = true;
        }
        Self(orders)
    }

    /// Has a text drawn; an older order of the same source is forgotten. `false` when nothing can
    /// be drawn.
    #[must_use]
    pub(super) fn order(&self, order: Order) -> bool {
        let mut waiting = self.0.lock();
        if waiting.closed {
            return false;
        }
        let mut orders = waiting.orders.iter_mut();
        let opening = order.mailbox.opening;
        match orders.find(|waiting| waiting.mailbox.opening == opening) {
            Some(outdated) => *outdated = order,
            None => waiting.orders.push_back(order),
        }
        drop(waiting);
        self.0.changed.notify_one();
        true
    }
}

impl Drop for TextRenderer {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        waiting.orders.clear();
        drop(waiting);
        self.0.changed.notify_one();
    }
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next order; `None` when there shall be none.
    fn next(&self) -> Option<Order> {
        let idle = |waiting: &mut Waiting| waiting.orders.is_empty() && !waiting.closed;
        let mut waiting = self
            .changed
            .wait_while(self.lock(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.orders.pop_front()
    }

    fn serve(&self) {
        let mut painter = TextPainter::new();
        while let Some(order) = self.next() {
            let (family, flaw) = match order.family(&mut painter) {
                Some(Ok(family)) => (Some(family), None),
                Some(Err(failure)) => (None, Some(failure)),
                None => (None, None),
            };
            let drawn = order.draw(&mut painter, family.as_deref());
            order.tell(drawn, flaw);
        }
    }
}

impl Order {
    /// The family of the uploaded font, where there is to be one.
    fn family(&self, painter: &mut TextPainter) -> Option<Result<String, Failure>> {
        let font = self.font.as_ref()?;
        let family = guarded(painter, |painter| painter.family_of(font));
        Some(family.unwrap_or_else(|| Err(Failure::font("cannot be read"))))
    }

    fn draw(&self, painter: &mut TextPainter, family: Option<&str>) -> Result<Drawn, Failure> {
        match &self.job {
            Job::Text(written) => {
                guarded(painter, |painter| self.draw_text(painter, written, family))
                    .unwrap_or_else(|| Err(Failure::undrawn()))
            }
            Job::Messages(messages) => {
                let drawn = messages.iter().map(|message| {
                    let sheet = guarded(painter, |painter| {
                        self.draw_message(painter, message, family)
                    });
                    (message.id, sheet.flatten())
                });
                Ok(Drawn::Messages(drawn.collect()))
            }
        }
    }

    fn draw_text(
        &self,
        painter: &mut TextPainter,
        written: &Written,
        family: Option<&str>,
    ) -> Result<Drawn, Failure> {
        let Written { subject, shape } = written;
        let picture = |bitmap: &Bitmap| Arc::new(bitmap.to_picture(self.matrix));
        match (subject, *shape) {
            (Subject::Text { text, style }, Shape::Box { width, height }) => painter
                .paint(text, &in_family(style, family), width, height)
                .map(|bitmap| Drawn::Box(picture(&bitmap))),
            (Subject::Text { text, style }, Shape::Strip { height }) => painter
                .paint_strip(text, &in_family(style, family), height)
                .map(|bitmap| Drawn::Strip([picture(&bitmap), picture(&bitmap.turned())])),
            (Subject::Gradient { stops, direction }, Shape::Box { width, height }) => {
                gradient::draw(stops, *direction, (width, height))
                    .map(|bitmap| Drawn::Box(picture(&bitmap)))
                    .ok_or_else(Failure::gradient)
            }
            (Subject::Gradient { .. }, Shape::Strip { .. }) => Err(Failure::gradient()),
        }
    }

    fn draw_message(
        &self,
        painter: &mut TextPainter,
        message: &Message,
        family: Option<&str>,
    ) -> Option<Sheet> {
        let parts = parts(message.name.as_deref(), &message.text);
        let spans = [
            Span::plain(&parts.direction),
            Span {
                text: &parts.name,
                color: Some(message.name_color),
            },
            Span::plain(&parts.text),
        ];
        let drawn = painter.paint_message(&spans, &in_family(&message.style, family), message.size);
        drawn.ok().map(|drawn| Sheet {
            picture: Arc::new(drawn.bitmap.to_picture(self.matrix)),
            x: drawn.x,
        })
    }

    fn tell(&self, drawn: Result<Drawn, Failure>, flaw: Option<Failure>) {
        self.mailbox.tell(News::Drawn(Drawing {
            number: self.number,
            drawn,
            flaw,
        }));
    }
}

/// Draws one thing. A font file or a text can be anything; one that breaks the painter costs that
/// thing, and the painter begins anew.
fn guarded<T>(painter: &mut TextPainter, draw: impl FnOnce(&mut TextPainter) -> T) -> Option<T> {
    let drawn = catch_unwind(AssertUnwindSafe(|| draw(painter)));
    if drawn.is_err() {
        *painter = TextPainter::new();
    }
    drawn.ok()
}

/// The style in this family, where there is one.
fn in_family<'a>(style: &'a TextStyle, family: Option<&str>) -> Cow<'a, TextStyle> {
    match family {
        Some(family) => Cow::Owned(TextStyle {
            font: family.to_owned(),
            ..style.clone()
        }),
        None => Cow::Borrowed(style),
    }
}
