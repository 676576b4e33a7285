//! What is seen of a stream, and the document that tells of it. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::id::{OutputId, SceneId, StreamId};
use sm_common::output::{OutputCounters, OutputKind, OutputState, OutputStatus};
use sm_common::performance::{Performance, Viewers};
use sm_common::program::ProgramFormat;
use sm_common::stream::{
    EngineLease, INTERRUPTIONS_MAX, Interruption, ObservedState, SceneOnAir, StreamStatus,
};
use sm_media_protocol::{Segment, Stats};

use super::delays::Delays;
use super::errors::Errors;
use super::layers::Layers;
use super::outputs::Outputs;
use crate::live::playlist::Numbers;
use crate::live::viewers::Count;

/// The name of the output that every stream has.
const HLS: &str = "HLS";
const BITS_PER_BYTE: f64 = 8.0;
const BITS_PER_KILOBIT: f64 = 1000.0;

/// What is seen of a stream while this process holds it.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    stream: StreamId,
    status: StreamStatus,
    since: Timestamp,
    reason: Option<String>,
    live_since: Option<Timestamp>,
    desired_revision: u64,
    generation: u64,
    pub(super) scene: Option<SceneOnAir>,
    pub(super) covered: Option<SceneOnAir>,
    pub(super) preview: Option<SceneOnAir>,
    /// The scene of the program that was last confirmed, by whatever process.
    pub(super) taken: Option<SceneId>,
    pub(super) program: Option<ProgramFormat>,
    pub(super) errors: Errors,
    pub(super) layers: Layers,
    pub(super) outputs: Outputs,
    /// Whether viewers get segments, whatever the status says of the other outputs.
    pub(super) has_picture: bool,
    pub(super) performance: Performance,
    delays: Delays,
    viewers: Viewers,
    /// How many watched when they were last counted here.
    watching: Option<u64>,
    worker_restarts: u64,
    interruptions: VecDeque<Interruption>,
    segment_kbps: Option<f64>,
    bytes_total: u64,
}

impl Observation {
    /// Goes on from what the previous holder saw.
    pub(super) fn inherit(
        stream: StreamId,
        previous: Option<&ObservedState>,
        now: Timestamp,
    ) -> Self {
        let Some(previous) = previous else {
            return Self::inherit(
                stream.clone(),
                Some(&ObservedState::never_held(stream, now)),
                now,
            );
        };
        Self {
            stream,
            status: previous.status,
            since: previous.since,
            reason: previous.reason.clone(),
            live_since: previous.live_since,
            desired_revision: previous.desired_revision,
            generation: previous.generation,
            scene: None,
            covered: None,
            preview: None,
            taken: previous
                .covered
                .as_ref()
                .or(previous.scene.as_ref())
                .map(|scene| scene.id),
            program: None,
            errors: Errors::inherit(&previous.errors),
            layers: Layers::inherit(&previous.layers),
            outputs: Outputs::inherit(&previous.outputs),
            has_picture: false,
            performance: Performance::default(),
            delays: Delays::default(),
            viewers: Viewers {
                peak: previous.viewers.peak,
                ..Viewers::default()
            },
            watching: None,
            worker_restarts: previous.worker_restarts,
            interruptions: previous.interruptions.iter().cloned().collect(),
            segment_kbps: None,
            bytes_total: previous
                .outputs
                .iter()
                .filter(|output| output.kind == OutputKind::Hls)
                .map(|output| output.counters.bytes_total)
                .sum(),
        }
    }

