//! What rows say about a range as a whole.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use sm_bus::BusError;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use utoipa::ToSchema;

use crate::catalogue::Metric;
use crate::rollup::quantity::{float, unscale};
use crate::rollup::{Stat, Tier, increase};
use crate::store::{Reader, Store};

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(super) struct Measured {
    /// How exact the ends of the range are for what follows, in seconds: 1, or 10, 60 or 3600 where
    /// finer rows are no longer kept.
    resolution_s: Option<i64>,
    /// Samples in the range; one is a second.
    samples: u32,
    /// Who watched.
    viewers: ViewersMeasured,
    /// Picture and encoder.
    video: VideoMeasured,
    /// Changes of layers.
    layer_changes: LayerChangesMeasured,
    /// Chat messages that were posted.
    chat_messages: Option<i64>,
}

/// Who watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
struct ViewersMeasured {
    /// The most at one time.
    peak: Option<f64>,
    /// The average over the samples.
    average: Option<f64>,
    /// Time watched by all together, in seconds.
    watch_time_s: Option<i64>,
    /// The most clients at one time that played, followed over a WebSocket, or both.
    audience_peak: Option<f64>,
}

/// Picture and encoder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
struct VideoMeasured {
    /// Average frames per second.
    fps_average: Option<f64>,
    /// Average bitrate, in kbit/s.
    bitrate_kbps_average: Option<f64>,
    /// Frames that left the encoder. Too low by what left it between the last sample of a media
    /// worker and its end.
    frames: Option<i64>,
    /// Frames that were due and were never composed. Too low by what was dropped between the
    /// last sample of a media worker and its end.
    frames_dropped: Option<i64>,
}

/// Changes of layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
struct LayerChangesMeasured {
    /// How many there were.
    count: Option<i64>,
    /// From the acknowledged write to the frame that shows it, median, in milliseconds.
    to_air_ms_p50: Option<f64>,
    /// The same, 95th percentile.
    to_air_ms_p95: Option<f64>,
    /// How many changes these two are about: of several within a second only the last is
    /// measured.
    to_air_measured: usize,
    /// From when on they are: single values are kept as long as seconds are.
    to_air_from: Option<Timestamp>,
}

impl Measured {
    /// Frames that left the encoder, and frames that were dropped.
    pub(super) const fn frames(&self) -> (Option<i64>, Option<i64>) {
        (self.video.frames, self.video.frames_dropped)
    }

    /// Chat messages that were posted.
    pub(super) const fn chat_messages(&self) -> Option<i64> {
        self.chat_messages
    }

    /// What was measured, by its place in a summary.
    pub(super) fn numbers(&self) -> [(&'static str, Option<f64>); 10] {
        let whole = |number: Option<i64>| number.map(float);
        let Self {
            viewers,
            video,
            layer_changes,
            chat_messages,
            ..
        } = self;
        [
            ("viewers.peak", viewers.peak),
            ("viewers.average", viewers.average),
            ("viewers.watch_time_s", whole(viewers.watch_time_s)),
            ("video.fps_average", video.fps_average),
            ("video.bitrate_kbps_average", video.bitrate_kbps_average),
            ("video.frames_dropped", whole(video.frames_dropped)),
            ("layer_changes.count", whole(layer_changes.count)),
            ("layer_changes.to_air_ms_p50", layer_changes.to_air_ms_p50),
            ("layer_changes.to_air_ms_p95", layer_changes.to_air_ms_p95),
            ("chat_messages", whole(*chat_messages)),
        ]
    }
}

/// Rows that cover a part of the range.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    tier: Tier,
    rows: Range<i64>,
}

/// What is read of the samples, in this order.
const METRICS: [Metric; 7] = [
    Metric::Fps,
    Metric::BitrateKbps,
    Metric::Viewers,
    Metric::Audience,
    Metric::FramesTotal,
    Metric::FramesDropped,
    Metric::LayerChangeToAirMs,
];

/// What one row says of [`METRICS`].
type Sampled = [Option<Stat>; METRICS.len()];

