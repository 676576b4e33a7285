use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use sm_common::id::StreamId;

const STREAM: &[&str] = &["stream"];

/// What is counted of WebRTC viewers. The label `stream` is bounded by `engine.streams_max`.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    sessions: IntGaugeVec,
    connected: IntCounterVec,
    ended: IntCounterVec,
    sent: IntCounterVec,
    missed: IntCounterVec,
    keyframe_requests: IntCounterVec,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let sessions = Opts::new("sm_engine_webrtc_sessions", "WebRTC sessions.");
        let sessions = IntGaugeVec::new(sessions, STREAM)?;
        registry.register(Box::new(sessions.clone()))?;
        Ok(Self {
            sessions,
            connected: counter(
                "sm_engine_webrtc_connected_total",
                "WebRTC sessions whose viewer came.",
                STREAM,
            )?,
            ended: counter(
                "sm_engine_webrtc_sessions_ended_total",
                "WebRTC sessions that are over, by why.",
                &["stream", "cause"],
            )?,
            sent: counter(
                "sm_engine_webrtc_sent_bytes_total",
                "Bytes sent to WebRTC viewers, without those of UDP and IP.",
                STREAM,
            )?,
            missed: counter(
                "sm_engine_webrtc_units_missed_total",
                "Frames and packets of sound that a WebRTC session did not take in time.",
                STREAM,
            )?,
            keyframe_requests: counter(
                "sm_engine_webrtc_keyframe_requests_total",
                "How often WebRTC viewers asked for a keyframe.",
                STREAM,
            )?,
        })
    }

    /// Those of one stream.
    pub(super) fn of(&self, stream: &StreamId) -> StreamMetrics {
        let labels = &[stream.as_str()];
        StreamMetrics {
            stream: stream.clone(),
            sessions: self.sessions.with_label_values(labels),
            connected: self.connected.with_label_values(labels),
            ended: self.ended.clone(),
            sent: self.sent.with_label_values(labels),
            missed: self.missed.with_label_values(labels),
            keyframe_requests: self.keyframe_requests.with_label_values(labels),
        }
    }
}

/// The metrics of one stream's WebRTC viewers.
#[derive(Clone, Debug)]
pub(super) struct StreamMetrics {
    stream: StreamId,
    sessions: IntGauge,
    connected: IntCounter,
    ended: IntCounterVec,
    sent: IntCounter,
    missed: IntCounter,
    keyframe_requests: IntCounter,
}

impl StreamMetrics {
    pub(super) fn began(&self) {
        self.sessions.inc();
    }

    pub(super) fn connected(&self) {
        self.connected.inc();
    }

    pub(super) fn ended(&self, cause: &'static str) {
        self.sessions.dec();
        self.ended
            .with_label_values(&[self.stream.as_str(), cause])
            .inc();
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(super) fn units_missed(&self, units: u64) {
        self.missed.inc_by(units);
    }

    pub(super) fn keyframe_requested(&self) {
        self.keyframe_requests.inc();
    }
}
