//! The health of the system's parts, as it is told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;

/// Whether a part of the system is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// A part of the system went away, or came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemHealthChanged {
    /// The part: `redis`, or `service:<name>` where no replica of it is left.
    pub component: String,
    /// Whether it is there.
    pub state: PartState,
    /// Since when.
    pub since: Timestamp,
    /// How that was seen, in a sentence.
    pub reason: String,
}
