//! Which part of a file is played, and how to move in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use sm_media_protocol::Clip;

use super::Target;
use crate::layer::failure::Failure;
use crate::pipeline::FrameSlot;

/// Shorter parts are shown as stills: looping them would only burn CPU.
const REPEAT_MIN: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// The name of queues behind a decoder, which hear of the end from it.
pub(in crate::layer) const DECODED: &str = "decoded";

/// By how much time stamps may be off.
const ROUNDING: gst::ClockTime = gst::ClockTime::from_useconds(500);

/// How much before the end of a file the last position is, to which one can go.
const LAST: gst::ClockTime = gst::ClockTime::from_mseconds(1);

/// A part of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::layer) struct Cut {
    /// Where it begins.
    pub(in crate::layer) start: gst::ClockTime,
    /// Where it ends; at the end of the file when absent.
    pub(in crate::layer) stop: Option<gst::ClockTime>,
    /// Whether it begins again at its end.
    pub(in crate::layer) repeat: bool,
}

impl Cut {
    /// The part that a clip wants.
    pub(in crate::layer) fn of(clip: &Clip, repeat: bool) -> Self {
        Self {
            start: gst::ClockTime::from_mseconds(clip.in_ms),
            stop: clip.out_ms.map(gst::ClockTime::from_mseconds),
            repeat,
        }
    }

    /// Whether both are the same part.
    pub(super) fn is_same_part(&self, other: &Self) -> bool {
        (self.start, self.stop) == (other.start, other.stop)
    }

    /// Where it ends in a file of this length.
    pub(super) fn end(&self, length: Option<gst::ClockTime>) -> Option<gst::ClockTime> {
        match (self.stop, length) {
            (Some(stop), Some(length)) => Some(stop.min(length)),
            (stop, length) => stop.or(length),
        }
    }

    /// Whether it can begin again in a file of this length.
    pub(super) fn repeats(&self, length: Option<gst::ClockTime>) -> bool {
        let long = |end: gst::ClockTime| end.saturating_sub(self.start) >= REPEAT_MIN;
        self.repeat && self.end(length).is_none_or(long)
    }

    /// The position that is meant, within the part.
    pub(super) fn place(&self, target: Target, length: Option<gst::ClockTime>) -> gst::ClockTime {
        let position = match target {
            Target::Start => self.start,
            Target::At(position) => position,
        };
        let last = self.end(length).map(|end| end.saturating_sub(LAST));
        last.map_or(position, |last| position.min(last))
            .max(self.start)
    }
}

/// How to move in a file.
#[derive(Debug)]
pub(in crate::layer) struct Reel {
    /// The element that takes the wish.
    pub(in crate::layer) element: gst::Element,
    /// Where its frames go: the first after a jump replaces what is shown.
    pub(in crate::layer) frames: Option<Arc<FrameSlot>>,
    /// Cuts pictures off after the end of the part.
    pub(in crate::layer) knife: Knife,
}

/// Cuts a picture's frames off where its part ends.
///
/// Decoders could do so as well, but tell their demuxer of it, which then stops sending for good:
/// no part could be repeated. So they are not told where it ends.
#[derive(Clone, Debug)]
pub(in crate::layer) struct Knife {
    stop_ns: Arc<AtomicU64>,
}

