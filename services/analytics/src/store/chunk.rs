use sm_bus::{BusError, keys, redis};
use sm_common::id::StreamId;

use super::codec::{CodecError, pack_stats, unpack_stats, unpack_values};
use super::read::Rows;
use crate::catalogue::Metric;
use crate::rollup::Tier;
use crate::rollup::hour::Values;

/// Where a chunk is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) metric: Metric,
    pub(super) tier: Tier,
    /// Chunks since the Unix epoch.
    pub(super) chunk: i64,
}

/// What a chunk holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// The hour of this number; `None` when nothing is packed of it.
    Values(i64, Option<Values>),
    /// Statistics.
    Stats(Rows),
}

impl Place {
    pub(super) fn key(self, stream: &StreamId) -> String {
        keys::chunks(stream, self.metric.spec().name, self.tier.name())
    }

    pub(super) fn unpack(self, bytes: Option<&[u8]>) -> Result<Chunk, CodecError> {
        let rows = self.tier.rows_per_chunk();
        if self.tier == Tier::Seconds {
            let values = bytes.map(|bytes| unpack_values(bytes, rows)).transpose()?;
            return Ok(Chunk::Values(self.chunk, values));
        }
        let Some(bytes) = bytes else {
            return Ok(Chunk::Stats(Rows::new()));
        };
        let first = self.tier.first_row(self.chunk);
        let stats = (first..).zip(unpack_stats(bytes, rows)?);
        Ok(Chunk::Stats(
            stats.filter_map(|(row, stat)| Some((row, stat?))).collect(),
        ))
    }

    /// The same; what this version cannot read is nothing to it.
    pub(super) fn unpack_or_warn(self, bytes: Option<&[u8]>, stream: &StreamId) -> Chunk {
        self.unpack(bytes).unwrap_or_else(|error| {
            let Self {
                metric,
                tier,
                chunk,
            } = self;
            let metric = metric.spec().name;
            tracing::warn!(
                stream.id = %stream, metric, tier = tier.name(), chunk, %error,
                "a chunk cannot be read"
            );
            if tier == Tier::Seconds {
                Chunk::Values(chunk, None)
            } else {
                Chunk::Stats(Rows::new())
            }
        })
    }

    /// Packs the rows that lie in this chunk.
    pub(super) fn pack_rows(self, rows: &Rows) -> Result<Option<Vec<u8>>, CodecError> {
        let first = self.tier.first_row(self.chunk);
        let mut stats = vec![None; self.tier.rows_per_chunk()];
        for (row, stat) in rows {
            if let Some(slot) = usize::try_from(row - first)
                .ok()
                .and_then(|place| stats.get_mut(place))
            {
                *slot = Some(*stat);
            }
        }
        pack_stats(&stats)
    }
}

/// One answer of several; `None` where there is nothing.
pub(super) fn read_optional<T: redis::FromRedisValue>(
    answer: Option<redis::Value>,
) -> Result<Option<T>, BusError> {
    let value = answer.unwrap_or(redis::Value::Nil);
    redis::from_redis_value(value).map_err(|error| BusError::Command(error.into()))
}

impl Chunk {
    /// Its statistics; none of a chunk of values.
    pub(super) fn into_rows(self) -> Rows {
        match self {
            Self::Stats(rows) => rows,
            Self::Values(..) => Rows::new(),
        }
    }

    /// Its values; none of a chunk of statistics.
    pub(super) fn into_values(self) -> Option<Values> {
        match self {
            Self::Values(_, values) => values,
            Self::Stats(_) => None,
        }
    }
}
