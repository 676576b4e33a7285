//! What is stored of a second until it is packed, and what was stored of a minute.
//!
//! Both are JSON arrays that begin with the number of their layout. Values are whole numbers in
//! units of each metric's last decimal place, in the order of the catalogue; a missing value is
//! `null`, and so is everything after the end of a row that is too short.
//!
//! ```text
//! second          [1,30000,4711,null,...]
//! former minute   [1,[min,max,sum,count,last],[value,count],null,...]    the second: all the same
//! ```

use std::fmt::{self, Write as _};

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::Stat;

/// The layout that this version writes, and the only one so far.
const LAYOUT: i64 = 1;

/// The values of one second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SecondRow(pub(crate) Vec<Option<i64>>);

/// The statistics of one minute, as former versions kept them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FormerMinute(pub(crate) Vec<Option<Stat>>);

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

impl FormerMinute {
    /// The row that `text` holds; `None` when this version cannot read it.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let row = reader.deserialize_seq(MinuteVisitor).ok()?;
        reader.end().ok()?;
        Some(row)
    }
}

/// Reads a minute without keeping the text's pieces.
struct MinuteVisitor;

impl<'de> Visitor<'de> for MinuteVisitor {
    type Value = FormerMinute;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a minute of layout {LAYOUT}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<FormerMinute, A::Error> {
        if cells.next_element()? != Some(LAYOUT) {
            return Err(de::Error::custom("another layout"));
        }
        let mut row = Vec::new();
        while let Some(cell) = cells.next_element::<Option<Stat>>()? {
            row.push(cell);
        }
        Ok(FormerMinute(row))
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

fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_second_reads_back_as_it_was_written(row in prop::collection::vec(any::<Option<i64>>(), 0..25)) {
            let row = SecondRow(row);
            prop_assert_eq!(SecondRow::decode(&row.encode()), Some(row));
        }
    }

    #[test]
    fn rows_have_this_form() {
        let second = SecondRow(vec![Some(30_000), None, Some(-7)]);
        assert_eq!(second.encode(), "[1,30000,null,-7]");
        let minute = FormerMinute::decode("[1,[29000,30000,59000,2,29000],null,[-7,2]]").unwrap();
        let fps = Stat::of(30_000).then(Stat::of(29_000));
        let level = Stat::of(-7).then(Stat::of(-7));
        assert_eq!(minute.0, [Some(fps), None, Some(level)]);
    }

    #[test]
    fn what_another_version_wrote_is_not_misread() {
        assert_eq!(SecondRow::decode("[2,30000]"), None);
        assert_eq!(FormerMinute::decode("[2,[1,1]]"), None);
        assert_eq!(FormerMinute::decode("[1,\"x\"]"), None);
        assert_eq!(SecondRow::decode(""), None);
    }
}
