use std::time::{Duration, Instant};

use sm_common::output::OutputStatus;

use super::failure::{Failure, Hope};
use crate::backoff::Backoff;

/// Longest time from the beginning of an attempt to the first delivery.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An output that delivered this long has recovered: its next failure is a first one again.
const RECOVERED_AFTER: Duration = Duration::from_secs(10);

/// Where an output is in its life.
///
/// ```text
/// connecting ──delivers──► live ──breaks──► waiting ──time──► connecting
///     └───────────breaks, hopelessly───────► failed
/// any ──ends──► stopped
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// An attempt has begun and has delivered nothing.
    Connecting {
        /// When it has taken too long.
        until: Instant,
    },
    /// Delivering.
    Live {
        /// Since when.
        since: Instant,
    },
    /// Between two attempts.
    Waiting {
        /// When the next one begins.
        until: Instant,
    },
    /// Gave up.
    Failed,
    /// Ended.
    Stopped,
}

/// What happens to an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The target took something.
    Delivered,
    /// It does not work, or no longer.
    Broke(Failure),
    /// Time passed.
    Time,
    /// It is not wanted any more.
    Ended,
}

/// An output's state, and what led to it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// Attempts since it last delivered.
    pub(super) attempts: u64,
    /// Attempts after the first.
    pub(super) reconnects: u64,
    /// What went wrong last, until it delivers.
    pub(super) failure: Option<Failure>,
    connect_timeout: Duration,
    backoff: Backoff,
}

impl State {
    /// The first attempt begins, after others that were `reconnects` in number. Until there is
    /// something to deliver takes up to `preparation`.
    pub(super) fn begin(reconnects: u64, preparation: Duration, now: Instant) -> Self {
        let connect_timeout = CONNECT_TIMEOUT + preparation;
        Self {
            phase: Phase::Connecting {
                until: now + connect_timeout,
            },
            connect_timeout,
            attempts: 1,
            reconnects,
            failure: None,
            backoff: Backoff::default(),
        }
    }

    /// Lets this happen.
    pub(super) fn apply(&mut self, happening: Happening, now: Instant) {
        match (self.phase, happening) {
            (Phase::Stopped, _)
            | (Phase::Failed | Phase::Waiting { .. }, Happening::Delivered | Happening::Broke(_))
            | (Phase::Failed | Phase::Live { .. }, Happening::Time) => {}
            (
                Phase::Connecting { .. }
                | Phase::Live { .. }
                | Phase::Waiting { .. }
                | Phase::Failed,
                Happening::Ended,
            ) => {
                self.phase = Phase::Stopped;
                self.failure = None;
            }
            (Phase::Connecting { .. }, Happening::Delivered) => {
                self.phase = Phase::Live { since: now };
                self.attempts = 0;
                self.failure = None;
            }
            (Phase::Live { since }, Happening::Delivered) => {
                if now.saturating_duration_since(since) >= RECOVERED_AFTER {
                    self.backoff.reset();
                }
            }
            (Phase::Connecting { .. } | Phase::Live { .. }, Happening::Broke(failure)) => {
                self.break_with(failure, now);
            }
            (Phase::Connecting { until }, Happening::Time) => {
                if now >= until {
                    self.break_with(Failure::unreachable("the target does not answer"), now);
                }
            }
            (Phase::Waiting { until }, Happening::Time) => {
                if now >= until {
                    self.attempts += 1;
                    self.reconnects += 1;
                    self.phase = Phase::Connecting {
                        until: now + self.connect_timeout,
                    };
                }
            }
        }
    }

    /// As people are told.
    pub(super) fn status(&self) -> OutputStatus {
        match self.phase {
            Phase::Connecting { .. } if self.failure.is_none() => OutputStatus::Connecting,
            Phase::Connecting { .. } | Phase::Waiting { .. } => OutputStatus::Reconnecting,
            Phase::Live { .. } => OutputStatus::Live,
            Phase::Failed => OutputStatus::Failed,
            Phase::Stopped => OutputStatus::Stopped,
        }
    }

