//! How often something may be done: the generic cell rate algorithm. The same rule is a script in
//! the bus, where all processes share what they take; here it is for one process alone.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So many requests in any such time, and as many at once after a pause of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests.
    pub requests: NonZeroU32,
    /// The time, in seconds.
    pub window_s: NonZeroU32,
}

impl Quota {
    /// The window, in microseconds.
    pub fn window_us(self) -> u64 {
        u64::from(self.window_s.get()).saturating_mul(1_000_000)
    }

    /// After how long one request is earned back, in microseconds.
    pub fn interval_us(self) -> u64 {
        self.window_us()
            .checked_div(u64::from(self.requests.get()))
            .unwrap_or(1)
            .max(1)
    }
}

/// What became of a wish for some requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How many of them are granted; none: the caller has to wait.
    pub granted: u32,
    /// How many more would be at once.
    pub remaining: u32,
    /// When everything is earned back.
    pub restored_in: Duration,
    /// When the next one is to be had; zero where one is.
    pub next_in: Duration,
}

/// What one caller has taken of a quota.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    /// The moment at which everything is earned back, in microseconds of the caller's clock.
    restored_at_us: u64,
}

impl Cell {
    /// Takes up to `wanted` requests at `now_us`, in microseconds of a clock that does not matter as
    /// long as it is always the same. Where it jumps back, nobody waits longer than a window.
    pub fn take(&mut self, now_us: u64, quota: Quota, wanted: u32) -> Taken {
        let (window, interval) = (quota.window_us(), quota.interval_us());
        let latest = now_us.saturating_add(window);
        let before = self.restored_at_us.clamp(now_us, latest);
        let free = latest
            .saturating_sub(before)
            .checked_div(interval)
            .unwrap_or(0);
        // Not more than were promised, where the interval was rounded.
        let free = u32::try_from(free).unwrap_or(u32::MAX);
        let free = free.min(quota.requests.get());
        let granted = free.min(wanted);
        self.restored_at_us = before.saturating_add(u64::from(granted).saturating_mul(interval));
        let next_at = before.saturating_add(interval).saturating_sub(window);
        let next_in = if free == 0 {
            next_at.saturating_sub(now_us)
        } else {
            0
        };
        Taken {
            granted,
            remaining: free.saturating_sub(granted),
            restored_in: Duration::from_micros(self.restored_at_us.saturating_sub(now_us)),
            next_in: Duration::from_micros(next_in),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(requests: u32, window_s: u32) -> Quota {
        Quota {
            requests: requests.try_into().unwrap(),
            window_s: window_s.try_into().unwrap(),
        }
    }

    #[test]
    fn a_quota_is_there_at_once_and_earned_back_evenly() {
        let (quota, mut cell) = (quota(4, 2), Cell::default());
        let start = 1_000_000_000;
        let first = cell.take(start, quota, 1);
        assert_eq!((first.granted, first.remaining), (1, 3));
        assert_eq!(first.restored_in, Duration::from_millis(500));
        let rest = cell.take(start, quota, 10);
        assert_eq!((rest.granted, rest.remaining), (3, 0));
        assert_eq!(rest.restored_in, Duration::from_secs(2));
        let refused = cell.take(start, quota, 1);
        assert_eq!(refused.granted, 0);
        assert_eq!(refused.next_in, Duration::from_millis(500));
        assert_eq!(cell.take(start + 499_999, quota, 1).granted, 0);
        assert_eq!(cell.take(start + 500_000, quota, 1).granted, 1);
        assert_eq!(cell.take(start + 9_000_000, quota, 10).granted, 4);
    }

    #[test]
    fn a_clock_that_jumps_back_costs_no_more_than_a_window() {
        let (quota, mut cell) = (quota(2, 10), Cell::default());
        let far = 9_000_000_000_000;
        assert_eq!(cell.take(far, quota, 2).granted, 2);
        let refused = cell.take(1_000, quota, 1);
        assert_eq!(refused.granted, 0);
        assert!(refused.next_in <= Duration::from_secs(5), "{refused:?}");
        assert!(
            refused.restored_in <= Duration::from_secs(10),
            "{refused:?}"
        );
    }

    proptest! {
        /// In any stretch of time there are no more than a whole quota and what was earned in it.
        #[test]
        fn no_stretch_of_time_has_more_than_its_share(
            requests in 1_u32..50,
            window_s in 1_u32..60,
            asks in proptest::collection::vec((0_u64..3_000_000, 1_u32..20), 1..60),
        ) {
            let quota = quota(requests, window_s);
            let (mut cell, mut now) = (Cell::default(), 1_000_000_000_000_u64);
            let mut granted = Vec::new();
            for (pause, wanted) in asks {
                now += pause;
                let taken = cell.take(now, quota, wanted);
                prop_assert!(taken.granted <= wanted);
                prop_assert_eq!(taken.next_in.is_zero(), taken.granted + taken.remaining > 0);
                granted.push((now, u64::from(taken.granted)));
            }
            for (index, (from, _)) in granted.iter().enumerate() {
                let mut sum = 0;
                for (at, count) in &granted[index..] {
                    sum += count;
                    let earned = (at - from) / quota.interval_us() + 1;
                    prop_assert!(sum <= u64::from(requests) + earned);
                }
            }
        }
    }
}
