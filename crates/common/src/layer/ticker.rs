//! Text that moves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TextStyle;

/// Where the text of a ticker goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TickerDirection {
    /// To the left, as text is read.
    #[default]
    Left,
    /// To the right.
    Right,
}

/// Text in one line that moves through the layer, over and over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TickerSource {
    /// The text, 1 to 2000 characters; line breaks become spaces. Either this or `items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub text: Option<String>,
    /// 1 to 100 texts that follow each other, 2000 characters in all. Either these or `text`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub items: Vec<String>,
    /// What stands after each text, at most 32 characters.
    #[serde(default = "ticker_separator")]
    #[schema(max_length = 32)]
    pub separator: String,
    /// Canvas pixels a second, 10 to 2000. The text moves by the same whole number of pixels on
    /// every frame, or by one pixel every so many frames: by what comes nearest to this speed.
    #[serde(default = "ticker_speed")]
    #[schema(minimum = 10, maximum = 2000)]
    pub speed: u32,
    /// Where the text goes.
    #[serde(default)]
    pub direction: TickerDirection,
    /// How it looks. It is never wrapped or shrunk, and a background has no round corners.
    #[serde(default)]
    pub style: TextStyle,
}

impl TickerSource {
    /// All of the text, each part with its separator behind it.
    pub fn line(&self) -> String {
        self.text
            .iter()
            .chain(&self.items)
            .flat_map(|text| [text.as_str(), self.separator.as_str()])
            .collect()
    }
}

fn ticker_separator() -> String {
    "   •   ".to_owned()
}

fn ticker_speed() -> u32 {
    120
}
