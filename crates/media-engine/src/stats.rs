//! What is measured of the program, from what composer and encoder say of every frame.

use std::collections::{BTreeMap, VecDeque};

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

/// Seconds over which the bitrate of the last minute is taken.
const MINUTE_S: usize = 60;

/// Collects what happens, and tells it second by second, over all the encoders that the program
/// ever has. All times are nanoseconds of program.
#[derive(Debug)]
pub(crate) struct Meter {
    /// By the number of the program's format: one, and for moments the one before.
    courses: BTreeMap<u64, Course>,
    last_composed_ns: Option<u64>,
    keyframe_interval_ms: Option<f64>,
    totals: Totals,
    second: Second,
    minute: Minute,
    level: LevelMeter,
    loudness: LoudnessMeter,
    silence: Lasting,
}

/// What passes one encoder of the picture.
#[derive(Debug)]
struct Course {
    timeline: Timeline,
    /// Composed and not yet encoded, oldest first.
    underway: VecDeque<Composed>,
    last_encoded: Option<u64>,
    last_keyframe: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Composed {
    frame: u64,
    at_ns: u64,
    due_at: Timestamp,
}

#[derive(Debug, Default)]
struct Totals {
    composed: u64,
    late: u64,
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

/// The bytes of the last seconds.
#[derive(Debug, Default)]
struct Minute {
    /// Length in seconds, and bytes.
    seconds: VecDeque<(f64, u64)>,
}

impl Minute {
    /// Adds a second; the bitrate over all that are remembered, in kbit/s.
    fn add(&mut self, length_s: f64, bytes: u64) -> Option<f64> {
        if self.seconds.len() >= MINUTE_S {
            self.seconds.pop_front();
        }
        self.seconds.push_back((length_s, bytes));
        let length_s: f64 = self.seconds.iter().map(|(length_s, _)| length_s).sum();
        let bytes: u64 = self.seconds.iter().map(|(_, bytes)| bytes).sum();
        (length_s > 0.0).then(|| to_f64(bytes) * 8.0 / 1000.0 / length_s)
    }
}

impl Course {
    fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            underway: VecDeque::new(),
            last_encoded: None,
            last_keyframe: None,
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

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            courses: BTreeMap::new(),
            last_composed_ns: None,
            keyframe_interval_ms: None,
            totals: Totals::default(),
            second: Second::default(),
            minute: Minute::default(),
            level: LevelMeter::default(),
            loudness: LoudnessMeter::default(),
            silence: Lasting::default(),
        }
    }

    /// Frames will pass the encoder of this format.
    pub(crate) fn begin(&mut self, format: u64, timeline: Timeline) {
        self.courses.insert(format, Course::new(timeline));
    }

    /// No more frames pass it.
    pub(crate) fn end(&mut self, format: u64) {
        self.courses.remove(&format);
    }

    /// A frame left the composer, `late_ns` after it should have.
    pub(crate) fn composed(
        &mut self,
        (format, frame): (u64, u64),
        late_ns: u64,
        at_ns: u64,
        due_at: Timestamp,
    ) {
        if let Some(last) = self.last_composed_ns.replace(at_ns) {
            let interval = at_ns.saturating_sub(last);
            let longest = self.second.frame_interval_ns_max.get_or_insert(interval);
            *longest = interval.max(*longest);
        }
        self.totals.composed += 1;
        let Some(course) = self.courses.get_mut(&format) else {
            return;
        };
        self.totals.late += u64::from(late_ns > course.timeline.frame_interval_ns());
        if course.underway.len() >= UNDERWAY_MAX {
            course.underway.pop_front();
        }
        course.underway.push_back(Composed {
            frame,
            at_ns,
            due_at,
        });
    }

