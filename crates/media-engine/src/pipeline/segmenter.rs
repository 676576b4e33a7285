use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use sm_common::clock::Timestamp;

use super::encoded::{EncodedFrame, EncodedPacket};
use crate::fmp4::{self, AudioRun, Sample, VideoRun};
use crate::number::to_u32;
use crate::timeline::Timeline;

/// Units of the picture's track in a frame.
const UNITS_PER_FRAME: u32 = 1000;

/// Units of the picture's track in a second.
pub(super) fn video_timescale(timeline: Timeline) -> u32 {
    timeline.framerate().saturating_mul(UNITS_PER_FRAME)
}

/// Frames that last as long as this many units of the picture's track.
pub(crate) fn frames_in(units: u32) -> u64 {
    u64::from(units / UNITS_PER_FRAME)
}

/// Cuts encoded picture and sound into segments: from keyframe to keyframe, with the packets of
/// sound that start in that time. Where parts are wanted, a segment comes off in parts.
#[derive(Debug)]
pub(crate) struct Segmenter {
    timeline: Timeline,
    /// Most frames in a part; `None`: every segment is one piece.
    part_frames: Option<NonZeroU32>,
    frames: VecDeque<EncodedFrame>,
    packets: VecDeque<EncodedPacket>,
    /// No more packets will come.
    silent: bool,
    /// No more frames will come either.
    ended: bool,
    /// Number of the segment that the next piece belongs to.
    segment: u64,
    /// Number of the next piece in its segment.
    part: u64,
}

/// A piece of a segment: one of its parts, or all of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    /// Number of its segment.
    pub(crate) segment: u64,
    /// Number within the segment.
    pub(crate) part: u64,
    /// Whether the segment ends with it.
    pub(crate) last: bool,
    /// Frames for which it lasts, those included that were left out.
    pub(crate) frames: u64,
    /// Whether it starts with a keyframe.
    pub(crate) independent: bool,
    /// Wall clock at which its first frame was due to be composed.
    pub(crate) starts_at: Option<Timestamp>,
    /// Its first frame.
    pub(crate) start: u64,
    /// The first sample of its sound.
    pub(crate) audio_start: u64,
    /// Its frames.
    pub(crate) samples: Vec<Sample>,
    /// Its sound.
    pub(crate) packets: Vec<Arc<[u8]>>,
}

/// The moment that is zero in what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    frame: u64,
    sample: u64,
}

impl Origin {
    /// The start of this frame.
    pub(crate) fn at_frame(timeline: Timeline, frame: u64) -> Self {
        Self {
            frame,
            sample: timeline.samples_before(frame),
        }
    }

    /// Frames from the origin to `frame`.
    pub(crate) fn frames_to(self, frame: u64) -> u64 {
        frame.saturating_sub(self.frame)
    }

    /// Samples from the origin to `sample`.
    pub(crate) fn samples_to(self, sample: u64) -> u64 {
        sample.saturating_sub(self.sample)
    }
}

impl Piece {
    /// The piece as a fragment of MP4. `sequence` counts the fragments of a file from 1.
    pub(crate) fn fragment(&self, sequence: u64, origin: Origin) -> Vec<u8> {
        fmp4::fragment(
            to_u32(sequence),
            VideoRun {
                start: origin.frames_to(self.start) * u64::from(UNITS_PER_FRAME),
                samples: &self.samples,
            },
            AudioRun {
                start: origin.samples_to(self.audio_start),
                packets: &self.packets,
            },
        )
    }
}

/// Where the next piece ends.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Frames in it.
    length: usize,
    /// The frame that comes after it.
    frame: u64,
    /// Whether the segment ends with it.
    last: bool,
}

impl Segmenter {
    /// `part_frames` as in the settings: 0 is for no parts.
    pub(crate) fn new(timeline: Timeline, part_frames: u32) -> Self {
        Self {
            timeline,
            part_frames: NonZeroU32::new(part_frames),
            frames: VecDeque::new(),
            packets: VecDeque::new(),
            silent: false,
            ended: false,
            segment: 0,
            part: 0,
        }
    }

    /// The first segment has this number.
    pub(crate) fn begin_at(&mut self, segment: u64) {
        self.segment = segment;
    }

    /// Takes a frame.
    pub(crate) fn video(&mut self, frame: EncodedFrame) {
        self.frames.push_back(frame);
    }

