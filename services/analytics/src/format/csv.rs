use std::io::Write as _;

use super::Numbers;
use crate::query::Page;

const HEAD: &[u8] = b"time,stream,metric,unit,mean,min,max,sum,count,last\n";

/// The head line, the first time.
pub(super) fn head(is_begun: &mut bool) -> Vec<u8> {
    if std::mem::replace(is_begun, true) {
        Vec::new()
    } else {
        HEAD.to_vec()
    }
}

/// Adds a line for each row. No field needs quotes: streams are slugs, and metrics and units are
/// ours.
pub(super) fn write(bytes: &mut Vec<u8>, page: &Page) {
    let spec = page.metric.spec();
    for record in &page.records {
        let Numbers {
            mean,
            min,
            max,
            sum,
            count,
            last,
        } = Numbers::new(&record.stat, page.metric.decimals());
        // Writing to memory cannot fail.
        let _ = writeln!(
            bytes,
            "{},{},{},{},{mean},{min},{max},{sum},{count},{last}",
            record.at, page.stream, spec.name, spec.unit
        );
    }
}
