//! How long changes of layers take to the picture. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// Changes that percentiles are taken of; older ones are forgotten.
const CHANGES_MAX: usize = 1000;

/// The delays of the latest changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Delays(VecDeque<Duration>);

impl Delays {
    /// Another change is in the picture.
    pub(super) fn add(&mut self, delay: Duration) {
        if self.0.len() >= CHANGES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(delay);
    }

    /// The latest, in milliseconds.
    pub(super) fn latest_ms(&self) -> Option<f64> {
        self.0.back().copied().map(millis)
    }

    /// The nearest-rank percentiles, in milliseconds; `None` before the first change.
    pub(super) fn percentiles_ms<const N: usize>(&self, percents: [usize; N]) -> [Option<f64>; N] {
        let mut sorted: Vec<Duration> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        percents.map(|percent| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().map(millis)
        })
    }
}

fn millis(delay: Duration) -> f64 {
    delay.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_latest_thousand() {
        let mut delays = Delays::default();
        assert_eq!(delays.percentiles_ms([50, 99]), [None, None]);
        delays.add(Duration::from_secs(9));
        assert_eq!(delays.percentiles_ms([50, 99]), [Some(9000.0); 2]);
        for ms in 1..=1000 {
            delays.add(Duration::from_millis(ms));
        }
        assert_eq!(delays.percentiles_ms([50, 99]), [Some(500.0), Some(990.0)]);
        assert_eq!(delays.latest_ms(), Some(1000.0));
    }
}
