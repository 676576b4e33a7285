use std::time::{Duration, Instant};

/// Notices a viewer whose network does not carry the program: one that lost more than a part of the
/// packets, in every report of a time. Pure.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossWatch {
    /// 0 to 1.
    part_max: f32,
    patience: Duration,
    losing_since: Option<Instant>,
}

impl LossWatch {
    pub(super) const fn new(part_max: f32, patience: Duration) -> Self {
        Self {
            part_max,
            patience,
            losing_since: None,
        }
    }

    /// The viewer says which part of the packets since its last report it lost. Whether it is too
    /// slow for the program.
    pub(super) fn reported(&mut self, lost: f32, now: Instant) -> bool {
        if lost <= self.part_max {
            self.losing_since = None;
            return false;
        }
        let since = *self.losing_since.get_or_insert(now);
        now.saturating_duration_since(since) >= self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_is_too_slow_when_it_keeps_losing() {
        let mut watch = LossWatch::new(0.2, Duration::from_secs(3));
        let start = Instant::now();
        let reports = [0.5, 0.5, 0.1, 0.3, 0.9, 0.3, 0.21];
        let verdicts: Vec<bool> = (0..)
            .zip(reports)
            .map(|(second, lost)| watch.reported(lost, start + Duration::from_secs(second)))
            .collect();
        assert_eq!(
            verdicts,
            [false, false, false, false, false, false, true],
            "three seconds after the fourth"
        );
    }
}
