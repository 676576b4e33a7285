use std::time::{Duration, Instant};

/// Bytes of a live output that stand still this long mean that its target takes nothing.
pub(super) const STILL_MAX: Duration = Duration::from_secs(5);

/// Notices that nothing moves although there is something to move.
#[derive(Debug)]
pub(super) struct Watchdog {
    bytes: u64,
    /// Frames offered when the bytes moved last.
    offered: u64,
    moved: Instant,
}

impl Watchdog {
    /// Nothing has moved yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bytes: 0,
            offered: 0,
            moved: now,
        }
    }

    /// Whether bytes have stood still for too long while frames were offered.
    pub(super) fn stands_still(&mut self, bytes: u64, offered: u64, now: Instant) -> bool {
        if bytes != self.bytes {
            (self.bytes, self.offered, self.moved) = (bytes, offered, now);
        }
        offered > self.offered && now.saturating_duration_since(self.moved) >= STILL_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_that_should_move_and_do_not_are_reported() {
        let begin = Instant::now();
        let mut watchdog = Watchdog::new(begin);
        assert!(!watchdog.stands_still(1, 1, begin));
        let late = begin + STILL_MAX;
        assert!(!watchdog.stands_still(1, 1, late), "nothing was offered");
        assert!(!watchdog.stands_still(2, 2, late), "they moved");
        assert!(!watchdog.stands_still(2, 3, late + STILL_MAX / 2));
        assert!(watchdog.stands_still(2, 3, late + STILL_MAX));
    }
}
