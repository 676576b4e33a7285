use std::collections::VecDeque;
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
/// sound that start in that time.
#[derive(Debug)]
pub(crate) struct Segmenter {
    timeline: Timeline,
    frames: VecDeque<EncodedFrame>,
    packets: VecDeque<EncodedPacket>,
    /// No more packets will come.
    silent: bool,
    next: u64,
}

/// A segment: the frames from a keyframe to the next, and the sound of that time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cut {
    /// Its number, from 0.
    pub(crate) number: u64,
    /// Its length in seconds.
    pub(crate) duration_s: f64,
    /// Whether it starts with a keyframe.
    pub(crate) independent: bool,
    /// Wall clock at which its first frame was composed.
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

impl Cut {
    /// The segment as a fragment of MP4. `sequence` counts the fragments of a file from 1.
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

impl Segmenter {
    /// Nothing to cut yet.
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            frames: VecDeque::new(),
            packets: VecDeque::new(),
            silent: false,
            next: 0,
        }
    }

    /// Takes a frame; the segment that it or an earlier one completes.
    pub(crate) fn video(&mut self, frame: EncodedFrame) -> Option<Cut> {
        self.frames.push_back(frame);
        self.complete()
    }

    /// Takes a packet; the segment that it completes.
    pub(crate) fn audio(&mut self, packet: EncodedPacket) -> Option<Cut> {
        self.packets.push_back(packet);
        self.complete()
    }

    /// No more packets come: segments no longer wait for them.
    pub(crate) fn audio_ended(&mut self) -> Option<Cut> {
        self.silent = true;
        self.complete()
    }

    /// What is left, however short.
    pub(crate) fn finish(&mut self) -> Option<Cut> {
        let last = self.frames.back()?;
        let end = last.number + 1;
        Some(self.cut(self.frames.len(), end))
    }

    fn complete(&mut self) -> Option<Cut> {
        let length = self
            .frames
            .iter()
            .skip(1)
            .position(|frame| frame.keyframe)?
            + 1;
        let end = self.frames.get(length)?.number;
        let boundary = self.timeline.samples_before(end);
        let sound_is_there = self
            .packets
            .back()
            .is_some_and(|packet| packet.position >= boundary);
        (sound_is_there || self.silent).then(|| self.cut(length, end))
    }

    /// Cuts the first `length` frames off, which show until frame `end` starts.
    fn cut(&mut self, length: usize, end: u64) -> Cut {
        let frames: Vec<EncodedFrame> = self.frames.drain(..length).collect();
        let boundary = self.timeline.samples_before(end);
        let sounding = self
            .packets
            .partition_point(|packet| packet.position < boundary);
        let packets: Vec<EncodedPacket> = self.packets.drain(..sounding).collect();

        let start = frames.first().map_or(end, |frame| frame.number);
        let independent = frames.first().is_some_and(|frame| frame.keyframe);
        let starts_at = frames.first().and_then(|frame| frame.composed_at);
        let audio_start = packets.first().map_or(boundary, |packet| packet.position);
        let next_starts: Vec<u64> = frames
            .iter()
            .skip(1)
            .map(|f| f.number)
            .chain([end])
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
        let number = self.next;
        self.next += 1;
        Cut {
            number,
            duration_s: self.timeline.seconds(end.saturating_sub(start)),
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
            composed_at: Some(Timestamp::from_unix_millis(i64::try_from(number).unwrap())),
            data: Arc::from([0; 100]),
        }
    }

    fn packet(index: u64) -> EncodedPacket {
        EncodedPacket {
            position: index * 1024,
            data: Arc::from([1; 10]),
        }
    }

    /// A segmenter at 10 frames a second that was given as much sound as picture.
    fn cuts(frames: impl Iterator<Item = u64>, seconds: u64) -> Vec<Cut> {
        let mut segmenter = Segmenter::new(Timeline::new(10));
        let mut cuts = Vec::new();
        for number in frames {
            cuts.extend(segmenter.video(frame(number)));
        }
        for index in 0..seconds * 47 {
            cuts.extend(segmenter.audio(packet(index)));
        }
        cuts.extend(segmenter.audio_ended());
        cuts.extend(segmenter.finish());
        cuts
    }

    #[test]
    fn a_segment_lasts_from_keyframe_to_keyframe() {
        let cuts = cuts(0..35, 4);
        let lengths: Vec<_> = cuts.iter().map(|cut| cut.duration_s).collect();
        assert_eq!(lengths, [1.0, 1.0, 1.0, 0.5]);
        assert_eq!(
            cuts.iter().map(|cut| cut.number).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
        assert!(cuts.iter().all(|cut| cut.independent));
        assert_eq!(cuts[2].starts_at, Some(Timestamp::from_unix_millis(20)));
    }

    #[test]
    fn a_frame_that_was_left_out_does_not_move_the_others() {
        let cuts = cuts((0..20).filter(|number| *number != 5), 3);
        assert!((cuts[0].duration_s - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_segment_waits_for_its_sound() {
        let mut segmenter = Segmenter::new(Timeline::new(10));
        for number in 0..=10 {
            assert_eq!(segmenter.video(frame(number)), None);
        }
        for index in 0..47 {
            assert_eq!(segmenter.audio(packet(index)), None);
        }
        assert!(segmenter.audio(packet(47)).is_some());
    }
}
