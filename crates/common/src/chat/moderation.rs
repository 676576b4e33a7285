use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ChatColor, ChatReply};
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::id::{MessageId, UserId};

/// Somebody in a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatPerson {
    /// The person.
    pub user: UserId,
    /// Their name when it was last seen in the chat; none where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Somebody who may not write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ban {
    /// The person.
    pub user: UserId,
    /// Their name when it was last seen in the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it ends; none for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, for those who moderate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who decided it.
    pub by: ChatPerson,
    /// When it began.
    pub since: Timestamp,
}

impl Ban {
    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// Somebody may not write any more, or for another time than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatUserSilenced {
    /// The person.
    pub user: UserId,
    /// Their name when it was last seen in the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it ends; none for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Somebody may write again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatUserRestored {
    /// The person.
    pub user: UserId,
}

/// More or fewer messages wait for a moderator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatHeldChanged {
    /// The message that came or went.
    pub id: MessageId,
    /// Whether it waits now.
    pub waits: bool,
}

/// Which rule a message broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HoldCause {
    /// It holds a banned word.
    BannedWord,
    /// It holds a link.
    Link,
}

/// A message that waits for a moderator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldMessage {
    /// The message; it keeps this identifier when it is posted.
    pub id: MessageId,
    /// Who wrote it.
    pub user: UserId,
    /// The writer's name at that time.
    pub name: String,
    /// The writer's role at that time.
    pub role: Role,
    /// The text.
    pub text: String,
    /// Whether the writer has no account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// The colour of the writer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<ChatColor>,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ChatReply>,
    /// Which rule it broke.
    pub cause: HoldCause,
    /// When it came.
    pub held_at: Timestamp,
}

/// What a moderator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModerationAction {
    /// A message was taken away.
    MessageDeleted,
    /// A message was pinned.
    MessagePinned,
    /// A message is not pinned any more.
    MessageUnpinned,
    /// A message that waited was posted.
    MessageApproved,
    /// A message that waited was thrown away.
    MessageRejected,
    /// Somebody may not write any more.
    UserSilenced,
    /// Somebody may write again.
    UserRestored,
    /// Other rules hold.
    RulesChanged,
}

/// An entry of the moderation log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModerationEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: ChatPerson,
    /// What.
    pub action: ModerationAction,
    /// Whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<ChatPerson>,
    /// Which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// What the message said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Until when, for a person; none for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
