//! What is stored of a second and of a minute.
//!
//! Both are JSON arrays that begin with the number of their layout. Values are whole numbers in
//! units of each metric's last decimal place, in the order of the catalogue; a missing value is
//! `null`, and so is everything after the end of a row that is too short.
//!
//! ```text
//! second   [1,30000,4711,null,...]
//! minute   [1,[min,max,sum,count,last],[value,count],null,...]     the second form: all the same
//! ```

use std::fmt::{self, Write as _};

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::Stat;

/// The layout that this version writes, and the only one so far.
const LAYOUT: i64 = 1;

/// The values of one second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SecondRow(pub(crate) Vec<Option<i64>>);

/// The statistics of one minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MinuteRow(pub(crate) Vec<Option<Stat>>);

impl SecondRow {
    /// The row as it is stored.
    pub(crate) fn encode(&self) -> String {
        let mut text = format!("[{LAYOUT}");
        for value in &self.0 {
            match value {
                Some(value) => push(&mut text, format_args!(",{value}")),
                None => text.push_str(",null"),
            }
        }
        text.push(']');
        text
    }

    /// The row that `text` holds; `None` when this version cannot read it.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut values: Vec<Option<i64>> = serde_json::from_str(text).ok()?;
        if values.first() != Some(&Some(LAYOUT)) {
            return None;
        }
        values.remove(0);
        Some(Self(values))
    }
}

impl MinuteRow {
    /// The row as it is stored.
    pub(crate) fn encode(&self) -> String {
        let mut text = format!("[{LAYOUT}");
        for stat in &self.0 {
            match stat {
                None => text.push_str(",null"),
                Some(stat) if stat.is_constant() && is_multiple(stat) => {
                    push(&mut text, format_args!(",[{},{}]", stat.last, stat.count));
                }
                Some(stat) => {
                    let Stat {
                        min,
                        max,
                        sum,
                        count,
                        last,
                    } = stat;
                    push(
                        &mut text,
                        format_args!(",[{min},{max},{sum},{count},{last}]"),
                    );
                }
            }
        }
        text.push(']');
        text
    }

    /// The row that `text` holds; `None` when this version cannot read it.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let row = reader.deserialize_seq(MinuteVisitor).ok()?;
        reader.end().ok()?;
        Some(row)
    }

    /// Adds a row that was measured later.
    pub(crate) fn fold(&mut self, later: &[Option<Stat>]) {
        if self.0.len() < later.len() {
            self.0.resize(later.len(), None);
        }
        for (slot, stat) in self.0.iter_mut().zip(later) {
            if let Some(stat) = stat {
                Stat::fold(slot, *stat);
            }
        }
    }
}

impl From<&SecondRow> for MinuteRow {
    fn from(second: &SecondRow) -> Self {
        Self(second.0.iter().map(|value| value.map(Stat::of)).collect())
    }
}

/// Reads a minute without keeping the text's pieces: a month of minutes is 43,200 of them.
struct MinuteVisitor;

impl<'de> Visitor<'de> for MinuteVisitor {
    type Value = MinuteRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a minute of layout {LAYOUT}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<MinuteRow, A::Error> {
        if cells.next_element()? != Some(LAYOUT) {
            return Err(de::Error::custom("another layout"));
        }
        let mut row = Vec::new();
        while let Some(cell) = cells.next_element::<Option<Stat>>()? {
            row.push(cell);
        }
        Ok(MinuteRow(row))
    }
}

impl<'de> Deserialize<'de> for Stat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(StatVisitor)
    }
}

struct StatVisitor;

impl<'de> Visitor<'de> for StatVisitor {
    type Value = Stat;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[min,max,sum,count,last] or [value,count]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Stat, A::Error> {
        let short = || de::Error::custom("too few numbers");
        let first: i64 = numbers.next_element()?.ok_or_else(short)?;
        let second: i64 = numbers.next_element()?.ok_or_else(short)?;
        let Some(sum) = numbers.next_element()? else {
            return Ok(Stat {
                sum: first.saturating_mul(second),
                count: u32::try_from(second).map_err(de::Error::custom)?,
                ..Stat::of(first)
            });
        };
        Ok(Stat {
            min: first,
            max: second,
            sum,
            count: numbers.next_element()?.ok_or_else(short)?,
            last: numbers.next_element()?.ok_or_else(short)?,
        })
    }
}

/// Whether the sum follows from value and count: not so when it was too large to be kept.
fn is_multiple(stat: &Stat) -> bool {
    stat.last.checked_mul(i64::from(stat.count)) == Some(stat.sum)
}

fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn stat()(values in prop::collection::vec(any::<i32>(), 1..5)) -> Stat {
            values
                .into_iter()
                .map(|value| Stat::of(i64::from(value)))
                .reduce(Stat::then)
                .unwrap()
        }
    }

    proptest! {
        #[test]
        fn a_second_reads_back_as_it_was_written(row in prop::collection::vec(any::<Option<i64>>(), 0..25)) {
            let row = SecondRow(row);
            prop_assert_eq!(SecondRow::decode(&row.encode()), Some(row));
        }

        #[test]
        fn a_minute_reads_back_as_it_was_written(
            row in prop::collection::vec(prop::option::of(stat()), 0..25),
        ) {
            let row = MinuteRow(row);
            prop_assert_eq!(MinuteRow::decode(&row.encode()), Some(row));
        }
    }

    #[test]
    fn rows_have_this_form() {
        let second = SecondRow(vec![Some(30_000), None, Some(-7)]);
        assert_eq!(second.encode(), "[1,30000,null,-7]");
        let mut minute = MinuteRow::from(&second);
        minute.fold(&[Some(Stat::of(29_000)), None, Some(Stat::of(-7))]);
        assert_eq!(
            minute.encode(),
            "[1,[29000,30000,59000,2,29000],null,[-7,2]]"
        );
    }

    #[test]
    fn what_another_version_wrote_is_not_misread() {
        assert_eq!(SecondRow::decode("[2,30000]"), None);
        assert_eq!(MinuteRow::decode("[2,[1,1]]"), None);
        assert_eq!(MinuteRow::decode("[1,\"x\"]"), None);
        assert_eq!(SecondRow::decode(""), None);
    }
}
