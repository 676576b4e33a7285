use std::collections::BTreeMap;
use std::sync::LazyLock;

use sm_bus::redis::{self, Script};
use sm_bus::{BusError, keys};
use sm_common::id::StreamId;

use super::Store;
use super::block::{Block, Contents, patches};
use super::chunk::{Chunk, Place, read_optional};
use super::codec::{CodecError, pack_values};
use super::read::Rows;
use super::sketches::{Grain, Sketches, pack_sketches, sketch_key, sketches_of, unpack_sketches};
use crate::catalogue::{Metric, Series};
use crate::rollup::hour::Values;
use crate::rollup::{HOUR, Hour, Patch, Tier};

static PACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("pack.lua")));

/// Why blocks were not packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the chunk {chunk} of {metric} in {tier} cannot be packed or unpacked")]
    Chunk {
        metric: &'static str,
        tier: &'static str,
        chunk: i64,
        #[source]
        source: CodecError,
    },
}

/// What became of blocks that were to be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// They are in the chunks.
    Done,
    /// Somebody wrote to them, or packed, meanwhile.
    Overtaken,
}

/// A chunk to be written; no bytes when it is empty.
pub(super) struct Written {
    key: String,
    /// As long as rows of this tier it is kept.
    tier: Tier,
    /// Its length, in seconds.
    chunk_s: i64,
    chunk: i64,
    bytes: Option<Vec<u8>>,
}

impl Written {
    /// A chunk of rows.
    pub(super) fn rows(stream: &StreamId, place: Place, bytes: Option<Vec<u8>>) -> Self {
        Self {
            key: place.key(stream),
            tier: place.tier,
            chunk_s: place.tier.chunk_s(),
            chunk: place.chunk,
            bytes,
        }
    }

    /// A chunk of distributions.
    fn sketches(
        (stream, metric, hour): (&StreamId, Metric, i64),
        grain: Grain,
        sketches: &Sketches,
    ) -> Self {
        Self {
            key: sketch_key(stream, metric, grain),
            tier: grain.tier(),
            chunk_s: grain.chunk_s(),
            chunk: grain.chunk_of_hour(hour),
            bytes: pack_sketches(sketches),
        }
    }
}

impl Place {
    pub(super) fn failed(self, source: CodecError) -> PackError {
        PackError::Chunk {
            metric: self.metric.spec().name,
            tier: self.tier.name(),
            chunk: self.chunk,
            source,
        }
    }
}

impl Store {
    /// Moves open blocks of one series and one hour into chunks, in every resolution, whole or not
    /// at all.
    pub(crate) async fn pack(
        &self,
        stream: &StreamId,
        blocks: &[Block],
    ) -> Result<Packed, PackError> {
        let Some(first) = blocks.first() else {
            return Ok(Packed::Done);
        };
        let (series, hour) = (first.series, first.hour());
        let metrics: Vec<Metric> = series.metrics().collect();
        let places: Vec<[Place; 4]> = metrics
            .iter()
            .map(|metric| places_of(*metric, hour))
            .collect();
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("HGET")
            .arg(keys::packings(stream))
            .arg(series.name());
        for block in blocks {
            pipeline.cmd("HGETALL").arg(block.key(stream));
        }
        for place in places.iter().flatten() {
            pipeline.cmd("HGET").arg(place.key(stream)).arg(place.chunk);
        }
        for metric in metrics.iter().filter(|metric| metric.is_distribution()) {
            pipeline
                .cmd("HGET")
                .arg(sketch_key(stream, *metric, Grain::Hours))
                .arg(Grain::Hours.chunk_of_hour(hour));
        }
        let answers: Vec<redis::Value> = self.bus.pipeline(&pipeline).await?;
        let mut answers = answers.into_iter();
        let packings: Option<String> = read_optional(answers.next())?;
        let mut open = Vec::with_capacity(blocks.len());
        for block in blocks {
            let fields = read_optional(answers.next())?.unwrap_or_default();
            open.push((*block, Contents::read(*block, fields)));
        }
        let now_s = self.bus.clock().now().as_unix_seconds();
        let oldest_s = now_s - self.retention.of(Tier::Seconds);
        let mut written = Vec::with_capacity(places.len() * Tier::ALL.len());
        let mut distributed = Vec::new();
        for (metric, places) in metrics.iter().zip(places) {
            let mut chunks = Vec::with_capacity(places.len());
            for place in places {
                let bytes: Option<Vec<u8>> = read_optional(answers.next())?;
                let chunk = place.unpack(bytes.as_deref());
                chunks.push((place, chunk.map_err(|source| place.failed(source))?));
            }
            let patch = patches(&open, *metric).remove(&hour).unwrap_or_default();
            let (whole, rows) = add((stream, *metric, hour), &patch, chunks)?;
            written.extend(rows);
            if metric.is_distribution() {
                distributed.push((*metric, whole));
            }
        }
        for (metric, whole) in distributed {
            let bytes: Option<Vec<u8>> = read_optional(answers.next())?;
            // Of an hour whose seconds are no longer kept, what is packed knows more.
            if (hour + 1) * HOUR > oldest_s {
                written.extend(distribute((stream, metric, hour), &whole, bytes.as_deref()));
            }
        }
        self.write_chunks(stream, series, packings.as_deref(), &open, written)
            .await
    }