    /// Whether viewers had a picture since the stream last went on air from `offline`.
    pub(super) const fn was_on_air(&self) -> bool {
        self.live_since.is_some()
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The stream does this now, for this reason.
    pub(super) fn set_status(
        &mut self,
        status: StreamStatus,
        reason: Option<String>,
        now: Timestamp,
    ) {
        if self.status != status {
            self.status = status;
            self.since = now;
        }
        self.reason = reason;
    }

    /// The desired state of this revision and generation is satisfied.
    pub(super) fn satisfy(&mut self, revision: u64, generation: u64) {
        self.desired_revision = revision;
        self.generation = generation;
    }

    /// Viewers get a picture, the first since the stream was off air, or again.
    pub(super) fn on_air(&mut self, generation: u64, now: Timestamp) {
        self.live_since.get_or_insert(now);
        self.generation = generation;
    }

    /// A worker is started to replace another.
    pub(super) fn replaced_worker(&mut self) {
        self.worker_restarts = self.worker_restarts.saturating_add(1);
    }

    pub(super) fn interrupted(&mut self, interruption: Interruption) {
        self.interruptions.push_back(interruption);
        while self.interruptions.len() > INTERRUPTIONS_MAX {
            self.interruptions.pop_front();
        }
    }

    pub(super) fn segment_written(&mut self, segment: &Segment) {
        self.bytes_total = self.bytes_total.saturating_add(segment.bytes);
        let bits = u32::try_from(segment.bytes).map_or(f64::INFINITY, f64::from) * BITS_PER_BYTE;
        let kbps = bits / BITS_PER_KILOBIT / segment.duration_s;
        self.segment_kbps = kbps.is_finite().then_some(kbps);
    }

    /// The worker measured a second.
    pub(super) fn measured(&mut self, stats: &Stats) {
        let Stats {
            fps,
            frames_composed,
            frames_late,
            frames_total,
            frames_dropped,
            frames_duplicated,
            bytes_total,
            bitrate_kbps,
            bitrate_kbps_60s,
            encoder_queue_frames,
            encoder_queue_ms,
            sound_queue_ms,
            encode_ms_p50,
            encode_ms_p99,
            frame_interval_ms_max,
            keyframe_interval_ms,
            cpu_cores,
            memory_bytes,
            audio_peak_dbfs,
            audio_rms_dbfs,
            loudness_momentary_lufs,
            loudness_short_term_lufs,
            loudness_integrated_lufs,
            black_s,
            frozen_s,
            silent_s,
            ref layers,
            ref renditions,
            ref outputs,
        } = *stats;
        self.outputs.measured(outputs);
        self.performance = Performance {
            fps,
            frames_composed,
            frames_late,
            frames_total: Some(frames_total),
            frames_dropped: Some(frames_dropped),
            frames_duplicated: Some(frames_duplicated),
            bytes_total: Some(bytes_total),
            bitrate_kbps,
            bitrate_kbps_60s,
            encoder_queue_frames,
            encoder_queue_ms,
            sound_queue_ms,
            encode_ms_p50,
            encode_ms_p99,
            frame_interval_ms_max,
            keyframe_interval_ms,
            cpu_cores,
            memory_bytes,
            audio_peak_dbfs,
            audio_rms_dbfs,
            loudness_momentary_lufs,
            loudness_short_term_lufs,
            loudness_integrated_lufs,
            black_s,
            frozen_s,
            silent_s,
            layers: layers.clone(),
            renditions: renditions.clone(),
            ..self.changes()
        };
    }

    /// A layer's change was in the picture so long after its acknowledged write.
    pub(super) fn layer_changed(&mut self, delay: Duration) {
        self.delays.add(delay);
        let Performance {
            layer_change_to_air_ms,
            layer_change_to_air_ms_p50,
            layer_change_to_air_ms_p99,
            ..
        } = self.changes();
        self.performance.layer_change_to_air_ms = layer_change_to_air_ms;
        self.performance.layer_change_to_air_ms_p50 = layer_change_to_air_ms_p50;
        self.performance.layer_change_to_air_ms_p99 = layer_change_to_air_ms_p99;
    }

    /// What is known of changes of layers, and nothing else.
    fn changes(&self) -> Performance {
        let [p50, p99] = self.delays.percentiles_ms([50, 99]);
        Performance {
            layer_change_to_air_ms: self.delays.latest_ms(),
            layer_change_to_air_ms_p50: p50,
            layer_change_to_air_ms_p99: p99,
            ..Performance::default()
        }
    }

    /// So many watch.
    pub(super) fn watched_by(&mut self, count: Count) -> Viewers {
        self.viewers = Viewers {
            current: count.players,
            peak: self.viewers.peak.max(count.players),
            connected: count.connected,
            audience: count.audience,
        };
        self.watching = Some(count.players);
        self.viewers
    }

    /// How many watch, where they have been counted.
    pub(super) const fn watching(&self) -> Option<u64> {
        self.watching
    }

    /// Since when the stream is on air.
    pub(super) const fn live_since(&self) -> Option<Timestamp> {
        self.live_since
    }

    /// There is no worker: nothing is measured, and nothing is in the picture.
    pub(super) fn worker_gone(&mut self, now: Timestamp) {
        self.outputs.worker_gone(now);
        self.performance = self.changes();
        self.segment_kbps = None;
        self.preview = None;
    }

    /// The stream is off air, not just for the moment.
    pub(super) fn off_air(&mut self, now: Timestamp) {
        self.worker_gone(now);
        self.outputs.off_air(now);
        self.live_since = None;
        self.scene = None;
        self.covered = None;
        self.preview = None;
        self.taken = None;
        self.program = None;
        self.performance = Performance::default();
        self.delays = Delays::default();
        self.viewers = Viewers::default();
        self.worker_restarts = 0;
        self.bytes_total = 0;
    }

    /// The document, at revision 0: who writes it numbers it.
    pub(super) fn document(
        &self,
        numbers: Numbers,
        engine: Option<EngineLease>,
        now: Timestamp,
    ) -> ObservedState {
        ObservedState {
            stream: self.stream.clone(),
            status: self.status,
            since: self.since,
            reason: self.reason.clone(),
            live_since: self.live_since,
            desired_revision: self.desired_revision,
            generation: self.generation,
            revision: 0,
            at: now,
            scene: self.scene.clone(),
            covered: self.covered.clone(),
            preview: self.preview.clone(),
            program: self.program.clone(),
            outputs: std::iter::once(self.hls())
                .chain(self.outputs.list())
                .collect(),
            errors: self.errors.list(),
            layers: self.layers.list(),
            performance: self.performance.clone(),
            viewers: self.viewers,
            engine,
            worker_restarts: self.worker_restarts,
            interruptions: self.interruptions.iter().cloned().collect(),
            next_segment: numbers.next_segment,
            discontinuity_sequence: numbers.discontinuity,
        }
    }

    fn hls(&self) -> OutputState {
        let status = match self.status {
            StreamStatus::Offline | StreamStatus::Stopping => OutputStatus::Stopped,
            StreamStatus::Starting => OutputStatus::Connecting,
            StreamStatus::Live | StreamStatus::Paused | StreamStatus::Degraded => {
                OutputStatus::Live
            }
            StreamStatus::Reconnecting if self.has_picture => OutputStatus::Live,
            StreamStatus::Reconnecting => OutputStatus::Reconnecting,
            StreamStatus::Failed => OutputStatus::Failed,
        };
        OutputState {
            id: OutputId::hls(),
            name: HLS.to_owned(),
            kind: OutputKind::Hls,
            status,
            since: self.since,
            url: format!("/live/{}/index.m3u8", self.stream),
            reconnects: self.worker_restarts,
            attempts: 0,
            next_attempt_at: None,
            code: None,
            error: None,
            adaptive: None,
            counters: OutputCounters {
                bitrate_kbps: self.segment_kbps,
                bytes_total: self.bytes_total,
                ..OutputCounters::default()
            },
        }
    }
}

/// Whether two documents tell the same, counters and measurements apart.
pub(super) fn tells_the_same(one: &ObservedState, other: &ObservedState) -> bool {
    without_counters(one) == without_counters(other)
}

fn without_counters(observed: &ObservedState) -> ObservedState {
    ObservedState {
        revision: 0,
        at: observed.since,
        performance: Performance::default(),
        viewers: Viewers::default(),
        next_segment: 0,
        discontinuity_sequence: 0,
        outputs: observed
            .outputs
            .iter()
            .map(|output| OutputState {
                counters: OutputCounters::default(),
                ..output.clone()
            })
            .collect(),
        ..observed.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn document(observation: &Observation, seconds: i64) -> ObservedState {
        observation.document(Numbers::default(), None, at(seconds))
    }

    fn players(players: u64) -> Count {
        Count {
            players,
            ..Count::default()
        }
    }

    #[test]
    fn counters_alone_are_no_change_of_state() {
        let mut observation = Observation::inherit(StreamId::default(), None, at(0));
        observation.set_status(StreamStatus::Live, None, at(1));
        let before = document(&observation, 1);
        observation.measured(&Stats {
            frames_total: 30,
            ..Stats::default()
        });
        observation.segment_written(&Segment {
            file: "a-0.m4s".to_owned(),
            number: 0,
            duration_s: 0.5,
            bytes: 1000,
            starts_at: at(0),
            independent: true,
        });
        observation.watched_by(players(3));
        let after = document(&observation, 2);
        assert_ne!(before, after);
        assert!(tells_the_same(&before, &after));
        assert_eq!(after.outputs[0].counters.bitrate_kbps, Some(16.0));
        observation.set_status(StreamStatus::Degraded, None, at(3));
        assert!(!tells_the_same(&after, &document(&observation, 3)));
    }

    #[test]
    fn the_next_holder_goes_on_from_what_the_last_one_saw() {
        let mut first = Observation::inherit(StreamId::default(), None, at(0));
        first.set_status(StreamStatus::Live, None, at(1));
        first.on_air(4, at(1));
        first.satisfy(9, 4);
        first.watched_by(players(7));
        for count in 0..30 {
            first.interrupted(Interruption {
                at: at(count),
                length_ms: 1,
                cause: "worker.killed".to_owned(),
            });
        }
        let last = document(&first, 40);
        let second = Observation::inherit(StreamId::default(), Some(&last), at(41));
        assert!(second.was_on_air());
        let next = document(&second, 41);
        assert_eq!((next.live_since, next.desired_revision), (Some(at(1)), 9));
        assert_eq!(next.interruptions.len(), INTERRUPTIONS_MAX);
        assert_eq!(next.interruptions[INTERRUPTIONS_MAX - 1].at, at(29));
        assert_eq!(next.viewers.peak, 7);
    }

    #[test]
    fn nothing_is_counted_over_an_offline_time() {
        let mut observation = Observation::inherit(StreamId::default(), None, at(0));
        observation.on_air(1, at(1));
        observation.replaced_worker();
        observation.watched_by(players(7));
        observation.off_air(at(2));
        let observed = document(&observation, 2);
        assert_eq!(observed.live_since, None);
        assert_eq!((observed.viewers.peak, observed.worker_restarts), (0, 0));
    }
}
