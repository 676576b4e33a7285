//! The stream's chat.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sm_common::chat::ChatColor;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::layer::ChatSource as Settings;
use sm_media_protocol::{ChatFeed, ChatLine, LayerContent, SceneLayer};

use super::chat_board::{Blank, Board};
use super::chat_text::shade_of;
use super::failure::Failure;
use super::text::font_of;
use super::text_renderer::{Drawing, Drawn, Job, Message, Order, TextRenderer};
use super::{Health, Mailbox, News, Source, Surroundings};
use crate::picture::Matrix;
use crate::pipeline::{Stack, Surface};

/// Time from one message that is drawn to the next, on average: so a flood of messages leaves the
/// machine to the program, and nobody reads faster.
const DRAW_EVERY: Duration = Duration::from_millis(20);

pub(super) fn open(
    settings: &Settings,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> ChatSource {
    let size = size(layer);
    let mut source = ChatSource {
        renderer: Rc::clone(&surroundings.text),
        mailbox: surroundings.mailbox(layer.id),
        matrix: surroundings.matrix,
        wall: SharedClock::clone(&surroundings.wall),
        board: Board::new(surroundings.timeline, settings.clone(), size),
        visible: layer.visible,
        pen: Pen::default(),
        stack: None,
        font: font_of(layer).cloned(),
        flaw: None,
        refused: false,
    };
    if let Some(chat) = &surroundings.chat {
        source.converse(chat);
    }
    source
}

/// Messages above each other.
pub(super) struct ChatSource {
    renderer: Rc<TextRenderer>,
    mailbox: Mailbox,
    matrix: Matrix,
    wall: SharedClock,
    board: Board,
    visible: bool,
    pen: Pen,
    stack: Option<Arc<Stack>>,
    /// The uploaded font of its style, and what is wrong with it.
    font: Option<PathBuf>,
    flaw: Option<Failure>,
    /// Nothing can be drawn.
    refused: bool,
}

/// What is being drawn. There is one order at a time: while it is drawn, what is to be drawn next
/// changes without anything to pay for.
#[derive(Debug, Default)]
struct Pen {
    ordered: u64,
    answered: u64,
    /// The look in which the newest order is drawn.
    look: u64,
    /// Whether the scene should wait for it: it replaces what is in the picture.
    replaces: bool,
    /// When the newest order was given.
    ordered_at: Option<Timestamp>,
    /// When the next one may be.
    free_at: Option<Timestamp>,
}

impl Pen {
    const fn is_busy(&self) -> bool {
        self.answered < self.ordered
    }

    /// The newest order is answered. The pause after it is as long as it took, so that the
    /// thread that draws has half of its time for the texts of other layers.
    fn answer(&mut self, number: u64, now: Timestamp) {
        self.answered = number;
        if let Some(ordered_at) = self.ordered_at {
            let rested_at = now.plus(now.since(ordered_at));
            self.free_at = self.free_at.max(Some(rested_at));
        }
    }
}

impl ChatSource {
    /// Brings what is shown up to date, and has drawn what is missing.
    fn renew(&mut self) {
        let now = self.wall.now();
        self.board.settle(now);
        self.order(now);
        let cards = self.board.cards();
        self.stack = (!cards.is_empty()).then(|| Arc::new(Stack::new(cards, self.board.layout())));
    }

    fn order(&mut self, now: Timestamp) {
        if !self.visible || self.refused || self.pen.is_busy() || !self.may_draw(now) {
            return;
        }
        let blanks = self.board.to_draw(now);
        if blanks.is_empty() {
            self.pen.replaces = false;
            self.pen.free_at = None;
            return;
        }
        self.pen.ordered += 1;
        self.pen.look = self.board.look();
        let pause = DRAW_EVERY.saturating_mul(u32::try_from(blanks.len()).unwrap_or(u32::MAX));
        self.pen.ordered_at = Some(now);
        self.pen.free_at = Some(now.plus(pause));
        let style = Arc::new(self.board.source().style.clone());
        let messages = blanks.iter().map(|blank| self.message(blank, &style));
        let ordered = self.renderer.order(Order {
            number: self.pen.ordered,
            job: Job::Messages(messages.collect()),
            font: self.font.clone(),
            matrix: self.matrix,
            mailbox: self.mailbox.clone(),
        });
        if ordered {
            self.board.ordered(&blanks);
        } else {
            self.pen.answered = self.pen.ordered;
            self.refused = true;
        }
    }

    /// A look that has to be replaced does not wait for the pause.
    fn may_draw(&self, now: Timestamp) -> bool {
        self.pen.replaces || self.pen.free_at.is_none_or(|moment| moment <= now)
    }

    fn message(&self, Blank { line }: &Blank, style: &Arc<sm_common::layer::TextStyle>) -> Message {
        let ChatLine {
            id,
            user,
            color,
            name,
            text,
            ..
        } = line;
        let color = color.unwrap_or_else(|| ChatColor::of(*user));
        let settings = self.board.source();
        Message {
            id: *id,
            name: settings.names.then(|| name.clone()),
            name_color: settings.name_color.unwrap_or_else(|| shade_of(color)),
            text: text.clone(),
            style: Arc::clone(style),
            size: self.board.size(),
        }
    }
}

impl Source for ChatSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Chat { source, .. } = &layer.content {
            self.font = font_of(layer).cloned();
            self.visible = layer.visible;
            if self.board.restyle(source, size(layer)) {
                self.pen.replaces = true;
            }
            self.renew();
        }
    }

    fn converse(&mut self, chat: &ChatFeed) {
        self.board.hear(chat, self.visible);
        self.renew();
    }

    fn hear(&mut self, news: News) {
        if let News::Drawn(Drawing {
            number,
            drawn,
            flaw,
        }) = news
        {
            self.flaw = flaw;
            self.pen.answer(number, self.wall.now());
            match drawn {
                Ok(Drawn::Messages(messages)) => {
                    self.board.drawn(self.pen.look, messages);
                    if self.pen.look == self.board.look() {
                        self.pen.replaces = false;
                    }
                }
                Ok(Drawn::Box(_) | Drawn::Strip(_)) => {}
                Err(_) => self.refused = true,
            }
            self.renew();
        }
    }

    fn is_drawing(&self) -> bool {
        self.pen.replaces && self.pen.is_busy()
    }

    fn changes_at(&self) -> Option<Timestamp> {
        let waits = self.visible && !self.refused && !self.pen.is_busy();
        let free_at = self.pen.free_at.filter(|_| waits);
        self.board.changes_at().into_iter().chain(free_at).min()
    }

    fn change(&mut self, _now: Timestamp) {
        self.renew();
    }

    fn surface(&self) -> Surface {
        self.stack
            .as_ref()
            .map_or(Surface::Empty, |stack| Surface::Stack(Arc::clone(stack)))
    }

    fn health(&self) -> Health {
        if self.refused {
            Health::Failing(Failure::undrawn())
        } else if let Some(flaw) = &self.flaw {
            Health::Failing(flaw.clone())
        } else if self.board.is_told() {
            Health::Fine
        } else {
            Health::Loading
        }
    }
}

fn size(layer: &SceneLayer) -> (u32, u32) {
    let transform = &layer.transform;
    (transform.width.max(1), transform.height.max(1))
}
