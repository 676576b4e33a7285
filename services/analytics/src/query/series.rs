use std::ops::Range;

use serde::Serialize;
use serde_json::json;
use sm_bus::BusError;
use sm_common::clock::Timestamp;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use utoipa::openapi::schema::{ArrayBuilder, ArrayItems, SchemaType, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::window::Window;
use crate::catalogue::{Metric, MetricKind, Series};
use crate::rollup::{MinuteRow, Stat};
use crate::store::{Log, Store, Tier};
use crate::timeline::{Gap, Happening};

/// One step of one metric, as an array: the time the step begins, then mean, lowest and highest
/// value; `null` where nothing was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Point(
    pub(crate) Timestamp,
    pub(crate) Option<f64>,
    pub(crate) Option<f64>,
    pub(crate) Option<f64>,
);

impl PartialSchema for Point {
    fn schema() -> RefOr<Schema> {
        let time = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let value = || {
            let number_or_null = SchemaType::from_iter([Type::Number, Type::Null]);
            ObjectBuilder::new().schema_type(number_or_null).build()
        };
        ArrayBuilder::new()
            .prefix_items([time.build(), value(), value(), value()])
            .items(ArrayItems::False)
            .description(Some("Time, mean, lowest and highest value."))
            .examples([json!(["2026-01-31T20:15:00Z", 29.97, 29.0, 30.0])])
            .build()
            .into()
    }
}

impl ToSchema for Point {}

/// A metric over time.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct MetricPoints {
    /// The metric.
    pub(crate) name: &'static str,
    /// The unit of its values.
    pub(crate) unit: &'static str,
    /// What its values mean over time.
    pub(crate) kind: MetricKind,
    /// `[time, mean, min, max]` for each step, without a step left out; `null` where nothing was
    /// measured.
    pub(crate) points: Vec<Point>,
}

/// Reads `metrics` over `window`.
pub(crate) async fn read_series(
    store: &Store,
    stream: &StreamId,
    metrics: &[Metric],
    window: &Window,
) -> Result<Vec<MetricPoints>, BusError> {
    let steps = usize::try_from(window.steps()).unwrap_or(0);
    let mut columns: Vec<Column> = metrics
        .iter()
        .map(|metric| Column {
            metric: *metric,
            place: metric.column(),
            stats: vec![None; steps],
        })
        .collect();
    for series in Series::ALL {
        let mut columns: Vec<&mut Column> = columns
            .iter_mut()
            .filter(|column| column.metric.series() == series)
            .collect();
        if columns.is_empty() {
            continue;
        }
        for rows in window.tier.pages(window.rows()) {
            for (row, values) in read_rows(store, stream, window.tier, series, rows).await? {
                for column in &mut columns {
                    column.add(window.step_of(row), &values);
                }
            }
        }
        if let Some(known) = Known::read(store, stream, series, window).await? {
            for column in columns {
                known.fill(window, &mut column.stats);
            }
        }
    }
    Ok(columns
        .iter()
        .map(|column| points(column.metric, window, &column.stats))
        .collect())
}

/// A metric while its rows are read.
struct Column {
    metric: Metric,
    /// Its place in a row.
    place: usize,
    /// One for each step.
    stats: Vec<Option<Stat>>,
}

impl Column {
    fn add(&mut self, step: Option<usize>, row: &MinuteRow) {
        if let Some(stat) = row.0.get(self.place).copied().flatten()
            && let Some(slot) = step.and_then(|step| self.stats.get_mut(step))
        {
            Stat::fold(slot, stat);
        }
    }
}

/// Rows of either tier, as statistics.
pub(super) async fn read_rows(
    store: &Store,
    stream: &StreamId,
    tier: Tier,
    series: Series,
    rows: Range<i64>,
) -> Result<Vec<(i64, MinuteRow)>, BusError> {
    Ok(match tier {
        Tier::Seconds => store
            .seconds(stream, series, rows)
            .await?
            .iter()
            .map(|(row, values)| (*row, MinuteRow::from(values)))
            .collect(),
        Tier::Minutes => store
            .minutes(stream, series, rows)
            .await?
            .into_iter()
            .collect(),
    })
}