    /// Takes a packet.
    pub(crate) fn audio(&mut self, packet: EncodedPacket) {
        self.packets.push_back(packet);
    }

    /// No more packets come: pieces no longer wait for them.
    pub(crate) fn audio_ended(&mut self) {
        self.silent = true;
    }

    /// Nothing more comes: what is left is a piece, however short.
    pub(crate) fn ended(&mut self) {
        self.silent = true;
        self.ended = true;
    }

    /// The next piece that is complete.
    pub(crate) fn next(&mut self) -> Option<Piece> {
        let end = self.end_of_piece()?;
        let boundary = self.timeline.samples_before(end.frame);
        let sound_is_there = self
            .packets
            .back()
            .is_some_and(|packet| packet.position >= boundary);
        (sound_is_there || self.silent).then(|| self.cut(end))
    }

    /// Where the piece that begins with the first frame ends, as far as that is known yet.
    fn end_of_piece(&self) -> Option<End> {
        let first = self.frames.front()?;
        let limit = self
            .part_frames
            .map(|frames| first.number.saturating_add(frames.get().into()));
        let mut before = first;
        for (length, frame) in self.frames.iter().enumerate().skip(1) {
            let too_long = limit.is_some_and(|limit| frame.number > limit);
            // A frame was left out where the part should end: it ends earlier rather than later.
            if too_long && length > 1 {
                return Some(End {
                    length: length - 1,
                    frame: before.number,
                    last: false,
                });
            }
            if frame.keyframe || limit.is_some_and(|limit| frame.number >= limit) {
                return Some(End {
                    length,
                    frame: frame.number,
                    last: frame.keyframe,
                });
            }
            before = frame;
        }
        let last = self.frames.back()?;
        self.ended.then(|| End {
            length: self.frames.len(),
            frame: last.number + 1,
            last: true,
        })
    }

