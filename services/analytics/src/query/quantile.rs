//! Quantiles: exact where single seconds are kept, from mergeable sketches beyond.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};
use sm_bus::BusError;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

use super::series::{MetricPoints, Point};
use super::window::{Limits, Window};
use crate::catalogue::Metric;
use crate::rollup::{Sketch, Stat, Tier};
use crate::store::{Grain, Reader, Store};

/// Which quantile, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part(f64);

/// A text is no quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quantile is a number from 0 to 1, such as 0.99")]
pub(crate) struct ParsePartError;

impl FromStr for Part {
    type Err = ParsePartError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part: f64 = text.parse().map_err(|_no_number| ParsePartError)?;
        let is_within = (0.0..=1.0).contains(&part);
        is_within.then_some(Self(part)).ok_or(ParsePartError)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Why quantiles cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuantileError {
    #[error("{0} has no quantiles; there are those of {names}", names = distributions())]
    NoDistribution(&'static str),
    #[error(
        "quantiles of steps below a minute can be had as long as seconds are kept; ask for a step of whole minutes, or for less"
    )]
    TooFine,
    #[error(transparent)]
    Bus(#[from] BusError),
}

fn distributions() -> String {
    let metrics = Metric::ALL.iter().filter(|metric| metric.is_distribution());
    let names: Vec<&str> = metrics.map(|metric| metric.spec().name).collect();
    names.join(", ")
}

/// Reads a quantile of each step of `window`, with the lowest and the highest value.
pub(crate) async fn read_quantiles(
    store: &Store,
    stream: &StreamId,
    metrics: &[Metric],
    (window, limits): (&Window, &Limits),
    part: Part,
) -> Result<Vec<MetricPoints>, QuantileError> {
    if let Some(metric) = metrics.iter().find(|metric| !metric.is_distribution()) {
        return Err(QuantileError::NoDistribution(metric.spec().name));
    }
    let now = store.bus().clock().now();
    let reader = store.reader(stream).await?;
    let mut series = Vec::with_capacity(metrics.len());
    for metric in metrics {
        let steps = match window.tier {
            Tier::Seconds | Tier::Tens => {
                let seconds = window.in_seconds(limits, now);
                let seconds = seconds.ok_or(QuantileError::TooFine)?;
                exactly(&reader, *metric, &seconds, part).await?
            }
            Tier::Minutes => from_sketches(&reader, *metric, window, Grain::Minutes, part).await?,
            Tier::Hours => from_sketches(&reader, *metric, window, Grain::Hours, part).await?,
        };
        let spec = metric.spec();
        let point = |(start, values): (i64, Option<[f64; 3]>)| {
            let at = Timestamp::from_unix_millis(start * 1000);
            let [quantile, min, max] = values.map_or([None; 3], |values| values.map(Some));
            Point(at, quantile, min, max)
        };
        series.push(MetricPoints {
            stream: Some(stream.clone()),
            name: spec.name,
            unit: spec.unit.to_owned(),
            kind: spec.kind,
            points: window.starts().zip(steps).map(point).collect(),
        });
    }
    Ok(series)
}

type Steps = Vec<Option<[f64; 3]>>;

/// From the values of seconds.
async fn exactly(
    reader: &Reader,
    metric: Metric,
    window: &Window,
    part: Part,
) -> Result<Steps, BusError> {
    let steps = usize::try_from(window.steps()).unwrap_or(0);
    let mut values: Vec<Vec<Stat>> = vec![Vec::new(); steps];
    for rows in Tier::Seconds.pages(window.rows()) {
        for (row, stat) in reader
            .page(&[metric], Tier::Seconds, rows)
            .await?
            .into_iter()
            .flatten()
        {
            if let Some(values) = window.step_of(row).and_then(|step| values.get_mut(step)) {
                values.push(stat);
            }
        }
    }
    let decimals = metric.decimals();
    let of = |mut values: Vec<Stat>| {
        values.sort_unstable_by_key(|stat| stat.last);
        let at = |place: usize| values.get(place).map(|stat| stat.max(decimals));
        let last = values.len().checked_sub(1)?;
        Some([at(part.rank(values.len()))?, at(0)?, at(last)?])
    };
    Ok(values.into_iter().map(of).collect())
}

impl Part {
    /// The place of the quantile among so many sorted values, as sketches count it.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a part of the number of seconds in a step"
    )]
    fn rank(self, count: usize) -> usize {
        (self.0 * count.saturating_sub(1) as f64) as usize
    }
}

/// From distributions of minutes or hours.
async fn from_sketches(
    reader: &Reader,
    metric: Metric,
    window: &Window,
    grain: Grain,
    part: Part,
) -> Result<Steps, BusError> {
    let steps = usize::try_from(window.steps()).unwrap_or(0);
    let mut merged: Vec<Option<Sketch>> = vec![None; steps];
    for rows in grain.pages(window.rows()) {
        for (row, sketch) in reader.sketches(metric, grain, rows).await? {
            let Some(slot) = window.step_of(row).and_then(|step| merged.get_mut(step)) else {
                continue;
            };
            match slot {
                Some(merged) => merged.merge(&sketch),
                None => *slot = Some(sketch),
            }
        }
    }
    let of = |sketch: Sketch| {
        let (lowest, highest) = sketch.bounds()?;
        // What it says lies within its error also beyond the ends.
        let quantile = sketch.quantile(part.0)?.clamp(lowest, highest);
        Some([quantile, lowest, highest])
    };
    Ok(merged
        .into_iter()
        .map(|sketch| sketch.and_then(of))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_part_of_one() {
        for good in ["0", "0.5", "0.99", "1"] {
            assert!(good.parse::<Part>().is_ok(), "{good}");
        }
        for bad in ["", "-0.1", "1.01", "99", "NaN", "inf", "median"] {
            assert_eq!(bad.parse::<Part>(), Err(ParsePartError), "{bad}");
        }
    }

    #[test]
    fn the_rank_is_the_one_below() {
        let rank = |part: f64, count| Part(part).rank(count);
        assert_eq!((rank(0.5, 4), rank(0.5, 5), rank(1.0, 5)), (1, 2, 4));
        assert_eq!(rank(0.99, 0), 0);
    }
}
