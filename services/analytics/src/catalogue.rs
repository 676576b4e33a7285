//! Every metric, in one table. Ingest, queries, the OpenAPI document and the README follow it.
//!
//! To add one that samples carry, add its line after the last `sample` line. Rows are stored in
//! the table's order, so a line is never moved or removed; a row that was written before a line
//! was added reads as `null` there.

use serde::Serialize;
use sm_common::event::Channel;
use sm_common::performance::MetricsSample;
use utoipa::ToSchema;

use crate::rollup::Combine;
use crate::rollup::quantity::{Decimals, scale};

/// What a metric's numbers mean over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A total since the media worker started; falls to zero when the worker is replaced.
    Counter,
    /// Things that happen, per second.
    Events,
}

/// Rows that are stored side by side, because they come from one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Series {
    /// One row for each sample, one column for each sampled metric.
    Samples,
    /// How many chat messages were posted.
    ChatMessages,
    /// How many changes of layers there were.
    LayerChanges,
}

impl Series {
    /// Every series.
    pub(crate) const ALL: [Self; 3] = [Self::Samples, Self::ChatMessages, Self::LayerChanges];

    /// Its name in keys.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::ChatMessages => "chat",
            Self::LayerChanges => "layers",
        }
    }

    /// The series of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|series| series.name() == name)
    }

    /// The channel whose events it counts; `None` for samples.
    pub(crate) const fn counted(self) -> Option<Channel> {
        match self {
            Self::Samples => None,
            Self::ChatMessages => Some(Channel::Chat),
            Self::LayerChanges => Some(Channel::LayerUpdates),
        }
    }

    /// What a second event of the same second does.
    pub(crate) const fn combine(self) -> Combine {
        match self {
            Self::Samples => Combine::Replace,
            Self::ChatMessages | Self::LayerChanges => Combine::Add,
        }
    }

    /// The metrics that its rows hold, in their order.
    pub(crate) fn metrics(self) -> impl Iterator<Item = Metric> {
        let metrics = Metric::ALL.iter().copied();
        metrics.filter(move |metric| metric.series() == self)
    }
}

/// How a metric is read from what the bus says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A measurement, kept with so many decimal places.
    Measured(Decimals, fn(&MetricsSample) -> Option<f64>),
    /// A whole number.
    Whole(fn(&MetricsSample) -> Option<u64>),
    /// Events that are counted.
    Counted(Series),
}

/// What there is to know about a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    /// Its name in queries and answers.
    pub(crate) name: &'static str,
    /// The unit of its values.
    pub(crate) unit: &'static str,
    /// What its values mean over time.
    pub(crate) kind: MetricKind,
    /// How it is read.
    pub(crate) source: Source,
    /// What it is, in a sentence.
    pub(crate) help: &'static str,
}

macro_rules! catalogue {
    ($($id:ident, $name:literal, $unit:literal, $kind:ident, $source:expr, $help:literal;)+) => {
        /// A metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Metric {
            $(#[doc = $help] $id),+
        }

        impl Metric {
            /// Every metric, in the table's order.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$id),+];

            /// What there is to know about it.
            pub(crate) const fn spec(self) -> Spec {
                match self {
                    $(Self::$id => Spec {
                        name: $name, unit: $unit, kind: MetricKind::$kind, source: $source, help: $help,
                    }),+
                }
            }
        }
    };
}

use Source::{Counted, Measured, Whole};

catalogue! {
    Fps, "fps", "frames/s", Gauge, Measured(Decimals::THREE, |s| s.performance.fps), "Frames that left the encoder per second.";
    FramesTotal, "frames_total", "frames", Counter, Whole(|s| s.performance.frames_total), "Frames that left the encoder.";
    FramesDropped, "frames_dropped", "frames", Counter, Whole(|s| s.performance.frames_dropped), "Frames that were due and were never composed.";
    FramesDuplicated, "frames_duplicated", "frames", Counter, Whole(|s| s.performance.frames_duplicated), "Frames composed more than once for the same moment.";
    BytesTotal, "bytes_total", "bytes", Counter, Whole(|s| s.performance.bytes_total), "Encoded video.";
    BitrateKbps, "bitrate_kbps", "kbit/s", Gauge, Measured(Decimals::ONE, |s| s.performance.bitrate_kbps), "Encoded video over the last second.";
    EncodeMsP50, "encode_ms_p50", "ms", Gauge, Measured(Decimals::THREE, |s| s.performance.encode_ms_p50), "From composed to encoded frame, median.";
    EncodeMsP99, "encode_ms_p99", "ms", Gauge, Measured(Decimals::THREE, |s| s.performance.encode_ms_p99), "From composed to encoded frame, 99th percentile.";
    FrameIntervalMsMax, "frame_interval_ms_max", "ms", Gauge, Measured(Decimals::THREE, |s| s.performance.frame_interval_ms_max), "Longest distance between two composed frames, of wall clock.";
    KeyframeIntervalMs, "keyframe_interval_ms", "ms", Gauge, Measured(Decimals::THREE, |s| s.performance.keyframe_interval_ms), "Distance between the last two keyframes, of stream time.";
    CpuCores, "cpu_cores", "cores", Gauge, Measured(Decimals::THREE, |s| s.performance.cpu_cores), "CPU of the media worker; 1 is one core fully used.";
    MemoryBytes, "memory_bytes", "bytes", Gauge, Whole(|s| s.performance.memory_bytes), "Resident memory of the media worker.";
    AudioPeakDbfs, "audio_peak_dbfs", "dBFS", Gauge, Measured(Decimals::TWO, |s| s.performance.audio_peak_dbfs), "Highest sample of the program's sound.";
    AudioRmsDbfs, "audio_rms_dbfs", "dBFS", Gauge, Measured(Decimals::TWO, |s| s.performance.audio_rms_dbfs), "RMS level of the program's sound.";
    LayerChangeToAirMs, "layer_change_to_air_ms", "ms", Gauge, Measured(Decimals::THREE, |s| s.performance.layer_change_to_air_ms), "From the acknowledged write of the latest layer change to the frame that shows it.";
    Viewers, "viewers", "viewers", Gauge, Whole(|s| Some(s.viewers.current)), "Distinct players that asked for the playlist lately.";
    ViewersPeak, "viewers_peak", "viewers", Gauge, Whole(|s| Some(s.viewers.peak)), "The most viewers since the stream went live.";
    Connected, "connected", "clients", Gauge, Whole(|s| s.viewers.connected), "Distinct clients that followed the stream over a WebSocket.";
    Audience, "audience", "clients", Gauge, Whole(|s| s.viewers.audience), "Distinct clients that played, followed, or both, each once.";
    ChatMessages, "chat_messages", "messages/s", Events, Counted(Series::ChatMessages), "Chat messages posted.";
    LayerChanges, "layer_changes", "changes/s", Events, Counted(Series::LayerChanges), "Layers created, changed, deleted or put in another order.";
}