    /// Writes chunks and removes the blocks that they were made of, unless somebody was faster.
    pub(super) async fn write_chunks(
        &self,
        stream: &StreamId,
        series: Series,
        packings: Option<&str>,
        open: &[(Block, Contents)],
        written: Vec<Written>,
    ) -> Result<Packed, PackError> {
        let mut call = PACK.prepare_invoke();
        call.key(keys::packings(stream));
        call.key(keys::open_blocks(stream));
        call.arg(series.name());
        call.arg(packings.unwrap_or_default());
        call.arg(open.len());
        for (block, contents) in open {
            call.key(block.key(stream));
            call.arg(block.name()).arg(&contents.writes);
        }
        let now_s = self.bus.clock().now().as_unix_seconds();
        for chunk in written {
            let kept_s = self.retention.of(chunk.tier);
            call.key(chunk.key);
            call.arg(kept_s + chunk.chunk_s)
                .arg((now_s - kept_s).div_euclid(chunk.chunk_s))
                .arg(chunk.chunk)
                .arg(chunk.bytes.unwrap_or_default());
        }
        let done: bool = self.bus.script(&call).await?;
        Ok(if done {
            Packed::Done
        } else {
            Packed::Overtaken
        })
    }
}

/// The chunks that an hour of a metric lies in, in the order of the tiers.
fn places_of(metric: Metric, hour: i64) -> [Place; 4] {
    Tier::ALL.map(|tier| Place {
        metric,
        tier,
        chunk: tier.chunk_of(hour * HOUR / tier.unit_s()),
    })
}

/// The hour and the chunks of one metric after `patch` was added.
fn add(
    (stream, metric, hour): (&StreamId, Metric, i64),
    patch: &Patch,
    chunks: Vec<(Place, Chunk)>,
) -> Result<(Hour, Vec<Written>), PackError> {
    let mut seconds: Option<(Place, Option<Values>)> = None;
    let mut places = Vec::with_capacity(Tier::COARSE.len());
    let mut tiers: Vec<(Tier, Rows)> = Vec::with_capacity(Tier::COARSE.len());
    for (place, chunk) in chunks {
        if place.tier == Tier::Seconds {
            seconds = Some((place, chunk.into_values()));
        } else {
            places.push(place);
            tiers.push((place.tier, chunk.into_rows()));
        }
    }
    let (seconds, values) = seconds.unzip();
    let mut whole = Hour::new(hour, values.flatten());
    whole.add(metric.series().combine(), patch, &mut tiers);
    let mut written = Vec::with_capacity(Tier::ALL.len());
    if let Some(place) = seconds {
        let bytes = pack_values(whole.seconds().unwrap_or_default());
        let bytes = bytes.map_err(|source| place.failed(source))?;
        written.push(Written::rows(stream, place, bytes));
    }
    for (place, (_, rows)) in places.into_iter().zip(tiers) {
        let bytes = place.pack_rows(&rows);
        let bytes = bytes.map_err(|source| place.failed(source))?;
        written.push(Written::rows(stream, place, bytes));
    }
    Ok((whole, written))
}

/// The distributions of one metric in an hour, the hour itself beside those of its day.
fn distribute(
    of: (&StreamId, Metric, i64),
    whole: &Hour,
    day: Option<&[u8]>,
) -> [Written; Grain::ALL.len()] {
    let (_, metric, hour) = of;
    let seconds = whole.seconds().unwrap_or_default();
    Grain::ALL.map(|grain| {
        let mut sketches = match grain {
            Grain::Minutes => Sketches::new(),
            Grain::Hours => day.and_then(unpack_sketches).unwrap_or_default(),
        };
        sketches.extend(sketches_of(metric, hour, grain, seconds));
        Written::sketches(of, grain, &sketches)
    })
}

/// `blocks` by series and hour: what is packed at once.
pub(crate) fn by_hour(blocks: impl IntoIterator<Item = Block>) -> Vec<Vec<Block>> {
    let mut hours: BTreeMap<(Series, i64), Vec<Block>> = BTreeMap::new();
    for block in blocks {
        let key = (block.series, block.hour());
        hours.entry(key).or_default().push(block);
    }
    hours.into_values().collect()
}
