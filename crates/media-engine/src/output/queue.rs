use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::splice::{Frames, Lane, Splice};
use crate::number::to_u64;
use crate::pipeline::{ApartListener, Encoded, EncodedFrame, EncodedPacket, Listener};
use crate::timeline::{Timeline, sample_start_ns};

/// Stream time that may wait for a target. What is older is of no use to somebody who watches
/// live, and a target that is this far behind does not catch up.
const WAITING_MAX: Duration = Duration::from_secs(4);

/// Bytes that may wait for a target, whatever their stream time.
const WAITING_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Packets of sound that are kept for a keyframe that is still to come: sound may leave its
/// encoder earlier than the picture of the same moment.
const EARLY_PACKETS_MAX: usize = 48;

/// A frame or a packet that waits.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A frame.
    Video(EncodedFrame),
    /// A packet.
    Audio(EncodedPacket),
}

impl Item {
    fn bytes(&self) -> u64 {
        to_u64(match self {
            Self::Video(frame) => frame.data.len(),
            Self::Audio(packet) => packet.data.len(),
        })
    }

    fn starts_ns(&self, timeline: Timeline) -> u64 {
        match self {
            Self::Video(frame) => timeline.frame_start_ns(frame.number),
            Self::Audio(packet) => sample_start_ns(packet.position),
        }
    }

    fn is_video(&self) -> bool {
        matches!(self, Self::Video(_))
    }
}

/// What waits for one reader of the encoders, such as an output. It never makes the encoders wait: what a target does not take in
/// time is left out from the oldest on, as whole groups of pictures.
#[derive(Debug)]
pub(crate) struct Queue {
    timeline: Timeline,
    waiting_max: Duration,
    state: Mutex<State>,
    rang: Condvar,
}

#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and they occur in all combinations"
)]
struct State {
    /// Whether anything is taken in.
    open: bool,
    /// Nothing can be decoded before the next keyframe.
    needs_keyframe: bool,
    /// There was a keyframe since it was opened.
    begun: bool,
    /// Which of two encodings the frames are from.
    splice: Splice,
    /// Sound from before this sample belongs to no frame that is delivered, however late it comes.
    sound_from: u64,
    items: VecDeque<Item>,
    bytes: u64,
    dropped: u64,
    offered: u64,
    video_ended: bool,
    audio_ended: bool,
    stopped: bool,
    bell: bool,
}

impl Queue {
    /// A queue that takes nothing in yet.
    pub(super) fn new(timeline: Timeline) -> Self {
        Self::holding(timeline, WAITING_MAX)
    }

    /// The same, in which no more stream time than this may wait.
    pub(crate) fn holding(timeline: Timeline, waiting_max: Duration) -> Self {
        Self {
            timeline,
            waiting_max,
            state: Mutex::default(),
            rang: Condvar::new(),
        }
    }

    /// Takes in what comes, from the next keyframe on.
    pub(crate) fn open(&self) {
        let mut state = self.lock();
        state.open = true;
        state.clear();
    }

