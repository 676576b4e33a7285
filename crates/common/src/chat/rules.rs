use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What holds for everybody who writes in a stream's chat, but for those who may moderate it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatRules {
    /// Seconds that a person waits from one message to the next; 0 for none.
    #[serde(default)]
    pub slow_mode_s: u32,
    /// Whether people without an account may come in.
    #[serde(default)]
    pub guests: bool,
    /// Words and phrases that may not be written, however they are spelled. Only for those who may
    /// moderate; left out otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub banned_words: Option<Vec<String>>,
    /// What becomes of a message with a banned word.
    #[serde(default)]
    pub on_banned_word: MatchRule,
    /// What becomes of a message with a link.
    #[serde(default)]
    pub links: LinkRule,
    /// Hosts to which everybody may link, with what is below them, such as `example.org`.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
}

/// What becomes of a message that breaks a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MatchRule {
    /// It is refused, and its author is told.
    #[default]
    Refuse,
    /// It waits until a moderator has read it.
    Hold,
}

/// What becomes of a message with a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkRule {
    /// It is posted.
    #[default]
    Allow,
    /// It is refused, and its author is told.
    Refuse,
    /// It waits until a moderator has read it.
    Hold,
}

/// Other rules hold. Tells what everybody may know of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatRulesChanged {
    /// Their revision.
    pub revision: u64,
    /// Seconds that a person waits from one message to the next.
    pub slow_mode_s: u32,
    /// Whether people without an account may come in.
    #[serde(default)]
    pub guests: bool,
    /// What becomes of a message with a link.
    pub links: LinkRule,
}