    /// Cuts off what comes before `end`.
    fn cut(&mut self, end: End) -> Piece {
        let frames: Vec<EncodedFrame> = self.frames.drain(..end.length).collect();
        let boundary = self.timeline.samples_before(end.frame);
        let sounding = self
            .packets
            .partition_point(|packet| packet.position < boundary);
        let packets: Vec<EncodedPacket> = self.packets.drain(..sounding).collect();

        let start = frames.first().map_or(end.frame, |frame| frame.number);
        let independent = frames.first().is_some_and(|frame| frame.keyframe);
        let starts_at = frames.first().and_then(|frame| frame.due_at);
        let audio_start = packets.first().map_or(boundary, |packet| packet.position);
        let next_starts: Vec<u64> = frames
            .iter()
            .skip(1)
            .map(|f| f.number)
            .chain([end.frame])
            .collect();
        let samples: Vec<Sample> = frames
            .into_iter()
            .zip(next_starts)
            .map(|(frame, next)| Sample {
                duration: to_u32(next.saturating_sub(frame.number)).saturating_mul(UNITS_PER_FRAME),
                keyframe: frame.keyframe,
                data: frame.data,
            })
            .collect();
        let packets: Vec<Arc<[u8]>> = packets.into_iter().map(|packet| packet.data).collect();
        let (segment, part) = (self.segment, self.part);
        (self.segment, self.part) = if end.last {
            (segment + 1, 0)
        } else {
            (segment, part + 1)
        };
        Piece {
            segment,
            part,
            last: end.last,
            frames: end.frame.saturating_sub(start),
            independent,
            starts_at,
            start,
            audio_start,
            samples,
            packets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u64) -> EncodedFrame {
        EncodedFrame {
            number,
            keyframe: number.is_multiple_of(10),
            due_at: Some(Timestamp::from_unix_millis(i64::try_from(number).unwrap())),
            apart: None,
            data: Arc::from([0; 100]),
        }
    }

    fn packet(index: u64) -> EncodedPacket {
        EncodedPacket {
            position: index * 1024,
            data: Arc::from([1; 10]),
        }
    }

    /// What a segmenter at 10 frames a second makes of these frames and as much sound.
    fn pieces(part_frames: u32, frames: impl Iterator<Item = u64>, seconds: u64) -> Vec<Piece> {
        let mut segmenter = Segmenter::new(Timeline::new(10), part_frames);
        let mut pieces = Vec::new();
        for number in frames {
            segmenter.video(frame(number));
            pieces.extend(segmenter.next());
        }
        for index in 0..seconds * 47 {
            segmenter.audio(packet(index));
            pieces.extend(segmenter.next());
        }
        segmenter.audio_ended();
        segmenter.ended();
        pieces.extend(std::iter::from_fn(|| segmenter.next()));
        pieces
    }

    /// Segment, part, frames, and whether it is the last of its segment.
    fn outline(pieces: &[Piece]) -> Vec<(u64, u64, u64, bool)> {
        pieces
            .iter()
            .map(|piece| (piece.segment, piece.part, piece.frames, piece.last))
            .collect()
    }

    #[test]
    fn a_segment_lasts_from_keyframe_to_keyframe() {
        let pieces = pieces(0, 0..35, 4);
        assert_eq!(
            outline(&pieces),
            [
                (0, 0, 10, true),
                (1, 0, 10, true),
                (2, 0, 10, true),
                (3, 0, 5, true)
            ]
        );
        assert!(pieces.iter().all(|piece| piece.independent));
        assert_eq!(pieces[2].starts_at, Some(Timestamp::from_unix_millis(20)));
    }

    #[test]
    fn a_frame_that_was_left_out_does_not_move_the_others() {
        let pieces = pieces(0, (0..20).filter(|number| *number != 5), 3);
        assert_eq!(pieces[0].frames, 10);
    }

    #[test]
    fn a_segment_waits_for_its_sound() {
        let mut segmenter = Segmenter::new(Timeline::new(10), 0);
        for number in 0..=10 {
            segmenter.video(frame(number));
        }
        for index in 0..47 {
            segmenter.audio(packet(index));
            assert_eq!(segmenter.next(), None);
        }
        segmenter.audio(packet(47));
        assert!(segmenter.next().is_some());
    }

    #[test]
    fn a_segment_comes_off_in_parts_that_end_with_it() {
        let pieces = pieces(4, 0..23, 3);
        assert_eq!(
            outline(&pieces),
            [
                (0, 0, 4, false),
                (0, 1, 4, false),
                (0, 2, 2, true),
                (1, 0, 4, false),
                (1, 1, 4, false),
                (1, 2, 2, true),
                (2, 0, 3, true)
            ]
        );
        let independent: Vec<bool> = pieces.iter().map(|piece| piece.independent).collect();
        assert_eq!(independent, [true, false, false, true, false, false, true]);
        assert_eq!(pieces[4].starts_at, Some(Timestamp::from_unix_millis(14)));
    }

    #[test]
    fn a_part_is_complete_with_the_next_frame_and_its_sound() {
        let mut segmenter = Segmenter::new(Timeline::new(10), 2);
        for index in 0..=10 {
            segmenter.audio(packet(index));
        }
        for number in 0..2 {
            segmenter.video(frame(number));
            assert_eq!(segmenter.next(), None);
        }
        segmenter.video(frame(2));
        assert_eq!(outline(segmenter.next().as_slice()), [(0, 0, 2, false)]);
        for number in 3..5 {
            segmenter.video(frame(number));
        }
        assert_eq!(segmenter.next(), None, "eleven packets are 235 ms");
    }

    #[test]
    fn no_part_is_longer_than_wanted_unless_one_frame_is() {
        let pieces = pieces(4, [0, 1, 2, 3, 5, 6, 7, 14, 15, 20].into_iter(), 3);
        assert_eq!(
            outline(&pieces),
            [
                (0, 0, 3, false),
                (0, 1, 4, false),
                (0, 2, 7, false),
                (0, 3, 1, false),
                (0, 4, 5, true),
                (1, 0, 1, true)
            ]
        );
    }

    #[test]
    fn what_is_left_at_the_end_comes_off_in_parts_as_well() {
        let mut segmenter = Segmenter::new(Timeline::new(10), 3);
        for number in 0..8 {
            segmenter.video(frame(number));
        }
        assert_eq!(segmenter.next(), None, "there is no sound yet");
        segmenter.ended();
        let rest: Vec<Piece> = std::iter::from_fn(|| segmenter.next()).collect();
        assert_eq!(
            outline(&rest),
            [(0, 0, 3, false), (0, 1, 3, false), (0, 2, 2, true)]
        );
    }
}
