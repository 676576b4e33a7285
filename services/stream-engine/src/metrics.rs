//! What stream-engine counts. The label `stream` is bounded by `engine.streams_max`.

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};
use sm_common::id::StreamId;
use sm_common::performance::{Performance, Viewers};

/// Upper bounds of the segment duration, in seconds.
const SEGMENT_BUCKETS_S: [f64; 9] = [0.25, 0.5, 0.9, 1.1, 1.5, 2.0, 4.0, 6.0, 10.0];
/// Upper bounds of the length of an interruption, in seconds.
const INTERRUPTION_BUCKETS_S: [f64; 9] = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 60.0];
/// Upper bounds of the time from a layer's change to its frame, in seconds: frames at 60 and 30 a
/// second, and then what is felt.
const CHANGE_BUCKETS_S: [f64; 11] = [
    0.017, 0.034, 0.05, 0.067, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5,
];
const STREAM: &[&str] = &["stream"];

/// Every metric of the service.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    fps: GaugeVec,
    bitrate: GaugeVec,
    frames_dropped: IntCounterVec,
    segment_duration: HistogramVec,
    interruption: HistogramVec,
    layer_change: HistogramVec,
    restarts: IntCounterVec,
    lease_held: IntGaugeVec,
    lease_changes: IntCounterVec,
    handovers: IntCounterVec,
    viewers: IntGaugeVec,
    audience: IntGaugeVec,
    outputs_reduced: IntGaugeVec,
    unwritten_events: IntCounterVec,
    waiting_requests: IntGauge,
    ingest: IngestMetrics,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let segment = HistogramOpts::new(
            "sm_engine_segment_duration_seconds",
            "Stream time in a written segment.",
        );
        let interruption = HistogramOpts::new(
            "sm_engine_interruption_seconds",
            "Time for which the picture was gone.",
        );
        let layer_change = HistogramOpts::new(
            "sm_engine_layer_change_to_air_seconds",
            "From the acknowledged write of a layer's change to the composed frame that shows it.",
        );
        let metrics = Self {
            fps: gauge(
                "sm_engine_frames_per_second",
                "Frames that left the encoder in the last second.",
            )?,
            bitrate: gauge(
                "sm_engine_video_bits_per_second",
                "Encoded video in the last second.",
            )?,
            frames_dropped: IntCounterVec::new(
                Opts::new(
                    "sm_engine_frames_dropped_total",
                    "Frames that were due and never composed.",
                ),
                STREAM,
            )?,
            segment_duration: HistogramVec::new(
                segment.buckets(SEGMENT_BUCKETS_S.to_vec()),
                STREAM,
            )?,
            interruption: HistogramVec::new(
                interruption.buckets(INTERRUPTION_BUCKETS_S.to_vec()),
                STREAM,
            )?,
            layer_change: HistogramVec::new(
                layer_change.buckets(CHANGE_BUCKETS_S.to_vec()),
                STREAM,
            )?,
            restarts: IntCounterVec::new(
                Opts::new(
                    "sm_engine_worker_restarts_total",
                    "Media workers that replaced another, by why that one ended.",
                ),
                &["stream", "cause"],
            )?,
            lease_held: gauges(
                "sm_engine_lease_held",
                "1 while this process holds the stream's lease.",
            )?,
            lease_changes: IntCounterVec::new(
                Opts::new(
                    "sm_engine_lease_changes_total",
                    "How often this process took or lost the lease.",
                ),
                STREAM,
            )?,
            handovers: handovers(registry)?,
            viewers: gauges(
                "sm_engine_viewers",
                "Distinct players that asked for the playlist lately.",
            )?,
            audience: gauges(
                "sm_engine_audience",
                "Distinct clients that play, follow over a WebSocket, or both; the players alone while it is not known who follows.",
            )?,
            outputs_reduced: gauges(
                "sm_engine_outputs_reduced",
                "Outputs that are sent less than the program because their target is congested.",
            )?,
            unwritten_events: IntCounterVec::new(
                Opts::new(
                    "sm_engine_unwritten_events_total",
                    "Events dropped because Redis was away for too long.",
                ),
                STREAM,
            )?,
            waiting_requests: IntGauge::new(
                "sm_engine_waiting_requests",
                "Requests that wait for a part or a playlist that is not there yet.",
            )?,
            ingest: IngestMetrics::register(registry)?,
        };
        registry.register(Box::new(metrics.waiting_requests.clone()))?;
        registry.register(Box::new(metrics.fps.clone()))?;
        registry.register(Box::new(metrics.bitrate.clone()))?;
        registry.register(Box::new(metrics.frames_dropped.clone()))?;
        registry.register(Box::new(metrics.segment_duration.clone()))?;
        registry.register(Box::new(metrics.interruption.clone()))?;
        registry.register(Box::new(metrics.layer_change.clone()))?;
        registry.register(Box::new(metrics.restarts.clone()))?;
        registry.register(Box::new(metrics.lease_held.clone()))?;
        registry.register(Box::new(metrics.lease_changes.clone()))?;
        registry.register(Box::new(metrics.viewers.clone()))?;
        registry.register(Box::new(metrics.audience.clone()))?;
        registry.register(Box::new(metrics.outputs_reduced.clone()))?;
        registry.register(Box::new(metrics.unwritten_events.clone()))?;
        Ok(metrics)
    }

    /// How many requests wait, of all streams.
    pub(crate) fn waiting_requests(&self) -> IntGauge {
        self.waiting_requests.clone()
    }

    /// Of the feeds that others push.
    pub(crate) fn ingest(&self) -> IngestMetrics {
        self.ingest.clone()
    }

    /// The metrics of one stream.
    pub(crate) fn of(&self, stream: &StreamId) -> StreamMetrics {
        let labels = &[stream.as_str()];
        StreamMetrics {
            stream: stream.clone(),
            fps: self.fps.with_label_values(labels),
            bitrate: self.bitrate.with_label_values(labels),
            frames_dropped: self.frames_dropped.with_label_values(labels),
            segment_duration: self.segment_duration.with_label_values(labels),
            interruption: self.interruption.with_label_values(labels),
            layer_change: self.layer_change.with_label_values(labels),
            restarts: self.restarts.clone(),
            lease_held: self.lease_held.with_label_values(labels),
            lease_changes: self.lease_changes.with_label_values(labels),
            handovers: self.handovers.clone(),
            viewers: self.viewers.with_label_values(labels),
            audience: self.audience.with_label_values(labels),
            outputs_reduced: self.outputs_reduced.with_label_values(labels),
            unwritten_events: self.unwritten_events.with_label_values(labels),
        }
    }
}

