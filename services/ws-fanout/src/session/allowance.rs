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
}
