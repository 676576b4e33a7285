//! By how much totals grow, per second. Pure.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::rollup::quantity::float;
use crate::rollup::{Stat, increase};

/// What is asked of each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum View {
    /// The values.
    #[default]
    Value,
    /// By how much counters grow per second.
    Rate,
}

/// How a counter grows, step by step.
#[derive(Clone, Debug)]
pub(super) struct Growth {
    steps: Vec<Option<Grown>>,
    before: Option<(i64, Stat)>,
}

/// How a counter has grown in one step.
#[derive(Clone, Copy, Debug)]
struct Grown {
    by: i64,
    seconds: u32,
    lowest: f64,
    highest: f64,
}

impl Growth {
    pub(super) fn new(steps: usize) -> Self {
        Self {
            steps: vec![None; steps],
            before: None,
        }
    }

    /// Adds the next row of a step. What grew before its first sample is known where the row
    /// before it is there; nobody knows in which step a counter grew that was not measured.
    pub(super) fn add(&mut self, step: usize, row: i64, stat: Stat) {
        let before = self.before.replace((row, stat));
        let neighbour = before.filter(|(before, _)| before + 1 == row);
        let (grown, seconds) = match neighbour {
            Some((_, before)) => (increase([Stat::of(before.last), stat]), stat.count),
            None => (increase([stat]), stat.count.saturating_sub(1)),
        };
        let (Some(grown), Some(slot), 1..) = (grown, self.steps.get_mut(step), seconds) else {
            return;
        };
        let rate = float(grown) / f64::from(seconds);
        let more = Grown {
            by: grown,
            seconds,
            lowest: rate,
            highest: rate,
        };
        *slot = Some(slot.map_or(more, |kept| Grown {
            by: kept.by.saturating_add(grown),
            seconds: kept.seconds.saturating_add(seconds),
            lowest: kept.lowest.min(rate),
            highest: kept.highest.max(rate),
        }));
    }

    /// Mean, lowest and highest rate of each step, per second that was measured; the lowest and
    /// highest are of its rows.
    pub(super) fn rates(self) -> Vec<Option<[f64; 3]>> {
        let rate = |grown: Grown| {
            let mean = float(grown.by) / f64::from(grown.seconds);
            [mean, grown.lowest, grown.highest]
        };
        self.steps
            .into_iter()
            .map(|grown| grown.map(rate))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_grows_from_row_to_row_and_not_across_a_gap() {
        let mut growth = Growth::new(4);
        // Rows 0 to 3, then 6 and 7; replaced before 7.
        for (row, value) in [(0, 100), (1, 130), (2, 160), (3, 160), (6, 500), (7, 10)] {
            let step = usize::try_from(row / 2).unwrap();
            growth.add(step, row, Stat::of(value));
        }
        assert_eq!(
            growth.rates(),
            [
                Some([30.0, 30.0, 30.0]),
                Some([15.0, 0.0, 30.0]),
                None,
                Some([10.0, 10.0, 10.0]),
            ]
        );
    }

    #[test]
    fn a_row_of_many_samples_grows_within_itself() {
        let minute = Stat {
            min: 100,
            max: 159,
            sum: 0,
            count: 60,
            last: 159,
        };
        let mut growth = Growth::new(1);
        growth.add(0, 7, minute);
        assert_eq!(growth.rates(), [Some([1.0, 1.0, 1.0])]);
    }
}
