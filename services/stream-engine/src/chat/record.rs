//! What is known of a chat, and up to where in its history. Pure.

use sm_bus::Published;
use sm_common::chat::{ChatChange, ChatKind, ChatLog, ChatMessage};
use sm_common::clock::Timestamp;
use sm_common::event::Position;
use sm_media_protocol::{CHAT_LINES_MAX, ChatFeed, ChatLine};

/// The newest messages, and the position that they stand for.
#[derive(Debug)]
pub(super) struct Record {
    read_at: Timestamp,
    position: Position,
    log: ChatLog,
}

/// What an event is to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The next one, and what it changed.
    Next(ChatChange),
    /// One that is known already.
    Known,
    /// One before which others are missing, or of another history.
    Gap,
}

impl Record {
    /// What these newest events leave, up to `position`.
    pub(super) fn read(read_at: Timestamp, position: Position, events: &[Published]) -> Self {
        let mut record = Self {
            read_at,
            position,
            log: ChatLog::new(CHAT_LINES_MAX),
        };
        for event in events {
            record.note(event);
        }
        record
    }

    /// Where in its history it is.
    pub(super) const fn position(&self) -> &Position {
        &self.position
    }

    /// Whether the channel is further than it.
    pub(super) fn is_behind(&self, published: &Position) -> bool {
        self.position.epoch != published.epoch || self.position.offset < published.offset
    }

    /// Takes an event as it comes.
    pub(super) fn take(&mut self, event: &Published) -> Taken {
        if event.epoch != self.position.epoch {
            return Taken::Gap;
        }
        let next = self.position.offset.saturating_add(1);
        if event.offset < next {
            return Taken::Known;
        }
        if event.offset > next {
            return Taken::Gap;
        }
        self.position = event.position();
        Taken::Next(self.note(event))
    }

    /// The same for the worker.
    pub(super) fn feed(&self) -> ChatFeed {
        ChatFeed {
            read_at: self.read_at,
            messages: self
                .log
                .messages()
                .filter(|message| is_shown(message))
                .map(ChatLine::from)
                .collect(),
            deleted: self.log.deleted().collect(),
        }
    }

    fn note(&mut self, event: &Published) -> ChatChange {
        self.log.take(&event.event).unwrap_or_else(|error| {
            let offset = event.offset;
            tracing::warn!(stream.id = %event.stream, offset, %error, "a chat event is passed over");
            ChatChange::Nothing
        })
    }
}

/// Whether a picture shows the message: what the system says is in the picture anyway.
const fn is_shown(message: &ChatMessage) -> bool {
    match message.kind {
        ChatKind::Message | ChatKind::Announcement => true,
        ChatKind::System => false,
    }
}

#[cfg(test)]
mod tests {
    use sm_common::auth::Role;
    use sm_common::chat::{ChatMessageDeleted, ChatMessageEdited, ChatNotice};
    use sm_common::event::{Channel, Epoch, Event, Payload};
    use sm_common::id::{StreamId, UserId};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(0);

    fn published<P: Payload>(epoch: &Epoch, offset: u64, payload: &P) -> Published {
        let stream = StreamId::default();
        Published {
            channel: Channel::Chat,
            event: Event::new(payload, "/test", &stream, NOW, None).unwrap(),
            stream,
            epoch: epoch.clone(),
            offset,
        }
    }

    fn message(text: &str) -> ChatMessage {
        ChatMessage::new(UserId::generate(), "Ada", Role::Viewer, text, NOW)
    }

    #[test]
    fn events_are_taken_in_order_and_once() {
        let epoch = Epoch::generate();
        let messages = ["a", "b", "c"].map(message);
        let [a, b, c] = &messages;
        let events = [published(&epoch, 7, a), published(&epoch, 8, b)];
        let mut record = Record::read(NOW, events[1].position(), &events);
        assert_eq!(record.take(&events[0]), Taken::Known);
        assert_eq!(record.take(&published(&epoch, 10, c)), Taken::Gap);
        let other = Epoch::generate();
        assert_eq!(record.take(&published(&other, 9, c)), Taken::Gap);
        let gone = ChatMessageDeleted { id: a.id };
        let deleted = record.take(&published(&epoch, 9, &gone));
        assert_eq!(deleted, Taken::Next(ChatChange::Deleted));
        let posted = record.take(&published(&epoch, 10, c));
        assert_eq!(posted, Taken::Next(ChatChange::Posted));
        let feed = record.feed();
        let texts: Vec<_> = feed
            .messages
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!((texts, feed.deleted), (vec!["b", "c"], vec![a.id]));
    }

    #[test]
    fn the_picture_follows_edits_and_leaves_out_what_the_system_says() {
        let epoch = Epoch::generate();
        let message = message("a");
        let notice = ChatMessage::system(ChatNotice::StreamLive, NOW);
        let events = [
            published(&epoch, 1, &message),
            published(&epoch, 2, &notice),
        ];
        let mut record = Record::read(NOW, events[1].position(), &events);
        let edited = ChatMessageEdited(ChatMessage {
            text: "b".to_owned(),
            ..message
        });
        let taken = record.take(&published(&epoch, 3, &edited));
        assert_eq!(taken, Taken::Next(ChatChange::Edited));
        let feed = record.feed();
        let texts: Vec<_> = feed.messages.iter().map(|line| &line.text).collect();
        assert_eq!(texts, ["b"]);
    }

    #[test]
    fn another_history_or_a_later_position_is_noticed() {
        let epoch = Epoch::generate();
        let at = |epoch: &Epoch, offset| Position {
            epoch: epoch.clone(),
            offset,
        };
        let record = Record::read(NOW, at(&epoch, 5), &[]);
        assert!(!record.is_behind(&at(&epoch, 5)));
        assert!(!record.is_behind(&at(&epoch, 4)));
        assert!(record.is_behind(&at(&epoch, 6)));
        assert!(record.is_behind(&at(&Epoch::generate(), 1)));
    }
}
