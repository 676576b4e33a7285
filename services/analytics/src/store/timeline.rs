use sm_bus::{BusError, keys, redis};
use sm_common::event::Channel;
use sm_common::id::StreamId;

use super::Store;
use crate::timeline::Happening;

/// The field of the latest change of status, in the hash at [`status_key`].
pub(super) const STATUS: &str = "status";

/// Where the latest change of status is kept: beside the progress of the log that tells of it.
pub(super) fn status_key(stream: &StreamId) -> String {
    keys::analytics_position(stream, Channel::StreamState)
}

impl Store {
    /// Everything that is known to have happened to a stream, oldest first: at most
    /// `retention.timeline_max` entries, and the latest change of status, however old.
    pub(crate) async fn timeline(&self, stream: &StreamId) -> Result<Vec<Happening>, BusError> {
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("ZRANGE")
            .arg(keys::timeline(stream))
            .arg(0)
            .arg(-1)
            .cmd("HGET")
            .arg(status_key(stream))
            .arg(STATUS);
        let (entries, status): (Vec<String>, Option<String>) = self.bus.pipeline(&pipeline).await?;
        let status = status.filter(|status| !entries.contains(status));
        Ok(status
            .iter()
            .chain(&entries)
            // What a newer version wrote is not for this one.
            .filter_map(|entry| serde_json::from_str(entry).ok())
            .collect())
    }
}