/// Measures from `from_ms` until `until_ms`, in milliseconds since the Unix epoch.
pub(super) async fn measure(
    store: &Store,
    stream: &StreamId,
    from_ms: i64,
    until_ms: i64,
) -> Result<Measured, BusError> {
    let now_s = store.bus().clock().now().as_unix_seconds();
    let oldest = |tier| now_s - store.retention().of(tier);
    let seconds_from = oldest(Tier::Seconds);
    let begin_s = from_ms.div_euclid(1000);
    let range = begin_s.max(oldest(Tier::Hours))..(until_ms - 1).div_euclid(1000) + 1;
    let finest = Tier::ALL
        .into_iter()
        .find(|tier| begin_s >= oldest(*tier))
        .unwrap_or(Tier::Hours);
    let pieces = pieces(&range, finest);

    let reader = store.reader(stream).await?;
    let mut totals = Totals::default();
    for piece in &pieces {
        for rows in piece.tier.pages(piece.rows.clone()) {
            for (row, values) in read_rows(&reader, piece.tier, rows).await? {
                let start = row * piece.tier.unit_s();
                totals.add(start >= seconds_from, &values);
                if totals.wants_seconds {
                    let seconds = start..start + piece.tier.unit_s();
                    let seconds = read_rows(&reader, Tier::Seconds, seconds).await?;
                    totals.add_changes(seconds.into_values());
                }
            }
        }
    }
    let mut measured = totals.tell(begin_s.max(seconds_from));
    measured.resolution_s = Some(finest.unit_s());
    measured.chat_messages = count_events(&reader, Metric::ChatMessages, &range, &pieces).await?;
    measured.layer_changes.count =
        count_events(&reader, Metric::LayerChanges, &range, &pieces).await?;
    Ok(measured)
}

/// Minutes, or what is coarser and still kept, for the middle of `range`, and the finest rows that
/// are kept for its ends.
fn pieces(range: &Range<i64>, finest: Tier) -> Vec<Piece> {
    let piece = |tier: Tier, seconds: Range<i64>| Piece {
        tier,
        rows: seconds.start / tier.unit_s()..seconds.end / tier.unit_s(),
    };
    let down = |second: i64, tier: Tier| second.div_euclid(tier.unit_s()) * tier.unit_s();
    let up = |second: i64, tier: Tier| down(second + tier.unit_s() - 1, tier);
    let range = down(range.start, finest)..up(range.end, finest);
    let coarse = finest.max(Tier::Minutes);
    let middle = up(range.start, coarse)..down(range.end, coarse);
    if middle.is_empty() {
        return vec![piece(finest, range)];
    }
    let pieces = [
        piece(finest, range.start..middle.start),
        piece(coarse, middle.clone()),
        piece(finest, middle.end..range.end),
    ];
    let is_there = |piece: &Piece| !piece.rows.is_empty();
    pieces.into_iter().filter(is_there).collect()
}

/// Rows that lie in one chunk.
async fn read_rows(
    reader: &Reader,
    tier: Tier,
    rows: Range<i64>,
) -> Result<BTreeMap<i64, Sampled>, BusError> {
    let mut sampled: BTreeMap<i64, Sampled> = BTreeMap::new();
    let columns = reader.page(&METRICS, tier, rows).await?;
    for (column, rows) in columns.into_iter().enumerate() {
        for (row, stat) in rows {
            if let Some(slot) = sampled.entry(row).or_default().get_mut(column) {
                *slot = Some(stat);
            }
        }
    }
    Ok(sampled)
}

/// How many events there were; `None` when their log was not followed yet.
async fn count_events(
    reader: &Reader,
    metric: Metric,
    range: &Range<i64>,
    pieces: &[Piece],
) -> Result<Option<i64>, BusError> {
    let Some(channel) = metric.series().counted() else {
        return Ok(None);
    };
    let progress = reader.progress(channel).await?;
    if progress.is_none_or(|progress| progress.since.as_unix_seconds() >= range.end) {
        return Ok(None);
    }
    let mut count = 0;
    for piece in pieces {
        for rows in piece.tier.pages(piece.rows.clone()) {
            let rows = reader.page(&[metric], piece.tier, rows).await?;
            let stats = rows.iter().flat_map(BTreeMap::values);
            count += stats.map(|stat| stat.sum).sum::<i64>();
        }
    }
    Ok(Some(count))
}

/// What is gathered from rows, in order.
#[derive(Debug, Default)]
struct Totals {
    fps: Option<Stat>,
    bitrate: Option<Stat>,
    viewers: Option<Stat>,
    audience: Option<Stat>,
    frames: Vec<Stat>,
    dropped: Vec<Stat>,
    to_air: ToAir,
    /// Whether the row that was added last holds changes to air that only its seconds tell apart.
    wants_seconds: bool,
}

impl Totals {
    fn add(&mut self, has_seconds: bool, row: &Sampled) {
        let [fps, bitrate, viewers, audience, frames, dropped, to_air] = *row;
        for (slot, stat) in [
            (&mut self.fps, fps),
            (&mut self.bitrate, bitrate),
            (&mut self.viewers, viewers),
            (&mut self.audience, audience),
        ] {
            if let Some(stat) = stat {
                Stat::fold(slot, stat);
            }
        }
        self.frames.extend(frames);
        self.dropped.extend(dropped);
        let samples = viewers.map_or(0, |stat| stat.count);
        self.wants_seconds = if has_seconds {
            !self.to_air.add(to_air, samples)
        } else {
            self.to_air.pass(to_air);
            false
        };
    }

