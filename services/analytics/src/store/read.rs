use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sm_bus::{Bus, BusError, keys, redis};
use sm_common::event::Channel;
use sm_common::id::StreamId;

use super::block::{Block, Contents, patches};
use super::chunk::{Chunk, Place, read_optional};
use super::{Log, Progress, Store};
use crate::catalogue::{Metric, Series};
use crate::rollup::{HOUR, Hour, Stat, Tier};

/// Rows of one metric in one tier, by their number since the Unix epoch.
pub(crate) type Rows = BTreeMap<i64, Stat>;

/// Reads the rows of one stream. It knows the blocks that were open when it began: what is packed
/// while it reads is found in the chunks, and what is opened is newer than the question.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    store: Store,
    stream: StreamId,
    open: Vec<Block>,
}

impl Store {
    /// A reader of `stream`.
    pub(crate) async fn reader(&self, stream: &StreamId) -> Result<Reader, BusError> {
        Ok(Reader {
            store: self.clone(),
            stream: stream.clone(),
            open: self.open_blocks(stream).await?,
        })
    }

    /// The blocks that are not packed.
    pub(crate) async fn open_blocks(&self, stream: &StreamId) -> Result<Vec<Block>, BusError> {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(keys::open_blocks(stream));
        let names: Vec<String> = self.bus.query(&command).await?;
        Ok(names.iter().filter_map(|name| Block::named(name)).collect())
    }
}

impl Reader {
    pub(super) const fn stream(&self) -> &StreamId {
        &self.stream
    }

    pub(super) const fn bus(&self) -> &Bus {
        self.store.bus()
    }

    /// How far a channel of the stream has been read.
    pub(crate) async fn progress(&self, channel: Channel) -> Result<Option<Progress>, BusError> {
        let log = Log {
            stream: self.stream.clone(),
            channel,
        };
        self.store.progress(&log).await
    }

    /// The rows of each of `metrics` in `rows`, which lie in one chunk of `tier`: what is packed,
    /// and on top of it what is not, as of one moment.
    pub(crate) async fn page(
        &self,
        metrics: &[Metric],
        tier: Tier,
        rows: Range<i64>,
    ) -> Result<Vec<Rows>, BusError> {
        let blocks = self.open_in(metrics, tier, &rows);
        let places: Vec<Vec<Place>> = metrics
            .iter()
            .map(|metric| places(*metric, tier, rows.start, &blocks))
            .collect();
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for block in &blocks {
            pipeline.cmd("HGETALL").arg(block.key(&self.stream));
        }
        for place in places.iter().flatten() {
            let key = place.key(&self.stream);
            pipeline.cmd("HGET").arg(key).arg(place.chunk);
        }
        let answers: Vec<redis::Value> = self.store.bus().pipeline(&pipeline).await?;
        let mut answers = answers.into_iter();
        let mut open = Vec::with_capacity(blocks.len());
        for block in blocks {
            let fields = read_optional(answers.next())?.unwrap_or_default();
            open.push((block, Contents::read(block, fields)));
        }
        let mut found = Vec::with_capacity(metrics.len());
        for (metric, places) in metrics.iter().zip(places) {
            let mut chunks = Vec::with_capacity(places.len());
            for place in places {
                let bytes: Option<Vec<u8>> = read_optional(answers.next())?;
                chunks.push(place.unpack_or_warn(bytes.as_deref(), &self.stream));
            }
            let mut all = overlay(*metric, tier, chunks, &open);
            let mut within = all.split_off(&rows.start);
            drop(within.split_off(&rows.end));
            found.push(within);
        }
        Ok(found)
    }

    /// The blocks that are not packed and say something about `rows`.
    pub(super) fn open_in(&self, metrics: &[Metric], tier: Tier, rows: &Range<i64>) -> Vec<Block> {
        let series: Vec<Series> = metrics.iter().map(|metric| metric.series()).collect();
        let (from, until) = (rows.start * tier.unit_s(), rows.end * tier.unit_s());
        let is_within = |block: &Block| {
            let seconds = block.seconds();
            seconds.start < until && seconds.end > from
        };
        self.open
            .iter()
            .copied()
            .filter(|block| series.contains(&block.series) && is_within(block))
            .collect()
    }
}

/// The chunks that are needed of a metric: the one asked for, and of a coarse tier the seconds
/// that its newest rows are made of.
fn places(metric: Metric, tier: Tier, row: i64, blocks: &[Block]) -> Vec<Place> {
    let place = |tier, chunk| Place {
        metric,
        tier,
        chunk,
    };
    let mut places = vec![place(tier, tier.chunk_of(row))];
    if tier != Tier::Seconds {
        let hours: BTreeSet<i64> = blocks
            .iter()
            .filter(|block| block.series == metric.series())
            .map(|block| block.hour())
            .collect();
        let seconds = hours.into_iter().map(|hour| place(Tier::Seconds, hour));
        places.extend(seconds);
    }
    places
}

/// What is in a chunk, with what is not packed yet on top of it. The first chunk is the one that
/// was asked for; others hold the seconds of hours.
fn overlay(metric: Metric, tier: Tier, chunks: Vec<Chunk>, open: &[(Block, Contents)]) -> Rows {
    let mut seconds: BTreeMap<i64, _> = BTreeMap::new();
    let mut rows = Rows::new();
    for chunk in chunks {
        match chunk {
            Chunk::Values(hour, values) => drop(seconds.insert(hour, values)),
            Chunk::Stats(stats) => rows = stats,
        }
    }
    let mut tiers = [(tier, rows)];
    let coarse = if tier == Tier::Seconds {
        &mut []
    } else {
        tiers.as_mut_slice()
    };
    let mut hours: BTreeMap<i64, Hour> = seconds
        .into_iter()
        .map(|(number, values)| (number, Hour::new(number, values)))
        .collect();
    for (number, patch) in patches(open, metric) {
        let hour = hours
            .entry(number)
            .or_insert_with(|| Hour::new(number, None));
        hour.add(metric.series().combine(), &patch, coarse);
    }
    if tier != Tier::Seconds {
        let [(_, rows)] = tiers;
        return rows;
    }
    hours
        .iter()
        .flat_map(|(number, hour)| (number * HOUR..).zip(hour.seconds().unwrap_or_default()))
        .filter_map(|(second, value)| Some((second, Stat::of((*value)?))))
        .collect()
}
