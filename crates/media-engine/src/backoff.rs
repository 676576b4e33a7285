//! Waits between attempts.

use std::time::Duration;

use sm_media_protocol::RetryTerms;

/// How long to wait before trying again: 1, 2, 4, … 30 seconds, unless told otherwise.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    terms: RetryTerms,
    last: Option<Duration>,
}

impl Backoff {
    /// Waits of these lengths.
    pub(crate) const fn new(terms: RetryTerms) -> Self {
        Self { terms, last: None }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let first = Duration::from_millis(self.terms.first_ms);
        let longest = Duration::from_millis(self.terms.longest_ms);
        let wait = self
            .last
            .map_or(first, |last| last.saturating_mul(2))
            .min(longest);
        self.last = Some(wait);
        wait
    }

    /// It worked: the next failure is a first one again.
    pub(crate) fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_start_again_after_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.next().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next(), Duration::from_secs(1));
    }

    #[test]
    fn waits_are_as_long_as_one_is_told() {
        let mut backoff = Backoff::new(RetryTerms {
            first_ms: 100,
            longest_ms: 300,
        });
        let waits: Vec<u128> = (0..4).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [100, 200, 300, 300]);
    }
}
