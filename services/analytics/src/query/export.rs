//! Rows as they are kept, page by page, so that memory does not grow with the answer.

use std::collections::VecDeque;
use std::ops::Range;

use sm_bus::BusError;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

use super::moment::{Moment, Span};
use super::window::{Limits, WindowError};
use crate::catalogue::Metric;
use crate::rollup::{Stat, Tier};
use crate::store::{Reader, Store};

/// What is exported: every stream, metric by metric, in the order of time.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) streams: Vec<StreamId>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) tier: Tier,
    /// Seconds since the Unix epoch.
    pub(crate) seconds: Range<i64>,
}

impl Selection {
    /// The rows from `from` to `to` in the resolution that is asked for, or in the finest that is
    /// kept for so long.
    pub(crate) fn new(
        streams: Vec<StreamId>,
        metrics: Vec<Metric>,
        tier: Option<Tier>,
        (from, to): (Moment, Moment),
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Self, WindowError> {
        let (from, to) = (from.resolve(now), to.resolve(now));
        let end = to.min(now);
        if from >= end {
            return Err(WindowError::Empty { from, to });
        }
        let finest = limits.finest(from, now);
        let tier = tier.unwrap_or(finest);
        if tier < finest {
            return Err(WindowError::TooFine {
                step: Span(tier.unit_s()).to_string(),
                kept: Span(limits.retention.of(tier)).to_string(),
                coarser: Span(finest.unit_s()).to_string(),
            });
        }
        let oldest = now.as_unix_seconds() - limits.retention.of(tier);
        let last = (end.as_unix_millis() - 1).div_euclid(1000);
        Ok(Self {
            streams,
            metrics,
            tier,
            seconds: from.as_unix_seconds().max(oldest)..last + 1,
        })
    }
}

/// A row of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Record {
    /// When the row begins.
    pub(crate) at: Timestamp,
    pub(crate) stat: Stat,
}

/// Rows of one metric of one stream that follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) stream: StreamId,
    pub(crate) metric: Metric,
    pub(crate) records: Vec<Record>,
}

/// Reads a selection.
#[derive(Debug)]
pub(crate) struct Pages {
    store: Store,
    tier: Tier,
    /// The rows of each metric, cut where a chunk ends.
    ranges: Vec<Range<i64>>,
    metrics: Vec<Metric>,
    streams: VecDeque<StreamId>,
    current: Option<Current>,
}

/// The stream that is being read.
#[derive(Debug)]
struct Current {
    stream: StreamId,
    reader: Reader,
    /// What is left of it.
    left: VecDeque<(Metric, Range<i64>)>,
}

impl Pages {
    pub(crate) fn new(store: Store, selection: Selection) -> Self {
        let Selection {
            streams,
            metrics,
            tier,
            seconds,
        } = selection;
        let unit = tier.unit_s();
        let rows = seconds.start.div_euclid(unit)..(seconds.end - 1).div_euclid(unit) + 1;
        Self {
            store,
            tier,
            ranges: tier.pages(rows).collect(),
            metrics,
            streams: streams.into(),
            current: None,
        }
    }

    /// The next page that is not empty; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, BusError> {
        loop {
            if let Some(current) = &mut self.current {
                while let Some((metric, rows)) = current.left.pop_front() {
                    let found = current.reader.page(&[metric], self.tier, rows).await?;
                    let unit = self.tier.unit_s();
                    let records: Vec<Record> = found
                        .into_iter()
                        .flatten()
                        .map(|(row, stat)| Record {
                            at: Timestamp::from_unix_millis(row * unit * 1000),
                            stat,
                        })
                        .collect();
                    if !records.is_empty() {
                        return Ok(Some(Page {
                            stream: current.stream.clone(),
                            metric,
                            records,
                        }));
                    }
                }
            }
            let Some(stream) = self.streams.pop_front() else {
                return Ok(None);
            };
            let reader = self.store.reader(&stream).await?;
            let ranges = &self.ranges;
            let all = self.metrics.iter().flat_map(|metric| {
                let of = |rows: &Range<i64>| (*metric, rows.clone());
                ranges.iter().map(of)
            });
            let left = all.collect();
            self.current = Some(Current {
                stream,
                reader,
                left,
            });
        }
    }
}
