//! From samples to seconds to coarser rows, exactly. Pure.

pub(crate) mod hour;
pub(crate) mod quantity;
mod row;
mod sketch;
mod stat;
mod tier;

use std::collections::BTreeMap;

pub(crate) use hour::{Hour, Patch};
pub(crate) use row::{FormerMinute, SecondRow};
pub(crate) use sketch::Sketch;
pub(crate) use stat::{Stat, increase};
pub(crate) use tier::{HOUR, Tier};

/// Seconds in a minute.
pub(crate) const MINUTE: i64 = 60;

/// Rows by second since the Unix epoch.
pub(crate) type Seconds = BTreeMap<i64, SecondRow>;

/// What a second event of the same second does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combine {
    /// It is another sample and replaces the first, also where it has no value.
    Replace,
    /// It is one more thing that happened.
    Add,
}

impl Combine {
    /// The value of a second.
    pub(crate) fn of(self, kept: Option<i64>, value: Option<i64>) -> Option<i64> {
        match (self, kept, value) {
            (Self::Replace, _, value) => value,
            (Self::Add, Some(kept), Some(value)) => Some(kept.saturating_add(value)),
            (Self::Add, kept, value) => kept.or(value),
        }
    }

    /// Adds to `seconds` what was measured or counted in one more event.
    pub(crate) fn record(self, seconds: &mut Seconds, second: i64, row: SecondRow) {
        let kept = seconds.entry(second).or_default();
        *kept = match self {
            Self::Replace => row,
            Self::Add => {
                let first = |row: &SecondRow| row.0.first().copied().flatten();
                SecondRow(vec![self.of(first(kept), first(&row))])
            }
        };
    }
}
