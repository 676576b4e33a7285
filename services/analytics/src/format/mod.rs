//! Forms in which rows leave: a line a row, or a file of columns. Pure.

mod csv;
mod ndjson;
mod parquet;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::query::Page;
use crate::rollup::Stat;
use crate::rollup::quantity::{Decimals, unscale};

pub(crate) use self::parquet::ParquetError;

/// A form of exported rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A head line, and a line for each row.
    #[default]
    Csv,
    /// A JSON object a line for each row.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Its media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// How files of it are called.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// Begins a file.
    pub(crate) fn begin(self) -> Result<Writer, ParquetError> {
        Ok(match self {
            Self::Csv => Writer::Csv { is_begun: false },
            Self::Ndjson => Writer::Ndjson,
            Self::Parquet => Writer::Parquet(Box::new(self::parquet::File::begin()?)),
        })
    }
}

/// A file that is being written.
pub(crate) enum Writer {
    Csv { is_begun: bool },
    Ndjson,
    Parquet(Box<self::parquet::File>),
}

impl Writer {
    /// What follows in the file. Not every page gives bytes at once.
    pub(crate) fn add(&mut self, page: &Page) -> Result<Vec<u8>, ParquetError> {
        match self {
            Self::Csv { is_begun } => {
                let mut bytes = csv::head(is_begun);
                csv::write(&mut bytes, page);
                Ok(bytes)
            }
            Self::Ndjson => Ok(ndjson::write(page)),
            Self::Parquet(file) => file.add(page),
        }
    }

    /// The end of the file.
    pub(crate) fn end(self) -> Result<Vec<u8>, ParquetError> {
        match self {
            Self::Csv { mut is_begun } => Ok(csv::head(&mut is_begun)),
            Self::Ndjson => Ok(Vec::new()),
            Self::Parquet(file) => file.end(),
        }
    }
}

/// The numbers of a row, in the units of its metric.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Numbers {
    mean: f64,
    min: f64,
    max: f64,
    sum: f64,
    count: u32,
    last: f64,
}

impl Numbers {
    fn new(stat: &Stat, decimals: Decimals) -> Self {
        Self {
            mean: stat.mean(decimals),
            min: stat.min(decimals),
            max: stat.max(decimals),
            sum: unscale(stat.sum, decimals),
            count: stat.count,
            last: unscale(stat.last, decimals),
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::clock::Timestamp;

    use super::*;
    use crate::catalogue::Metric;
    use crate::query::Record;

    /// Two seconds of fps.
    pub(super) fn page() -> Page {
        let record = |second: i64, value: i64| Record {
            at: Timestamp::from_unix_millis(1_800_000_000_000 + second * 1000),
            stat: Stat::of(value),
        };
        Page {
            stream: "main".parse().unwrap(),
            metric: Metric::Fps,
            records: vec![record(0, 29_970), record(1, 30_000)],
        }
    }

    fn written(format: Format, pages: &[Page]) -> String {
        let mut writer = format.begin().unwrap();
        let mut bytes = Vec::new();
        for page in pages {
            bytes.extend(writer.add(page).unwrap());
        }
        bytes.extend(writer.end().unwrap());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_have_this_form() {
        assert_eq!(
            written(Format::Csv, &[page(), page()])
                .lines()
                .take(3)
                .collect::<Vec<_>>(),
            [
                "time,stream,metric,unit,mean,min,max,sum,count,last",
                "2027-01-15T08:00:00Z,main,fps,frames/s,29.97,29.97,29.97,29.97,1,29.97",
                "2027-01-15T08:00:01Z,main,fps,frames/s,30,30,30,30,1,30",
            ]
        );
        assert_eq!(
            written(Format::Ndjson, &[page()]).lines().next(),
            Some(
                r#"{"time":"2027-01-15T08:00:00Z","stream":"main","metric":"fps","unit":"frames/s","mean":29.97,"min":29.97,"max":29.97,"sum":29.97,"count":1,"last":29.97}"#
            )
        );
    }

    #[test]
    fn the_head_is_there_once_and_also_when_nothing_else_is() {
        let head = "time,stream,metric,unit,mean,min,max,sum,count,last\n";
        assert_eq!(written(Format::Csv, &[]), head);
        let twice = written(Format::Csv, &[page(), page()]);
        assert_eq!(twice.matches(head).count(), 1);
        assert_eq!(twice.lines().count(), 5);
        assert_eq!(written(Format::Ndjson, &[]), "");
    }
}
