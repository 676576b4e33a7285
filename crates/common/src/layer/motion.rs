//! How changes of a layer are made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a change moves over its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Easing {
    /// Evenly.
    #[default]
    Linear,
    /// Slowly at first.
    EaseIn,
    /// Slowly at last.
    EaseOut,
    /// Slowly at first and at last.
    EaseInOut,
}

/// How changes of a layer's place, size, crop, rotation, corner radius, opacity, volume and
/// visibility are made from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Transition {
    /// How long they take, 0 (at once) to 60000.
    #[schema(minimum = 0, maximum = 60000)]
    pub duration_ms: u32,
    /// How they move.
    pub easing: Easing,
}