    fn add_changes(&mut self, seconds: impl Iterator<Item = Sampled>) {
        for [.., to_air] in seconds {
            self.to_air.add(to_air, 1);
        }
    }

    fn tell(self, to_air_from_s: i64) -> Measured {
        let mean =
            |stat: Option<Stat>, metric: Metric| stat.map(|stat| stat.mean(metric.decimals()));
        let to_air = self.to_air.sorted();
        let decimals = Metric::LayerChangeToAirMs.decimals();
        let percentile = |percent: usize| {
            // The nearest rank: a value that was really measured.
            let rank = (to_air.len() * percent).div_ceil(100).checked_sub(1)?;
            to_air.get(rank).map(|value| unscale(*value, decimals))
        };
        Measured {
            resolution_s: None,
            samples: self.viewers.map_or(0, |stat| stat.count),
            viewers: ViewersMeasured {
                peak: self
                    .viewers
                    .map(|stat| stat.max(Metric::Viewers.decimals())),
                average: mean(self.viewers, Metric::Viewers),
                // Each sample is a second.
                watch_time_s: self.viewers.map(|stat| stat.sum),
                audience_peak: self
                    .audience
                    .map(|stat| stat.max(Metric::Audience.decimals())),
            },
            video: VideoMeasured {
                fps_average: mean(self.fps, Metric::Fps),
                bitrate_kbps_average: mean(self.bitrate, Metric::BitrateKbps),
                frames: increase(self.frames),
                frames_dropped: increase(self.dropped),
            },
            layer_changes: LayerChangesMeasured {
                count: None,
                to_air_ms_p50: percentile(50),
                to_air_ms_p95: percentile(95),
                to_air_measured: to_air.len(),
                to_air_from: (!to_air.is_empty())
                    .then(|| Timestamp::from_unix_millis(to_air_from_s * 1000)),
            },
            chat_messages: None,
        }
    }
}

/// Changes to air. Samples repeat the latest one until the next, so that only a value that
/// differs from the one before is a change; the first of all may be one from before the range.
#[derive(Debug, Default)]
struct ToAir {
    has_begun: bool,
    latest: Option<i64>,
    changes: Vec<i64>,
}

impl ToAir {
    /// Adds what `samples` samples say. False when single values are needed to tell, and nothing
    /// was added.
    fn add(&mut self, stat: Option<Stat>, samples: u32) -> bool {
        let value = stat.map(|stat| stat.last);
        let is_one_value = stat.is_none_or(|stat| stat.is_constant() && stat.count == samples);
        let is_the_same = value == self.latest && self.has_begun;
        if !is_one_value || (samples > 1 && !is_the_same) {
            return false;
        }
        if self.has_begun && value != self.latest {
            self.changes.extend(value);
        }
        self.has_begun = true;
        self.latest = value;
        true
    }

    /// Passes over what cannot be told apart any more.
    fn pass(&mut self, stat: Option<Stat>) {
        self.has_begun = true;
        self.latest = stat.map(|stat| stat.last);
    }

    fn sorted(self) -> Vec<i64> {
        let mut changes = self.changes;
        changes.sort_unstable();
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(range: Range<i64>, finest: Tier) -> Vec<(Tier, Range<i64>)> {
        pieces(&range, finest)
            .into_iter()
            .map(|piece| {
                let unit = piece.tier.unit_s();
                (piece.tier, piece.rows.start * unit..piece.rows.end * unit)
            })
            .collect()
    }

    #[test]
    fn a_range_is_read_as_coarse_as_its_middle_and_as_fine_as_its_ends() {
        use Tier::{Hours, Minutes, Seconds, Tens};
        assert_eq!(
            in_pieces(10..190, Seconds),
            [(Seconds, 10..60), (Minutes, 60..180), (Seconds, 180..190)]
        );
        assert_eq!(in_pieces(10..50, Seconds), [(Seconds, 10..50)]);
        assert_eq!(in_pieces(60..120, Seconds), [(Minutes, 60..120)]);
        assert_eq!(
            in_pieces(13..185, Tens),
            [(Tens, 10..60), (Minutes, 60..180), (Tens, 180..190)]
        );
        assert_eq!(in_pieces(13..185, Minutes), [(Minutes, 0..240)]);
        assert_eq!(in_pieces(13..7201, Hours), [(Hours, 0..10_800)]);
    }
}
