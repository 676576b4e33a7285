use deadpool_redis::redis;
use sm_common::event::{Channel, Epoch, Event, Position};
use sm_common::id::StreamId;

use crate::connection::{Bus, read_document};
use crate::error::BusError;
use crate::history::{Entry, entry_field, entry_offset, position};
use crate::keys;

/// A page of a channel's history, for a follower that keeps its position in Redis beside what it
/// makes of the events. Whatever Redis loses at a crash, it loses of both.
#[derive(Debug)]
pub struct LogPage {
    /// Where the channel is now; `None` when nothing was ever published on it.
    pub current: Option<Position>,
    /// The oldest kept entries after the follower's offset, in order, whatever their epoch. An
    /// offset that is missing has been dropped from the history.
    pub entries: Vec<LogEntry>,
}

/// One entry of a channel's history.
#[derive(Debug)]
pub struct LogEntry {
    /// Its place.
    pub position: Position,
    /// The event; an error when this version cannot read it, so that one event of a newer type
    /// does not hold up those after it.
    pub event: Result<Event, BusError>,
}

impl Bus {
    /// The oldest `limit` kept entries of a channel's history after `offset`.
    pub async fn log_after(
        &self,
        stream: &StreamId,
        channel: Channel,
        offset: u64,
        limit: usize,
    ) -> Result<LogPage, BusError> {
        let key = keys::history(stream, channel);
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("HMGET")
            .arg(keys::position(stream, channel))
            .arg("epoch")
            .arg("offset")
            .cmd("XRANGE")
            .arg(&key)
            .arg(format!("({offset}-0"))
            .arg("+")
            .arg("COUNT")
            .arg(limit);
        let ((epoch, offset), entries): ((Option<String>, Option<u64>), Vec<Entry>) =
            self.pipeline(&pipeline).await?;
        Ok(LogPage {
            current: position(epoch, offset),
            entries: entries
                .iter()
                .map(|entry| read_entry(&key, entry))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn read_entry(key: &str, entry: &Entry) -> Result<LogEntry, BusError> {
    let malformed = || BusError::ScriptAnswer { script: "commit" };
    let epoch = entry_field(entry, "epoch").ok_or_else(malformed)?;
    let event = entry_field(entry, "event").ok_or_else(malformed)?;
    Ok(LogEntry {
        position: Position {
            epoch: Epoch::from(epoch.to_owned()),
            offset: entry_offset(entry).ok_or_else(malformed)?,
        },
        event: read_document(key, event),
    })
}
