use std::future::Future;

use sm_bus::BusError;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

use crate::catalogue::Metric;
use crate::query::{Limits, Moment, Step, View, plan, read_series};
use crate::store::Store;

/// What was measured of a metric in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Where the step begins.
    pub(crate) at: Timestamp,
    pub(crate) mean: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// What was measured of some metrics, oldest first; steps without a measurement are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Readings {
    of: Vec<(Metric, Vec<Reading>)>,
}

impl Readings {
    pub(crate) const fn new(of: Vec<(Metric, Vec<Reading>)>) -> Self {
        Self { of }
    }

    /// What was measured of `metric`.
    pub(crate) fn of(&self, metric: Metric) -> &[Reading] {
        self.of
            .iter()
            .find(|(known, _)| *known == metric)
            .map_or(&[], |(_, readings)| readings)
    }

    /// What was measured of `metric` after `from` and until `until`.
    pub(crate) fn between(&self, metric: Metric, from: Timestamp, until: Timestamp) -> &[Reading] {
        let readings = self.of(metric);
        let start = readings.partition_point(|reading| reading.at <= from);
        let end = readings.partition_point(|reading| reading.at <= until);
        readings.get(start..end).unwrap_or_default()
    }
}

/// Where samples are read from. The one thing that alerts want of the store.
pub(crate) trait Samples {
    /// What was measured from one moment until another, by steps of so many seconds.
    fn readings(
        &self,
        stream: &StreamId,
        metrics: &[Metric],
        range: (Timestamp, Timestamp),
        step: Step,
    ) -> impl Future<Output = Result<Readings, BusError>> + Send;
}

/// Samples as queries read them.
#[derive(Clone, Debug)]
pub(crate) struct StoredSamples {
    store: Store,
    limits: Limits,
}

impl StoredSamples {
    /// Reads from `store`; what a caller may ask for is bounded elsewhere.
    pub(crate) fn new(store: Store, limits: Limits) -> Self {
        let limits = Limits {
            points_max: i64::MAX,
            ..limits
        };
        Self { store, limits }
    }
}

impl Samples for StoredSamples {
    async fn readings(
        &self,
        stream: &StreamId,
        metrics: &[Metric],
        (from, until): (Timestamp, Timestamp),
        step: Step,
    ) -> Result<Readings, BusError> {
        let now = self.store.bus().clock().now();
        let range = (Moment::At(from), Moment::At(until));
        let Ok(window) = plan(range, step, metrics.len(), &self.limits, now) else {
            // Older than anything that is kept: nothing was measured.
            return Ok(Readings::default());
        };
        let read = read_series(&self.store, stream, metrics, &window, View::Value).await?;
        let readings = metrics.iter().zip(read).map(|(metric, read)| {
            let readings = read.points.iter().filter_map(|point| {
                Some(Reading {
                    at: point.0,
                    mean: point.1?,
                    min: point.2?,
                    max: point.3?,
                })
            });
            (*metric, readings.collect())
        });
        Ok(Readings::new(readings.collect()))
    }
}
