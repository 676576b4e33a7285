use std::time::Instant;

use sm_common::output::OutputCounters;

use super::delivery::Look;
use crate::number::to_f64;

/// What an output did since the worker started, over all its attempts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By attempts that are over.
    before: Totals,
    /// By the current attempt.
    current: Totals,
    look: Option<Look>,
    frames_dropped: u64,
    queue: Option<Waiting>,
    measured: Option<(Instant, u64)>,
    pub(super) reconnects: u64,
    /// When the output's thread last did something.
    pub(super) alive: Option<Instant>,
}

/// What waits to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    /// Stream time, in milliseconds.
    pub(super) ms: f64,
    /// Bytes.
    pub(super) bytes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    bytes: u64,
    acked: Option<u64>,
    frames: u64,
}

impl Tally {
    /// An attempt has come this far, and was given so many frames.
    pub(super) fn look(
        &mut self,
        look: Look,
        frames_given: u64,
        frames_dropped: u64,
        queue: Waiting,
    ) {
        self.current = Totals {
            bytes: look.bytes,
            acked: look.acked,
            frames: frames_given.saturating_sub(look.frames_waiting),
        };
        self.look = Some(look);
        self.frames_dropped += frames_dropped;
        self.queue = Some(queue);
    }

    /// The attempt is over.
    pub(super) fn attempt_over(&mut self) {
        let Totals {
            bytes,
            acked,
            frames,
        } = std::mem::take(&mut self.current);
        self.before.bytes += bytes;
        self.before.frames += frames;
        self.before.acked = match (self.before.acked, acked) {
            (None, None) => None,
            (before, acked) => Some(before.unwrap_or(0) + acked.unwrap_or(0)),
        };
        self.look = None;
        self.queue = None;
    }

    /// The figures, with the bitrate since the last call.
    pub(super) fn counters(&mut self, now: Instant) -> OutputCounters {
        let bytes_total = self.before.bytes + self.current.bytes;
        let before = self.measured.replace((now, bytes_total));
        let bitrate_kbps = before.and_then(|(then, bytes)| {
            let seconds = now.saturating_duration_since(then).as_secs_f64();
            let bits = to_f64(bytes_total.saturating_sub(bytes)) * 8.0;
            (seconds > 0.0).then_some(bits / seconds / 1000.0)
        });
        OutputCounters {
            bitrate_kbps,
            bytes_total,
            acked_bytes_total: match (self.before.acked, self.current.acked) {
                (None, None) => None,
                (before, now) => Some(before.unwrap_or(0) + now.unwrap_or(0)),
            },
            frames_total: Some(self.before.frames + self.current.frames),
            frames_dropped: Some(self.frames_dropped),
            queue_ms: self.queue.map(|queue| queue.ms),
            queue_bytes: self.queue.map(|queue| queue.bytes),
            srt: self.look.and_then(|look| look.srt),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn look(bytes: u64) -> Look {
        Look {
            live: true,
            bytes,
            acked: Some(bytes / 2),
            frames_waiting: 1,
            ..Look::default()
        }
    }

    #[test]
    fn totals_go_on_over_attempts_and_what_is_not_known_is_none() {
        let begin = Instant::now();
        let mut tally = Tally::default();
        let nothing = tally.counters(begin);
        assert_eq!(
            (nothing.bitrate_kbps, nothing.acked_bytes_total),
            (None, None)
        );
        let queue = Waiting {
            ms: 40.0,
            bytes: 900,
        };
        tally.look(look(1000), 11, 3, queue);
        let counters = tally.counters(begin + Duration::from_secs(1));
        assert_eq!(counters.bitrate_kbps, Some(8.0));
        assert_eq!(
            (counters.frames_total, counters.queue_ms),
            (Some(10), Some(40.0))
        );
        assert_eq!(counters.queue_bytes, Some(900));
        tally.attempt_over();
        tally.look(look(500), 6, 1, Waiting::default());
        let counters = tally.counters(begin + Duration::from_secs(2));
        assert_eq!(
            (counters.bytes_total, counters.acked_bytes_total),
            (1500, Some(750))
        );
        assert_eq!(
            (counters.frames_total, counters.frames_dropped),
            (Some(15), Some(4))
        );
        assert_eq!(counters.bitrate_kbps, Some(4.0));
    }
}
