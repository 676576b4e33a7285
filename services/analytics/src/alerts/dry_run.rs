//! When a rule would have fired: the same judgement and the same machine, over what is kept.

use std::time::Duration;

use serde::Serialize;
use sm_common::clock::Timestamp;
use utoipa::ToSchema;

use super::judge::{Look, Verdict, judge};
use super::machine::{Edge, Phase, Sign, Timing, step};
use super::rule::{Condition, Rule};
use super::series::Readings;
use crate::timeline::{Happening, StatusChange};
use crate::watch::Facts;

/// Most times that are listed in an answer.
const LISTED_MAX: usize = 200;

/// What is known of the time that a rule is tried on.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// Distance of two looks: the length of the rows that are kept of that time.
    pub(crate) step: Duration,
    pub(crate) readings: Readings,
    /// What happened to the stream, oldest first.
    pub(crate) happenings: Vec<Happening>,
}

/// Why a rule cannot be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DryRunError {
    #[error("errors are kept by when they began: only a rule with `for_s` 0 can be tried on them")]
    ErrorsHaveNoEnd,
}

/// One time that the rule would have fired.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct WouldFire {
    /// Since when it was broken.
    since: Timestamp,
    /// When it would have fired.
    fired_at: Timestamp,
    /// When it would have been resolved; null when it would fire still, or where that is not kept.
    resolved_at: Option<Timestamp>,
    /// What would have been said.
    reason: String,
}

/// What a rule would have done.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = AlertDryRun)]
pub(crate) struct DryRun {
    /// Where the time begins that it was tried on.
    from: Timestamp,
    /// Where it ends.
    until: Timestamp,
    /// Distance of two looks, in seconds.
    step_s: u64,
    /// How often it would have fired.
    fired: usize,
    /// For how many seconds in all it would have fired.
    firing_s: u64,
    /// Looks at which what it is about was not known: the stream was off air, or nothing was
    /// measured.
    not_judged: usize,
    /// Looks in all.
    looks: usize,
    /// The times, oldest first; at most 200.
    times: Vec<WouldFire>,
}

/// Tries `rule` on what is kept.
pub(crate) fn dry_run(rule: &Rule, past: &Past, settle: Duration) -> Result<DryRun, DryRunError> {
    if let Condition::Error { .. } = rule.condition {
        return errors(rule, past);
    }
    let timing = Timing {
        fires_after: Duration::from_secs(u64::from(rule.for_s)),
        clears_after: Duration::from_secs(u64::from(rule.clear_for_s)),
    };
    let mut run = Run::new(past);
    let mut statuses = statuses(&past.happenings).peekable();
    let mut facts = Facts::default();
    let mut phase = Phase::Quiet;
    let mut now = past.from.plus(past.step);
    while now <= past.until {
        while let Some(change) = statuses.next_if(|change| change.since <= now) {
            facts = Facts::past(Some(change.status), change.live_since);
        }
        let look = Look {
            now,
            settle,
            heard_for: now.since(past.from),
        };
        let verdict = judge(rule, &facts, &past.readings, look);
        run.look(&verdict);
        let (next, edge) = step(phase, verdict.sign, timing, now);
        phase = next;
        match edge {
            Some(Edge::Fired { since }) => run.fired(since, now, verdict.reason),
            Some(Edge::Resolved) => run.resolved(now),
            None => {}
        }
        now = now.plus(past.step);
    }
    Ok(run.finish())
}

fn statuses(happenings: &[Happening]) -> impl Iterator<Item = StatusChange> {
    happenings.iter().filter_map(|happening| match happening {
        Happening::Status(change) => Some(*change),
        Happening::Interruption(_) | Happening::Error(_) | Happening::Gap(_) => None,
    })
}

/// Each error that began in that time fires once.
fn errors(rule: &Rule, past: &Past) -> Result<DryRun, DryRunError> {
    let Condition::Error { code, least } = &rule.condition else {
        return Ok(Run::new(past).finish());
    };
    if rule.for_s > 0 {
        return Err(DryRunError::ErrorsHaveNoEnd);
    }
    let mut run = Run::new(past);
    for happening in &past.happenings {
        let Happening::Error(error) = happening else {
            continue;
        };
        let within = past.from <= error.since && error.since < past.until;
        let matching =
            error.code.starts_with(code.as_str()) && error.severity.rank() >= least.rank();
        if within && matching {
            let reason = format!("{}: {}", error.component, error.code);
            run.fired(error.since, error.since, reason);
        }
    }
    Ok(run.finish())
}

/// A run while it goes on.
struct Run {
    run: DryRun,
    /// When it fired, while it does.
    firing_since: Option<Timestamp>,
}

