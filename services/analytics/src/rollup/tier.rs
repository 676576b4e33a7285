use std::ops::Range;

/// Seconds in an hour.
pub(crate) const HOUR: i64 = 3600;

/// A resolution that is kept. Rows are counted in its unit since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// One row a second; a chunk holds an hour.
    Seconds,
    /// One row for ten seconds; a chunk holds six hours.
    Tens,
    /// One row a minute; a chunk holds a day.
    Minutes,
    /// One row an hour; a chunk holds thirty days.
    Hours,
}

impl Tier {
    /// Every tier, the finest first.
    pub(crate) const ALL: [Self; 4] = [Self::Seconds, Self::Tens, Self::Minutes, Self::Hours];

    /// The tiers that hold statistics of several seconds.
    pub(crate) const COARSE: [Self; 3] = [Self::Tens, Self::Minutes, Self::Hours];

    /// Length of a row, in seconds.
    pub(crate) const fn unit_s(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Tens => 10,
            Self::Minutes => 60,
            Self::Hours => HOUR,
        }
    }

    /// Rows in a chunk.
    pub(crate) const fn rows_per_chunk(self) -> usize {
        match self {
            Self::Seconds => 3600,
            Self::Tens => 2160,
            Self::Minutes => 1440,
            Self::Hours => 720,
        }
    }

    /// Its name in keys.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "1s",
            Self::Tens => "10s",
            Self::Minutes => "1m",
            Self::Hours => "1h",
        }
    }

    /// Length of a chunk, in seconds.
    pub(crate) fn chunk_s(self) -> i64 {
        self.per_chunk() * self.unit_s()
    }

    /// The chunk that holds a row.
    pub(crate) fn chunk_of(self, row: i64) -> i64 {
        row.div_euclid(self.per_chunk())
    }

    /// The first row of a chunk.
    pub(crate) fn first_row(self, chunk: i64) -> i64 {
        chunk * self.per_chunk()
    }

    /// The place of a row in its chunk, from 0.
    pub(crate) fn place_of(self, row: i64) -> usize {
        usize::try_from(row.rem_euclid(self.per_chunk())).unwrap_or(0)
    }

    /// `rows`, cut where a chunk ends.
    pub(crate) fn pages(self, rows: Range<i64>) -> impl Iterator<Item = Range<i64>> {
        let per_chunk = self.per_chunk();
        let mut start = rows.start;
        std::iter::from_fn(move || {
            let end = ((start.div_euclid(per_chunk) + 1) * per_chunk).min(rows.end);
            let page = start..end;
            start = end;
            (!page.is_empty()).then_some(page)
        })
    }

    fn per_chunk(self) -> i64 {
        i64::try_from(self.rows_per_chunk()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_where_a_chunk_ends() {
        let hour = 500_000 * 3600;
        let pages: Vec<_> = Tier::Seconds.pages(hour - 2..hour + 3601).collect();
        assert_eq!(
            pages,
            [hour - 2..hour, hour..hour + 3600, hour + 3600..hour + 3601]
        );
        assert_eq!(Tier::Minutes.pages(7..7).count(), 0);
    }

    #[test]
    fn every_row_of_an_hour_lies_in_one_chunk() {
        for tier in Tier::ALL {
            assert_eq!(tier.chunk_s() % HOUR, 0, "{tier:?}");
            assert_eq!(HOUR % tier.unit_s(), 0, "{tier:?}");
        }
    }

    #[test]
    fn a_row_has_its_place_in_its_chunk() {
        for tier in Tier::ALL {
            for row in [-1, 0, 1, 123_456_789] {
                let place = i64::try_from(tier.place_of(row)).unwrap();
                assert_eq!(tier.first_row(tier.chunk_of(row)) + place, row);
            }
        }
    }
}
