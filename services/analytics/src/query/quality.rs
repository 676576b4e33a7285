//! How well a broadcast went, as one number and what it is made of. Pure.
//!
//! Each part is 1 where nothing was wrong and falls in a straight line to 0 at the value that
//! `worst` names. The score is the mean of the parts that are known, by their weights, times 100.
//! It is a convention for comparing broadcasts with each other; the parts say what to look at.

use serde::Serialize;
use utoipa::ToSchema;

use crate::rollup::quantity::float;

/// How well it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(super) struct Quality {
    /// 0 to 100; `null` when no part is known.
    score: Option<f64>,
    /// What it is made of.
    parts: Vec<QualityPart>,
}

/// One part of the score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
struct QualityPart {
    /// What was looked at.
    name: PartName,
    /// Its share of the score when every part is known, in per cent.
    weight: u32,
    /// What was observed, in `unit`; `null` when it is not known.
    observed: Option<f64>,
    /// The unit of `observed` and `worst`.
    unit: &'static str,
    /// From here on the part is 0.
    worst: f64,
    /// 1 where nothing was wrong, 0 at `worst` and beyond; `null` when it is not known.
    value: Option<f64>,
}

/// What the score is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum PartName {
    /// Time without a picture between going on and off air.
    Outage,
    /// How often the picture was gone.
    Interruptions,
    /// Frames that were due and never composed.
    DroppedFrames,
    /// Errors that were raised.
    Errors,
}

impl PartName {
    const ALL: [Self; 4] = [
        Self::Outage,
        Self::Interruptions,
        Self::DroppedFrames,
        Self::Errors,
    ];

    /// Weight, unit and the worst that is told apart.
    const fn terms(self) -> (u32, &'static str, f64) {
        match self {
            Self::Outage => (40, "ratio", 0.05),
            Self::Interruptions => (20, "1/h", 6.0),
            Self::DroppedFrames => (30, "ratio", 0.02),
            Self::Errors => (10, "1/h", 12.0),
        }
    }
}

/// What the score is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Observed {
    /// Time with a picture as a part of the time between going on and off air.
    pub(super) uptime_ratio: Option<f64>,
    /// The time between going on and off air, in milliseconds.
    pub(super) wanted_ms: i64,
    pub(super) interruptions: Option<usize>,
    /// Frames that left the encoder.
    pub(super) frames: Option<i64>,
    pub(super) frames_dropped: Option<i64>,
    /// Errors that were worse than warnings.
    pub(super) errors: usize,
}

impl Observed {
    fn of(&self, part: PartName) -> Option<f64> {
        let per_hour = |count: usize| {
            let hours = float(self.wanted_ms) / 3_600_000.0;
            // Within the first hour a single one is not yet many an hour.
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            (self.wanted_ms > 0).then(|| float(count) / hours.max(1.0))
        };
        match part {
            PartName::Outage => self.uptime_ratio.map(|ratio| 1.0 - ratio),
            PartName::Interruptions => self.interruptions.and_then(per_hour),
            PartName::DroppedFrames => {
                let (frames, dropped) = (self.frames?, self.frames_dropped?);
                let due = frames.saturating_add(dropped);
                (due > 0).then(|| float(dropped) / float(due))
            }
            PartName::Errors => per_hour(self.errors),
        }
    }
}

/// Judges what was observed.
pub(super) fn judge(observed: &Observed) -> Quality {
    let parts: Vec<QualityPart> = PartName::ALL
        .into_iter()
        .map(|name| {
            let (weight, unit, worst) = name.terms();
            let observed = observed.of(name);
            QualityPart {
                name,
                weight,
                observed,
                unit,
                worst,
                value: observed.map(|observed| (1.0 - observed / worst).clamp(0.0, 1.0)),
            }
        })
        .collect();
    let known = parts
        .iter()
        .filter_map(|part| Some((f64::from(part.weight), part.value?)));
    let (weights, sum) = known.fold((0.0, 0.0), |(weights, sum), (weight, value)| {
        (weights + weight, sum + weight * value)
    });
    Quality {
        score: (weights > 0.0).then(|| (1000.0 * sum / weights).round() / 10.0),
        parts,
    }
}

impl Quality {
    /// 0 to 100.
    pub(super) const fn score(&self) -> Option<f64> {
        self.score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAWLESS: Observed = Observed {
        uptime_ratio: Some(1.0),
        wanted_ms: 7_200_000,
        interruptions: Some(0),
        frames: Some(1000),
        frames_dropped: Some(0),
        errors: 0,
    };

    #[test]
    fn the_weights_are_per_cents() {
        let sum: u32 = PartName::ALL.iter().map(|part| part.terms().0).sum();
        assert_eq!(sum, 100);
    }

    #[test]
    fn each_part_takes_its_share_away() {
        let score = |observed: Observed| judge(&observed).score();
        assert_eq!(score(FLAWLESS), Some(100.0));
        for (observed, expected) in [
            (
                Observed {
                    uptime_ratio: Some(0.975),
                    ..FLAWLESS
                },
                80.0,
            ),
            (
                Observed {
                    interruptions: Some(6),
                    ..FLAWLESS
                },
                90.0,
            ),
            (
                Observed {
                    frames: Some(990),
                    frames_dropped: Some(10),
                    ..FLAWLESS
                },
                85.0,
            ),
            (
                Observed {
                    errors: 1000,
                    ..FLAWLESS
                },
                90.0,
            ),
        ] {
            assert_eq!(score(observed), Some(expected), "{observed:?}");
        }
    }

    #[test]
    fn what_is_not_known_does_not_count() {
        let unmeasured = Observed {
            frames: None,
            interruptions: Some(12),
            ..FLAWLESS
        };
        let judged = judge(&unmeasured);
        assert_eq!(judged.score(), Some(71.4), "50 of 70");
        assert_eq!(judged.parts[2].value, None);
        assert_eq!(judge(&Observed::default()).score(), None);
    }
}
