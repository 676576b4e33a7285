//! What is kept in Redis, and how it is read back.
//!
//! Seconds arrive in open blocks of ten minutes, written in one step with the position behind
//! them ([`advance`]). A block that is over is packed into chunks, one for each metric and
//! resolution ([`pack`]). A reader puts what is open on top of what is packed ([`read`]).

mod advance;
mod block;
mod chunk;
mod codec;
mod former;
mod pack;
mod progress;
mod read;
mod sketches;
mod timeline;

use std::collections::BTreeSet;

use sm_bus::{Bus, BusError, keys, redis};
use sm_common::event::Channel;
use sm_common::id::StreamId;

use crate::config::RetentionConfig;

pub(crate) use advance::Advance;
pub(crate) use block::Block;
pub(crate) use pack::{PackError, Packed, by_hour};
pub(crate) use progress::Progress;
pub(crate) use read::{Reader, Rows};
pub(crate) use sketches::Grain;

/// One channel's events about one stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Log {
    pub(crate) stream: StreamId,
    pub(crate) channel: Channel,
}

/// Access to what is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    bus: Bus,
    retention: RetentionConfig,
    /// Known before stream-control has named any.
    first: StreamId,
}

impl Store {
    pub(crate) const fn new(bus: Bus, retention: RetentionConfig, first: StreamId) -> Self {
        Self {
            bus,
            retention,
            first,
        }
    }

    pub(crate) const fn bus(&self) -> &Bus {
        &self.bus
    }

    pub(crate) const fn retention(&self) -> &RetentionConfig {
        &self.retention
    }

    /// Every known stream.
    pub(crate) async fn streams(&self) -> Result<BTreeSet<StreamId>, BusError> {
        let names: Vec<String> = self
            .bus
            .query(redis::cmd("SMEMBERS").arg(keys::STREAMS))
            .await?;
        let mut streams: BTreeSet<StreamId> =
            names.iter().filter_map(|name| name.parse().ok()).collect();
        streams.insert(self.first.clone());
        Ok(streams)
    }

    /// Whether `stream` is known.
    pub(crate) async fn knows(&self, stream: &StreamId) -> Result<bool, BusError> {
        let mut command = redis::cmd("SISMEMBER");
        command.arg(keys::STREAMS).arg(stream.as_str());
        let named: bool = self.bus.query(&command).await?;
        Ok(named || *stream == self.first)
    }
}
