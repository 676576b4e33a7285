use std::collections::VecDeque;

use crate::number::to_u64;

/// Frames that may wait; what comes on top pushes the oldest out.
const WAITING_MAX: usize = 6;

/// A step between frames beyond this, in nanoseconds, or back in time, is a jump of the source.
const JUMP_NS: i64 = 1_000_000_000;

/// Frames of one layer on their way to the composer, by the moment they are due.
///
/// A source's frames fall at an arbitrary but constant distance from the composer's. Near zero,
/// rounded time stamps would make frames miss or double at random, so the queue moves each source
/// by less than a frame, to where its frames fall well between the composer's.
#[derive(Debug)]
pub(super) struct FrameQueue<T> {
    interval_ns: i64,
    shift_ns: i64,
    last_due_ns: Option<i64>,
    waiting: VecDeque<(i64, T)>,
    shown: Option<T>,
    /// What is shown is to be replaced by the next frame to prime.
    stale: bool,
    counts: FrameCounts,
}

/// What became of a layer's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameCounts {
    /// Frames that came.
    pub(crate) came: u64,
    /// Frames of those that were never shown.
    pub(crate) left_out: u64,
    /// When the newest that was shown was due, in nanoseconds of program.
    pub(crate) shown_due_ns: Option<i64>,
}

impl<T> FrameQueue<T> {
    /// A queue for a composer whose frames are `interval_ns` apart.
    pub(super) fn new(interval_ns: i64) -> Self {
        Self {
            interval_ns: interval_ns.max(1),
            shift_ns: 0,
            last_due_ns: None,
            waiting: VecDeque::new(),
            shown: None,
            stale: false,
            counts: FrameCounts::default(),
        }
    }

    /// Adds a frame that is due at `due_ns` of the program.
    pub(super) fn push(&mut self, due_ns: i64, frame: T) {
        let continues = self
            .last_due_ns
            .is_some_and(|last| (0..JUMP_NS).contains(&(due_ns - last)));
        self.counts.came += 1;
        if !continues {
            self.counts.left_out += to_u64(self.waiting.len());
            self.waiting.clear();
            self.shift_ns = self.between() - due_ns.rem_euclid(self.interval_ns);
        }
        self.last_due_ns = Some(due_ns);
        if self.waiting.len() >= WAITING_MAX {
            self.counts.left_out += 1;
            self.waiting.pop_front();
        }
        self.waiting.push_back((due_ns + self.shift_ns, frame));
    }

    /// The frame to show at `now_ns`: the newest that is due, again and again until the next.
    pub(super) fn at(&mut self, now_ns: i64) -> Option<&mut T> {
        let mut due_now = 0_u64;
        while let Some((due_ns, frame)) = self.waiting.pop_front_if(|(due, _)| *due <= now_ns) {
            self.shown = Some(frame);
            self.counts.shown_due_ns = Some(due_ns);
            due_now += 1;
        }
        self.counts.left_out += due_now.saturating_sub(1);
        self.shown.as_mut()
    }

    /// What became of the frames so far.
    pub(super) fn counts(&self) -> FrameCounts {
        self.counts
    }

    /// Shows this frame until one is due, unless one is shown already that is not to be replaced.
    pub(super) fn prime(&mut self, frame: T) {
        if self.stale {
            self.waiting.clear();
            self.last_due_ns = None;
            self.stale = false;
            self.shown = None;
        }
        if self.shown.is_none() {
            self.shown = Some(frame);
        }
    }

    /// The source jumps: what waits is never shown, and what is shown stays until the next frame
    /// to prime.
    pub(super) fn expect_another(&mut self) {
        self.stale = true;
    }

    /// Forgets every frame, the one that is shown as well.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.last_due_ns = None;
        self.shown = None;
    }

    /// Between two frames of the composer, but not in the middle: sources at twice its rate, or
    /// at four fifths of it, would meet the edge again there.
    fn between(&self) -> i64 {
        self.interval_ns * 45 / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: i64 = 33_333_333;

    /// What a composer at 30 frames a second shows of a source with these due times.
    fn shown(dues: impl Iterator<Item = i64>, frames: i64) -> Vec<Option<usize>> {
        let mut queue = FrameQueue::new(INTERVAL);
        let mut dues = dues.enumerate().peekable();
        (0..frames)
            .map(|frame| {
                let now = frame * INTERVAL;
                // Frames arrive when they are due; the composer runs a little later.
                while let Some((index, due)) = dues.next_if(|(_, due)| *due <= now + 20_000_000) {
                    queue.push(due, index);
                }
                queue.at(now).copied()
            })
            .collect()
    }

    #[test]
    fn a_source_of_the_same_rate_shows_every_frame_once() {
        for phase in (0..INTERVAL).step_by(1_000_000) {
            for jitter in [0, 40_000] {
                let dues =
                    (0..100).map(|n| phase + n * INTERVAL + if n % 2 == 0 { jitter } else { 0 });
                let shown: Vec<_> = shown(dues, 90).into_iter().flatten().collect();
                assert!(shown.len() >= 88, "phase {phase}: {}", shown.len());
                assert!(
                    shown.windows(2).all(|pair| pair[1] == pair[0] + 1),
                    "phase {phase}: {shown:?}"
                );
            }
        }
    }

    #[test]
    fn a_source_of_twice_the_rate_shows_every_other_frame() {
        let dues = (0..200).map(|n| 5_000_000 + n * INTERVAL / 2);
        let shown: Vec<_> = shown(dues, 90).into_iter().flatten().skip(1).collect();
        assert!(
            shown.windows(2).all(|pair| pair[1] == pair[0] + 2),
            "{shown:?}"
        );
    }

    #[test]
    fn the_last_frame_stays() {
        let mut queue = FrameQueue::new(INTERVAL);
        assert_eq!(queue.at(0), None);
        queue.push(0, 'a');
        assert_eq!(queue.at(INTERVAL).copied(), Some('a'));
        assert_eq!(queue.at(100 * INTERVAL).copied(), Some('a'));
    }

    #[test]
    fn every_frame_is_shown_or_counted_as_left_out() {
        let mut queue = FrameQueue::new(INTERVAL);
        for n in 0..4 {
            queue.push(n * INTERVAL / 2, n);
        }
        queue.at(INTERVAL);
        queue.at(3 * INTERVAL);
        let counts = queue.counts();
        assert_eq!((counts.came, counts.left_out), (4, 2));
        assert_eq!(
            counts.shown_due_ns,
            Some(3 * INTERVAL / 2 + queue.between())
        );
    }

    #[test]
    fn after_a_jump_the_next_frame_to_prime_replaces_the_one_shown() {
        let mut queue = FrameQueue::new(INTERVAL);
        queue.prime('a');
        queue.prime('b');
        assert_eq!(queue.at(0).copied(), Some('a'));
        queue.expect_another();
        queue.push(0, 'c');
        assert_eq!(queue.at(0).copied(), Some('a'), "no gap in between");
        queue.prime('d');
        assert_eq!(queue.at(INTERVAL).copied(), Some('d'), "not what waited");
        queue.prime('e');
        assert_eq!(queue.at(INTERVAL).copied(), Some('d'));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut queue = FrameQueue::new(INTERVAL);
        for n in 0..100 {
            queue.push(n, n);
        }
        assert_eq!(queue.waiting.len(), WAITING_MAX);
    }
}
