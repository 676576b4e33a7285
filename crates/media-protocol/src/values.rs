use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;

/// What texts show where they name a value. Always the whole: what comes later replaces it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextValues {
    /// The stream's variables by name, as they are drawn.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// How many watch; `None` while nobody knows.
    #[serde(default)]
    pub viewers: Option<u64>,
    /// Since when the stream is on air; `None` while it is not.
    #[serde(default)]
    pub on_air_since: Option<Timestamp>,
}
