//! What becomes of an alert from one look to the next.
//!
//! ```text
//! quiet ──broken──▶ pending ──broken for `for_s`──▶ firing ──holds for `clear_for_s`──▶ quiet
//!                      └──anything else──▶ quiet       └──the rule does not apply──▶ quiet
//! ```
//!
//! Between the bound and where it is right again nothing begins and nothing ends. Where nothing was
//! measured nothing begins either, and what fires goes on: nobody knows that it is right again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;

/// How a rule looks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Broken.
    Broken,
    /// Between the bound and where it is right again.
    Hovering,
    /// Right.
    Holds,
    /// Not known.
    Unknown,
    /// Not looked at: the stream is off air, or the rule is gone.
    Idle,
}

/// What has become of a rule so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub(crate) enum Phase {
    /// It holds.
    #[default]
    Quiet,
    /// Broken, and not for long enough.
    Pending { since: Timestamp },
    /// Broken for long enough.
    Firing {
        since: Timestamp,
        /// Since when it has held again.
        holds_since: Option<Timestamp>,
    },
}

/// How long it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Until it fires.
    pub(crate) fires_after: Duration,
    /// Until it is resolved.
    pub(crate) clears_after: Duration,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// It fires; broken since then.
    Fired { since: Timestamp },
    /// It is resolved.
    Resolved,
}

/// The next phase, and what is to be told of the change.
pub(crate) fn step(
    phase: Phase,
    sign: Sign,
    timing: Timing,
    now: Timestamp,
) -> (Phase, Option<Edge>) {
    match (phase, sign) {
        (Phase::Quiet, Sign::Broken) => broken(now, timing, now),
        (Phase::Pending { since }, Sign::Broken) => broken(since, timing, now),
        (
            Phase::Quiet | Phase::Pending { .. },
            Sign::Hovering | Sign::Holds | Sign::Unknown | Sign::Idle,
        ) => (Phase::Quiet, None),
        (Phase::Firing { since, .. }, Sign::Broken | Sign::Hovering) => (
            Phase::Firing {
                since,
                holds_since: None,
            },
            None,
        ),
        (Phase::Firing { .. }, Sign::Unknown) => (phase, None),
        (Phase::Firing { .. }, Sign::Idle) => (Phase::Quiet, Some(Edge::Resolved)),
        (Phase::Firing { since, holds_since }, Sign::Holds) => {
            let held = holds_since.unwrap_or(now);
            if now.since(held) >= timing.clears_after {
                (Phase::Quiet, Some(Edge::Resolved))
            } else {
                let holds_since = Some(held);
                (Phase::Firing { since, holds_since }, None)
            }
        }
    }
}

fn broken(since: Timestamp, timing: Timing, now: Timestamp) -> (Phase, Option<Edge>) {
    if now.since(since) < timing.fires_after {
        return (Phase::Pending { since }, None);
    }
    let firing = Phase::Firing {
        since,
        holds_since: None,
    };
    (firing, Some(Edge::Fired { since }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIMING: Timing = Timing {
        fires_after: Duration::from_secs(10),
        clears_after: Duration::from_secs(5),
    };

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1000)
    }

    const fn pending(since: i64) -> Phase {
        Phase::Pending { since: at(since) }
    }

    fn firing(since: i64, holds_since: Option<i64>) -> Phase {
        Phase::Firing {
            since: at(since),
            holds_since: holds_since.map(at),
        }
    }

    /// Every phase meets every sign, at second 100.
    #[test]
    fn every_phase_and_sign_has_its_next_phase() {
        use Sign::{Broken, Holds, Hovering, Idle, Unknown};
        let fired = |since| Some(Edge::Fired { since: at(since) });
        let resolved = Some(Edge::Resolved);
        let cases = [
            (Phase::Quiet, Broken, pending(100), None),
            (Phase::Quiet, Hovering, Phase::Quiet, None),
            (Phase::Quiet, Holds, Phase::Quiet, None),
            (Phase::Quiet, Unknown, Phase::Quiet, None),
            (Phase::Quiet, Idle, Phase::Quiet, None),
            (pending(91), Broken, pending(91), None),
            (pending(90), Broken, firing(90, None), fired(90)),
            (pending(90), Hovering, Phase::Quiet, None),
            (pending(90), Holds, Phase::Quiet, None),
            (pending(90), Unknown, Phase::Quiet, None),
            (pending(90), Idle, Phase::Quiet, None),
            (firing(50, None), Broken, firing(50, None), None),
            (firing(50, Some(96)), Broken, firing(50, None), None),
            (firing(50, Some(96)), Hovering, firing(50, None), None),
            (firing(50, None), Holds, firing(50, Some(100)), None),
            (firing(50, Some(96)), Holds, firing(50, Some(96)), None),
            (firing(50, Some(95)), Holds, Phase::Quiet, resolved),
            (firing(50, Some(96)), Unknown, firing(50, Some(96)), None),
            (firing(50, None), Idle, Phase::Quiet, resolved),
        ];
        for (phase, sign, next, edge) in cases {
            let got = step(phase, sign, TIMING, at(100));
            assert_eq!(got, (next, edge), "{phase:?} {sign:?}");
        }
    }

    #[test]
    fn a_rule_without_a_duration_fires_and_is_resolved_at_once() {
        let timing = Timing {
            fires_after: Duration::ZERO,
            clears_after: Duration::ZERO,
        };
        let (phase, edge) = step(Phase::Quiet, Sign::Broken, timing, at(1));
        assert_eq!(edge, Some(Edge::Fired { since: at(1) }));
        let (phase, edge) = step(phase, Sign::Holds, timing, at(2));
        assert_eq!((phase, edge), (Phase::Quiet, Some(Edge::Resolved)));
    }

    proptest! {
        /// Whatever is seen: what fires is resolved before it fires again, and nothing is resolved
        /// that did not fire.
        #[test]
        fn firing_and_resolving_alternate(signs in proptest::collection::vec(0_usize..5, 0..200)) {
            let all = [Sign::Broken, Sign::Hovering, Sign::Holds, Sign::Unknown, Sign::Idle];
            let mut phase = Phase::Quiet;
            let mut fires = false;
            for (second, sign) in (0_i64..).zip(signs) {
                let (next, edge) = step(phase, all[sign], TIMING, at(second));
                match edge {
                    Some(Edge::Fired { .. }) => {
                        prop_assert!(!fires);
                        fires = true;
                    }
                    Some(Edge::Resolved) => {
                        prop_assert!(fires);
                        fires = false;
                    }
                    None => {}
                }
                phase = next;
                let is_firing = matches!(phase, Phase::Firing { .. });
                prop_assert_eq!(is_firing, fires);
            }
        }
    }
}
