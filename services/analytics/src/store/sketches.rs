//! Distributions of the metrics that have one, of each minute and of each hour.
//!
//! They are made from the seconds of an hour when these are packed. A chunk holds the minutes of an
//! hour, or the hours of a day: for each row that is there its place and its sketch, deflated.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::ops::Range;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use sm_bus::{BusError, keys, redis};
use sm_common::id::StreamId;

use super::block::{Contents, patches};
use super::chunk::{Place, read_optional};
use super::read::Reader;
use crate::catalogue::Metric;
use crate::rollup::quantity::unscale;
use crate::rollup::{HOUR, Hour, Sketch, Tier};

/// The layout that this version writes, and the only one so far.
const LAYOUT: u8 = 1;
/// Most bytes of an unpacked chunk: sixty sketches of two kilobytes.
const UNPACKED_MAX: u64 = 256 * 1024;

/// Sketches by row.
pub(crate) type Sketches = BTreeMap<i64, Sketch>;

/// A resolution in which distributions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    /// One sketch a minute; a chunk holds an hour.
    Minutes,
    /// One sketch an hour; a chunk holds a day.
    Hours,
}

impl Grain {
    pub(crate) const ALL: [Self; 2] = [Self::Minutes, Self::Hours];

    /// The rows that it describes.
    pub(crate) const fn tier(self) -> Tier {
        match self {
            Self::Minutes => Tier::Minutes,
            Self::Hours => Tier::Hours,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Minutes => "1m-sketch",
            Self::Hours => "1h-sketch",
        }
    }

    /// Rows in a chunk.
    const fn rows_per_chunk(self) -> i64 {
        match self {
            Self::Minutes => 60,
            Self::Hours => 24,
        }
    }

    /// Length of a chunk, in seconds.
    pub(super) const fn chunk_s(self) -> i64 {
        self.rows_per_chunk() * self.tier().unit_s()
    }

    /// The chunk that an hour lies in.
    pub(super) const fn chunk_of_hour(self, hour: i64) -> i64 {
        (hour * HOUR).div_euclid(self.chunk_s())
    }

    /// `rows`, cut where a chunk ends.
    pub(crate) fn pages(self, rows: Range<i64>) -> impl Iterator<Item = Range<i64>> {
        let per_chunk = self.rows_per_chunk();
        let mut start = rows.start;
        std::iter::from_fn(move || {
            let end = ((start.div_euclid(per_chunk) + 1) * per_chunk).min(rows.end);
            let page = start..end;
            start = end;
            (!page.is_empty()).then_some(page)
        })
    }
}

/// Sketches of the rows of `grain` that lie in an hour, made of its seconds.
pub(super) fn sketches_of(
    metric: Metric,
    hour: i64,
    grain: Grain,
    seconds: &[Option<i64>],
) -> Sketches {
    let unit = grain.tier().unit_s();
    let length = usize::try_from(unit).unwrap_or(1);
    let first = (hour * HOUR).div_euclid(unit);
    (first..)
        .zip(seconds.chunks(length))
        .filter_map(|(row, seconds)| {
            let values = seconds.iter().flatten();
            let sketch = Sketch::of(values.map(|value| unscale(*value, metric.decimals())))?;
            Some((row, sketch))
        })
        .collect()
}

/// Packs the rows of a chunk. `None` when there is none.
pub(super) fn pack_sketches(sketches: &Sketches) -> Option<Vec<u8>> {
    if sketches.is_empty() {
        return None;
    }
    let mut plain = Vec::new();
    for (row, sketch) in sketches {
        let bytes = sketch.to_bytes();
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        plain.extend_from_slice(&row.to_le_bytes());
        plain.extend_from_slice(&length.to_le_bytes());
        plain.extend_from_slice(bytes.get(..usize::from(length)).unwrap_or_default());
    }
    let mut encoder = DeflateEncoder::new(vec![LAYOUT], Compression::best());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(&plain);
    encoder.finish().ok()
}

/// The rows of a chunk; `None` when this version cannot read it.
pub(super) fn unpack_sketches(bytes: &[u8]) -> Option<Sketches> {
    let (layout, packed) = bytes.split_first()?;
    if *layout != LAYOUT {
        return None;
    }
    let mut plain = Vec::new();
    let decoder = DeflateDecoder::new(packed);
    decoder.take(UNPACKED_MAX).read_to_end(&mut plain).ok()?;
    let mut rest = plain.as_slice();
    let mut sketches = Sketches::new();
    while !rest.is_empty() {
        let (row, after) = rest.split_first_chunk::<8>()?;
        let (length, after) = after.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_le_bytes(*length));
        let (sketch, after) = after.split_at_checked(length)?;
        sketches.insert(i64::from_le_bytes(*row), Sketch::from_bytes(sketch).ok()?);
        rest = after;
    }
    Some(sketches)
}

