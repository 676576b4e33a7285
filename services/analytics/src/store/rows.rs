use std::collections::BTreeMap;
use std::ops::Range;

use sm_bus::{BusError, keys, redis};
use sm_common::id::StreamId;

use super::Store;
use crate::catalogue::Series;
use crate::rollup::{MINUTE, MinuteRow, Minutes, Rows, SecondRow, Seconds, minute_of};

/// A resolution that is kept. Rows are counted in its unit since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// One row a second; a key holds an hour.
    Seconds,
    /// One row a minute; a key holds a day.
    Minutes,
}

impl Tier {
    /// Length of a row, in seconds.
    pub(crate) const fn unit_s(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => MINUTE,
        }
    }

    /// Rows in a key.
    pub(super) const fn rows_per_key(self) -> i64 {
        match self {
            Self::Seconds => 3600,
            Self::Minutes => 1440,
        }
    }

    /// `rows`, cut where a key ends.
    pub(crate) fn pages(self, rows: Range<i64>) -> impl Iterator<Item = Range<i64>> {
        let per_key = self.rows_per_key();
        let mut start = rows.start;
        std::iter::from_fn(move || {
            let end = ((start.div_euclid(per_key) + 1) * per_key).min(rows.end);
            let page = start..end;
            start = end;
            (!page.is_empty()).then_some(page)
        })
    }

    pub(super) fn key(self, stream: &StreamId, row: i64) -> String {
        let number = row.div_euclid(self.rows_per_key());
        match self {
            Self::Seconds => keys::seconds(stream, number),
            Self::Minutes => keys::minutes(stream, number),
        }
    }

    /// The field of a row: its place in the key, and the series where it is not the samples.
    pub(super) fn field(self, series: Series, row: i64) -> String {
        let place = row.rem_euclid(self.rows_per_key());
        match series {
            Series::Samples => place.to_string(),
            Series::ChatMessages => format!("{place}:chat"),
            Series::LayerChanges => format!("{place}:layers"),
        }
    }
}

impl Store {
    /// The rows of seconds in `range`.
    pub(crate) async fn seconds(
        &self,
        stream: &StreamId,
        series: Series,
        range: Range<i64>,
    ) -> Result<Seconds, BusError> {
        let cells = self.cells(stream, Tier::Seconds, series, range).await?;
        Ok(decoded(cells, SecondRow::decode))
    }

    /// The rows of minutes in `range`.
    pub(crate) async fn minutes(
        &self,
        stream: &StreamId,
        series: Series,
        range: Range<i64>,
    ) -> Result<Minutes, BusError> {
        let cells = self.cells(stream, Tier::Minutes, series, range).await?;
        Ok(decoded(cells, MinuteRow::decode))
    }

    /// What is kept of the minutes that the seconds of `page` lie in.
    pub(crate) async fn surroundings(
        &self,
        stream: &StreamId,
        series: Series,
        page: &Seconds,
    ) -> Result<Rows, BusError> {
        let mut minutes: Vec<i64> = page.keys().map(|second| minute_of(*second)).collect();
        minutes.dedup();
        let mut rows = Rows::default();
        if minutes.is_empty() {
            return Ok(rows);
        }
        let mut pipeline = redis::pipe();
        for minute in &minutes {
            let seconds = minute * MINUTE..(minute + 1) * MINUTE;
            pipeline
                .cmd("HMGET")
                .arg(Tier::Seconds.key(stream, seconds.start))
                .arg(fields(Tier::Seconds, series, seconds))
                .cmd("HMGET")
                .arg(Tier::Minutes.key(stream, *minute))
                .arg(Tier::Minutes.field(series, *minute));
        }
        let answers: Vec<Vec<Option<String>>> = self.bus.pipeline(&pipeline).await?;
        for (minute, answer) in minutes.iter().zip(answers.chunks(2)) {
            let (Some(seconds), Some(whole)) = (answer.first(), answer.last()) else {
                continue;
            };
            let seconds = (minute * MINUTE..).zip(seconds.iter().cloned());
            rows.seconds
                .append(&mut decoded(seconds, SecondRow::decode));
            let whole = [(*minute, whole.first().cloned().flatten())];
            rows.minutes.append(&mut decoded(whole, MinuteRow::decode));
        }
        Ok(rows)
    }

    /// Reads the cells in `range`, one key at a time, so that no single answer is large.
    async fn cells(
        &self,
        stream: &StreamId,
        tier: Tier,
        series: Series,
        range: Range<i64>,
    ) -> Result<Vec<(i64, Option<String>)>, BusError> {
        let mut found = Vec::new();
        for page in tier.pages(range) {
            let mut command = redis::cmd("HMGET");
            command
                .arg(tier.key(stream, page.start))
                .arg(fields(tier, series, page.clone()));
            let cells: Vec<Option<String>> = self.bus.query(&command).await?;
            found.extend(page.zip(cells).filter(|(_, cell)| cell.is_some()));
        }
        Ok(found)
    }
}

fn fields(tier: Tier, series: Series, rows: Range<i64>) -> Vec<String> {
    rows.map(|row| tier.field(series, row)).collect()
}

/// The cells that hold something this version can read.
fn decoded<T>(
    cells: impl IntoIterator<Item = (i64, Option<String>)>,
    decode: impl Fn(&str) -> Option<T>,
) -> BTreeMap<i64, T> {
    cells
        .into_iter()
        .filter_map(|(row, cell)| Some((row, decode(&cell?)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_where_a_key_ends() {
        let hour = 500_000 * 3600;
        let pages: Vec<_> = Tier::Seconds.pages(hour - 2..hour + 3601).collect();
        assert_eq!(
            pages,
            [hour - 2..hour, hour..hour + 3600, hour + 3600..hour + 3601]
        );
        assert_eq!(Tier::Minutes.pages(7..7).count(), 0);
    }

    #[test]
    fn a_row_has_its_place_in_its_hour_or_day() {
        let stream = StreamId::default();
        let second = 500_000 * 3600 - 1;
        assert_eq!(
            Tier::Seconds.key(&stream, second),
            keys::seconds(&stream, 499_999)
        );
        assert_eq!(Tier::Seconds.field(Series::Samples, second), "3599");
        let minute = minute_of(second);
        assert_eq!(
            Tier::Minutes.key(&stream, minute),
            keys::minutes(&stream, 499_999 / 24)
        );
        let place = 499_999 % 24 * 60 + 59;
        let field = Tier::Minutes.field(Series::ChatMessages, minute);
        assert_eq!(field, format!("{place}:chat"));
    }
}
