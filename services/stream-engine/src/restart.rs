//! When a worker that ended is replaced: at once the first time, then after growing waits, and
//! not at all any more when none of many gets on air. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::RestartConfig;

/// Largest number of doublings, so that the wait cannot overflow.
const DOUBLINGS_MAX: u32 = 16;

/// Whether a worker may be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clearance {
    /// Now.
    Now,
    /// Not before this moment.
    At(Instant),
    /// Not until somebody commands it.
    GaveUp,
}

/// The memory of how a stream's workers ended.
#[derive(Debug)]
pub(crate) struct Restarts {
    config: RestartConfig,
    /// Replacements since a worker was stable.
    streak: u32,
    /// When workers ended without ever having been on air.
    failures: VecDeque<Instant>,
    not_before: Option<Instant>,
    gave_up: bool,
}

impl Restarts {
    pub(crate) const fn new(config: RestartConfig) -> Self {
        Self {
            config,
            streak: 0,
            failures: VecDeque::new(),
            not_before: None,
            gave_up: false,
        }
    }

    /// A worker ended unasked. `on_air` is for how long it was on air, `None` when it never was.
    pub(crate) fn ended(&mut self, now: Instant, on_air: Option<Duration>) {
        if on_air.is_some_and(|length| length >= self.config.stable()) {
            self.streak = 0;
        }
        if on_air.is_some() {
            self.failures.clear();
        } else {
            self.fail(now);
        }
        self.not_before = now.checked_add(self.wait());
        self.streak = self.streak.saturating_add(1);
    }

    /// Somebody commanded a start: the past does not count any more.
    pub(crate) fn forgive(&mut self) {
        self.streak = 0;
        self.failures.clear();
        self.not_before = None;
        self.gave_up = false;
    }

    pub(crate) fn clearance(&self, now: Instant) -> Clearance {
        match self.not_before {
            _ if self.gave_up => Clearance::GaveUp,
            Some(moment) if moment > now => Clearance::At(moment),
            Some(_) | None => Clearance::Now,
        }
    }

    fn fail(&mut self, now: Instant) {
        self.failures.push_back(now);
        let window = self.config.failures_window();
        self.failures
            .retain(|moment| now.saturating_duration_since(*moment) <= window);
        self.gave_up = self.failures.len() >= self.config.failures_max;
    }

    fn wait(&self) -> Duration {
        match self.streak.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => self
                .config
                .wait()
                .saturating_mul(1 << doublings.min(DOUBLINGS_MAX))
                .min(self.config.wait_max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restarts() -> Restarts {
        let config = serde_json::json!({
            "wait_ms": 500, "wait_max_ms": 10_000, "stable_s": 30,
            "failures_max": 8, "failures_window_s": 120,
        });
        Restarts::new(serde_json::from_value(config).unwrap())
    }

    fn wait_ms(restarts: &Restarts, now: Instant) -> u128 {
        match restarts.clearance(now) {
            Clearance::Now => 0,
            Clearance::At(moment) => moment.duration_since(now).as_millis(),
            Clearance::GaveUp => u128::MAX,
        }
    }

    #[test]
    fn the_first_replacement_is_immediate_and_the_waits_double_up_to_the_longest() {
        let mut restarts = restarts();
        let now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..8 {
            restarts.ended(now, Some(Duration::from_secs(1)));
            waits.push(wait_ms(&restarts, now));
        }
        assert_eq!(waits, [0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    }

    #[test]
    fn a_stable_worker_makes_the_next_replacement_a_first_one() {
        let mut restarts = restarts();
        let now = Instant::now();
        for _ in 0..4 {
            restarts.ended(now, None);
        }
        restarts.ended(now, Some(Duration::from_secs(30)));
        assert_eq!(restarts.clearance(now), Clearance::Now);
    }

    #[test]
    fn workers_that_never_get_on_air_are_given_up_until_somebody_commands() {
        let mut restarts = restarts();
        let now = Instant::now();
        for _ in 0..8 {
            assert_ne!(restarts.clearance(now), Clearance::GaveUp);
            restarts.ended(now, None);
        }
        assert_eq!(restarts.clearance(now), Clearance::GaveUp);
        restarts.forgive();
        assert_eq!(restarts.clearance(now), Clearance::Now);
    }

    #[test]
    fn workers_that_get_on_air_or_fail_rarely_are_never_given_up() {
        let mut restarts = restarts();
        let mut now = Instant::now();
        for _ in 0..20 {
            restarts.ended(now, None);
            now += Duration::from_mins(1);
        }
        for _ in 0..20 {
            restarts.ended(now, Some(Duration::from_millis(10)));
        }
        assert_ne!(restarts.clearance(now), Clearance::GaveUp);
    }
}