    /// A frame left the encoder. Returns when it was due to be composed.
    pub(crate) fn encoded(
        &mut self,
        (format, frame): (u64, u64),
        bytes: usize,
        keyframe: bool,
        at_ns: u64,
    ) -> Option<Timestamp> {
        self.totals.frames += 1;
        self.totals.bytes += to_u64(bytes);
        self.second.frames += 1;
        self.second.bytes += to_u64(bytes);
        let course = self.courses.get_mut(&format)?;
        // The program's frames are numbered without gaps; gaps and repetitions in what was
        // encoded are what viewers see of frames that were not composed, or more than once.
        match course.last_encoded {
            Some(last) if frame <= last => self.totals.duplicated += 1,
            Some(last) => self.totals.dropped += frame - last - 1,
            None => {}
        }
        course.last_encoded = course.last_encoded.max(Some(frame));
        if keyframe && let Some(last) = course.last_keyframe.replace(frame) {
            let frames = frame.saturating_sub(last);
            self.keyframe_interval_ms = Some(course.timeline.seconds(frames) * 1000.0);
        }
        let composed = course.take_underway(frame)?;
        self.second
            .encode_ns
            .push(at_ns.saturating_sub(composed.at_ns));
        Some(composed.due_at)
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
            frames_composed: Some(self.totals.composed),
            frames_late: Some(self.totals.late),
            frames_total: self.totals.frames,
            frames_dropped: self.totals.dropped,
            frames_duplicated: self.totals.duplicated,
            bytes_total: self.totals.bytes,
            bitrate_kbps: per_second(to_f64(second.bytes) * 8.0 / 1000.0),
            bitrate_kbps_60s: self.minute.add(elapsed_s, second.bytes),
            encoder_queue_frames: None,
            encoder_queue_ms: None,
            sound_queue_ms: None,
            encode_ms_p50: percentile(&second.encode_ns, 50),
            encode_ms_p99: percentile(&second.encode_ns, 99),
            frame_interval_ms_max: second
                .frame_interval_ns_max
                .map(|ns| to_f64(ns) / NANOS_PER_MILLI),
            keyframe_interval_ms: self.keyframe_interval_ms,
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

    fn metering(timeline: Timeline) -> Meter {
        let mut meter = Meter::new();
        meter.begin(0, timeline);
        meter
    }

    fn close(measured: Option<f64>, expected: f64) -> bool {
        measured.is_some_and(|measured| (measured - expected).abs() < 1e-6)
    }

    #[test]
    fn a_steady_second_is_measured_as_it_was() {
        let timeline = Timeline::new(25);
        let mut meter = metering(timeline);
        for frame in 0..25 {
            let now = frame * 40 * MILLI;
            meter.composed((0, frame), frame * 4 * MILLI, now, at(0));
            meter.encoded((0, frame), 1000, frame % 10 == 0, now + (frame + 1) * MILLI);
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
        // Those that came more than 40 ms late.
        assert_eq!(
            (stats.frames_composed, stats.frames_late),
            (Some(25), Some(14))
        );
    }

    #[test]
    fn the_bitrate_of_the_last_minute_forgets_what_was_before() {
        let mut minute = Minute::default();
        assert!(close(minute.add(1.0, 1000), 8.0));
        assert!(close(minute.add(1.0, 3000), 16.0));
        let last = (0..60).map(|_second| minute.add(1.0, 500)).last().unwrap();
        assert!(close(last, 4.0));
        assert_eq!(Minute::default().add(0.0, 0), None);
    }

    #[test]
    fn totals_go_on_over_a_change_of_format() {
        let mut meter = metering(Timeline::new(25));
        for frame in [0, 1] {
            meter.encoded((0, frame), 1, false, 0);
        }
        meter.begin(1, Timeline::new(50));
        // The one before still gives what it had.
        for frame in [(1, 6), (0, 2), (1, 7), (0, 3), (1, 9)] {
            meter.encoded(frame, 1, false, 0);
        }
        meter.end(0);
        let stats = meter.take(MILLI);
        assert_eq!((stats.frames_total, stats.frames_dropped), (7, 1));
        assert_eq!(stats.frames_duplicated, 0);
    }

    #[test]
    fn nothing_is_made_up_where_nothing_happened() {
        let mut meter = metering(Timeline::new(25));
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
        let mut meter = metering(Timeline::new(25));
        for frame in [0, 1, 4, 4, 5] {
            meter.encoded((0, frame), 1, false, 0);
        }
        let stats = meter.take(MILLI);
        assert_eq!((stats.frames_dropped, stats.frames_duplicated), (2, 1));
    }

    #[test]
    fn a_frame_is_matched_with_its_own_composition() {
        let mut meter = metering(Timeline::new(25));
        for frame in 0..4 {
            meter.composed((0, frame), 0, 0, at(i64::try_from(frame).unwrap()));
        }
        assert_eq!(meter.encoded((0, 2), 1, true, 0), Some(at(2)));
        assert_eq!(meter.encoded((0, 7), 1, true, 0), None);
    }
}
