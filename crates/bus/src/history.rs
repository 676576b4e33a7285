use std::sync::{Arc, LazyLock};

use deadpool_redis::redis;
use serde::{Deserialize, Serialize};
use sm_common::event::{Channel, Epoch, Event, Position};
use sm_common::id::StreamId;

use crate::connection::{Bus, read_document};
use crate::error::BusError;
use crate::keys;

static BEGIN: LazyLock<redis::Script> =
    LazyLock::new(|| redis::Script::new(include_str!("scripts/begin.lua")));

/// An event with its position, as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The channel.
    pub channel: Channel,
    /// The stream.
    pub stream: StreamId,
    /// The history it belongs to.
    pub epoch: Epoch,
    /// Its number in it.
    pub offset: u64,
    /// The event.
    pub event: Event,
}

/// A published event, shared by everybody in this process who hears it.
pub type Heard = Arc<Published>;

impl Published {
    /// Where it is in its channel's history.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch.clone(),
            offset: self.offset,
        }
    }
}

/// What a channel's history says to a reader with a position.
#[derive(Clone, Debug, PartialEq)]
pub enum History {
    /// Everything after the reader's position, in order and without a gap; may be empty.
    Complete(Vec<Published>),
    /// The history does not reach back to the reader's position; take a snapshot.
    Gap {
        /// Where the channel is now; `None` when nothing was ever published on it.
        current: Option<Position>,
    },
}

impl Bus {
    /// Where a channel is now; `None` when nothing was ever published on it.
    pub async fn current_position(
        &self,
        stream: &StreamId,
        channel: Channel,
    ) -> Result<Option<Position>, BusError> {
        let key = keys::position(stream, channel);
        let (epoch, offset): (Option<String>, Option<u64>) = self
            .query(redis::cmd("HMGET").arg(key).arg("epoch").arg("offset"))
            .await?;
        Ok(position(epoch, offset))
    }

    /// Where a channel is now. Begins its history where nothing was ever published, so that a
    /// reader who comes before the first event has a position too.
    pub async fn begin_history(
        &self,
        stream: &StreamId,
        channel: Channel,
    ) -> Result<Position, BusError> {
        let key = keys::position(stream, channel);
        let run = self.known_run().await?;
        let mut invocation = BEGIN.prepare_invoke();
        invocation.key(key).arg(Epoch::generate().as_str()).arg(run);
        let (epoch, offset): (Option<String>, Option<u64>) = self.script(&invocation).await?;
        position(epoch, offset).ok_or(BusError::ScriptAnswer { script: "begin" })
    }

    /// Everything on a channel after `since`, if that is at most `limit` events and all are kept.
    pub async fn history_since(
        &self,
        stream: &StreamId,
        channel: Channel,
        since: &Position,
        limit: usize,
    ) -> Result<History, BusError> {
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
            .arg(format!("({}-0", since.offset))
            .arg("+")
            .arg("COUNT")
            .arg(limit);
        let ((epoch, offset), entries): ((Option<String>, Option<u64>), Vec<Entry>) =
            self.pipeline(&pipeline).await?;
        let Some(current) = position(epoch, offset) else {
            return Ok(History::Gap { current: None });
        };
        let published = read_entries(stream, channel, &key, &entries)?;
        if is_continuous(since, &current, &published) {
            Ok(History::Complete(published))
        } else {
            Ok(History::Gap {
                current: Some(current),
            })
        }
    }

    /// The newest `count` events on a channel, oldest first, whatever their epoch.
    pub async fn newest(
        &self,
        stream: &StreamId,
        channel: Channel,
        count: usize,
    ) -> Result<Vec<Published>, BusError> {
        let key = keys::history(stream, channel);
        let mut command = redis::cmd("XREVRANGE");
        command.arg(&key).arg("+").arg("-").arg("COUNT").arg(count);
        let mut entries: Vec<Entry> = self.query(&command).await?;
        entries.reverse();
        read_entries(stream, channel, &key, &entries)
    }
}

/// A stream entry: `offset-0`, then alternating field names and values.
pub(crate) type Entry = (String, Vec<(String, String)>);

/// The offset in an entry's identifier.
pub(crate) fn entry_offset((id, _fields): &Entry) -> Option<u64> {
    id.split('-').next().and_then(|digits| digits.parse().ok())
}

/// A field of an entry.
pub(crate) fn entry_field<'a>((_id, fields): &'a Entry, name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(field, _)| field == name)
        .map(|(_, value)| value.as_str())
}

pub(crate) fn position(epoch: Option<String>, offset: Option<u64>) -> Option<Position> {
    Some(Position {
        epoch: Epoch::from(epoch?),
        offset: offset?,
    })
}

fn read_entries(
    stream: &StreamId,
    channel: Channel,
    key: &str,
    entries: &[Entry],
) -> Result<Vec<Published>, BusError> {
    let malformed = || BusError::ScriptAnswer { script: "commit" };
    entries
        .iter()
        .map(|entry| {
            let epoch = entry_field(entry, "epoch").ok_or_else(malformed)?;
            let event = entry_field(entry, "event").ok_or_else(malformed)?;
            Ok(Published {
                channel,
                stream: stream.clone(),
                epoch: Epoch::from(epoch.to_owned()),
                offset: entry_offset(entry).ok_or_else(malformed)?,
                event: read_document(key, event)?,
            })
        })
        .collect()
}

/// Whether `published` leads from `since` to `current` without a gap, within one epoch.
fn is_continuous(since: &Position, current: &Position, published: &[Published]) -> bool {
    if since.epoch != current.epoch {
        return false;
    }
    let Some(missed) = current.offset.checked_sub(since.offset) else {
        return false;
    };
    u64::try_from(published.len()) == Ok(missed)
        && (1_u64..).zip(published).all(|(step, entry)| {
            entry.epoch == current.epoch && since.offset.checked_add(step) == Some(entry.offset)
        })
}
