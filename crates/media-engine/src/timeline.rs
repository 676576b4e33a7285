//! The program's time: frame numbers, sample positions and nanoseconds from one common zero.

use crate::number::to_f64;

/// Samples per second of the program's sound.
pub(crate) const SAMPLE_RATE: u32 = 48_000;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Converts between frames, samples and nanoseconds of a program with a whole frame rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeline {
    framerate: u32,
}

impl Timeline {
    /// The timeline of a program with `framerate` frames a second; 0 is taken as 1.
    pub(crate) fn new(framerate: u32) -> Self {
        Self {
            framerate: framerate.max(1),
        }
    }

    /// Frames per second.
    pub(crate) fn framerate(self) -> u32 {
        self.framerate
    }

    /// When `frame` starts, in nanoseconds.
    pub(crate) fn frame_start_ns(self, frame: u64) -> u64 {
        scale(frame, NANOS_PER_SECOND, u64::from(self.framerate))
    }

    /// The frame whose start is nearest to `ns`.
    pub(crate) fn nearest_frame(self, ns: u64) -> u64 {
        let half = self.frame_interval_ns() / 2;
        scale(
            ns.saturating_add(half),
            u64::from(self.framerate),
            NANOS_PER_SECOND,
        )
    }

    /// Length of a frame in nanoseconds, rounded down.
    pub(crate) fn frame_interval_ns(self) -> u64 {
        NANOS_PER_SECOND / u64::from(self.framerate)
    }

    /// Samples that come before `frame`.
    pub(crate) fn samples_before(self, frame: u64) -> u64 {
        scale(frame, u64::from(SAMPLE_RATE), u64::from(self.framerate))
    }

    /// `frames` in seconds.
    pub(crate) fn seconds(self, frames: u64) -> f64 {
        to_f64(frames) / f64::from(self.framerate)
    }
}

/// When the sample at `position` sounds, in nanoseconds.
pub(crate) fn sample_start_ns(position: u64) -> u64 {
    scale(position, NANOS_PER_SECOND, u64::from(SAMPLE_RATE))
}

/// The sample that sounds at `ns`, rounded to the nearest.
pub(crate) fn nearest_sample(ns: u64) -> u64 {
    let half = NANOS_PER_SECOND / u64::from(SAMPLE_RATE) / 2;
    scale(
        ns.saturating_add(half),
        u64::from(SAMPLE_RATE),
        NANOS_PER_SECOND,
    )
}

/// Samples in so many milliseconds.
pub(crate) fn samples_in(milliseconds: u32) -> u64 {
    scale(u64::from(milliseconds), u64::from(SAMPLE_RATE), 1000)
}

/// `value * numerator / denominator` without overflow in between, rounded down.
fn scale(value: u64, numerator: u64, denominator: u64) -> u64 {
    let product = u128::from(value) * u128::from(numerator) / u128::from(denominator);
    u64::try_from(product).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_again_from_its_start() {
        for framerate in [1, 24, 25, 30, 50, 60, 120] {
            let timeline = Timeline::new(framerate);
            for frame in [0, 1, 2, 29, 30, 31, 107_892, 10_000_000] {
                let start = timeline.frame_start_ns(frame);
                assert_eq!(timeline.nearest_frame(start), frame, "{framerate} fps");
                assert_eq!(timeline.nearest_frame(start + 1_000), frame);
            }
        }
    }

    #[test]
    fn sound_and_picture_never_drift_apart() {
        let timeline = Timeline::new(29);
        let hour = 29 * 3600;
        assert_eq!(timeline.samples_before(hour), 48_000 * 3600);
        assert_eq!(
            sample_start_ns(48_000 * 3600),
            timeline.frame_start_ns(hour)
        );
        assert_eq!(nearest_sample(sample_start_ns(1_234_567)), 1_234_567);
    }
}