impl Reader {
    /// The distributions of a metric in `rows`, which lie in one chunk of `grain`: what is packed,
    /// and on top of it what is not, as of one moment.
    pub(crate) async fn sketches(
        &self,
        metric: Metric,
        grain: Grain,
        rows: Range<i64>,
    ) -> Result<Sketches, BusError> {
        let blocks = self.open_in(&[metric], grain.tier(), &rows);
        let hours: BTreeSet<i64> = blocks.iter().map(|block| block.hour()).collect();
        let chunk = rows.start.div_euclid(grain.rows_per_chunk());
        let stream = self.stream();
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("HGET")
            .arg(sketch_key(stream, metric, grain))
            .arg(chunk);
        for block in &blocks {
            pipeline.cmd("HGETALL").arg(block.key(stream));
        }
        let places = hours.into_iter().map(|hour| Place {
            metric,
            tier: Tier::Seconds,
            chunk: hour,
        });
        let places: Vec<Place> = places.collect();
        for place in &places {
            pipeline.cmd("HGET").arg(place.key(stream)).arg(place.chunk);
        }
        let answers: Vec<redis::Value> = self.bus().pipeline(&pipeline).await?;
        let mut answers = answers.into_iter();
        let packed: Option<Vec<u8>> = read_optional(answers.next())?;
        let mut sketches = packed
            .and_then(|bytes| unpack_sketches(&bytes))
            .unwrap_or_default();
        let mut open = Vec::with_capacity(blocks.len());
        for block in blocks {
            let fields = read_optional(answers.next())?.unwrap_or_default();
            open.push((block, Contents::read(block, fields)));
        }
        let mut patches = patches(&open, metric);
        for place in places {
            let bytes: Option<Vec<u8>> = read_optional(answers.next())?;
            let hour = place.chunk;
            let values = place.unpack_or_warn(bytes.as_deref(), stream).into_values();
            let is_whole = values.is_some();
            let mut whole = Hour::new(hour, values);
            let patch = patches.remove(&hour).unwrap_or_default();
            whole.add(metric.series().combine(), &patch, &mut []);
            let seconds = whole.seconds().unwrap_or_default();
            for (row, sketch) in sketches_of(metric, hour, grain, seconds) {
                // Where the other seconds are gone, what is packed knows more.
                if is_whole || !sketches.contains_key(&row) {
                    sketches.insert(row, sketch);
                }
            }
        }
        let mut within = sketches.split_off(&rows.start);
        drop(within.split_off(&rows.end));
        Ok(within)
    }
}

pub(super) fn sketch_key(stream: &StreamId, metric: Metric, grain: Grain) -> String {
    keys::chunks(stream, metric.spec().name, grain.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sketches_read_back_as_they_were_written() {
        let seconds: Vec<Option<i64>> = (0..3600)
            .map(|second| (second / 60 != 7).then_some(4000 + second % 100))
            .collect();
        let minutes = sketches_of(Metric::EncodeMsP99, 500_000, Grain::Minutes, &seconds);
        assert_eq!(minutes.len(), 59);
        assert_eq!(minutes.keys().next(), Some(&(500_000 * 60)));
        let bytes = pack_sketches(&minutes).unwrap();
        let read = unpack_sketches(&bytes).unwrap();
        assert_eq!(read.len(), 59);
        for (row, sketch) in &minutes {
            assert_eq!(read[row].count(), 60);
            assert_eq!(read[row].quantile(0.5), sketch.quantile(0.5));
        }
        assert!(pack_sketches(&Sketches::new()).is_none());
        assert!(unpack_sketches(&bytes[..bytes.len() / 2]).is_none());
        assert!(unpack_sketches(&[2]).is_none());
    }

    #[test]
    fn an_hour_lies_in_one_chunk() {
        for grain in Grain::ALL {
            assert_eq!(grain.chunk_s() % HOUR, 0);
            let chunk = grain.chunk_of_hour(500_000);
            let row = 500_000 * HOUR / grain.tier().unit_s();
            assert_eq!(row.div_euclid(grain.rows_per_chunk()), chunk);
        }
    }
}
