//! Which rows answer a question about a time range. Pure.

use std::ops::Range;

use sm_common::clock::Timestamp;

use super::moment::{Moment, Span, Step};
use crate::config::RetentionConfig;
use crate::rollup::Tier;

/// Steps that `auto` chooses from, in seconds.
const AUTO_STEPS_S: [i64; 12] = [
    1, 5, 10, 30, 60, 300, 900, 1800, 3600, 21_600, 43_200, 86_400,
];

/// Bounds of a question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long each resolution is kept.
    pub(crate) retention: RetentionConfig,
    /// Most points, all series together.
    pub(crate) points_max: i64,
    /// Most points of a series that `auto` aims at.
    pub(crate) points_auto: i64,
}

/// A time range cut into steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// First second; a multiple of the step.
    pub(crate) from_s: i64,
    /// First second after it; a multiple of the step.
    pub(crate) to_s: i64,
    /// Length of a step, in seconds.
    pub(crate) step_s: i64,
    /// The rows that answer.
    pub(crate) tier: Tier,
    /// The oldest second that may be kept in them.
    oldest_s: i64,
}

/// Why a time range cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WindowError {
    #[error("`from` ({from}) must lie before `to` ({to}) and before now")]
    Empty { from: Timestamp, to: Timestamp },
    #[error(
        "step={step} can be had for the last {kept} only; ask for a step of whole {coarser}, or for less"
    )]
    TooFine {
        step: String,
        kept: String,
        coarser: String,
    },
    #[error(
        "{points} points are too many, {max} are the most for all series together; ask for step={step} or more, a shorter range or fewer metrics"
    )]
    TooMany { points: i64, max: i64, step: String },
}

impl Limits {
    /// Whether a resolution reaches back to a moment.
    fn reaches(&self, tier: Tier, from: Timestamp, now: Timestamp) -> bool {
        // Nothing is kept longer than hours are: what is older is left out of the answer.
        tier == Tier::Hours
            || from.as_unix_seconds() >= now.as_unix_seconds() - self.retention.of(tier)
    }

    /// The finest resolution that reaches back to a moment.
    pub(super) fn finest(&self, from: Timestamp, now: Timestamp) -> Tier {
        Tier::ALL
            .into_iter()
            .find(|tier| self.reaches(*tier, from, now))
            .unwrap_or(Tier::Hours)
    }
}

/// Cuts the range from `from` to `to` into steps, widened to whole steps, for so many series. What
/// lies after now is left out.
pub(crate) fn plan(
    (from, to): (Moment, Moment),
    step: Step,
    series: usize,
    limits: &Limits,
    now: Timestamp,
) -> Result<Window, WindowError> {
    let (from, to) = (from.resolve(now), to.resolve(now));
    let end = to.min(now);
    if from >= end {
        return Err(WindowError::Empty { from, to });
    }
    let series = i64::try_from(series).unwrap_or(i64::MAX);
    let window = |step_s: i64| cut(from, end, step_s, limits, now);
    let points = |window: &Window| window.steps().saturating_mul(series);
    let is_kept = |window: &Window| limits.reaches(window.tier, from, now);
    let window = match step {
        Step::Every(step) => window(i64::from(step.get())),
        Step::Auto => AUTO_STEPS_S
            .into_iter()
            .map(window)
            .filter(is_kept)
            .find(|window| {
                window.steps() <= limits.points_auto && points(window) <= limits.points_max
            })
            .unwrap_or_else(|| window(AUTO_STEPS_S.last().copied().unwrap_or(1))),
    };
    if !is_kept(&window) {
        return Err(WindowError::TooFine {
            step: Span(window.step_s).to_string(),
            kept: Span(limits.retention.of(window.tier)).to_string(),
            coarser: Span(limits.finest(from, now).unit_s()).to_string(),
        });
    }
    if points(&window) > limits.points_max {
        let step = enough(&window, series, limits, limits.finest(from, now));
        return Err(WindowError::TooMany {
            points: points(&window),
            max: limits.points_max,
            step: Span(step).to_string(),
        });
    }
    Ok(window)
}

fn cut(from: Timestamp, end: Timestamp, step_s: i64, limits: &Limits, now: Timestamp) -> Window {
    let tier = coarsest(|tier| step_s % tier.unit_s() == 0);
    let last_s = (end.as_unix_millis() - 1).div_euclid(1000);
    Window {
        from_s: from.as_unix_seconds().div_euclid(step_s) * step_s,
        to_s: (last_s.div_euclid(step_s) + 1) * step_s,
        step_s,
        tier,
        oldest_s: now.as_unix_seconds() - limits.retention.of(tier),
    }
}

/// The coarsest resolution that will do: the fewest rows, kept the longest.
fn coarsest(will_do: impl Fn(Tier) -> bool) -> Tier {
    Tier::ALL
        .into_iter()
        .rev()
        .find(|tier| will_do(*tier))
        .unwrap_or(Tier::Seconds)
}

/// The shortest handy step that gives few enough points of rows that are kept.
fn enough(window: &Window, series: i64, limits: &Limits, finest: Tier) -> i64 {
    let length = (window.to_s - window.from_s).saturating_mul(series);
    // One step more, because the range is widened to whole steps.
    let room = (limits.points_max - series).max(1);
    let step = length / room + 1;
    let unit = coarsest(|tier| tier.unit_s() <= step).max(finest).unit_s();
    (step + unit - 1) / unit * unit
}

impl Window {
    /// How many steps.
    pub(crate) const fn steps(&self) -> i64 {
        (self.to_s - self.from_s) / self.step_s
    }

    /// The first second of each step.
    pub(crate) fn starts(&self) -> impl Iterator<Item = i64> {
        let step_s = self.step_s;
        (0..self.steps())
            .zip(std::iter::repeat(self.from_s))
            .map(move |(number, from_s)| from_s + number * step_s)
    }

