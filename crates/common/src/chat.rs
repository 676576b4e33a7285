//! Chat.

mod color;
mod log;
mod message;
mod moderation;
mod rules;

pub use color::ChatColor;
pub use log::{ChatChange, ChatLog};
pub use message::{
    ChatKind, ChatMessage, ChatMessageDeleted, ChatMessageEdited, ChatNotice, ChatPinsChanged,
    ChatReply, ChatSampled, ChatTextError, parse_chat_text,
};
pub use moderation::{
    Ban, ChatHeldChanged, ChatPerson, ChatUserRestored, ChatUserSilenced, HeldMessage, HoldCause,
    ModerationAction, ModerationEntry,
};
pub use rules::{ChatRules, ChatRulesChanged, LinkRule, MatchRule};

/// Longest chat message in Unicode scalar values.
pub const CHAT_TEXT_CHARS_MAX: usize = 500;
