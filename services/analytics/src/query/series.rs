use std::ops::Range;

use serde::Serialize;
use serde_json::json;
use sm_bus::BusError;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use utoipa::openapi::schema::{ArrayBuilder, ArrayItems, SchemaType, Type};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::rate::{Growth, View};
use super::window::Window;
use crate::catalogue::{Metric, MetricKind, Series};
use crate::rollup::Stat;
use crate::store::{Log, Store};
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
    /// The stream; left out where several are told as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<StreamId>,
    /// The metric.
    pub(crate) name: &'static str,
    /// The unit of its values; of a rate per second.
    pub(crate) unit: String,
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
    view: View,
) -> Result<Vec<MetricPoints>, BusError> {
    let mut columns: Vec<Column> = metrics
        .iter()
        .map(|metric| Column::new(*metric, view, window))
        .collect();
    let reader = store.reader(stream).await?;
    for rows in window.tier.pages(window.rows()) {
        let pages = reader.page(metrics, window.tier, rows).await?;
        for (column, rows) in columns.iter_mut().zip(pages) {
            for (row, stat) in rows {
                column.add(window, row, stat);
            }
        }
    }
    for series in Series::ALL {
        let silent = |column: &&mut Column| column.metric.series() == series;
        let mut columns = columns.iter_mut().filter(silent).peekable();
        if columns.peek().is_none() {
            continue;
        }
        if let Some(known) = Known::read(store, stream, series, window).await? {
            for column in columns {
                known.fill(window, &mut column.stats);
            }
        }
    }
    Ok(columns
        .into_iter()
        .map(|column| column.points(stream, window))
        .collect())
}

/// A metric while its rows are read.
struct Column {
    metric: Metric,
    /// One for each step.
    stats: Vec<Option<Stat>>,
    /// One for each step, where growth is asked for.
    growth: Option<Growth>,
}

impl Column {
    fn new(metric: Metric, view: View, window: &Window) -> Self {
        let steps = usize::try_from(window.steps()).unwrap_or(0);
        let is_growing = view == View::Rate && metric.spec().kind == MetricKind::Counter;
        Self {
            metric,
            stats: vec![None; steps],
            growth: is_growing.then(|| Growth::new(steps)),
        }
    }

    fn add(&mut self, window: &Window, row: i64, stat: Stat) {
        let Some(step) = window.step_of(row) else {
            return;
        };
        if let Some(growth) = &mut self.growth {
            growth.add(step, row, stat);
        } else if let Some(slot) = self.stats.get_mut(step) {
            Stat::fold(slot, stat);
        }
    }

    fn points(self, stream: &StreamId, window: &Window) -> MetricPoints {
        let spec = self.metric.spec();
        let decimals = self.metric.decimals();
        let (values, unit) = if let Some(growth) = self.growth {
            (growth.rates(), format!("{}/s", spec.unit))
        } else {
            let of = |stat: Stat| [stat.mean(decimals), stat.min(decimals), stat.max(decimals)];
            let values = self.stats.into_iter().map(|stat| stat.map(of));
            (values.collect(), spec.unit.to_owned())
        };
        let point = |(start, values): (i64, Option<[f64; 3]>)| {
            let at = Timestamp::from_unix_millis(start * 1000);
            let [mean, min, max] = values.map_or([None; 3], |values| values.map(Some));
            Point(at, mean, min, max)
        };
        MetricPoints {
            stream: Some(stream.clone()),
            name: spec.name,
            unit,
            kind: spec.kind,
            points: window.starts().zip(values).map(point).collect(),
        }
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
        let Some(channel) = series.counted() else {
            return Ok(None);
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
    use sm_common::event::Channel;

    use super::*;
    use crate::config::RetentionConfig;
    use crate::query::window::{Limits, plan};

    #[test]
    fn silence_is_zero_only_where_somebody_listened() {
        let now = Timestamp::from_unix_millis(1_800_000_100_000);
        let limits = Limits {
            retention: RetentionConfig {
                seconds_s: 21_600,
                tens_s: 259_200,
                minutes_s: 2_592_000,
                hours_s: 63_072_000,
                timeline_max: 10_000,
            },
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
