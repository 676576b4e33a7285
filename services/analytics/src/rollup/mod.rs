//! From samples to seconds to minutes, exactly. Pure.

pub(crate) mod quantity;
mod row;
mod stat;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use row::{MinuteRow, SecondRow};
pub(crate) use stat::{Stat, increase};

use crate::catalogue::Series;

/// Seconds in a minute.
pub(crate) const MINUTE: i64 = 60;

/// Rows by second since the Unix epoch.
pub(crate) type Seconds = BTreeMap<i64, SecondRow>;
/// Rows by minute since the Unix epoch.
pub(crate) type Minutes = BTreeMap<i64, MinuteRow>;

/// Rows of seconds and of the minutes they lie in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) seconds: Seconds,
    pub(crate) minutes: Minutes,
}

/// The minute that a second lies in.
pub(crate) const fn minute_of(second: i64) -> i64 {
    second.div_euclid(MINUTE)
}

/// Adds to `seconds` what was measured or counted in one more event.
pub(crate) fn record(series: Series, seconds: &mut Seconds, second: i64, row: SecondRow) {
    let kept = seconds.entry(second).or_default();
    *kept = combine(series, kept, row);
}

/// What is to be written after `page` was read on top of what is `stored` of its minutes.
///
/// A minute is computed anew from all of its seconds, so that it does not matter how events are
/// cut into pages. Only where the seconds are gone already is the page added to the minute.
pub(crate) fn apply(series: Series, stored: &Rows, page: &Seconds) -> Rows {
    let mut seconds = Seconds::new();
    for (second, row) in page {
        let row = match stored.seconds.get(second) {
            Some(kept) => combine(series, kept, row.clone()),
            None => row.clone(),
        };
        seconds.insert(*second, row);
    }
    let touched: BTreeSet<i64> = seconds.keys().map(|second| minute_of(*second)).collect();
    let minutes = touched
        .into_iter()
        .map(|minute| (minute, roll_up(minute, stored, &seconds)))
        .collect();
    Rows { seconds, minutes }
}

fn roll_up(minute: i64, stored: &Rows, changed: &Seconds) -> MinuteRow {
    let span = minute * MINUTE..(minute + 1) * MINUTE;
    let mut all: BTreeMap<i64, &SecondRow> = BTreeMap::new();
    for (second, row) in stored.seconds.range(span.clone()) {
        all.insert(*second, row);
    }
    let mut total = match stored.minutes.get(&minute) {
        Some(kept) if all.is_empty() => kept.clone(),
        Some(_) | None => MinuteRow::default(),
    };
    for (second, row) in changed.range(span) {
        all.insert(*second, row);
    }
    for row in all.into_values() {
        total.fold(&MinuteRow::from(row).0);
    }
    total
}

/// A later sample of a second replaces an earlier one; what is counted adds up.
fn combine(series: Series, kept: &SecondRow, row: SecondRow) -> SecondRow {
    match series {
        Series::Samples => row,
        Series::ChatMessages | Series::LayerChanges => {
            let count = |row: &SecondRow| row.0.first().copied().flatten().unwrap_or(0);
            SecondRow(vec![Some(count(kept).saturating_add(count(&row)))])
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs `events` through pages of these lengths, as the store would keep them.
    fn through_pages(series: Series, events: &[(i64, SecondRow)], lengths: &[usize]) -> Rows {
        let mut stored = Rows::default();
        let mut rest = events;
        let mut lengths = lengths.iter().cycle();
        while !rest.is_empty() {
            let length = lengths.next().copied().unwrap_or(1).clamp(1, rest.len());
            let (now, later) = rest.split_at(length);
            rest = later;
            let mut page = Seconds::new();
            for (second, row) in now {
                record(series, &mut page, *second, row.clone());
            }
            let change = apply(series, &stored, &page);
            stored.seconds.extend(change.seconds);
            stored.minutes.extend(change.minutes);
        }
        stored
    }

    fn sample() -> impl Strategy<Value = (i64, SecondRow)> {
        let row = prop::collection::vec(prop::option::of(-5_000_i64..5_000), 3);
        (0_i64..400, row.prop_map(SecondRow))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn minutes_from_seconds_are_those_from_the_samples(
            events in prop::collection::vec(sample(), 1..300),
            lengths in prop::collection::vec(1_usize..40, 1..6),
        ) {
            let stored = through_pages(Series::Samples, &events, &lengths);
            // The last sample of each second, straight into its minute.
            let last: BTreeMap<i64, SecondRow> = events.into_iter().collect();
            let mut direct = Minutes::new();
            for (second, row) in &last {
                let minute = direct.entry(minute_of(*second)).or_default();
                minute.fold(&MinuteRow::from(row).0);
            }
            prop_assert_eq!(stored.seconds, last);
            prop_assert_eq!(stored.minutes, direct);
        }

        #[test]
        fn no_event_is_counted_twice_or_not_at_all(
            seconds in prop::collection::vec(0_i64..400, 1..300),
            lengths in prop::collection::vec(1_usize..40, 1..6),
        ) {
            let one = SecondRow(vec![Some(1)]);
            let events: Vec<_> = seconds.iter().map(|second| (*second, one.clone())).collect();
            let stored = through_pages(Series::ChatMessages, &events, &lengths);
            let counted: i64 = stored
                .minutes
                .values()
                .filter_map(|minute| minute.0[0])
                .map(|stat| stat.sum)
                .sum();
            prop_assert_eq!(usize::try_from(counted), Ok(events.len()));
        }
    }

    #[test]
    fn a_late_sample_does_not_replace_a_minute_whose_seconds_are_gone() {
        let kept = MinuteRow(vec![Some(Stat {
            count: 59,
            sum: 590,
            ..Stat::of(10)
        })]);
        let stored = Rows {
            minutes: Minutes::from([(2, kept)]),
            ..Rows::default()
        };
        let late = Seconds::from([(150, SecondRow(vec![Some(20)]))]);
        let change = apply(Series::Samples, &stored, &late);
        let stat = change.minutes[&2].0[0].unwrap();
        assert_eq!((stat.count, stat.sum, stat.max), (60, 610, 20));
    }
}
