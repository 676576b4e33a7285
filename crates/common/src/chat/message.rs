use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CHAT_TEXT_CHARS_MAX, ChatColor};
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::id::{MessageId, SceneId, UserId};

/// A chat message as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatMessage {
    /// The message.
    pub id: MessageId,
    /// Who wrote it; the nil UUID for what the system says.
    pub user: UserId,
    /// The writer's name at that time.
    pub name: String,
    /// The writer's role at that time.
    pub role: Role,
    /// Plain text, 1 to 500 characters, without control characters.
    pub text: String,
    /// When the server accepted it.
    pub sent_at: Timestamp,
    /// What it is.
    #[serde(default)]
    pub kind: ChatKind,
    /// Whether the writer has no account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// The colour of the writer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<ChatColor>,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ChatReply>,
    /// When its text was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// What a message of kind `system` tells of, for those who put it in words of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<ChatNotice>,
}

impl ChatMessage {
    /// A new message of a person.
    pub fn new(
        user: UserId,
        name: impl Into<String>,
        role: Role,
        text: impl Into<String>,
        sent_at: Timestamp,
    ) -> Self {
        Self {
            id: MessageId::generate(),
            user,
            name: name.into(),
            role,
            text: text.into(),
            sent_at,
            kind: ChatKind::Message,
            guest: false,
            color: None,
            reply_to: None,
            edited_at: None,
            notice: None,
        }
    }

    /// A new message of the system itself.
    pub fn system(notice: ChatNotice, sent_at: Timestamp) -> Self {
        let nobody = UserId::from_uuid(Uuid::nil());
        Self {
            kind: ChatKind::System,
            ..Self::new(nobody, "Stream", Role::Service, notice.to_string(), sent_at)
        }
        .with_notice(notice)
    }

    fn with_notice(self, notice: ChatNotice) -> Self {
        Self {
            notice: Some(notice),
            ..self
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChatKind {
    /// Somebody wrote it.
    #[default]
    Message,
    /// Somebody who runs the stream announces it to all.
    Announcement,
    /// The system tells what happened to the stream.
    System,
}

/// The message that another one answers. What it says is not repeated here, because it may be taken
/// away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatReply {
    /// The message.
    pub id: MessageId,
    /// Who wrote it.
    pub user: UserId,
    /// The name of who wrote it, at that time.
    pub name: String,
}

/// What happened to the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ChatNotice {
    /// It went on air.
    StreamLive,
    /// It left the air.
    StreamEnded,
    /// A scene is in the picture.
    SceneTaken {
        /// The scene.
        scene: SceneId,
        /// Its name at that time.
        name: String,
    },
}

impl std::fmt::Display for ChatNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StreamLive => f.write_str("The stream is live."),
            Self::StreamEnded => f.write_str("The stream has ended."),
            Self::SceneTaken { scene: _, name } => write!(f, "On air: {name}"),
        }
    }
}

/// A message's text is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ChatMessageEdited(pub ChatMessage);

/// A message was taken away: it is to be shown nowhere from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatMessageDeleted {
    /// The message.
    pub id: MessageId,
}

/// Other messages are pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatPinsChanged {
    /// All that are pinned now, the one that was pinned last first.
    pub pins: Vec<ChatMessage>,
}

/// Messages were left out for a reader who asked for a sample, because more are posted than can be
/// read. In no history: the history has the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatSampled {
    /// How many, since what the reader heard before.
    pub left_out: u64,
    /// How many in the present second, these included.
    pub left_out_this_second: u64,
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

    #[test]
    fn a_message_of_an_earlier_version_is_read() {
        let id = MessageId::generate();
        let user = UserId::generate();
        let earlier = serde_json::json!({
            "id": id, "user": user, "name": "Ada", "role": "viewer", "text": "hi",
            "sent_at": "2030-01-01T00:00:00.000Z",
        });
        let read: ChatMessage = serde_json::from_value(earlier).unwrap();
        assert_eq!((read.id, read.kind), (id, ChatKind::Message));
        assert_eq!(read.reply_to, None);
    }
}