    /// The step that a row lies in, from 0.
    pub(crate) fn step_of(&self, row: i64) -> Option<usize> {
        let second = row * self.tier.unit_s();
        usize::try_from((second - self.from_s).div_euclid(self.step_s)).ok()
    }

    /// The same, made of seconds; `None` where they are not kept for so long.
    pub(super) fn in_seconds(&self, limits: &Limits, now: Timestamp) -> Option<Self> {
        let oldest_s = now.as_unix_seconds() - limits.retention.of(Tier::Seconds);
        (self.from_s >= oldest_s - self.step_s).then_some(Self {
            tier: Tier::Seconds,
            oldest_s,
            ..*self
        })
    }

    /// The rows that may be there.
    pub(crate) fn rows(&self) -> Range<i64> {
        let unit = self.tier.unit_s();
        let from_s = self.from_s.max(self.oldest_s);
        from_s.div_euclid(unit)..self.to_s.div_euclid(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        retention: RetentionConfig {
            seconds_s: 21_600,
            tens_s: 259_200,
            minutes_s: 2_592_000,
            hours_s: 63_072_000,
            timeline_max: 10_000,
        },
        points_max: 11_000,
        points_auto: 600,
    };
    /// 30.5 seconds into a minute.
    const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_030_500);

    fn planned(from: &str, to: &str, step: &str, metrics: usize) -> Result<Window, WindowError> {
        let range = (from.parse().unwrap(), to.parse().unwrap());
        plan(range, step.parse().unwrap(), metrics, &LIMITS, NOW)
    }

    #[test]
    fn a_range_is_widened_to_whole_steps() {
        let window = planned("-10s", "now", "1s", 1).unwrap();
        assert_eq!(
            (window.from_s, window.to_s, window.steps()),
            (1_800_000_020, 1_800_000_031, 11)
        );
        let window = planned("-10m", "-5m", "1m", 1).unwrap();
        assert_eq!(
            (window.from_s % 60, window.to_s % 60, window.steps()),
            (0, 0, 6)
        );
        assert_eq!(window.tier, Tier::Minutes);
        assert_eq!(window.step_of(window.from_s / 60 + 1), Some(1));
        assert_eq!(window.starts().last(), Some(window.to_s - 60));
    }

    #[test]
    fn auto_takes_the_finest_step_with_a_handy_number_of_points() {
        let step = |from: &str| planned(from, "now", "auto", 1).unwrap().step_s;
        assert_eq!(step("-5m"), 1);
        assert_eq!(step("-1h"), 10);
        assert_eq!(step("-6h"), 60);
        assert_eq!(step("-4d"), 900);
        assert_eq!(step("-30d"), 21_600);
        for metrics in 1..20 {
            for from in ["-1s", "-6h", "-30d", "-365d"] {
                let window = planned(from, "now", "auto", metrics).unwrap();
                assert!(window.steps() <= LIMITS.points_auto);
            }
        }
    }

    #[test]
    fn a_step_is_made_of_the_coarsest_rows_that_it_is_made_of() {
        for (step, tier) in [
            ("1s", Tier::Seconds),
            ("61s", Tier::Seconds),
            ("10s", Tier::Tens),
            ("90s", Tier::Tens),
            ("1m", Tier::Minutes),
            ("90m", Tier::Minutes),
            ("1h", Tier::Hours),
            ("1d", Tier::Hours),
        ] {
            assert_eq!(planned("-1h", "now", step, 1).unwrap().tier, tier, "{step}");
        }
    }

    #[test]
    fn no_resolution_is_promised_beyond_its_retention() {
        for (from, step, kept, coarser) in [
            ("-7h", "1s", "6h", "10s"),
            ("-4d", "30s", "3d", "1m"),
            ("-31d", "90m", "30d", "1h"),
        ] {
            let expected = WindowError::TooFine {
                step: step.to_owned(),
                kept: kept.to_owned(),
                coarser: coarser.to_owned(),
            };
            assert_eq!(planned(from, "now", step, 1), Err(expected));
            let coarser = planned(from, "now", coarser, 1);
            assert!(!matches!(coarser, Err(WindowError::TooFine { .. })));
        }
        // Hours are the last resort: what is no longer kept is not read.
        let window = planned("-800d", "now", "1d", 1).unwrap();
        assert_eq!(window.rows().start, (1_800_000_030 - 63_072_000) / 3600);
    }

    #[test]
    fn a_refusal_names_a_step_that_will_do() {
        for (from, step, metrics) in [
            ("-6h", "1s", 1),
            ("-6h", "1s", 19),
            ("-3d", "10s", 4),
            ("-30d", "1m", 4),
            ("-700d", "1h", 4),
        ] {
            let error = planned(from, "now", step, metrics).unwrap_err();
            let WindowError::TooMany { step, .. } = error else {
                panic!("{error}");
            };
            assert!(planned(from, "now", &step, metrics).is_ok(), "{step}");
        }
    }

    #[test]
    fn a_range_that_cannot_be_answered_is_refused() {
        assert!(matches!(
            planned("now", "-5m", "auto", 1),
            Err(WindowError::Empty { .. })
        ));
        assert!(matches!(
            planned("now", "now", "auto", 1),
            Err(WindowError::Empty { .. })
        ));
        assert!(matches!(
            planned("9000-01-01T00:00:00Z", "9001-01-01T00:00:00Z", "auto", 1),
            Err(WindowError::Empty { .. })
        ));
        assert!(matches!(
            planned("0001-01-01T00:00:00Z", "now", "1h", 1),
            Err(WindowError::TooMany { .. })
        ));
    }
}
