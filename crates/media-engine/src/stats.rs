//! What is measured of the program, from what composer and encoder say of every frame.

use std::collections::VecDeque;

use sm_common::clock::Timestamp;
use sm_media_protocol::Stats;

use crate::number::{to_f64, to_u64, to_usize};
use crate::sound::{LevelMeter, LoudnessMeter};
use crate::timeline::Timeline;

/// Frames between composer and encoder that are remembered; far more than the encoder may hold.
const UNDERWAY_MAX: usize = 256;

const NANOS_PER_MILLI: f64 = 1_000_000.0;

/// Sound whose loudest sample is below this counts as silence.
const SILENT_DBFS: f64 = -60.0;

/// Collects what happens, and tells it second by second. All times are nanoseconds of program.
#[derive(Debug)]
pub(crate) struct Meter {
    timeline: Timeline,
    /// Composed and not yet encoded, oldest first.
    underway: VecDeque<Composed>,
    last_composed_ns: Option<u64>,
    last_encoded: Option<u64>,
    last_keyframe: Option<u64>,
    keyframe_interval_frames: Option<u64>,
    totals: Totals,
    second: Second,
    level: LevelMeter,
    loudness: LoudnessMeter,
    silence: Lasting,
}

#[derive(Clone, Copy, Debug)]
struct Composed {
    frame: u64,
    at_ns: u64,
    at: Timestamp,
}

#[derive(Debug, Default)]
struct Totals {
    frames: u64,
    dropped: u64,
    duplicated: u64,
    bytes: u64,
}

/// What happened since the last report.
#[derive(Debug, Default)]
struct Second {
    start_ns: u64,
    frames: u64,
    bytes: u64,
    encode_ns: Vec<u64>,
    frame_interval_ns_max: Option<u64>,
}

impl Meter {
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            underway: VecDeque::new(),
            last_composed_ns: None,
            last_encoded: None,
            last_keyframe: None,
            keyframe_interval_frames: None,
            totals: Totals::default(),
            second: Second::default(),
            level: LevelMeter::default(),
            loudness: LoudnessMeter::default(),
            silence: Lasting::default(),
        }
    }

    /// A frame left the composer.
    pub(crate) fn composed(&mut self, frame: u64, at_ns: u64, at: Timestamp) {
        if let Some(last) = self.last_composed_ns.replace(at_ns) {
            let interval = at_ns.saturating_sub(last);
            let longest = self.second.frame_interval_ns_max.get_or_insert(interval);
            *longest = interval.max(*longest);
        }
        if self.underway.len() >= UNDERWAY_MAX {
            self.underway.pop_front();
        }
        self.underway.push_back(Composed { frame, at_ns, at });
    }

    /// A frame left the encoder. Returns when it was composed.
    pub(crate) fn encoded(
        &mut self,
        frame: u64,
        bytes: usize,
        keyframe: bool,
        at_ns: u64,
    ) -> Option<Timestamp> {
        self.totals.frames += 1;
        self.totals.bytes += to_u64(bytes);
        self.second.frames += 1;
        self.second.bytes += to_u64(bytes);
        // The program's frames are numbered without gaps; gaps and repetitions in what was
        // encoded are what viewers see of frames that were not composed, or more than once.
        match self.last_encoded {
            Some(last) if frame <= last => self.totals.duplicated += 1,
            Some(last) => self.totals.dropped += frame - last - 1,
            None => {}
        }
        self.last_encoded = self.last_encoded.max(Some(frame));
        if keyframe && let Some(last) = self.last_keyframe.replace(frame) {
            self.keyframe_interval_frames = Some(frame.saturating_sub(last));
        }
        let composed = self.take_underway(frame)?;
        self.second
            .encode_ns
            .push(at_ns.saturating_sub(composed.at_ns));
        Some(composed.at)
    }

    /// The program sounded like this.
    pub(crate) fn heard(&mut self, samples: &[[f32; crate::sound::CHANNELS]]) {
        self.level.hear(samples);
        self.loudness.hear(samples);
    }

    /// What was measured since the last call, without what the process itself knows.
    pub(crate) fn take(&mut self, now_ns: u64) -> Stats {
        let next = Second {
            start_ns: now_ns,
            ..Second::default()
        };
        let mut second = std::mem::replace(&mut self.second, next);
        second.encode_ns.sort_unstable();
        let elapsed_s = to_f64(now_ns.saturating_sub(second.start_ns)) / 1e9;
        let per_second = |count: f64| (elapsed_s > 0.0).then(|| count / elapsed_s);
        let level = self.level.take();
        let loudness = self.loudness.loudness();
        let silent = level.map(|level| level.peak_dbfs < SILENT_DBFS);
        Stats {
            fps: per_second(to_f64(second.frames)),
            frames_total: self.totals.frames,
            frames_dropped: self.totals.dropped,
            frames_duplicated: self.totals.duplicated,
            bytes_total: self.totals.bytes,
            bitrate_kbps: per_second(to_f64(second.bytes) * 8.0 / 1000.0),
            encode_ms_p50: percentile(&second.encode_ns, 50),
            encode_ms_p99: percentile(&second.encode_ns, 99),
            frame_interval_ms_max: second
                .frame_interval_ns_max
                .map(|ns| to_f64(ns) / NANOS_PER_MILLI),
            keyframe_interval_ms: self
                .keyframe_interval_frames
                .map(|frames| self.timeline.seconds(frames) * 1000.0),
            audio_peak_dbfs: level.map(|level| level.peak_dbfs),
            audio_rms_dbfs: level.map(|level| level.rms_dbfs),
            cpu_cores: None,
            memory_bytes: None,
            loudness_momentary_lufs: loudness.momentary,
            loudness_short_term_lufs: loudness.short_term,
            loudness_integrated_lufs: loudness.integrated,
            black_s: None,
            frozen_s: None,
            silent_s: silent.map(|silent| self.silence.seconds(silent, now_ns)),
            layers: Vec::new(),
            renditions: Vec::new(),
            outputs: Vec::new(),
        }
    }

    fn take_underway(&mut self, frame: u64) -> Option<Composed> {
        while self
            .underway
            .front()
            .is_some_and(|first| first.frame < frame)
        {
            self.underway.pop_front();
        }
        self.underway.pop_front_if(|first| first.frame == frame)
    }
}

