//! Chat.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Role;
use crate::clock::Timestamp;
use crate::event::{Event, Payload as _, PayloadError};
use crate::id::{MessageId, UserId};

/// Longest chat message in Unicode scalar values.
pub const CHAT_TEXT_CHARS_MAX: usize = 500;

/// A chat message as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatMessage {
    /// The message.
    pub id: MessageId,
    /// Who wrote it.
    pub user: UserId,
    /// The writer's name at that time.
    pub name: String,
    /// The writer's role at that time.
    pub role: Role,
    /// Plain text, 1 to 500 characters, without control characters.
    pub text: String,
    /// When the server accepted it.
    pub sent_at: Timestamp,
}

/// A message was taken away: it is to be shown nowhere from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatMessageDeleted {
    /// The message.
    pub id: MessageId,
}

/// The newest messages of a chat as its events leave them, and what was taken away of it. The one
/// place that knows which events make a message vanish.
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

/// Why a text is not a chat message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatTextError {
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// Over [`CHAT_TEXT_CHARS_MAX`].
    #[error("the text is longer than {CHAT_TEXT_CHARS_MAX} characters")]
    TooLong,
    /// A control character other than a line break.
    #[error("the text holds a control character")]
    ControlCharacter,
}

/// Accepts `text` as a chat message, trimmed, or says why not.
pub fn parse_chat_text(text: &str) -> Result<String, ChatTextError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ChatTextError::Empty);
    }
    if text.chars().count() > CHAT_TEXT_CHARS_MAX {
        return Err(ChatTextError::TooLong);
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(ChatTextError::ControlCharacter);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Payload;
    use crate::id::StreamId;

    fn event<P: Payload>(payload: &P) -> Event {
        let now = Timestamp::from_unix_millis(0);
        Event::new(payload, "/test", &StreamId::default(), now, None).unwrap()
    }

    fn message(text: &str) -> ChatMessage {
        ChatMessage {
            id: MessageId::generate(),
            user: UserId::generate(),
            name: "Ada".to_owned(),
            role: Role::Viewer,
            text: text.to_owned(),
            sent_at: Timestamp::from_unix_millis(0),
        }
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
    fn chat_text_is_trimmed_and_bounded() {
        assert_eq!(parse_chat_text("  hi \n"), Ok("hi".to_owned()));
        assert_eq!(parse_chat_text(" \n "), Err(ChatTextError::Empty));
        assert_eq!(
            parse_chat_text("a\u{7}b"),
            Err(ChatTextError::ControlCharacter)
        );
        assert!(parse_chat_text(&"é".repeat(500)).is_ok());
        assert_eq!(
            parse_chat_text(&"é".repeat(501)),
            Err(ChatTextError::TooLong)
        );
    }
}