impl Default for Knife {
    fn default() -> Self {
        Self {
            stop_ns: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }
}

impl Knife {
    /// Keeps from whatever is behind this pad where the part ends.
    pub(in crate::layer) fn hide_end(pad: &gst::Pad) {
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_pad, info| {
            if let Some(gst::EventView::Segment(event)) = info.event().map(|event| event.view())
                && let Some(endless) = without_stop(event)
            {
                info.data = Some(gst::PadProbeData::Event(endless));
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Drops what comes to this pad after the end of the part.
    pub(in crate::layer) fn cut(&self, pad: &gst::Pad) {
        let stop_ns = Arc::clone(&self.stop_ns);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let stop_ns = stop_ns.load(Ordering::Relaxed);
            let time = info.buffer().and_then(|buffer| file_time(pad, buffer));
            // Time stamps are rounded.
            if time.is_some_and(|time| (time + ROUNDING).nseconds() >= stop_ns) {
                gst::PadProbeReturn::Drop
            } else {
                gst::PadProbeReturn::Ok
            }
        });
    }

    fn set(&self, stop: Option<gst::ClockTime>) {
        let stop_ns = stop.map_or(u64::MAX, gst::ClockTime::nseconds);
        self.stop_ns.store(stop_ns, Ordering::Relaxed);
    }
}

fn without_stop(event: &gst::event::Segment) -> Option<gst::Event> {
    let mut segment = event.segment().downcast_ref::<gst::ClockTime>()?.clone();
    segment.set_stop(gst::ClockTime::NONE);
    let endless = gst::event::Segment::builder(&segment).seqnum(event.seqnum());
    Some(endless.build())
}

/// The position in the file of what comes to a pad.
fn file_time(pad: &gst::Pad, buffer: &gst::Buffer) -> Option<gst::ClockTime> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    segment.to_stream_time(buffer.pts()?)
}

impl Reel {
    /// Jumps to a position, forgetting what is on its way.
    pub(super) fn jump(
        &self,
        position: gst::ClockTime,
        stop: Option<gst::ClockTime>,
        repeats: bool,
    ) -> Result<(), Failure> {
        if let Some(frames) = &self.frames {
            frames.expect_another();
        }
        self.knife.set(stop);
        self.seek(position, stop, gst::SeekFlags::FLUSH, repeats)
    }

    /// Back to the beginning: what is on its way is still shown, and the first frame follows the
    /// last without a gap.
    pub(super) fn repeat(&self, cut: &Cut) -> Result<(), Failure> {
        self.seek(cut.start, cut.stop, gst::SeekFlags::empty(), true)
    }

    fn seek(
        &self,
        position: gst::ClockTime,
        stop: Option<gst::ClockTime>,
        flags: gst::SeekFlags,
        repeats: bool,
    ) -> Result<(), Failure> {
        let mut flags = flags | gst::SeekFlags::ACCURATE;
        if repeats {
            // Its source says when it has given all, so that it can begin again in time.
            flags |= gst::SeekFlags::SEGMENT;
        }
        self.element
            .seek(
                1.0,
                flags,
                gst::SeekType::Set,
                position,
                gst::SeekType::Set,
                stop,
            )
            .map_err(|_refused| Failure::undecodable("one cannot move in the file"))
    }
}

/// Lets a pipeline whose source has given all come to its end.
pub(super) fn drain(pipeline: &gst::Pipeline) {
    let queues = pipeline.children().into_iter().filter(|child| {
        let factory = child.factory();
        factory.is_some_and(|factory| factory.name() == "queue") && child.name() != DECODED
    });
    for queue in queues {
        if let Some(pad) = queue.static_pad("sink") {
            pad.send_event(gst::event::Eos::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> gst::ClockTime {
        gst::ClockTime::from_mseconds(milliseconds)
    }

    #[test]
    fn a_target_is_kept_within_the_part() {
        let cut = Cut {
            start: ms(500),
            stop: Some(ms(2_000)),
            repeat: true,
        };
        for (target, length, expected) in [
            (Target::Start, None, 500),
            (Target::At(ms(100)), None, 500),
            (Target::At(ms(700)), Some(ms(9_000)), 700),
            (Target::At(ms(5_000)), Some(ms(9_000)), 1_999),
            (Target::At(ms(5_000)), Some(ms(1_000)), 999),
            (Target::At(ms(5_000)), Some(ms(400)), 500),
        ] {
            assert_eq!(cut.place(target, length), ms(expected), "{target:?}");
        }
    }

    #[test]
    fn what_is_too_short_does_not_begin_again() {
        let cut = |start, stop, repeat| Cut {
            start: ms(start),
            stop: Some(ms(stop)),
            repeat,
        };
        for (cut, length, expected) in [
            (cut(0, 100, true), None, true),
            (cut(0, 100, false), None, false),
            (cut(0, 99, true), None, false),
            (cut(950, 2_000, true), Some(1_000), false),
            (cut(850, 2_000, true), Some(1_000), true),
        ] {
            assert_eq!(cut.repeats(length.map(ms)), expected, "{cut:?}");
        }
    }
}
