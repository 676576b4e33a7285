//! Chat.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Role;
use crate::clock::Timestamp;
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
}
