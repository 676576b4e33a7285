//! Text and clocks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TextStyle;

/// Text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSource {
    /// The text, at most 2000 characters; line breaks are kept.
    #[schema(max_length = 2000)]
    pub text: String,
    /// How it looks.
    #[serde(default)]
    pub style: TextStyle,
}

/// The time of day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSource {
    /// `strftime` form, at most 64 characters; `%H:%M:%S` unless said otherwise.
    #[serde(default = "clock_format")]
    #[schema(max_length = 64)]
    pub format: String,
    /// A time zone's name in the IANA database, such as `Europe/Berlin`; that of the engine's host
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub timezone: Option<String>,
    /// How it looks.
    #[serde(default)]
    pub style: TextStyle,
}

fn clock_format() -> String {
    "%H:%M:%S".to_owned()
}
