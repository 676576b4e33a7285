use super::quantity::{Decimals, mean, unscale};

/// What is kept of several values of one metric, in units of its last decimal place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) sum: i64,
    /// How many values; never 0.
    pub(crate) count: u32,
    /// The value that was measured last.
    pub(crate) last: i64,
}

impl Stat {
    /// Of one value.
    pub(crate) const fn of(value: i64) -> Self {
        Self {
            min: value,
            max: value,
            sum: value,
            count: 1,
            last: value,
        }
    }

    /// Of both, where the values of `later` were measured later.
    #[must_use]
    pub(crate) fn then(self, later: Self) -> Self {
        Self {
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            sum: self.sum.saturating_add(later.sum),
            count: self.count.saturating_add(later.count),
            last: later.last,
        }
    }

    /// Adds values that were measured later to those of `slot`.
    pub(crate) fn fold(slot: &mut Option<Self>, later: Self) {
        *slot = Some(match *slot {
            Some(earlier) => earlier.then(later),
            None => later,
        });
    }

    /// The same with zeros for what is missing to `count` values; of nothing but zeros for `None`.
    pub(crate) fn with_zeros(stat: Option<Self>, count: u32) -> Self {
        let Some(stat) = stat else {
            return Self {
                count,
                ..Self::of(0)
            };
        };
        if stat.count >= count {
            return stat;
        }
        Self {
            min: stat.min.min(0),
            max: stat.max.max(0),
            count,
            ..stat
        }
    }

    /// Whether every value is the same.
    pub(crate) const fn is_constant(&self) -> bool {
        self.min == self.max
    }

    pub(crate) fn mean(&self, decimals: Decimals) -> f64 {
        mean(self.sum, self.count, decimals)
    }

    pub(crate) fn min(&self, decimals: Decimals) -> f64 {
        unscale(self.min, decimals)
    }

    pub(crate) fn max(&self, decimals: Decimals) -> f64 {
        unscale(self.max, decimals)
    }
}

/// By how much a total that only grows, and falls to zero when its owner is replaced, has grown
/// from the first to the last of `stats`, which are in order. Exact as long as the owner is
/// replaced at most once in each; less than the truth otherwise. `None` without values.
pub(crate) fn increase(stats: impl IntoIterator<Item = Stat>) -> Option<i64> {
    let step = |before: i64, to: i64| if to >= before { to - before } else { to };
    let mut stats = stats.into_iter();
    let first = stats.next()?;
    // Before a replacement within the first, nothing says from where it had grown.
    let mut grown = if first.max > first.last {
        first.last
    } else {
        first.last.saturating_sub(first.min)
    };
    let mut before = first.last;
    for stat in stats {
        if stat.max > stat.last {
            grown = grown.saturating_add(step(before, stat.max));
            before = 0;
        }
        grown = grown.saturating_add(step(before, stat.last));
        before = stat.last;
    }
    Some(grown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_all(values: &[i64]) -> Option<Stat> {
        let mut slot = None;
        for value in values {
            Stat::fold(&mut slot, Stat::of(*value));
        }
        slot
    }

    proptest! {
        #[test]
        fn a_statistic_of_parts_is_that_of_the_whole(
            values in prop::collection::vec(-1_000_000_i64..1_000_000, 1..200),
            cut in 0_usize..200,
        ) {
            let (early, late) = values.split_at(cut.min(values.len()));
            let mut slot = of_all(early);
            if let Some(late) = of_all(late) {
                Stat::fold(&mut slot, late);
            }
            let whole = slot.unwrap();
            prop_assert_eq!(whole, of_all(&values).unwrap());
            prop_assert_eq!(whole.sum, values.iter().sum::<i64>());
            prop_assert_eq!(Some(&whole.min), values.iter().min());
            prop_assert_eq!(Some(&whole.max), values.iter().max());
            prop_assert_eq!(whole.last, *values.last().unwrap());
        }

        #[test]
        fn growth_survives_one_replacement_for_each_part(
            lives in prop::collection::vec(prop::collection::vec(0_i64..50, 60..120), 1..5),
        ) {
            // A total that grows by these steps in each life, sampled at each step, in parts of
            // 60: no part sees two replacements, because no life is shorter.
            let (mut values, mut expected) = (Vec::new(), 0);
            for (number, steps) in lives.iter().enumerate() {
                let mut total = 0;
                for (index, step) in steps.iter().enumerate() {
                    total += step;
                    values.push(total);
                    if number > 0 || index > 0 {
                        expected += step;
                    }
                }
            }
            let seconds: Vec<Stat> = values.iter().copied().map(Stat::of).collect();
            let minutes: Vec<Stat> = values.chunks(60).filter_map(of_all).collect();
            let exact = increase(seconds).unwrap();
            let coarse = increase(minutes).unwrap();
            prop_assert!(exact <= expected, "a replacement that passes unseen hides growth");
            prop_assert!(coarse <= expected);
        }
    }

    #[test]
    fn growth_is_counted_across_a_replacement() {
        let stats = |values: &[i64]| values.iter().copied().map(Stat::of).collect::<Vec<_>>();
        assert_eq!(increase(stats(&[])), None);
        assert_eq!(increase(stats(&[100])), Some(0));
        assert_eq!(increase(stats(&[100, 103, 105, 2, 4])), Some(9));
        // The same as one first value and one minute.
        let minute = of_all(&[103, 105, 2, 4]).unwrap();
        assert_eq!(increase([Stat::of(100), minute]), Some(9));
        // A replacement exactly between two minutes.
        let minutes = [of_all(&[1, 5]).unwrap(), of_all(&[0, 3]).unwrap()];
        assert_eq!(increase(minutes), Some(7));
    }

    #[test]
    fn seconds_without_events_count_as_zero() {
        let stat = Stat::with_zeros(Some(Stat::of(6)), 3);
        assert_eq!(
            (stat.min, stat.max, stat.sum, stat.count, stat.last),
            (0, 6, 6, 3, 6)
        );
        assert!((Stat::with_zeros(None, 60).mean(Decimals::NONE)).abs() < f64::EPSILON);
    }
}
