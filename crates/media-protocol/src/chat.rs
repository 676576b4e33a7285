use serde::{Deserialize, Serialize};
use sm_common::chat::{ChatColor, ChatMessage};
use sm_common::clock::Timestamp;
use sm_common::id::{MessageId, UserId};

/// Most messages of a [`ChatFeed`]: more than any layer shows.
pub const CHAT_LINES_MAX: usize = 50;
/// Longest text of a [`ChatLine`] in characters; longer ones are cut.
pub const CHAT_TEXT_CHARS_MAX: usize = sm_common::chat::CHAT_TEXT_CHARS_MAX;
/// Longest name of a [`ChatLine`] in characters; longer ones are cut.
pub const CHAT_NAME_CHARS_MAX: usize = 64;

/// A stream's chat as far as its picture needs it. Always the whole: what comes later replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatFeed {
    /// When it was read as a whole. Within one reading, a message that is missing in a later feed
    /// was pushed out by newer ones, or is in `deleted`; what another reading does not know is gone.
    pub read_at: Timestamp,
    /// The newest messages, oldest first, at most [`CHAT_LINES_MAX`].
    pub messages: Vec<ChatLine>,
    /// Messages that must not be seen any more.
    #[serde(default)]
    pub deleted: Vec<MessageId>,
}

/// A message in the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatLine {
    /// The message.
    pub id: MessageId,
    /// Who wrote it; chooses the colour of the name, unless there is a `color`.
    pub user: UserId,
    /// The colour of the name, where it is not the one that follows from `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<ChatColor>,
    /// The writer's name, at most [`CHAT_NAME_CHARS_MAX`] characters.
    pub name: String,
    /// The text, at most [`CHAT_TEXT_CHARS_MAX`] characters.
    pub text: String,
    /// When it was accepted.
    pub sent_at: Timestamp,
}

impl From<&ChatMessage> for ChatLine {
    fn from(message: &ChatMessage) -> Self {
        Self {
            id: message.id,
            user: message.user,
            color: message
                .color
                .filter(|color| *color != ChatColor::of(message.user)),
            name: message.name.chars().take(CHAT_NAME_CHARS_MAX).collect(),
            text: message.text.chars().take(CHAT_TEXT_CHARS_MAX).collect(),
            sent_at: message.sent_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::auth::Role;

    use super::*;

    #[test]
    fn names_and_texts_are_cut_to_their_bounds() {
        let line = ChatLine::from(&ChatMessage::new(
            UserId::generate(),
            "é".repeat(100),
            Role::Viewer,
            "ß".repeat(1000),
            Timestamp::from_unix_millis(0),
        ));
        assert_eq!(line.name.chars().count(), CHAT_NAME_CHARS_MAX);
        assert_eq!(line.text.chars().count(), CHAT_TEXT_CHARS_MAX);
    }
}
