//! What becomes of an hour when seconds are added to it. Pure.
//!
//! Reading and packing both go through [`Hour::add`], so that a series reads the same before and
//! after its seconds were packed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::tier::{HOUR, Tier};
use super::{Combine, Stat};

/// One value for each second of an hour.
pub(crate) type Values = Vec<Option<i64>>;

/// Seconds that are not packed yet, of one metric. `None` says that nothing was measured.
pub(crate) type Patch = BTreeMap<i64, Option<i64>>;

/// Seconds of an hour in a chunk.
const SECONDS: usize = Tier::Seconds.rows_per_chunk();

/// One metric in one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hour {
    /// Hours since the Unix epoch.
    number: i64,
    /// Its seconds; `None` where they are not kept, or not yet.
    seconds: Option<Values>,
}

impl Hour {
    /// An hour, and what is packed of its seconds.
    pub(crate) const fn new(number: i64, seconds: Option<Values>) -> Self {
        Self { number, seconds }
    }

    /// Its seconds, where they are kept.
    pub(crate) fn seconds(&self) -> Option<&[Option<i64>]> {
        self.seconds.as_deref()
    }

    /// Adds `patch`, whose seconds lie in the hour, and brings `rows` of each coarser tier up to
    /// date: rows by their number.
    ///
    /// A row is computed anew from all of its seconds. Only where these are gone already are the
    /// new ones added to what is known of it.
    pub(crate) fn add(
        &mut self,
        combine: Combine,
        patch: &Patch,
        tiers: &mut [(Tier, BTreeMap<i64, Stat>)],
    ) {
        let mut is_whole = true;
        let seconds = self.seconds.get_or_insert_with(|| {
            is_whole = false;
            vec![None; SECONDS]
        });
        for (second, value) in patch {
            if let Some(slot) = seconds.get_mut(Tier::Seconds.place_of(*second)) {
                *slot = combine.of(*slot, *value);
            }
        }
        for (tier, rows) in tiers {
            let unit = tier.unit_s();
            let touched: BTreeSet<i64> = patch.keys().map(|at| at.div_euclid(unit)).collect();
            for row in touched {
                let places = places(self.number, row, unit);
                let mut stat = rows.get(&row).copied().filter(|_| !is_whole);
                let values = seconds.get(places).unwrap_or_default();
                for value in values.iter().flatten() {
                    Stat::fold(&mut stat, Stat::of(*value));
                }
                match stat {
                    Some(stat) => drop(rows.insert(row, stat)),
                    None => drop(rows.remove(&row)),
                }
            }
        }
    }
}

/// The places in an hour's seconds that a row covers.
fn places(hour: i64, row: i64, unit: i64) -> Range<usize> {
    let place = |second: i64| usize::try_from(second.clamp(0, HOUR)).unwrap_or(0);
    let start = row * unit - hour * HOUR;
    place(start)..place(start + unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NUMBER: i64 = 500_000;

    type Tiers = Vec<(Tier, BTreeMap<i64, Stat>)>;

    fn no_rows() -> Tiers {
        Tier::COARSE.map(|tier| (tier, BTreeMap::new())).to_vec()
    }

    /// Adds `events` in parts of these lengths.
    fn in_parts(
        combine: Combine,
        events: &[(i64, Option<i64>)],
        lengths: &[usize],
    ) -> (Hour, Tiers) {
        let mut hour = Hour::new(NUMBER, None);
        let mut tiers = no_rows();
        let mut rest = events;
        for length in lengths.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*length).min(rest.len()));
            rest = later;
            let mut patch = Patch::new();
            for (second, value) in now {
                let slot = patch.entry(*second).or_default();
                *slot = combine.of(*slot, *value);
            }
            hour.add(combine, &patch, &mut tiers);
        }
        (hour, tiers)
    }

    fn event() -> impl Strategy<Value = (i64, Option<i64>)> {
        (
            NUMBER * HOUR..(NUMBER + 1) * HOUR,
            prop::option::of(-5_000_i64..5_000),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn rows_are_those_of_the_last_sample_of_each_second(
            events in prop::collection::vec(event(), 1..300),
            lengths in prop::collection::vec(1_usize..40, 1..6),
        ) {
            let (hour, tiers) = in_parts(Combine::Replace, &events, &lengths);
            let last: BTreeMap<i64, Option<i64>> = events.into_iter().collect();
            for (second, value) in &last {
                prop_assert_eq!(hour.seconds().unwrap()[Tier::Seconds.place_of(*second)], *value);
            }
            for (tier, rows) in tiers {
                let mut direct: BTreeMap<i64, Stat> = BTreeMap::new();
                for (second, value) in &last {
                    if let Some(value) = value {
                        let row = second.div_euclid(tier.unit_s());
                        let stat = Stat::of(*value);
                        direct.entry(row).and_modify(|kept| *kept = kept.then(stat)).or_insert(stat);
                    }
                }
                prop_assert_eq!(rows, direct);
            }
        }

        #[test]
        fn no_event_is_counted_twice_or_not_at_all(
            seconds in prop::collection::vec(NUMBER * HOUR..(NUMBER + 1) * HOUR, 1..300),
            lengths in prop::collection::vec(1_usize..40, 1..6),
        ) {
            let events: Vec<_> = seconds.iter().map(|second| (*second, Some(1))).collect();
            let (_hour, tiers) = in_parts(Combine::Add, &events, &lengths);
            for (_tier, rows) in tiers {
                let counted: i64 = rows.values().map(|stat| stat.sum).sum();
                prop_assert_eq!(usize::try_from(counted), Ok(events.len()));
            }
        }
    }

    #[test]
    fn a_late_second_is_added_to_a_row_whose_seconds_are_gone() {
        let kept = Stat {
            count: 59,
            sum: 590,
            ..Stat::of(10)
        };
        let second = NUMBER * HOUR + 90;
        let minute = second.div_euclid(60);
        let mut tiers = [(Tier::Minutes, BTreeMap::from([(minute, kept)]))];
        let mut hour = Hour::new(NUMBER, None);
        hour.add(
            Combine::Replace,
            &Patch::from([(second, Some(20))]),
            &mut tiers,
        );
        let stat = tiers[0].1[&minute];
        assert_eq!((stat.count, stat.sum, stat.max), (60, 610, 20));
    }

    #[test]
    fn a_second_that_turns_out_unmeasured_leaves_its_rows() {
        let second = NUMBER * HOUR;
        let mut hour = Hour::new(NUMBER, None);
        let mut tiers = no_rows();
        for value in [Some(5), None] {
            hour.add(
                Combine::Replace,
                &Patch::from([(second, value)]),
                &mut tiers,
            );
        }
        assert!(tiers.iter().all(|(_, rows)| rows.is_empty()));
    }
}
