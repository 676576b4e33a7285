//! Draws text on a thread of its own, so that fonts never hold up the worker's loop.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use sm_common::layer::TextStyle;

use super::failure::Failure;
use super::text_painter::TextPainter;
use super::{Mailbox, News};
use crate::picture::{Bitmap, Matrix, Picture};

/// Everything that a text's picture depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) style: TextStyle,
    /// The uploaded font that is to be used instead of the style's.
    pub(super) font: Option<PathBuf>,
    pub(super) shape: Shape,
}

/// What text is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A box of this size.
    Box { width: u32, height: u32 },
    /// A strip as long as the text, whose end joins its beginning.
    Strip { height: u32 },
}

/// What is to be drawn.
#[derive(Debug)]
pub(super) struct Order {
    /// Comes back with the picture.
    pub(super) number: u64,
    pub(super) written: Written,
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
            // A font file can be anything; one that breaks the painter costs one text.
            let drawn = catch_unwind(AssertUnwindSafe(|| order.draw(&mut painter)));
            if drawn.is_err() {
                painter = TextPainter::new();
                order.fail();
            }
        }
    }
}

impl Order {
    fn draw(&self, painter: &mut TextPainter) {
        let Written {
            text,
            style,
            font,
            shape,
        } = &self.written;
        let (style, flaw) = match font.as_ref().map(|font| painter.family_of(font)) {
            Some(Ok(family)) => (Cow::Owned(in_family(style, family)), None),
            Some(Err(failure)) => (Cow::Borrowed(style), Some(failure)),
            None => (Cow::Borrowed(style), None),
        };
        let picture = |bitmap: &Bitmap| Arc::new(bitmap.to_picture(self.matrix));
        let drawn = match *shape {
            Shape::Box { width, height } => painter
                .paint(text, &style, width, height)
                .map(|bitmap| Drawn::Box(picture(&bitmap))),
            Shape::Strip { height } => painter
                .paint_strip(text, &style, height)
                .map(|bitmap| Drawn::Strip([picture(&bitmap), picture(&bitmap.turned())])),
        };
        self.tell(drawn, flaw);
    }

    fn fail(&self) {
        self.tell(Err(Failure::undrawn()), None);
    }

    fn tell(&self, drawn: Result<Drawn, Failure>, flaw: Option<Failure>) {
        self.mailbox.tell(News::Drawn(Drawing {
            number: self.number,
            drawn,
            flaw,
        }));
    }
}

fn in_family(style: &TextStyle, family: String) -> TextStyle {
    TextStyle {
        font: family,
        ..style.clone()
    }
}
