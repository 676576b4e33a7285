use serde::Serialize;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

use super::Numbers;
use crate::query::Page;

/// A line.
#[derive(Serialize)]
struct Line<'a> {
    time: Timestamp,
    stream: &'a StreamId,
    metric: &'static str,
    unit: &'static str,
    mean: f64,
    min: f64,
    max: f64,
    sum: f64,
    count: u32,
    last: f64,
}

/// A line for each row.
pub(super) fn write(page: &Page) -> Vec<u8> {
    let spec = page.metric.spec();
    let mut bytes = Vec::new();
    for record in &page.records {
        let numbers = Numbers::new(&record.stat, page.metric.decimals());
        let line = Line {
            time: record.at,
            stream: &page.stream,
            metric: spec.name,
            unit: spec.unit,
            mean: numbers.mean,
            min: numbers.min,
            max: numbers.max,
            sum: numbers.sum,
            count: numbers.count,
            last: numbers.last,
        };
        // Numbers and names always make JSON, and writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut bytes, &line);
        bytes.push(b'\n');
    }
    bytes
}
