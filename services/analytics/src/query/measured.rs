//! What rows say about a range as a whole.

use std::ops::Range;

use serde::Serialize;
use sm_bus::BusError;
use sm_common::clock::Timestamp;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use utoipa::ToSchema;

use super::series::read_rows;
use crate::catalogue::{Metric, Series};
use crate::rollup::quantity::unscale;
use crate::rollup::{MINUTE, MinuteRow, Stat, increase, minute_of};
use crate::store::{Log, Store, Tier};

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(super) struct Measured {
    /// How exact the ends of the range are for what follows, in seconds: 1, or 60 where seconds
    /// are no longer kept.
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

/// Rows that cover a part of the range.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    tier: Tier,
    rows: Range<i64>,
}

/// Measures from `from_ms` until `until_ms`, in milliseconds since the Unix epoch.
pub(super) async fn measure(
    store: &Store,
    stream: &StreamId,
    from_ms: i64,
    until_ms: i64,
) -> Result<Measured, BusError> {
    let now_s = store.bus().clock().now().as_unix_seconds();
    let seconds_from = now_s - i64::from(store.retention().seconds_s);
    let minutes_from = now_s - i64::from(store.retention().minutes_s);
    let begin_s = from_ms.div_euclid(1000);
    let range = begin_s.max(minutes_from)..(until_ms - 1).div_euclid(1000) + 1;
    let is_exact = begin_s >= seconds_from;
    let pieces = pieces(&range, is_exact);

    let mut totals = Totals::default();
    for piece in &pieces {
        for rows in piece.tier.pages(piece.rows.clone()) {
            let rows = read_rows(store, stream, piece.tier, Series::Samples, rows).await?;
            for (row, values) in &rows {
                totals.add(*row * piece.tier.unit_s() >= seconds_from, values);
                if totals.wants_seconds {
                    let seconds = row * MINUTE..(row + 1) * MINUTE;
                    let seconds = store.seconds(stream, Series::Samples, seconds).await?;
                    totals.add_changes(seconds.values().map(MinuteRow::from));
                }
            }
        }
    }
    let mut counts = [None; 2];
    let counted = [
        (Series::ChatMessages, Channel::Chat),
        (Series::LayerChanges, Channel::LayerUpdates),
    ];
    for ((series, channel), count) in counted.into_iter().zip(&mut counts) {
        *count = count_events(store, stream, (series, channel), &range, &pieces).await?;
    }
    let [chat_messages, layer_changes] = counts;
    let mut measured = totals.tell(begin_s.max(seconds_from));
    measured.resolution_s = Some(if is_exact { 1 } else { MINUTE });
    measured.chat_messages = chat_messages;
    measured.layer_changes.count = layer_changes;
    Ok(measured)
}

/// Minutes for the whole minutes of `range`, seconds for its ends; minutes alone where seconds
/// are no longer kept.
fn pieces(range: &Range<i64>, is_exact: bool) -> Vec<Piece> {
    let piece = |tier, rows| Piece { tier, rows };
    let after_last = minute_of(range.end - 1) + 1;
    if !is_exact {
        return vec![piece(Tier::Minutes, minute_of(range.start)..after_last)];
    }
    let whole = minute_of(range.start + MINUTE - 1)..minute_of(range.end);
    if whole.is_empty() {
        return vec![piece(Tier::Seconds, range.clone())];
    }
    vec![
        piece(Tier::Seconds, range.start..whole.start * MINUTE),
        piece(Tier::Minutes, whole.clone()),
        piece(Tier::Seconds, whole.end * MINUTE..range.end),
    ]
}

/// How many events of a series there were; `None` when its log was not followed yet.
async fn count_events(
    store: &Store,
    stream: &StreamId,
    (series, channel): (Series, Channel),
    range: &Range<i64>,
    pieces: &[Piece],
) -> Result<Option<i64>, BusError> {
    let log = Log {
        stream: stream.clone(),
        channel,
    };
    let progress = store.progress(&log).await?;
    if progress.is_none_or(|progress| progress.since.as_unix_seconds() >= range.end) {
        return Ok(None);
    }
    let mut count = 0;
    for piece in pieces {
        for rows in piece.tier.pages(piece.rows.clone()) {
            let rows = read_rows(store, stream, piece.tier, series, rows).await?;
            let sums = rows.iter().filter_map(|(_, row)| at(row, 0));
            count += sums.map(|stat| stat.sum).sum::<i64>();
        }
    }
    Ok(Some(count))
}

/// The statistic in a column of a row.
fn at(row: &MinuteRow, column: usize) -> Option<Stat> {
    row.0.get(column).copied().flatten()
}

/// What is gathered from rows, in order.
#[derive(Debug, Default)]
struct Totals {
    fps: Option<Stat>,
    bitrate: Option<Stat>,
    viewers: Option<Stat>,
    audience: Option<Stat>,
    dropped: Vec<Stat>,
    to_air: ToAir,
    /// Whether the row that was added last holds changes to air that only its seconds tell apart.
    wants_seconds: bool,
}

impl Totals {
    fn add(&mut self, has_seconds: bool, row: &MinuteRow) {
        for (slot, metric) in [
            (&mut self.fps, Metric::Fps),
            (&mut self.bitrate, Metric::BitrateKbps),
            (&mut self.viewers, Metric::Viewers),
            (&mut self.audience, Metric::Audience),
        ] {
            if let Some(stat) = at(row, metric.column()) {
                Stat::fold(slot, stat);
            }
        }
        self.dropped.extend(at(row, Metric::FramesDropped.column()));
        let to_air = at(row, Metric::LayerChangeToAirMs.column());
        let samples = at(row, Metric::Viewers.column()).map_or(0, |stat| stat.count);
        self.wants_seconds = if has_seconds {
            !self.to_air.add(to_air, samples)
        } else {
            self.to_air.pass(to_air);
            false
        };
    }

    fn add_changes(&mut self, seconds: impl Iterator<Item = MinuteRow>) {
        for second in seconds {
            let to_air = at(&second, Metric::LayerChangeToAirMs.column());
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
