use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::stream::StreamError;

use super::machine::Sign;
use super::rule::{Aggregate, Condition, Rule, Side, When};
use super::series::{Reading, Readings};
use crate::catalogue::{Metric, MetricKind};
use crate::watch::Facts;

/// How a rule looks now, and what was seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) sign: Sign,
    /// In the metric's unit, or its unit per second.
    pub(crate) value: Option<f64>,
    /// What was seen, in a sentence.
    pub(crate) reason: String,
}

impl Verdict {
    fn without_value(sign: Sign, reason: impl Into<String>) -> Self {
        Self {
            sign,
            value: None,
            reason: reason.into(),
        }
    }
}

/// A bound and where it is right again.
#[derive(Clone, Copy)]
struct Bound {
    side: Side,
    value: f64,
    clear: Option<f64>,
}

impl Bound {
    fn sign(self, value: f64) -> Sign {
        let clear = self.clear.unwrap_or(self.value);
        if self.side.holds(value, self.value) {
            Sign::Broken
        } else if self.side.holds(value, clear) {
            Sign::Hovering
        } else {
            Sign::Holds
        }
    }
}

/// A look at the rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) now: Timestamp,
    /// How long a stream is on air before it is looked at.
    pub(crate) settle: Duration,
    /// How long samples would have been heard: silence before says nothing.
    pub(crate) heard_for: Duration,
}

/// Looks at a rule.
pub(crate) fn judge(rule: &Rule, facts: &Facts, readings: &Readings, look: Look) -> Verdict {
    let Look {
        now,
        settle,
        heard_for,
    } = look;
    if rule.when == When::OnAir && !facts.is_settled(settle, now) {
        return Verdict::without_value(Sign::Idle, "the stream is off air");
    }
    let window = |metric: Metric, over_s: u32| {
        let from = now.minus(Duration::from_secs(u64::from(over_s)));
        readings.between(metric, from, now)
    };
    match &rule.condition {
        Condition::Threshold {
            metric,
            side,
            value,
            clear,
            over_s,
            aggregate,
        } => {
            let bound = Bound {
                side: *side,
                value: *value,
                clear: *clear,
            };
            let seen = aggregated(window(*metric, *over_s), *aggregate);
            bounded(*metric, bound, seen, *over_s, "")
        }
        Condition::Rate {
            metric,
            side,
            value,
            clear,
            over_s,
        } => {
            let bound = Bound {
                side: *side,
                value: *value,
                clear: *clear,
            };
            let seen = rate(window(*metric, *over_s), metric.spec().kind);
            bounded(*metric, bound, seen, *over_s, " per second")
        }
        Condition::Absence { metric, over_s } => {
            let for_long = Duration::from_secs(u64::from(*over_s));
            if facts.on_air_for(now).min(heard_for) < for_long {
                return Verdict::without_value(
                    Sign::Unknown,
                    "nobody has listened for long enough",
                );
            }
            let name = metric.spec().name;
            if window(*metric, *over_s).is_empty() {
                let reason = format!("nothing was measured of {name} for {over_s} s");
                Verdict::without_value(Sign::Broken, reason)
            } else {
                Verdict::without_value(Sign::Holds, format!("{name} is measured"))
            }
        }
        Condition::Error { code, least } => {
            let matching = |error: &&StreamError| {
                error.code.starts_with(code.as_str()) && error.severity.rank() >= least.rank()
            };
            let errors: Vec<&StreamError> = facts.errors().iter().filter(matching).collect();
            error_verdict(&errors)
        }
        Condition::Status { statuses } => match facts.status() {
            None => Verdict::without_value(Sign::Unknown, "the stream's status is not known"),
            Some(status) if statuses.contains(&status) => {
                Verdict::without_value(Sign::Broken, format!("the stream is {status}"))
            }
            Some(status) => Verdict::without_value(Sign::Holds, format!("the stream is {status}")),
        },
    }
}

fn error_verdict(errors: &[&StreamError]) -> Verdict {
    let Some(first) = errors.first() else {
        return Verdict::without_value(Sign::Holds, "there is no such error");
    };
    let more = match errors.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    let reason = format!(
        "{}: {} ({}){more}",
        first.component, first.message, first.code
    );
    Verdict::without_value(Sign::Broken, reason)
}

