use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sm_bus::{Bus, BusError, keys, redis};
use sm_common::alert::Alert;
use sm_common::clock::Timestamp;
use sm_common::event::Position;
use sm_common::health::PartState;
use sm_common::id::{RuleId, StreamId};

use super::Facts;
use crate::alerts::Phase;
use crate::incidents::Book;

/// What has become of a rule for one stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Track {
    #[serde(flatten)]
    pub(super) phase: Phase,
    /// Its alert, while it fires.
    #[serde(default)]
    pub(super) alert: Option<Alert>,
    /// Whether webhooks were told.
    #[serde(default)]
    pub(super) told: bool,
}

/// Everything that the watch over a stream remembers, in one document: a look reads it, and what
/// follows from the look is written whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watched {
    /// How far the stream's events have been read.
    pub(super) position: Option<Position>,
    pub(super) facts: Facts,
    pub(super) tracks: BTreeMap<RuleId, Track>,
    pub(super) book: Book,
    /// Which services were there when it was last looked. Of the one stream that tells of the system.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) services: BTreeMap<String, Presence>,
}

/// Whether a service is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Presence {
    pub(super) state: PartState,
    pub(super) since: Timestamp,
}

impl Watched {
    /// What is remembered of a stream, and the revision of that; nothing of one that was never
    /// looked at.
    pub(super) async fn read(bus: &Bus, stream: &StreamId) -> Result<(String, Self), BusError> {
        let key = keys::watch(stream);
        let mut command = redis::cmd("HMGET");
        command.arg(&key).arg("revision").arg("doc");
        let (revision, doc): (Option<String>, Option<String>) = bus.query(&command).await?;
        let watched = match doc {
            Some(text) => {
                serde_json::from_str(&text).map_err(|source| BusError::Document { key, source })?
            }
            None => Self::default(),
        };
        Ok((revision.unwrap_or_default(), watched))
    }
}
