use std::time::{Duration, Instant};

use sm_media_protocol::Report;

use super::end::Cause;
use crate::config::WorkerConfig;

/// How long a worker may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) ready: Duration,
    pub(super) first_segment: Duration,
    /// Between two statistics.
    pub(super) stats: Duration,
    /// Between two segments.
    pub(super) segment: Duration,
    pub(super) stop: Duration,
}

impl Patience {
    /// With segments that are `segment` long.
    pub(super) fn new(config: &WorkerConfig, segment: Duration) -> Self {
        Self {
            ready: config.ready_timeout(),
            first_segment: config.first_segment_timeout(),
            stats: config.stall_timeout(),
            segment: config.stall_timeout().saturating_add(segment),
            stop: config.stop_timeout(),
        }
    }
}

/// Notices when a worker does not do what it must by now. Pure.
#[derive(Debug)]
pub(super) struct Watchdog {
    patience: Patience,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Launched.
    Booting { until: Instant },
    /// Takes commands.
    Building { until: Instant },
    /// Delivers.
    OnAir { stats: Instant, segment: Instant },
    /// Was told to end.
    Stopping { until: Instant },
}

impl Watchdog {
    pub(super) fn new(patience: Patience, now: Instant) -> Self {
        let until = after(now, patience.ready);
        Self {
            patience,
            stage: Stage::Booting { until },
        }
    }

    /// For a worker that was on air before this process watched it.
    pub(super) fn on_air(patience: Patience, now: Instant) -> Self {
        let stage = Stage::OnAir {
            stats: after(now, patience.stats),
            segment: after(now, patience.segment),
        };
        Self { patience, stage }
    }

    /// The worker said something.
    pub(super) fn heard(&mut self, report: &Report, now: Instant) {
        let Patience {
            first_segment,
            stats,
            segment,
            ..
        } = self.patience;
        match (&mut self.stage, report) {
            (Stage::Booting { .. }, Report::Ready { .. }) => {
                let until = after(now, first_segment);
                self.stage = Stage::Building { until };
            }
            (Stage::Building { .. }, Report::SegmentWritten(_)) => {
                self.stage = Stage::OnAir {
                    stats: after(now, stats),
                    segment: after(now, segment),
                };
            }
            (Stage::OnAir { segment: due, .. }, Report::ProgramChanged { program, .. }) => {
                // Both are so long past what is due.
                let length = Duration::from_millis(program.keyframe_interval_ms.into());
                self.patience.segment = stats.saturating_add(length);
                *due = (*due).max(after(now, self.patience.segment));
            }
            (Stage::OnAir { stats: due, .. }, Report::Stats(_)) => *due = after(now, stats),
            (Stage::OnAir { segment: due, .. }, Report::SegmentWritten(_)) => {
                *due = after(now, segment);
            }
            _ => {}
        }
    }

    /// The worker was told to end.
    pub(super) fn stopping(&mut self, now: Instant) {
        if !matches!(self.stage, Stage::Stopping { .. }) {
            let until = after(now, self.patience.stop);
            self.stage = Stage::Stopping { until };
        }
    }

    /// When to look next, and what the verdict is then.
    pub(super) fn due(&self) -> (Instant, Cause) {
        match self.stage {
            Stage::Booting { until } => (until, Cause::NotReady),
            Stage::Building { until } => (until, Cause::NotOnAir),
            Stage::OnAir { stats, segment } if stats < segment => {
                (stats, Cause::Stalled("no statistics"))
            }
            Stage::OnAir { segment, .. } => (segment, Cause::Stalled("no segment")),
            Stage::Stopping { until } => (until, Cause::StopIgnored),
        }
    }
}

fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use sm_common::clock::Timestamp;
    use sm_media_protocol::Segment;

    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn segment() -> Report {
        Report::SegmentWritten(Segment {
            file: "a-0.m4s".to_owned(),
            number: 0,
            duration_s: 1.0,
            bytes: 1,
            starts_at: Timestamp::from_unix_millis(0),
            independent: true,
        })
    }

    #[test]
    fn each_stage_has_its_limit_and_its_verdict() {
        let patience = Patience {
            ready: seconds(10),
            first_segment: seconds(15),
            stats: seconds(5),
            segment: seconds(6),
            stop: seconds(4),
        };
        let start = Instant::now();
        let mut watchdog = Watchdog::new(patience, start);
        assert_eq!(watchdog.due(), (start + seconds(10), Cause::NotReady));
        let ready = Report::Ready {
            pid: 1,
            gstreamer: "1.22.0".to_owned(),
            on_air: None,
        };
        watchdog.heard(&ready, start + seconds(1));
        assert_eq!(watchdog.due(), (start + seconds(16), Cause::NotOnAir));
        watchdog.heard(&Report::Stats(Box::default()), start + seconds(2));
        assert_eq!(watchdog.due(), (start + seconds(16), Cause::NotOnAir));
        watchdog.heard(&segment(), start + seconds(3));
        let silent = Cause::Stalled("no statistics");
        assert_eq!(watchdog.due(), (start + seconds(8), silent));
        watchdog.heard(&Report::Stats(Box::default()), start + seconds(7));
        let stuck = Cause::Stalled("no segment");
        assert_eq!(watchdog.due(), (start + seconds(9), stuck));
        watchdog.stopping(start + seconds(8));
        watchdog.stopping(start + seconds(11));
        assert_eq!(watchdog.due(), (start + seconds(12), Cause::StopIgnored));
    }
}