    fn break_with(&mut self, failure: Failure, now: Instant) {
        self.phase = match failure.hope {
            Hope::TryAgain => Phase::Waiting {
                until: now + self.backoff.next(),
            },
            Hope::GiveUp => Phase::Failed,
        };
        self.failure = Some(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What a phase is called here.
    fn name(phase: Phase) -> &'static str {
        match phase {
            Phase::Connecting { .. } => "connecting",
            Phase::Live { .. } => "live",
            Phase::Waiting { .. } => "waiting",
            Phase::Failed => "failed",
            Phase::Stopped => "stopped",
        }
    }

    #[test]
    fn every_happening_leads_where_it_should_from_every_phase() {
        let now = Instant::now();
        let phases = [
            Phase::Connecting {
                until: now + SECOND,
            },
            Phase::Live { since: now },
            Phase::Waiting {
                until: now + SECOND,
            },
            Phase::Failed,
            Phase::Stopped,
        ];
        let late = now + CONNECT_TIMEOUT;
        let table: [(Happening, Instant, [&str; 5]); 6] = [
            (
                Happening::Delivered,
                now,
                ["live", "live", "waiting", "failed", "stopped"],
            ),
            (
                Happening::Broke(Failure::closed()),
                now,
                ["waiting", "waiting", "waiting", "failed", "stopped"],
            ),
            (
                Happening::Broke(Failure::address("")),
                now,
                ["failed", "failed", "waiting", "failed", "stopped"],
            ),
            (
                Happening::Time,
                now,
                ["connecting", "live", "waiting", "failed", "stopped"],
            ),
            (
                Happening::Time,
                late,
                ["waiting", "live", "connecting", "failed", "stopped"],
            ),
            (Happening::Ended, now, ["stopped"; 5]),
        ];
        for (happening, at, expected) in table {
            for (phase, expected) in phases.into_iter().zip(expected) {
                let mut state = State::begin(0, Duration::ZERO, now);
                state.phase = phase;
                state.apply(happening.clone(), at);
                assert_eq!(name(state.phase), expected, "{happening:?} in {phase:?}");
            }
        }
    }

    /// Lets an output break and waits until its next attempt; how long that took.
    fn fail(state: &mut State, now: &mut Instant) -> Duration {
        state.apply(Happening::Broke(Failure::closed()), *now);
        let Phase::Waiting { until } = state.phase else {
            panic!("{state:?}");
        };
        let wait = until - *now;
        *now = until;
        state.apply(Happening::Time, *now);
        wait
    }

    #[test]
    fn attempts_are_counted_and_spaced_until_it_delivers_for_long_enough() {
        let mut now = Instant::now();
        let mut state = State::begin(0, Duration::ZERO, now);
        assert_eq!((state.attempts, state.reconnects), (1, 0));
        assert_eq!(state.status(), OutputStatus::Connecting);
        assert_eq!(fail(&mut state, &mut now), SECOND);
        assert_eq!(fail(&mut state, &mut now), 2 * SECOND);
        assert_eq!((state.attempts, state.reconnects), (3, 2));
        assert_eq!(state.status(), OutputStatus::Reconnecting);
        assert!(state.failure.is_some());

        state.apply(Happening::Delivered, now);
        assert_eq!((state.attempts, state.failure.clone()), (0, None));
        now += SECOND;
        state.apply(Happening::Delivered, now);
        assert_eq!(
            fail(&mut state, &mut now),
            4 * SECOND,
            "it was not for long"
        );

        state.apply(Happening::Delivered, now);
        now += RECOVERED_AFTER;
        state.apply(Happening::Delivered, now);
        assert_eq!(fail(&mut state, &mut now), SECOND);
        assert_eq!((state.attempts, state.reconnects), (1, 4));
    }
}
