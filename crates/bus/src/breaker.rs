//! Nobody waits for a Redis that is known not to answer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::BusError;

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BreakerLimits {
    /// Calls in a row that were let wait.
    pub(crate) silences_max: u32,
    /// How long nothing is asked.
    pub(crate) pause: Duration,
}

/// Refuses calls after several in a row were let wait until their time was over. Refusals of Redis
/// do not count: they come at once, and cost nobody anything.
///
/// ```text
/// closed --silence, the last of several--> open --pause over, a call comes--> trying
///    ^                                      ^                                  |   |
///    |                                      +---------- silence, or given up --+   |
///    +----------------------------------------------------------------- an answer -+
/// ```
#[derive(Debug)]
pub(crate) struct Breaker {
    limits: BreakerLimits,
    /// A std lock: it is held for a copy and never across an await.
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Calls go through; so many in a row were let wait.
    Closed { silences: u32 },
    /// No call goes through until then.
    Open { until: Instant },
    /// One call is under way to find out.
    Trying,
}

/// A call that goes through. Where it is given up half-way, nothing was learned from it.
pub(crate) struct Passage<'a> {
    breaker: &'a Breaker,
    tries: bool,
}

impl Passage<'_> {
    /// The call has ended, with this error or an answer.
    pub(crate) fn leave(mut self, error: Option<&BusError>) {
        self.tries = false;
        self.breaker.note(error);
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if self.tries {
            let opened = self.breaker.opened(Instant::now());
            *self.breaker.state() = opened;
        }
    }
}

impl Breaker {
    pub(crate) fn new(limits: BreakerLimits) -> Self {
        Self {
            limits,
            state: Mutex::new(State::Closed { silences: 0 }),
        }
    }

    /// Whether a call may go through now.
    pub(crate) fn enter(&self) -> Option<Passage<'_>> {
        let tries = self.enter_at(Instant::now())?;
        Some(Passage {
            breaker: self,
            tries,
        })
    }

    /// A call has ended, with this error or an answer.
    pub(crate) fn note(&self, error: Option<&BusError>) {
        self.note_at(error.is_some_and(BusError::is_silence), Instant::now());
    }

    /// Whether the call is the one that tries; `None` where it may not go through.
    fn enter_at(&self, now: Instant) -> Option<bool> {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Some(false),
            State::Open { until } if now >= until => {
                *state = State::Trying;
                Some(true)
            }
            State::Open { .. } | State::Trying => None,
        }
    }

    fn note_at(&self, is_silence: bool, now: Instant) {
        let mut state = self.state();
        if !is_silence {
            if !matches!(*state, State::Closed { .. }) {
                tracing::info!("Redis answers again");
            }
            *state = State::Closed { silences: 0 };
            return;
        }
        *state = match *state {
            State::Closed { silences } if silences.saturating_add(1) < self.limits.silences_max => {
                State::Closed {
                    silences: silences.saturating_add(1),
                }
            }
            State::Closed { .. } => {
                tracing::warn!("Redis does not answer; calls are refused for a while");
                self.opened(now)
            }
            State::Open { .. } | State::Trying => self.opened(now),
        };
    }

    fn opened(&self, now: Instant) -> State {
        State::Open {
            until: now.checked_add(self.limits.pause).unwrap_or(now),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(250);

    fn breaker() -> Breaker {
        Breaker::new(BreakerLimits {
            silences_max: 3,
            pause: PAUSE,
        })
    }

    #[test]
    fn several_silences_in_a_row_open_it_and_one_call_at_a_time_tries() {
        let (breaker, start) = (breaker(), Instant::now());
        for _ in 0..2 {
            breaker.note_at(true, start);
            assert_eq!(breaker.enter_at(start), Some(false));
        }
        breaker.note_at(false, start);
        for _ in 0..3 {
            assert_eq!(breaker.enter_at(start), Some(false));
            breaker.note_at(true, start);
        }
        assert_eq!(breaker.enter_at(start), None);
        let later = start + PAUSE;
        assert_eq!(breaker.enter_at(later), Some(true));
        assert_eq!(breaker.enter_at(later), None, "somebody tries already");
        breaker.note_at(true, later);
        assert_eq!(breaker.enter_at(later), None);
        assert_eq!(breaker.enter_at(later + PAUSE), Some(true));
        breaker.note_at(false, later + PAUSE);
        assert_eq!(breaker.enter_at(later + PAUSE), Some(false));
    }

    #[test]
    fn a_try_that_is_given_up_does_not_keep_others_from_trying() {
        let breaker = Breaker::new(BreakerLimits {
            silences_max: 1,
            pause: Duration::ZERO,
        });
        breaker.note_at(true, Instant::now());
        drop(breaker.enter().unwrap());
        assert!(breaker.enter().is_some());
    }

    #[test]
    fn what_redis_refuses_at_once_does_not_count() {
        let breaker = breaker();
        for _ in 0..10 {
            let passage = breaker.enter().unwrap();
            passage.leave(Some(&BusError::Silent));
        }
        assert!(breaker.enter().is_some());
    }
}
