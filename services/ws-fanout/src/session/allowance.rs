//! How often something may happen on one connection.

use std::time::Duration;

use tokio::time::Instant;

/// An allowance that is earned at a steady pace and can be saved up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Time that earns one use.
    interval: Duration,
    /// How far ahead of its earnings it may be.
    ahead_max: Duration,
    /// When everything taken so far is earned.
    earned_at: Instant,
}

impl Allowance {
    /// An allowance of one use per `interval`, of which `burst` can be saved up.
    pub(crate) fn new(interval: Duration, burst: u32, now: Instant) -> Self {
        Self {
            interval,
            ahead_max: interval.saturating_mul(burst.saturating_sub(1)),
            earned_at: now,
        }
    }

    /// The time that earns what has been taken.
    pub(crate) fn spent(&self, now: Instant) -> Duration {
        self.earned_at.saturating_duration_since(now)
    }

    /// Takes at least as much as this time earns, or all that can be saved up.
    pub(crate) fn spend(&mut self, spent: Duration, now: Instant) {
        let spent = spent.min(self.ahead_max.saturating_add(self.interval));
        self.earned_at = self.earned_at.max(now + spent);
    }

    /// Takes one use, or says when the next is earned.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let earned_at = self.earned_at.max(now);
        let ahead = earned_at.duration_since(now);
        if let Some(wait) = ahead.checked_sub(self.ahead_max)
            && !wait.is_zero()
        {
            return Err(wait);
        }
        self.earned_at = earned_at + self.interval;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_up_is_used_at_once_and_then_earned() {
        let interval = Duration::from_millis(50);
        let mut now = Instant::now();
        let mut allowance = Allowance::new(interval, 4, now);
        for _ in 0..4 {
            assert_eq!(allowance.take(now), Ok(()));
        }
        assert_eq!(allowance.take(now), Err(interval));
        now += interval;
        assert_eq!(allowance.take(now), Ok(()));
        assert_eq!(allowance.take(now), Err(interval));
        now += interval * 100;
        let uses = std::iter::repeat_with(|| allowance.take(now)).take(10);
        assert_eq!(uses.flatten().count(), 4);
    }

    #[test]
    fn what_was_spent_elsewhere_is_spent_here() {
        let interval = Duration::from_millis(50);
        let now = Instant::now();
        let mut before = Allowance::new(interval, 4, now);
        for _ in 0..3 {
            before.take(now).unwrap();
        }
        let mut after = Allowance::new(interval, 4, now);
        after.spend(before.spent(now), now);
        assert_eq!(after.take(now), Ok(()));
        assert_eq!(after.take(now), Err(interval));
        let mut other = Allowance::new(interval, 4, now);
        other.spend(Duration::from_hours(1), now);
        assert_eq!(other.take(now), Err(interval), "never more than there is");
    }
}