fn bounded(metric: Metric, bound: Bound, seen: Option<f64>, over_s: u32, per: &str) -> Verdict {
    let spec = metric.spec();
    let Some(value) = seen else {
        let reason = format!("nothing was measured of {} in {over_s} s", spec.name);
        return Verdict::without_value(Sign::Unknown, reason);
    };
    let Bound {
        side, value: at, ..
    } = bound;
    let reason = format!(
        "{} is {value:.3} {}{per} over {over_s} s; {} {at} is wrong",
        spec.name,
        spec.unit,
        side.as_str()
    );
    Verdict {
        sign: bound.sign(value),
        value: Some(value),
        reason,
    }
}

fn aggregated(readings: &[Reading], aggregate: Aggregate) -> Option<f64> {
    let last = readings.last()?;
    Some(match aggregate {
        Aggregate::Mean => {
            let count = u32::try_from(readings.len()).ok()?;
            let sum: f64 = readings.iter().map(|reading| reading.mean).sum();
            sum / f64::from(count)
        }
        Aggregate::Min => fold(readings.iter().map(|reading| reading.min), f64::min)?,
        Aggregate::Max => fold(readings.iter().map(|reading| reading.max), f64::max)?,
        Aggregate::Last => last.mean,
    })
}

fn fold(values: impl Iterator<Item = f64>, with: fn(f64, f64) -> f64) -> Option<f64> {
    values.reduce(with)
}

/// The change per second from the first to the last reading. A total that falls began anew with
/// another worker, and counts from zero.
fn rate(readings: &[Reading], kind: MetricKind) -> Option<f64> {
    let (first, last) = (readings.first()?, readings.last()?);
    let seconds = last.at.since(first.at).as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    let change = match kind {
        MetricKind::Gauge | MetricKind::Events => last.mean - first.mean,
        MetricKind::Counter => readings
            .iter()
            .zip(readings.iter().skip(1))
            .map(|(before, after)| {
                if after.max < before.max {
                    after.max
                } else {
                    after.max - before.max
                }
            })
            .sum(),
    };
    Some(change / seconds)
}

#[cfg(test)]
mod tests {
    use sm_common::stream::{Severity, StreamStatus};

    use super::*;
    use crate::alerts::any_rule;
    use crate::watch::facts_of;

    const NOW: Timestamp = Timestamp::from_unix_millis(100_000);
    const SETTLE: Duration = Duration::from_secs(5);

    fn readings(metric: Metric, values: &[(i64, f64)]) -> Readings {
        let reading = |(second, value): &(i64, f64)| Reading {
            at: Timestamp::from_unix_millis(second * 1000),
            mean: *value,
            min: value - 1.0,
            max: value + 1.0,
        };
        Readings::new(vec![(metric, values.iter().map(reading).collect())])
    }

    fn live() -> Facts {
        facts_of(StreamStatus::Live, Some(Timestamp::from_unix_millis(0)))
    }

    fn sign(condition: Condition, facts: &Facts, readings: &Readings) -> (Sign, Option<f64>) {
        let look = Look {
            now: NOW,
            settle: SETTLE,
            heard_for: Duration::MAX,
        };
        let verdict = judge(&any_rule("a", condition), facts, readings, look);
        (verdict.sign, verdict.value)
    }

    fn low_fps(aggregate: Aggregate) -> Condition {
        Condition::Threshold {
            metric: Metric::Fps,
            side: Side::Below,
            value: 24.0,
            clear: Some(28.0),
            over_s: 10,
            aggregate,
        }
    }

    #[test]
    fn a_threshold_looks_at_its_window_alone_and_hovers_until_it_is_clear() {
        let condition = low_fps(Aggregate::Mean);
        for (value, expected) in [
            (23.0, Sign::Broken),
            (26.0, Sign::Hovering),
            (28.0, Sign::Holds),
            (30.0, Sign::Holds),
        ] {
            let seen = readings(Metric::Fps, &[(80, 1.0), (95, value), (99, value)]);
            assert_eq!(
                sign(condition.clone(), &live(), &seen),
                (expected, Some(value)),
                "{value}"
            );
        }
        let old = readings(Metric::Fps, &[(80, 1.0)]);
        assert_eq!(sign(condition, &live(), &old), (Sign::Unknown, None));
    }