impl Metric {
    /// The metric of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|metric| metric.spec().name == name)
    }

    /// Every name, for messages.
    pub(crate) fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|metric| metric.spec().name).collect();
        names.join(", ")
    }

    /// Decimal places that are kept of its values.
    pub(crate) const fn decimals(self) -> Decimals {
        match self.spec().source {
            Measured(decimals, _) => decimals,
            Whole(_) | Counted(_) => Decimals::NONE,
        }
    }

    /// The rows that hold it.
    pub(crate) const fn series(self) -> Series {
        match self.spec().source {
            Measured(..) | Whole(_) => Series::Samples,
            Counted(series) => series,
        }
    }

    /// Whether distributions of its values are kept, so that quantiles can be asked for: of times,
    /// whose tail matters.
    pub(crate) const fn is_distribution(self) -> bool {
        matches!(
            self,
            Self::EncodeMsP50
                | Self::EncodeMsP99
                | Self::FrameIntervalMsMax
                | Self::LayerChangeToAirMs
        )
    }

    /// Its place in those rows, from 0.
    pub(crate) fn column(self) -> usize {
        let mut row = self.series().metrics();
        row.position(|metric| metric == self).unwrap_or(0)
    }
}

/// A sample's values in the order of a row, in units of each metric's last decimal place.
pub(crate) fn read_sample(sample: &MetricsSample) -> Vec<Option<i64>> {
    Series::Samples
        .metrics()
        .map(|metric| match metric.spec().source {
            Measured(decimals, read) => read(sample).and_then(|value| scale(value, decimals)),
            Whole(read) => read(sample).and_then(|value| i64::try_from(value).ok()),
            Counted(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sm_common::clock::Timestamp;
    use sm_common::id::StreamId;
    use sm_common::performance::{Performance, Viewers};

    use super::*;

    #[test]
    fn every_name_is_unique_and_a_word_of_a_query() {
        let mut seen = HashSet::new();
        for metric in Metric::ALL {
            let name = metric.spec().name;
            assert!(seen.insert(name), "{name} twice");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            );
            assert_eq!(Metric::named(name), Some(*metric));
        }
    }

    #[test]
    fn a_sample_is_read_in_the_order_of_a_row() {
        let sample = MetricsSample {
            stream: StreamId::default(),
            at: Timestamp::from_unix_millis(0),
            performance: Performance {
                fps: Some(29.970_4),
                frames_total: Some(7),
                audio_rms_dbfs: Some(f64::NEG_INFINITY),
                ..Performance::default()
            },
            viewers: Viewers {
                current: 3,
                peak: 9,
                connected: Some(4),
                audience: None,
            },
        };
        let row = read_sample(&sample);
        assert_eq!(row.len(), Series::Samples.metrics().count());
        let value = |metric: Metric| row[metric.column()];
        assert_eq!(value(Metric::Fps), Some(29_970));
        assert_eq!(value(Metric::FramesTotal), Some(7));
        assert_eq!(value(Metric::BitrateKbps), None, "not measured");
        assert_eq!(value(Metric::AudioRmsDbfs), None, "not a number");
        assert_eq!(value(Metric::ViewersPeak), Some(9));
        assert_eq!(value(Metric::Connected), Some(4));
        assert_eq!(value(Metric::Audience), None, "not known");
    }

    #[test]
    fn metrics_that_samples_carry_come_first() {
        let first_counted = Metric::ALL
            .iter()
            .position(|metric| metric.series() != Series::Samples)
            .unwrap();
        assert_eq!(first_counted, Series::Samples.metrics().count());
    }

    #[test]
    fn the_readme_lists_every_metric() {
        let readme = include_str!("../README.md");
        for metric in Metric::ALL {
            let Spec {
                name, unit, help, ..
            } = metric.spec();
            let line = format!("| `{name}` | {unit} | {help} |");
            assert!(readme.contains(&line), "missing in README.md:\n{line}");
        }
    }
}
