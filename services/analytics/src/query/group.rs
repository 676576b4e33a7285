//! Several streams as one. Pure.

use serde::Deserialize;
use utoipa::ToSchema;

use super::series::{MetricPoints, Point};
use crate::rollup::quantity::float;

/// How the series of several streams are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Group {
    /// Each stream for itself.
    #[default]
    Stream,
    /// The sum of their means; lowest and highest are `null`.
    Sum,
    /// The mean of their means, and the lowest and highest of all.
    Mean,
    /// The highest of their means, and the lowest and highest of all.
    Max,
}

impl Group {
    /// The series of each metric as one. A step that no stream measured stays `null`.
    pub(crate) fn join(self, series: Vec<MetricPoints>) -> Vec<MetricPoints> {
        if self == Self::Stream {
            return series;
        }
        let mut by_name: Vec<Vec<MetricPoints>> = Vec::new();
        for series in series {
            let same = by_name
                .iter_mut()
                .find(|known| known.iter().any(|first| first.name == series.name));
            match same {
                Some(same) => same.push(series),
                None => by_name.push(vec![series]),
            }
        }
        by_name
            .into_iter()
            .filter_map(|same| self.join_one(&same))
            .collect()
    }

    fn join_one(self, series: &[MetricPoints]) -> Option<MetricPoints> {
        let first = series.first()?;
        let step = |step: usize| {
            let points: Vec<&Point> = series
                .iter()
                .filter_map(|series| series.points.get(step))
                .collect();
            self.point(&points)
        };
        Some(MetricPoints {
            stream: None,
            points: (0..first.points.len()).filter_map(step).collect(),
            ..first.clone()
        })
    }

    /// One step of several series.
    fn point(self, points: &[&Point]) -> Option<Point> {
        let means: Vec<f64> = points.iter().filter_map(|point| point.1).collect();
        let count = float(i64::try_from(means.len()).unwrap_or(i64::MAX));
        let lowest = points.iter().filter_map(|point| point.2).reduce(f64::min);
        let highest = points.iter().filter_map(|point| point.3).reduce(f64::max);
        let sum = means.iter().copied().reduce(|sum, mean| sum + mean);
        let at = points.first()?.0;
        Some(match self {
            Self::Sum => Point(at, sum, None, None),
            Self::Stream | Self::Mean => Point(at, sum.map(|sum| sum / count), lowest, highest),
            Self::Max => Point(at, means.into_iter().reduce(f64::max), lowest, highest),
        })
    }
}

#[cfg(test)]
mod tests {
    use sm_common::clock::Timestamp;

    use super::*;
    use crate::catalogue::MetricKind;

    fn series(name: &'static str, means: [Option<f64>; 3]) -> MetricPoints {
        let point = |(second, mean): (i64, Option<f64>)| {
            Point(
                Timestamp::from_unix_millis(second * 1000),
                mean,
                mean.map(|mean| mean - 1.0),
                mean.map(|mean| mean + 1.0),
            )
        };
        MetricPoints {
            stream: Some("main".parse().unwrap()),
            name,
            unit: "frames/s".to_owned(),
            kind: MetricKind::Gauge,
            points: (0..).zip(means).map(point).collect(),
        }
    }

    #[test]
    fn streams_are_joined_step_by_step_and_gaps_stay_gaps() {
        let one = series("fps", [Some(30.0), Some(20.0), None]);
        let two = series("fps", [Some(10.0), None, None]);
        let other = series("viewers", [None, None, Some(7.0)]);
        let joined = |group: Group| {
            let joined = group.join(vec![one.clone(), other.clone(), two.clone()]);
            assert_eq!(joined.len(), 2);
            assert_eq!(joined[1].points[2].1, Some(7.0));
            assert_eq!(joined[0].stream, None);
            let points = joined[0].points.iter();
            points
                .map(|point| (point.1, point.2, point.3))
                .collect::<Vec<_>>()
        };
        let nothing = (None, None, None);
        assert_eq!(
            joined(Group::Sum),
            [(Some(40.0), None, None), (Some(20.0), None, None), nothing]
        );
        let alone = (Some(20.0), Some(19.0), Some(21.0));
        assert_eq!(
            joined(Group::Mean),
            [(Some(20.0), Some(9.0), Some(31.0)), alone, nothing]
        );
        assert_eq!(
            joined(Group::Max),
            [(Some(30.0), Some(9.0), Some(31.0)), alone, nothing]
        );
    }
}
