//! The time until a moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TextStyle;
use crate::clock::Timestamp;

/// What a countdown does when its moment has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AtZero {
    /// It stays at zero.
    #[default]
    Stop,
    /// It is no longer seen.
    Hide,
    /// It counts the time that has passed, with a plus sign.
    CountUp,
}

/// The time until a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountdownSource {
    /// The moment. Either this or `duration_s` and `started_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Seconds from `started_at` to the moment, 1 to 8640000 (a hundred days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 8_640_000)]
    pub duration_s: Option<u32>,
    /// When the duration began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Days, hours, minutes and seconds as `%d`, `%H`, `%M` and `%S`, at most 64 characters. The
    /// largest of them holds what would be in larger ones. When absent, as many as are needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub format: Option<String>,
    /// What it does when the moment has come.
    #[serde(default)]
    pub at_zero: AtZero,
    /// What stands before the time, at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub text_before: String,
    /// What stands after it, at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub text_after: String,
    /// How it looks.
    #[serde(default)]
    pub style: TextStyle,
}

impl CountdownSource {
    /// The moment it counts down to; the beginning of time when it names none.
    pub fn end(&self) -> Timestamp {
        let duration = Duration::from_secs(u64::from(self.duration_s.unwrap_or(0)));
        let started = self.started_at.map(|start| start.plus(duration));
        self.to
            .or(started)
            .unwrap_or(Timestamp::from_unix_millis(0))
    }
}