    /// Takes nothing in, and forgets what waits.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.open = false;
        state.clear();
    }

    /// What waits longest.
    pub(crate) fn take(&self) -> Option<Item> {
        let mut state = self.lock();
        // Early sound waits with its keyframe.
        if state.needs_keyframe {
            return None;
        }
        let item = state.items.pop_front()?;
        state.bytes = state.bytes.saturating_sub(item.bytes());
        Some(item)
    }

    /// Frames left out since the last call.
    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.lock().dropped)
    }

    /// Frames that were offered since the queue was made.
    pub(super) fn offered(&self) -> u64 {
        self.lock().offered
    }

    /// Stream time that waits.
    pub(super) fn waiting(&self) -> Duration {
        self.lock().waiting(self.timeline)
    }

    /// Bytes that wait.
    pub(super) fn waiting_bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Which encoding the frames that come now are from.
    pub(super) fn lane(&self) -> Lane {
        self.lock().splice.lane()
    }

    /// Whether nothing waits and nothing will come.
    pub(crate) fn is_finished(&self) -> bool {
        let state = self.lock();
        let ended = state.video_ended && state.audio_ended && state.splice.lane() == Lane::Program;
        ended && (state.items.is_empty() || state.needs_keyframe)
    }

    /// Asks the output to end.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.ring();
    }

    /// Whether the output is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Lets go who waits.
    pub(super) fn ring(&self) {
        self.lock().bell = true;
        self.rang.notify_all();
    }

    /// Waits until something happens, but no longer than this.
    pub(crate) fn wait(&self, longest: Duration) {
        let state = self.lock();
        let (mut state, _timeout) = self
            .rang
            .wait_timeout_while(state, longest, |state| !state.bell)
            .unwrap_or_else(PoisonError::into_inner);
        state.bell = false;
    }

    /// Lets this happen, keeps the limits, and lets go who waits.
    fn change(&self, what: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        what(&mut state);
        state.keep_limits(self.timeline, self.waiting_max);
        state.bell = true;
        self.rang.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Queue {
    fn offer(&self, encoded: &Encoded) {
        self.change(|state| match encoded {
            Encoded::Video(frame) => {
                state.offered += 1;
                let frames = state.splice.frame(Lane::Program, frame);
                state.videos(&frames, self.timeline);
            }
            Encoded::Audio(packet) => state.audio(packet),
            Encoded::VideoEnd => {
                state.video_ended = true;
                let frames = state.splice.over(Lane::Program);
                state.videos(&frames, self.timeline);
            }
            Encoded::AudioEnd => state.audio_ended = true,
            Encoded::VideoConfiguration(_) | Encoded::AudioConfiguration(_) => {}
        });
    }
}

impl ApartListener for Queue {
    fn begins(&self, frame: u64) {
        self.lock().splice.turn(Lane::Apart, frame);
    }

    fn ends(&self, frame: u64) {
        self.lock().splice.turn(Lane::Program, frame);
    }

    fn frame(&self, frame: EncodedFrame) {
        self.change(|state| {
            let frames = state.splice.frame(Lane::Apart, &frame);
            state.videos(&frames, self.timeline);
        });
    }

    fn over(&self) {
        self.change(|state| {
            let frames = state.splice.over(Lane::Apart);
            state.videos(&frames, self.timeline);
        });
    }
}

impl State {
    fn clear(&mut self) {
        self.items.clear();
        self.bytes = 0;
        self.dropped = 0;
        self.needs_keyframe = true;
        self.begun = false;
        self.sound_from = 0;
        self.splice = Splice::default();
    }

    fn videos(&mut self, frames: &Frames, timeline: Timeline) {
        self.dropped += frames.lost;
        for frame in &frames.passed {
            self.video(frame, timeline);
        }
    }

    fn video(&mut self, frame: &EncodedFrame, timeline: Timeline) {
        if !self.open {
            return;
        }
        if self.needs_keyframe {
            if !frame.keyframe {
                // What comes before the first keyframe was never meant for the target.
                self.dropped += u64::from(self.begun);
                return;
            }
            self.begin_sound_at(timeline.samples_before(frame.number));
            self.needs_keyframe = false;
            self.begun = true;
            self.items.push_front(Item::Video(frame.clone()));
        } else {
            self.items.push_back(Item::Video(frame.clone()));
        }
        self.bytes += to_u64(frame.data.len());
    }

    fn audio(&mut self, packet: &EncodedPacket) {
        if !self.open || packet.position < self.sound_from {
            return;
        }
        self.bytes += to_u64(packet.data.len());
        self.items.push_back(Item::Audio(packet.clone()));
        if self.needs_keyframe && self.items.len() > EARLY_PACKETS_MAX {
            self.pop();
        }
    }

    fn keep_limits(&mut self, timeline: Timeline, waiting_max: Duration) {
        while !self.needs_keyframe
            && (self.bytes > WAITING_BYTES_MAX || self.waiting(timeline) > waiting_max)
        {
            self.drop_group(timeline);
        }
    }

    /// Leaves out everything up to the next keyframe that waits, or that is still to come.
    fn drop_group(&mut self, timeline: Timeline) {
        // What is left of the oldest group cannot be shown without what came before it.
        while let Some(item) = self.pop() {
            self.dropped += u64::from(item.is_video());
            if let Some(Item::Video(next)) = self.items.iter().find(|item| item.is_video())
                && next.keyframe
            {
                self.begin_sound_at(timeline.samples_before(next.number));
                return;
            }
        }
        self.needs_keyframe = true;
    }

    fn begin_sound_at(&mut self, position: u64) {
        self.sound_from = position;
        self.items.retain(|item| match item {
            Item::Audio(packet) => packet.position >= position,
            Item::Video(_) => true,
        });
        self.bytes = self.items.iter().map(Item::bytes).sum();
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.bytes());
        Some(item)
    }

    fn waiting(&self, timeline: Timeline) -> Duration {
        let start = |item: &Item| item.starts_ns(timeline);
        let (first, last) = (self.items.front().map(start), self.items.back().map(start));
        match (first, last) {
            (Some(first), Some(last)) => Duration::from_nanos(last.saturating_sub(first)),
            (None, _) | (_, None) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Ten frames a second, a keyframe a second.
    fn queue() -> Queue {
        let queue = Queue::new(Timeline::new(10));
        queue.open();
        queue
    }

    fn frame(number: u64, bytes: usize) -> Encoded {
        Encoded::Video(EncodedFrame {
            number,
            keyframe: number.is_multiple_of(10),
            due_at: None,
            apart: None,
            data: vec![0; bytes].into(),
        })
    }

    fn packet(position: u64) -> Encoded {
        Encoded::Audio(EncodedPacket {
            position,
            data: Arc::from([0]),
        })
    }

    fn video(item: Option<Item>) -> u64 {
        match item {
            Some(Item::Video(frame)) => frame.number,
            Some(Item::Audio(_)) | None => panic!("no frame: {item:?}"),
        }
    }

    #[test]
    fn it_begins_with_a_keyframe_and_the_sound_of_that_moment() {
        let queue = queue();
        queue.offer(&frame(7, 1));
        for position in [47_000, 48_000, 49_000] {
            queue.offer(&packet(position));
        }
        assert!(queue.take().is_none());
        assert_eq!(queue.take_dropped(), 0);
        queue.offer(&frame(10, 1));
        // The encoder of the sound may be the later one.
        queue.offer(&packet(47_500));
        assert_eq!(video(queue.take()), 10);
        let sound: Vec<u64> = std::iter::from_fn(|| queue.take())
            .map(|item| match item {
                Item::Audio(packet) => packet.position,
                Item::Video(frame) => panic!("{frame:?}"),
            })
            .collect();
        assert_eq!(sound, [48_000, 49_000]);
    }

    #[test]
    fn a_target_that_takes_nothing_loses_whole_groups_from_the_oldest_on() {
        let queue = queue();
        for number in 0..=60 {
            queue.offer(&frame(number, 1));
            queue.offer(&packet(number * 4800));
        }
        assert_eq!(queue.waiting(), WAITING_MAX);
        assert_eq!(queue.take_dropped(), 20);
        assert_eq!(video(queue.take()), 20);
    }

    #[test]
    fn a_group_of_which_a_part_was_taken_is_left_out_to_its_end() {
        let queue = queue();
        for number in 0..=41 {
            queue.offer(&frame(number, 1));
            if number == 0 {
                assert_eq!(video(queue.take()), 0);
            }
        }
        queue.offer(&frame(42, 1));
        assert_eq!(queue.take_dropped(), 9);
        assert_eq!(video(queue.take()), 10);
    }

    #[test]
    fn bytes_are_limited_as_well() {
        let queue = queue();
        for number in 0..=20 {
            queue.offer(&frame(number, 3 * 1024 * 1024));
        }
        assert!(queue.lock().bytes <= WAITING_BYTES_MAX);
        let first = video(queue.take());
        assert!(first.is_multiple_of(10), "{first}");
    }

    #[test]
    fn without_a_keyframe_that_waits_the_next_one_is_waited_for() {
        let queue = queue();
        for number in [0, 1, 2, 57] {
            queue.offer(&frame(number, 1));
        }
        assert!(queue.take().is_none());
        assert_eq!(queue.take_dropped(), 4);
        queue.offer(&frame(60, 1));
        assert_eq!(video(queue.take()), 60);
    }

    #[test]
    fn it_is_finished_when_both_streams_have_ended_and_all_is_taken() {
        let queue = queue();
        queue.offer(&frame(0, 1));
        queue.offer(&Encoded::VideoEnd);
        assert!(!queue.is_finished());
        queue.offer(&Encoded::AudioEnd);
        assert!(!queue.is_finished());
        queue.take();
        assert!(queue.is_finished());
    }
}
