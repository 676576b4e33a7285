use sm_common::event::Position;
use sm_common::ws::{EventMessage, ServerMessage};

use crate::harness::texts;

/// What one client went through.
#[derive(Debug, Default)]
pub(super) struct Diary {
    pub(super) entries: Vec<Entry>,
    /// Where it is.
    pub(super) position: Option<Position>,
    /// Connections that it had.
    pub(super) connections: usize,
}

#[derive(Debug)]
pub(super) enum Entry {
    /// A subscription began, or was replaced by the server.
    Began {
        /// Where the client was.
        since: Option<Position>,
        position: Position,
        recovered: bool,
        /// Whether the client had asked; the server replaces what it cannot go on with by itself.
        asked: bool,
        snapshot: Vec<String>,
    },
    Heard {
        offset: u64,
        text: String,
    },
}

impl Diary {
    pub(super) fn write(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Subscribed {
                id,
                recovered,
                epoch,
                offset,
                snapshot,
                ..
            } => {
                let position = Position { epoch, offset };
                let snapshot = snapshot.unwrap_or_default();
                let snapshot = snapshot.as_array().map(texts).unwrap_or_default();
                self.entries.push(Entry::Began {
                    since: self.position.replace(position.clone()),
                    position,
                    recovered,
                    asked: id != 0,
                    snapshot,
                });
            }
            ServerMessage::Event(event) => self.heard(&event),
            ServerMessage::Batch { events } => events.iter().for_each(|event| self.heard(event)),
            ServerMessage::Welcome { .. }
            | ServerMessage::Ack { .. }
            | ServerMessage::Error { .. }
            | ServerMessage::Pong { .. }
            | ServerMessage::Link { .. }
            | ServerMessage::Goodbye { .. } => {}
        }
    }

    fn heard(&mut self, event: &EventMessage) {
        let position = self.position.as_mut().expect("events follow `subscribed`");
        position.offset = event.offset;
        self.entries.push(Entry::Heard {
            offset: event.offset,
            text: texts([&event.data]).remove(0),
        });
    }
}
