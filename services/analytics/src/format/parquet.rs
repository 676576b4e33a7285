use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
pub(crate) use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::Numbers;
use crate::query::Page;

/// Rows that are gathered before they are written: what a reader takes at once.
const GROUP_ROWS: usize = 20_000;

const SCHEMA: &str = "
    message samples {
        required int64 time (TIMESTAMP(MILLIS,true));
        required binary stream (STRING);
        required binary metric (STRING);
        required binary unit (STRING);
        required double mean;
        required double min;
        required double max;
        required double sum;
        required int64 count;
        required double last;
    }
";

/// A file that is being written. Holds one group of rows, and where each group is.
pub(crate) struct File {
    writer: SerializedFileWriter<Vec<u8>>,
    group: Group,
}

/// The columns of a group.
#[derive(Default)]
struct Group {
    time: Vec<i64>,
    stream: Vec<ByteArray>,
    metric: Vec<ByteArray>,
    unit: Vec<ByteArray>,
    mean: Vec<f64>,
    min: Vec<f64>,
    max: Vec<f64>,
    sum: Vec<f64>,
    count: Vec<i64>,
    last: Vec<f64>,
}

impl File {
    pub(super) fn begin() -> Result<Self, ParquetError> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::GZIP(GzipLevel::default()))
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?,
            group: Group::default(),
        })
    }

    pub(super) fn add(&mut self, page: &Page) -> Result<Vec<u8>, ParquetError> {
        self.group.add(page);
        if self.group.time.len() < GROUP_ROWS {
            return Ok(Vec::new());
        }
        self.write_group()?;
        Ok(self.take())
    }

    pub(super) fn end(mut self) -> Result<Vec<u8>, ParquetError> {
        if !self.group.time.is_empty() {
            self.write_group()?;
        }
        self.writer.into_inner()
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let group = std::mem::take(&mut self.group);
        let mut writer = self.writer.next_row_group()?;
        group.write(&mut writer)?;
        writer.close()?;
        self.writer.flush()?;
        Ok(())
    }

    /// What has been written since the last time.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }
}

impl Group {
    fn add(&mut self, page: &Page) {
        let spec = page.metric.spec();
        let text = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        let (stream, metric, unit) = (text(page.stream.as_str()), text(spec.name), text(spec.unit));
        for record in &page.records {
            let numbers = Numbers::new(&record.stat, page.metric.decimals());
            self.time.push(record.at.as_unix_millis());
            self.stream.push(stream.clone());
            self.metric.push(metric.clone());
            self.unit.push(unit.clone());
            self.mean.push(numbers.mean);
            self.min.push(numbers.min);
            self.max.push(numbers.max);
            self.sum.push(numbers.sum);
            self.count.push(i64::from(numbers.count));
            self.last.push(numbers.last);
        }
    }

    /// Writes the columns, in the order of the schema.
    fn write(
        &self,
        writer: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    ) -> Result<(), ParquetError> {
        write_column::<Int64Type>(writer, &self.time)?;
        for names in [&self.stream, &self.metric, &self.unit] {
            write_column::<ByteArrayType>(writer, names)?;
        }
        for numbers in [&self.mean, &self.min, &self.max, &self.sum] {
            write_column::<DoubleType>(writer, numbers)?;
        }
        write_column::<Int64Type>(writer, &self.count)?;
        write_column::<DoubleType>(writer, &self.last)
    }
}

fn write_column<T: DataType>(
    writer: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let Some(mut column) = writer.next_column()? else {
        return Err(ParquetError::General(
            "the schema has too few columns".to_owned(),
        ));
    };
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;

    use super::super::tests::page;
    use super::*;

    #[test]
    fn a_file_that_was_handed_on_in_pieces_reads_back_whole() {
        let mut file = File::begin().unwrap();
        let (mut bytes, mut pieces) = (Vec::new(), 0);
        // Two rows a page: more than one group.
        for _ in 0..GROUP_ROWS {
            let piece = file.add(&page()).unwrap();
            pieces += usize::from(!piece.is_empty());
            bytes.extend(piece);
        }
        bytes.extend(file.end().unwrap());
        assert_eq!(pieces, 2);
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let rows: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows.len(), GROUP_ROWS * 2);
        let last = rows.last().unwrap();
        assert_eq!(last.get_timestamp_millis(0).unwrap(), 1_800_000_001_000);
        assert_eq!(last.get_string(1).unwrap(), "main");
        assert_eq!(last.get_string(2).unwrap(), "fps");
        assert!((last.get_double(4).unwrap() - 30.0).abs() < f64::EPSILON);
        assert_eq!(last.get_long(8).unwrap(), 1);
    }

    #[test]
    fn a_file_without_rows_is_a_file() {
        let bytes = File::begin().unwrap().end().unwrap();
        let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    }
}