/// A whole number of each stream.
fn gauges(name: &str, help: &str) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(name, help), STREAM)
}

/// A gauge for each stream.
fn gauge(name: &str, help: &str) -> Result<GaugeVec, prometheus::Error> {
    GaugeVec::new(Opts::new(name, help), STREAM)
}

fn handovers(registry: &Registry) -> Result<IntCounterVec, prometheus::Error> {
    let counter = IntCounterVec::new(
        Opts::new(
            "sm_engine_handovers_total",
            "Streams that another engine was to take over before this one ends, by how that went.",
        ),
        &["stream", "outcome"],
    )?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

/// What is counted of the feeds that others push, of all streams.
#[derive(Clone, Debug)]
pub(crate) struct IngestMetrics {
    publishers: IntGauge,
    refused: IntCounterVec,
    bytes: IntCounter,
}

/// A publisher that is counted for as long as this lives.
#[derive(Debug)]
pub(crate) struct CountedPublisher(IntGauge);

impl Drop for CountedPublisher {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl IngestMetrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            publishers: IntGauge::new(
                "sm_engine_ingest_publishers",
                "Publishers that are connected to this process.",
            )?,
            refused: IntCounterVec::new(
                Opts::new(
                    "sm_engine_ingest_refused_total",
                    "Publishers that were not let in, or cut, by reason.",
                ),
                &["reason"],
            )?,
            bytes: IntCounter::new(
                "sm_engine_ingest_bytes_total",
                "Sound and picture that publishers sent.",
            )?,
        };
        registry.register(Box::new(metrics.publishers.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.bytes.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn publisher(&self) -> CountedPublisher {
        self.publishers.inc();
        CountedPublisher(self.publishers.clone())
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    pub(crate) fn bytes(&self, more: usize) {
        self.bytes.inc_by(u64::try_from(more).unwrap_or(u64::MAX));
    }
}

/// What is counted of copies of files from the object store.
#[derive(Clone, Debug)]
pub(crate) struct CopyMetrics {
    bytes: IntGauge,
    made: IntCounterVec,
}

impl CopyMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            bytes: IntGauge::new(
                "sm_engine_asset_copies_bytes",
                "Bytes that copies of files from the object store take on this host.",
            )?,
            made: IntCounterVec::new(
                Opts::new(
                    "sm_engine_asset_copies_total",
                    "Files that were copied from the object store, or could not be.",
                ),
                &["outcome"],
            )?,
        };
        registry.register(Box::new(metrics.bytes.clone()))?;
        registry.register(Box::new(metrics.made.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn note_bytes(&self, bytes: u64) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn count(&self, made: bool) {
        let outcome = if made { "made" } else { "failed" };
        self.made.with_label_values(&[outcome]).inc();
    }
}

/// The metrics of one stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamMetrics {
    stream: StreamId,
    fps: Gauge,
    bitrate: Gauge,
    frames_dropped: IntCounter,
    segment_duration: Histogram,
    interruption: Histogram,
    layer_change: Histogram,
    restarts: IntCounterVec,
    lease_held: IntGauge,
    lease_changes: IntCounter,
    handovers: IntCounterVec,
    viewers: IntGauge,
    audience: IntGauge,
    outputs_reduced: IntGauge,
    unwritten_events: IntCounter,
}

impl StreamMetrics {
    pub(crate) fn sampled(&self, performance: &Performance, viewers: Viewers) {
        self.fps.set(performance.fps.unwrap_or(0.0));
        self.bitrate
            .set(performance.bitrate_kbps.unwrap_or(0.0) * 1000.0);
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.viewers.set(whole(viewers.current));
        self.audience
            .set(whole(viewers.audience.unwrap_or(viewers.current)));
    }

    /// So many outputs are sent less than the program.
    pub(crate) fn outputs_reduced(&self, count: usize) {
        self.outputs_reduced
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// There is no worker, so nothing is measured.
    pub(crate) fn silent(&self) {
        self.sampled(&Performance::default(), Viewers::default());
    }

    pub(crate) fn frames_dropped(&self, more: u64) {
        self.frames_dropped.inc_by(more);
    }

    pub(crate) fn segment_written(&self, duration_s: f64) {
        self.segment_duration.observe(duration_s);
    }

    pub(crate) fn interrupted(&self, length: std::time::Duration) {
        self.interruption.observe(length.as_secs_f64());
    }

    pub(crate) fn layer_changed(&self, delay: std::time::Duration) {
        self.layer_change.observe(delay.as_secs_f64());
    }

    pub(crate) fn worker_replaced(&self, cause: &'static str) {
        self.restarts
            .with_label_values(&[self.stream.as_str(), cause])
            .inc();
    }

    pub(crate) fn lease_changed(&self, held: bool) {
        self.lease_held.set(i64::from(held));
        self.lease_changes.inc();
    }

    pub(crate) fn handover(&self, outcome: &'static str) {
        self.handovers
            .with_label_values(&[self.stream.as_str(), outcome])
            .inc();
    }

    pub(crate) fn event_dropped(&self) {
        self.unwritten_events.inc();
    }
}
