use serde::{Deserialize, Serialize};

/// A part of a whole in hundredths, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

/// A number that is no part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to 100")]
pub struct NotAPercentage;

impl Percent {
    /// As a part of one.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl TryFrom<u8> for Percent {
    type Error = NotAPercentage;

    fn try_from(hundredths: u8) -> Result<Self, Self::Error> {
        if (1..=100).contains(&hundredths) {
            Ok(Self(hundredths))
        } else {
            Err(NotAPercentage)
        }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

/// When an output that may adapt is sent less, and when more again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveTerms {
    /// What was sent, was lost and waits is judged over so long, in milliseconds.
    pub window_ms: u64,
    /// So much stream time waits for a congested target, in milliseconds, and grows.
    pub congested_ms: u64,
    /// So many of its packets does a congested SRT target not get.
    pub lost_percent: Percent,
    /// Less stream time waits for a target that is not congested at all, in milliseconds.
    pub clear_ms: u64,
    /// So much of what a congested target took is it given.
    pub share_percent: Percent,
    /// Of what it was given before, it is given no more than this.
    pub decrease_percent: Percent,
    /// A step up, of the program's bitrate.
    pub step_percent: Percent,
    /// How long a target is not congested at all before a step up, in milliseconds.
    pub calm_ms: u64,
    /// The same where steps up were too much for it: it doubles up to this.
    pub calm_longest_ms: u64,
}

impl Default for AdaptiveTerms {
    fn default() -> Self {
        Self {
            window_ms: 1000,
            congested_ms: 700,
            lost_percent: Percent(5),
            clear_ms: 250,
            share_percent: Percent(75),
            decrease_percent: Percent(70),
            step_percent: Percent(10),
            calm_ms: 5000,
            calm_longest_ms: 40_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_a_part_and_not_nothing() {
        for (number, is_one) in [(0, false), (1, true), (100, true), (101, false)] {
            assert_eq!(
                serde_json::from_value::<Percent>(number.into()).is_ok(),
                is_one
            );
        }
    }
}
