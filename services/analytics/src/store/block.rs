use std::collections::BTreeMap;
use std::ops::Range;

use sm_bus::keys;
use sm_common::id::StreamId;

use crate::catalogue::{Metric, Series};
use crate::rollup::{HOUR, Patch, SecondRow};

/// Length of a block, in seconds. Whole blocks make an hour, and whole rows of ten seconds and of
/// a minute make a block.
pub(crate) const BLOCK_S: i64 = 600;

/// The field that counts how often a block was written to.
pub(super) const WRITES: &str = "writes";

/// Ten minutes of rows that are not packed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    pub(crate) series: Series,
    /// Blocks since the Unix epoch.
    pub(crate) number: i64,
}

impl Block {
    /// The block that a second lies in.
    pub(super) const fn of(series: Series, second: i64) -> Self {
        Self {
            series,
            number: second.div_euclid(BLOCK_S),
        }
    }

    /// Its seconds since the Unix epoch.
    pub(crate) const fn seconds(self) -> Range<i64> {
        self.number * BLOCK_S..(self.number + 1) * BLOCK_S
    }

    /// The hour that it lies in.
    pub(crate) const fn hour(self) -> i64 {
        self.seconds().start.div_euclid(HOUR)
    }

    pub(super) fn key(self, stream: &StreamId) -> String {
        keys::open_block(stream, self.series.name(), self.number)
    }

    /// Its name among the blocks that are not packed.
    pub(super) fn name(self) -> String {
        format!("{}:{}", self.series.name(), self.number)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let (series, number) = name.split_once(':')?;
        Some(Self {
            series: Series::named(series)?,
            number: number.parse().ok()?,
        })
    }

    /// The field of a second.
    pub(super) fn field(second: i64) -> String {
        second.rem_euclid(BLOCK_S).to_string()
    }
}

/// What a block holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// How often it was written to, as it is stored.
    pub(super) writes: String,
    rows: Vec<(i64, SecondRow)>,
}

impl Contents {
    /// Reads the fields of a block. Rows that this version cannot read are left out.
    pub(super) fn read(block: Block, mut fields: BTreeMap<String, String>) -> Self {
        let writes = fields.remove(WRITES).unwrap_or_default();
        let start = block.seconds().start;
        let rows = fields
            .iter()
            .filter_map(|(place, cell)| {
                let row = match block.series {
                    Series::Samples => SecondRow::decode(cell)?,
                    Series::ChatMessages | Series::LayerChanges => {
                        SecondRow(vec![Some(cell.parse().ok()?)])
                    }
                };
                Some((start + place.parse::<i64>().ok()?, row))
            })
            .collect();
        Self { writes, rows }
    }

    /// What it says about a metric.
    pub(super) fn of(&self, metric: Metric) -> impl Iterator<Item = (i64, Option<i64>)> {
        let column = metric.column();
        let value = move |row: &SecondRow| row.0.get(column).copied().flatten();
        self.rows.iter().map(move |(at, row)| (*at, value(row)))
    }
}

/// What `blocks` say about a metric, by hour.
pub(super) fn patches<'a>(
    blocks: impl IntoIterator<Item = &'a (Block, Contents)>,
    metric: Metric,
) -> BTreeMap<i64, Patch> {
    let mut patches: BTreeMap<i64, Patch> = BTreeMap::new();
    for (block, contents) in blocks {
        if block.series == metric.series() {
            let patch = patches.entry(block.hour()).or_default();
            patch.extend(contents.of(metric));
        }
    }
    patches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::Tier;

    #[test]
    fn rows_of_ten_seconds_and_of_a_minute_lie_in_one_block() {
        for tier in [Tier::Tens, Tier::Minutes] {
            assert_eq!(BLOCK_S % tier.unit_s(), 0);
        }
        assert_eq!(HOUR % BLOCK_S, 0);
    }

    #[test]
    fn a_block_reads_back_from_its_name() {
        for series in Series::ALL {
            let block = Block::of(series, -1);
            assert_eq!(block.seconds(), -600..0);
            assert_eq!(block.hour(), -1);
            assert_eq!(Block::named(&block.name()), Some(block));
        }
        for name in ["", "samples", "samples:x", "other:3"] {
            assert_eq!(Block::named(name), None);
        }
    }

    #[test]
    fn a_second_reads_as_missing_where_a_row_is_too_short() {
        let block = Block::of(Series::Samples, 1200);
        let fields = [("7", "[1,30000]"), ("8", "[9,1]"), (WRITES, "4")];
        let fields = fields.map(|(name, cell)| (name.to_owned(), cell.to_owned()));
        let contents = Contents::read(block, BTreeMap::from(fields));
        assert_eq!(contents.writes, "4");
        let of = |metric| contents.of(metric).collect::<Vec<_>>();
        assert_eq!(of(Metric::Fps), [(1207, Some(30_000))]);
        assert_eq!(of(Metric::Viewers), [(1207, None)]);
    }
}