impl Run {
    const fn new(past: &Past) -> Self {
        Self {
            run: DryRun {
                from: past.from,
                until: past.until,
                step_s: past.step.as_secs(),
                fired: 0,
                firing_s: 0,
                not_judged: 0,
                looks: 0,
                times: Vec::new(),
            },
            firing_since: None,
        }
    }

    fn look(&mut self, verdict: &Verdict) {
        self.run.looks += 1;
        if matches!(verdict.sign, Sign::Unknown | Sign::Idle) {
            self.run.not_judged += 1;
        }
    }

    fn fired(&mut self, since: Timestamp, now: Timestamp, reason: String) {
        self.run.fired += 1;
        self.firing_since = Some(now);
        if self.run.times.len() < LISTED_MAX {
            self.run.times.push(WouldFire {
                since,
                fired_at: now,
                resolved_at: None,
                reason,
            });
        }
    }

    fn resolved(&mut self, now: Timestamp) {
        let listed = self.run.times.len() == self.run.fired;
        if let (true, Some(last)) = (listed, self.run.times.last_mut()) {
            last.resolved_at = Some(now);
        }
        if let Some(since) = self.firing_since.take() {
            self.run.firing_s += now.since(since).as_secs();
        }
    }

    fn finish(mut self) -> DryRun {
        // Of an error it is not known how long it lasted: no look was taken.
        if let (true, Some(since)) = (self.run.looks > 0, self.firing_since.take()) {
            self.run.firing_s += self.run.until.since(since).as_secs();
        }
        self.run
    }
}

#[cfg(test)]
mod tests {
    use sm_common::stream::{Severity, StreamStatus};

    use super::*;
    use crate::alerts::rule::{Aggregate, Side};
    use crate::alerts::{Reading, any_rule};
    use crate::catalogue::Metric;
    use crate::timeline::ErrorRaised;

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1000)
    }

    fn past(fps: impl Fn(i64) -> Option<f64>, happenings: Vec<Happening>) -> Past {
        let readings = (0..100).filter_map(|second| {
            let value = fps(second)?;
            Some(Reading {
                at: at(second),
                mean: value,
                min: value,
                max: value,
            })
        });
        Past {
            from: at(0),
            until: at(100),
            step: Duration::from_secs(1),
            readings: Readings::new(vec![(Metric::Fps, readings.collect())]),
            happenings,
        }
    }

    fn live(from: i64) -> Happening {
        Happening::Status(StatusChange {
            status: StreamStatus::Live,
            since: at(from),
            live_since: Some(at(from)),
        })
    }

    fn low_fps(for_s: u32) -> Rule {
        let mut rule = any_rule(
            "low",
            Condition::Threshold {
                metric: Metric::Fps,
                side: Side::Below,
                value: 24.0,
                clear: None,
                over_s: 1,
                aggregate: Aggregate::Last,
            },
        );
        rule.for_s = for_s;
        rule
    }

    #[test]
    fn a_rule_fires_in_the_past_as_it_would_now() {
        let slow = |second: i64| {
            Some(if (40..60).contains(&second) {
                10.0
            } else {
                30.0
            })
        };
        let past = past(slow, vec![live(0)]);
        let run = dry_run(&low_fps(5), &past, Duration::ZERO).unwrap();
        assert_eq!((run.fired, run.firing_s, run.looks), (1, 15, 100));
        let time = &run.times[0];
        assert_eq!((time.since, time.fired_at), (at(40), at(45)));
        assert_eq!(time.resolved_at, Some(at(60)));
        let never = dry_run(&low_fps(30), &past, Duration::ZERO).unwrap();
        assert_eq!(never.fired, 0);
    }

    #[test]
    fn what_still_fires_has_no_end_and_off_air_is_not_judged() {
        let past = past(|_| Some(10.0), vec![live(50)]);
        let run = dry_run(&low_fps(0), &past, Duration::ZERO).unwrap();
        // And nothing was measured at the last look.
        assert_eq!((run.fired, run.firing_s, run.not_judged), (1, 50, 50));
        assert_eq!(run.times[0].resolved_at, None);
    }

    #[test]
    fn errors_fire_by_when_they_began() {
        let error = |second: i64, code: &str| {
            Happening::Error(ErrorRaised {
                code: code.to_owned(),
                severity: Severity::Error,
                component: "output:a".to_owned(),
                since: at(second),
            })
        };
        let happenings = vec![error(5, "output.refused"), error(6, "layer.source.lost")];
        let mut rule = any_rule(
            "down",
            Condition::Error {
                code: "output.".to_owned(),
                least: Severity::Warning,
            },
        );
        let past = past(|_| None, happenings);
        let run = dry_run(&rule, &past, Duration::ZERO).unwrap();
        assert_eq!((run.fired, run.firing_s), (1, 0));
        rule.for_s = 5;
        assert_eq!(
            dry_run(&rule, &past, Duration::ZERO),
            Err(DryRunError::ErrorsHaveNoEnd)
        );
    }
}