/// How long something has been so without a break.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lasting {
    since_ns: Option<u64>,
}

impl Lasting {
    /// Whether it is so at this moment; for how many whole seconds it has been.
    pub(crate) fn seconds(&mut self, is_so: bool, now_ns: u64) -> u64 {
        if !is_so {
            self.since_ns = None;
            return 0;
        }
        let since_ns = *self.since_ns.get_or_insert(now_ns);
        now_ns.saturating_sub(since_ns) / 1_000_000_000
    }
}

/// The nearest-rank percentile of sorted nanoseconds, in milliseconds.
fn percentile(sorted_ns: &[u64], percent: u64) -> Option<f64> {
    let rank = (to_u64(sorted_ns.len()) * percent).div_ceil(100).max(1);
    let ns = sorted_ns.get(to_usize(rank - 1))?;
    Some(to_f64(*ns) / NANOS_PER_MILLI)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    fn close(measured: Option<f64>, expected: f64) -> bool {
        measured.is_some_and(|measured| (measured - expected).abs() < 1e-6)
    }

    #[test]
    fn a_steady_second_is_measured_as_it_was() {
        let timeline = Timeline::new(25);
        let mut meter = Meter::new(timeline);
        for frame in 0..25 {
            let now = frame * 40 * MILLI;
            meter.composed(frame, now, at(0));
            meter.encoded(frame, 1000, frame % 10 == 0, now + (frame + 1) * MILLI);
        }
        meter.heard(&[[1.0, 1.0]]);
        let stats = meter.take(1000 * MILLI);
        assert!(close(stats.fps, 25.0));
        assert!(close(stats.bitrate_kbps, 200.0));
        assert!(close(stats.encode_ms_p50, 13.0));
        assert!(close(stats.encode_ms_p99, 25.0));
        assert!(close(stats.frame_interval_ms_max, 40.0));
        assert!(close(stats.keyframe_interval_ms, 400.0));
        assert!(close(stats.audio_peak_dbfs, 0.0));
        assert_eq!((stats.frames_dropped, stats.frames_duplicated), (0, 0));
    }

    #[test]
    fn nothing_is_made_up_where_nothing_happened() {
        let mut meter = Meter::new(Timeline::new(25));
        let stats = meter.take(1000 * MILLI);
        assert!(close(stats.fps, 0.0));
        assert_eq!(stats.encode_ms_p50, None);
        assert_eq!(stats.keyframe_interval_ms, None);
        assert_eq!(stats.audio_rms_dbfs, None);
    }

    #[test]
    fn what_lasts_is_counted_from_its_beginning() {
        let mut lasting = Lasting::default();
        let seconds = |n: u64| n * 1000 * MILLI;
        assert_eq!(lasting.seconds(false, seconds(1)), 0);
        assert_eq!(lasting.seconds(true, seconds(2)), 0);
        assert_eq!(lasting.seconds(true, seconds(5)), 3);
        assert_eq!(lasting.seconds(false, seconds(6)), 0);
        assert_eq!(lasting.seconds(true, seconds(7)), 0);
    }

    #[test]
    fn gaps_and_repetitions_are_counted() {
        let mut meter = Meter::new(Timeline::new(25));
        for frame in [0, 1, 4, 4, 5] {
            meter.encoded(frame, 1, false, 0);
        }
        let stats = meter.take(MILLI);
        assert_eq!((stats.frames_dropped, stats.frames_duplicated), (2, 1));
    }

    #[test]
    fn a_frame_is_matched_with_its_own_composition() {
        let mut meter = Meter::new(Timeline::new(25));
        for frame in 0..4 {
            meter.composed(frame, 0, at(i64::try_from(frame).unwrap()));
        }
        assert_eq!(meter.encoded(2, 1, true, 0), Some(at(2)));
        assert_eq!(meter.encoded(7, 1, true, 0), None);
    }
}
