//! The stream's chat in the picture.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Color, TextStyle};

/// Where the newest message stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChatOrder {
    /// At the lower edge; older ones rise.
    #[default]
    NewestBelow,
    /// At the upper edge; older ones sink.
    NewestAbove,
}

/// How a new message comes into the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChatEntrance {
    /// It slides in from the edge of the layer and moves the others along.
    #[default]
    Slide,
    /// The others make room, and it fades in.
    Fade,
    /// It is there from one frame to the next.
    None,
}

/// The newest messages of the stream's chat. A message that a moderator deletes is gone from the
/// next frame on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChatSource {
    /// Most messages in the picture, 1 to 40; those that do not fit into the layer are left out.
    #[schema(required = false, minimum = 1, maximum = 40)]
    pub max_messages: u32,
    /// How many seconds a message stays, 1 to 86400; until newer ones take its place when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1, maximum = 86400)]
    pub max_age_s: Option<u32>,
    /// How long a message takes to fade away when its time is over or there are too many, in
    /// milliseconds, 0 (at once) to 5000.
    #[schema(required = false, minimum = 0, maximum = 5000)]
    pub fade_ms: u32,
    /// Where the newest message stands.
    #[schema(required = false)]
    pub order: ChatOrder,
    /// How a new message comes into the picture.
    #[schema(required = false)]
    pub entrance: ChatEntrance,
    /// How long that takes, in milliseconds, 0 (at once) to 2000.
    #[schema(required = false, minimum = 0, maximum = 2000)]
    pub entrance_ms: u32,
    /// Canvas pixels between two messages, 0 to 500.
    #[schema(required = false, minimum = 0, maximum = 500)]
    pub gap: u32,
    /// Whether the writer's name stands before the text.
    #[schema(required = false)]
    pub names: bool,
    /// Colour of names; when absent, each writer has one that stays the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub name_color: Option<Color>,
    /// How messages look. The background, its corners and the padding are those of each message. With
    /// `left`, text that is read from right to left starts at the right. It is never shrunk, and
    /// `vertical_align` is `order`'s.
    #[schema(required = false)]
    pub style: TextStyle,
}

impl Default for ChatSource {
    fn default() -> Self {
        Self {
            max_messages: 8,
            max_age_s: None,
            fade_ms: 500,
            order: ChatOrder::NewestBelow,
            entrance: ChatEntrance::Slide,
            entrance_ms: 250,
            gap: 8,
            names: true,
            name_color: None,
            style: TextStyle::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_layer_needs_no_members() {
        let read: ChatSource = serde_json::from_str("{}").unwrap();
        assert_eq!(read, ChatSource::default());
        assert!(serde_json::from_str::<ChatSource>(r#"{"speed":1}"#).is_err());
    }
}