    #[test]
    fn each_aggregate_makes_one_value_of_the_window() {
        let seen = readings(Metric::Fps, &[(91, 10.0), (95, 20.0), (99, 60.0)]);
        for (aggregate, value) in [
            (Aggregate::Mean, 30.0),
            (Aggregate::Min, 9.0),
            (Aggregate::Max, 61.0),
            (Aggregate::Last, 60.0),
        ] {
            let (_, got) = sign(low_fps(aggregate), &live(), &seen);
            assert_eq!(got, Some(value), "{aggregate:?}");
        }
    }

    #[test]
    fn a_total_that_began_anew_counts_from_zero() {
        let condition = Condition::Rate {
            metric: Metric::FramesDropped,
            side: Side::Above,
            value: 1.0,
            clear: None,
            over_s: 20,
        };
        let seen = readings(
            Metric::FramesDropped,
            &[(81, 100.0), (90, 110.0), (91, 4.0)],
        );
        // 10 until the worker was replaced, and 5 since: `max` is one more than the value.
        assert_eq!(
            sign(condition.clone(), &live(), &seen),
            (Sign::Broken, Some(1.5))
        );
        let one = readings(Metric::FramesDropped, &[(91, 4.0)]);
        assert_eq!(sign(condition, &live(), &one).0, Sign::Unknown);
    }

    #[test]
    fn what_is_not_measured_is_absent_once_the_stream_is_on_air_for_long_enough() {
        let condition = Condition::Absence {
            metric: Metric::Fps,
            over_s: 10,
        };
        let none = Readings::default();
        assert_eq!(sign(condition.clone(), &live(), &none).0, Sign::Broken);
        let measured = readings(Metric::Fps, &[(95, 30.0)]);
        assert_eq!(sign(condition.clone(), &live(), &measured).0, Sign::Holds);
        let young = facts_of(
            StreamStatus::Live,
            Some(Timestamp::from_unix_millis(93_000)),
        );
        assert_eq!(sign(condition.clone(), &young, &none).0, Sign::Unknown);
        let deaf = Look {
            now: NOW,
            settle: SETTLE,
            heard_for: Duration::from_secs(9),
        };
        let verdict = judge(&any_rule("a", condition), &live(), &none, deaf);
        assert_eq!(verdict.sign, Sign::Unknown);
    }

    #[test]
    fn nothing_is_looked_at_while_the_stream_is_off_air_or_has_just_begun() {
        let seen = readings(Metric::Fps, &[(99, 1.0)]);
        let condition = low_fps(Aggregate::Last);
        for facts in [
            facts_of(StreamStatus::Offline, None),
            facts_of(StreamStatus::Starting, None),
            facts_of(
                StreamStatus::Live,
                Some(Timestamp::from_unix_millis(96_000)),
            ),
            Facts::default(),
        ] {
            assert_eq!(sign(condition.clone(), &facts, &seen).0, Sign::Idle);
        }
    }

    #[test]
    fn errors_are_matched_by_the_beginning_of_their_code_and_their_severity() {
        let mut facts = live();
        facts.raise(&StreamError {
            code: "output.refused".to_owned(),
            severity: Severity::Warning,
            component: "output:youtube".to_owned(),
            message: "the server refused it".to_owned(),
            since: NOW,
            count: 1,
            recovering: true,
        });
        let none = Readings::default();
        for (code, least, expected) in [
            ("output.", Severity::Warning, Sign::Broken),
            ("output.refused", Severity::Info, Sign::Broken),
            ("output.", Severity::Error, Sign::Holds),
            ("layer.", Severity::Info, Sign::Holds),
        ] {
            let condition = Condition::Error {
                code: code.to_owned(),
                least,
            };
            assert_eq!(sign(condition, &facts, &none).0, expected, "{code}");
        }
    }
}