fn points(metric: Metric, window: &Window, stats: &[Option<Stat>]) -> MetricPoints {
    let spec = metric.spec();
    let decimals = metric.decimals();
    let point = |(start, stat): (i64, &Option<Stat>)| {
        let of = |value: fn(&Stat, _) -> f64| stat.as_ref().map(|stat| value(stat, decimals));
        Point(
            Timestamp::from_unix_millis(start * 1000),
            of(Stat::mean),
            of(Stat::min),
            of(Stat::max),
        )
    };
    MetricPoints {
        name: spec.name,
        unit: spec.unit,
        kind: spec.kind,
        points: window.starts().zip(stats).map(point).collect(),
    }
}

/// When the silence of a counted series means that nothing happened.
struct Known {
    /// From the first look at the log, as far as it is kept, until now, in seconds.
    seconds: Range<i64>,
    /// Where events were dropped before they were read.
    gaps: Vec<Gap>,
}

impl Known {
    /// `None` for samples, whose absence always means that nothing was measured, and for a log
    /// that was never looked at.
    async fn read(
        store: &Store,
        stream: &StreamId,
        series: Series,
        window: &Window,
    ) -> Result<Option<Self>, BusError> {
        let channel = match series {
            Series::Samples => return Ok(None),
            Series::ChatMessages => Channel::Chat,
            Series::LayerChanges => Channel::LayerUpdates,
        };
        let log = Log {
            stream: stream.clone(),
            channel,
        };
        let Some(progress) = store.progress(&log).await? else {
            return Ok(None);
        };
        let happenings = store.timeline(stream).await?;
        let gaps = happenings
            .into_iter()
            .filter_map(|happening| match happening {
                Happening::Gap(gap) => Some(gap),
                Happening::Status(_) | Happening::Interruption(_) | Happening::Error(_) => None,
            })
            .filter(|gap| gap.channel == channel)
            .collect();
        let now = store.bus().clock().now();
        let oldest = window.rows().start * window.tier.unit_s();
        Ok(Some(Self {
            seconds: progress.since.as_unix_seconds().max(oldest)..now.as_unix_seconds(),
            gaps,
        }))
    }

    /// Puts zeros where nothing happened, and nothing where that is not known.
    fn fill(&self, window: &Window, stats: &mut [Option<Stat>]) {
        for (start, slot) in window.starts().zip(stats) {
            let end = start + window.step_s;
            let dropped = self.gaps.iter().any(|gap| {
                gap.from.as_unix_seconds() < end && gap.until.as_unix_seconds() >= start
            });
            let covered = end.min(self.seconds.end) - start.max(self.seconds.start);
            if dropped {
                *slot = None;
            } else if let Ok(covered @ 1..) = u32::try_from(covered) {
                *slot = Some(Stat::with_zeros(*slot, covered));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::window::{Limits, plan};

    #[test]
    fn silence_is_zero_only_where_somebody_listened() {
        let now = Timestamp::from_unix_millis(1_800_000_100_000);
        let limits = Limits {
            seconds_s: 21_600,
            minutes_s: 2_592_000,
            points_max: 11_000,
            points_auto: 600,
        };
        let range = ("-10s".parse().unwrap(), "now".parse().unwrap());
        let window = plan(range, "2s".parse().unwrap(), 1, &limits, now).unwrap();
        let second = |offset: i64| Timestamp::from_unix_millis((window.from_s + offset) * 1000);
        let known = Known {
            seconds: window.from_s + 3..now.as_unix_seconds(),
            gaps: vec![Gap {
                channel: Channel::Chat,
                from: second(6),
                until: second(7),
                missed: Some(1),
            }],
        };
        let mut stats = vec![None, None, Some(Stat::of(4)), Some(Stat::of(1)), None];
        known.fill(&window, &mut stats);
        let means: Vec<Option<f64>> = stats
            .iter()
            .map(|stat| stat.map(|stat| stat.mean(Metric::ChatMessages.decimals())))
            .collect();
        // Not followed yet; followed for a second; 4 messages in 2 s; a gap; quiet.
        assert_eq!(means, [None, Some(0.0), Some(2.0), None, Some(0.0)]);
    }
}
