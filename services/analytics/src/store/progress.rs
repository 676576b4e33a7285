use sm_bus::{BusError, keys, redis};
use sm_common::clock::Timestamp;
use sm_common::event::{Epoch, Position};

use super::{Log, Store};

/// How far a log has been read. Kept beside what was made of its events and changed in one step
/// with it, so that whatever a crash of Redis takes, it takes of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The last event that was read; offset 0 before the first.
    pub(crate) position: Position,
    /// Its time.
    pub(crate) at: Timestamp,
    /// Since when the log is followed: before, silence does not mean that nothing happened.
    pub(crate) since: Timestamp,
}

impl Store {
    /// How far a log has been read; `None` before the first look at it.
    pub(crate) async fn progress(&self, log: &Log) -> Result<Option<Progress>, BusError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(keys::analytics_position(&log.stream, log.channel))
            .arg(&["epoch", "offset", "at", "since"]);
        let (epoch, offset, at, since): (Option<String>, Option<u64>, Option<i64>, Option<i64>) =
            self.bus.query(&command).await?;
        let read = || {
            Some(Progress {
                position: Position {
                    epoch: Epoch::from(epoch?),
                    offset: offset?,
                },
                at: Timestamp::from_unix_millis(at?),
                since: Timestamp::from_unix_millis(since?),
            })
        };
        Ok(read())
    }
}
