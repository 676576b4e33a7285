use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use str0m::media::{Frequency, MediaTime};

/// Time stamps begin so long before this process did, so that none is negative.
const BEFORE_NS: u64 = 3_600_000_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Converts moments of the machine's monotonic clock, in which workers of any age tell the time, to
/// those of this process. Time stamps made of them go on from one worker to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    instant: Instant,
    /// The same moment, in nanoseconds of the machine's clock.
    ns: u64,
}

impl Moments {
    /// From now on.
    pub(super) fn start() -> Self {
        // In this order, so that no moment of the past is taken for one to come.
        let instant = Instant::now();
        let now = clock_gettime(ClockId::Monotonic);
        let since_boot = Duration::try_from(now).unwrap_or_default();
        Self {
            instant,
            ns: u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// The moment as this process knows it.
    pub(super) fn instant(self, moment_ns: u64) -> Instant {
        let moment = if moment_ns >= self.ns {
            let later = Duration::from_nanos(moment_ns.saturating_sub(self.ns));
            self.instant.checked_add(later)
        } else {
            let earlier = Duration::from_nanos(self.ns.saturating_sub(moment_ns));
            self.instant.checked_sub(earlier)
        };
        moment.unwrap_or(self.instant)
    }

    /// The moment's time stamp, in a clock of this frequency.
    pub(super) fn media_time(self, moment_ns: u64, clock: Frequency) -> MediaTime {
        let since = moment_ns.saturating_add(BEFORE_NS).saturating_sub(self.ns);
        let scaled = u128::from(since) * u128::from(clock.get());
        let half = u128::from(NANOS_PER_SECOND / 2);
        let ticks = scaled.saturating_add(half) / u128::from(NANOS_PER_SECOND);
        MediaTime::new(u64::try_from(ticks).unwrap_or(u64::MAX), clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_their_time_stamps_keep_their_distances() {
        let moments = Moments {
            instant: Instant::now(),
            ns: 5 * NANOS_PER_SECOND,
        };
        let second = Duration::from_secs(1);
        let later = moments.instant(6 * NANOS_PER_SECOND);
        assert_eq!(later, moments.instant + second);
        let earlier = moments.instant(4 * NANOS_PER_SECOND);
        assert_eq!(earlier + second, moments.instant);
        let clock = Frequency::NINETY_KHZ;
        let frames: Vec<u64> = (0..4)
            .map(|frame| 5 * NANOS_PER_SECOND + frame * NANOS_PER_SECOND / 30)
            .map(|moment| moments.media_time(moment, clock).numer())
            .collect();
        let start = 3600 * 90_000;
        let expected = [start, start + 3000, start + 6000, start + 9000];
        assert_eq!(frames, expected);
        let before = moments.media_time(4 * NANOS_PER_SECOND, clock).numer();
        assert_eq!(before, start - 90_000);
    }

    #[test]
    fn now_is_now_on_both_clocks() {
        let moments = Moments::start();
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::try_from(now).unwrap().as_nanos();
        let read = moments.instant(u64::try_from(now).unwrap());
        assert!(read >= moments.instant && read <= Instant::now());
    }
}
