use std::collections::VecDeque;

use super::{ChatMessage, ChatMessageDeleted, ChatMessageEdited};
use crate::event::{Event, Payload as _, PayloadError};
use crate::id::MessageId;

/// The newest messages of a chat as its events leave them, and what was taken away of it. The one
/// place that knows which events make a message change or vanish.
#[derive(Clone, Debug)]
pub struct ChatLog {
    messages: VecDeque<ChatMessage>,
    deleted: VecDeque<MessageId>,
    messages_max: usize,
}

/// What an event did to a [`ChatLog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatChange {
    /// A message is new.
    Posted,
    /// A message says something else.
    Edited,
    /// A message is gone.
    Deleted,
    /// Nothing: the event is about something else, or a message that is gone already.
    Nothing,
}

impl ChatLog {
    /// Most deleted messages that are remembered: more than a moderator deletes at a time.
    pub const DELETED_MAX: usize = 200;

    /// An empty log that keeps so many messages.
    #[must_use]
    pub const fn new(messages_max: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            deleted: VecDeque::new(),
            messages_max,
        }
    }

    /// Takes the next event of the chat's channel.
    pub fn take(&mut self, event: &Event) -> Result<ChatChange, PayloadError> {
        if event.kind == ChatMessage::TYPE {
            return Ok(self.post(event.payload()?));
        }
        if event.kind == ChatMessageEdited::TYPE {
            let ChatMessageEdited(message) = event.payload()?;
            return Ok(self.edit(message));
        }
        if event.kind == ChatMessageDeleted::TYPE {
            let ChatMessageDeleted { id } = event.payload()?;
            return Ok(self.delete(id));
        }
        Ok(ChatChange::Nothing)
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &ChatMessage> + ExactSizeIterator {
        self.messages.iter()
    }

    /// The messages that were taken away last, oldest deletion first.
    pub fn deleted(&self) -> impl DoubleEndedIterator<Item = MessageId> + ExactSizeIterator {
        self.deleted.iter().copied()
    }

    fn post(&mut self, message: ChatMessage) -> ChatChange {
        if self.deleted.contains(&message.id) {
            return ChatChange::Nothing;
        }
        self.messages.push_back(message);
        if self.messages.len() > self.messages_max {
            self.messages.pop_front();
        }
        ChatChange::Posted
    }

    fn edit(&mut self, edited: ChatMessage) -> ChatChange {
        let known = |message: &&mut ChatMessage| message.id == edited.id;
        match self.messages.iter_mut().find(known) {
            Some(message) => {
                *message = edited;
                ChatChange::Edited
            }
            None => ChatChange::Nothing,
        }
    }

    fn delete(&mut self, id: MessageId) -> ChatChange {
        self.messages.retain(|message| message.id != id);
        if self.deleted.contains(&id) {
            return ChatChange::Nothing;
        }
        self.deleted.push_back(id);
        if self.deleted.len() > Self::DELETED_MAX {
            self.deleted.pop_front();
        }
        ChatChange::Deleted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;
    use crate::clock::Timestamp;
    use crate::event::Payload;
    use crate::id::{StreamId, UserId};

    const NOW: Timestamp = Timestamp::from_unix_millis(0);

    fn event<P: Payload>(payload: &P) -> Event {
        Event::new(payload, "/test", &StreamId::default(), NOW, None).unwrap()
    }

    fn message(text: &str) -> ChatMessage {
        ChatMessage::new(UserId::generate(), "Ada", Role::Viewer, text, NOW)
    }

    fn texts(log: &ChatLog) -> Vec<&str> {
        log.messages()
            .map(|message| message.text.as_str())
            .collect()
    }

    #[test]
    fn a_log_keeps_the_newest_messages_that_nobody_deleted() {
        let mut log = ChatLog::new(3);
        let messages = ["a", "b", "c", "d"].map(message);
        for message in &messages {
            assert_eq!(log.take(&event(message)).unwrap(), ChatChange::Posted);
        }
        assert_eq!(texts(&log), ["b", "c", "d"]);
        let delete = |index: usize| {
            event(&ChatMessageDeleted {
                id: messages[index].id,
            })
        };
        assert_eq!(log.take(&delete(2)).unwrap(), ChatChange::Deleted);
        assert_eq!(log.take(&delete(2)).unwrap(), ChatChange::Nothing);
        assert_eq!(texts(&log), ["b", "d"]);
        assert_eq!(
            log.take(&delete(0)).unwrap(),
            ChatChange::Deleted,
            "it may still be shown somewhere"
        );
        assert_eq!(
            log.take(&event(&messages[0])).unwrap(),
            ChatChange::Nothing,
            "it does not come back"
        );
        let gone: Vec<_> = log.deleted().collect();
        assert_eq!(gone, [messages[2].id, messages[0].id]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut log = ChatLog::new(1);
        for _ in 0..=ChatLog::DELETED_MAX {
            let id = MessageId::generate();
            log.take(&event(&ChatMessageDeleted { id })).unwrap();
        }
        assert_eq!(log.deleted().len(), ChatLog::DELETED_MAX);
    }

    #[test]
    fn an_edited_message_stays_in_its_place() {
        let mut log = ChatLog::new(3);
        let [first, second] = ["a", "b"].map(message);
        for message in [&first, &second] {
            log.take(&event(message)).unwrap();
        }
        let edited = |message: &ChatMessage, text: &str| {
            let text = text.to_owned();
            event(&ChatMessageEdited(ChatMessage {
                text,
                ..message.clone()
            }))
        };
        let change = log.take(&edited(&first, "A")).unwrap();
        assert_eq!(change, ChatChange::Edited);
        assert_eq!(texts(&log), ["A", "b"]);
        log.take(&event(&ChatMessageDeleted { id: second.id }))
            .unwrap();
        for gone in [&second, &message("unknown")] {
            let change = log.take(&edited(gone, "back")).unwrap();
            assert_eq!(change, ChatChange::Nothing);
        }
        assert_eq!(texts(&log), ["A"]);
    }
}
