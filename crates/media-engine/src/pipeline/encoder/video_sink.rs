use std::sync::PoisonError;

use gstreamer as gst;
use gstreamer_app as gst_app;

use super::Listeners;
use super::sample::{bytes, hand_over, news_of_configuration, timed};
use crate::event::Event;
use crate::pipeline::encoded::{Encoded, EncodedFrame};

/// Where the level is in a decoder's configuration (ISO/IEC 14496-15): in its head, and in the one
/// sequence parameter set.
const LEVEL_AT: [usize; 2] = [3, 11];

/// What becomes of encoded frames.
pub(super) fn callbacks(listeners: &Listeners) -> gst_app::AppSinkCallbacks {
    let Listeners {
        program,
        timeline,
        clock,
        meter,
        encoded,
        events,
    } = listeners.clone();
    let ended = encoded.clone();
    let mut configuration = None;
    let mut playing = false;
    gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
            let known = configuration.clone();
            if let Some(news) = news_of_configuration(&sample, &mut configuration)?
                && !known.is_some_and(|known| differ_in_level_alone(&known, &news))
            {
                hand_over(&encoded, Encoded::VideoConfiguration(news))?;
            }
            let (start_ns, buffer) = timed(&sample).ok_or(gst::FlowError::Error)?;
            let number = timeline.nearest_frame(start_ns);
            let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let now_ns = clock.now_ns().unwrap_or(0);
            let composed_at = meter
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .encoded((program, number), buffer.size(), keyframe, now_ns);
            let frame = EncodedFrame {
                number,
                keyframe,
                composed_at,
                data: bytes(buffer)?,
            };
            if !playing {
                playing = events.offer(Event::Playing);
            }
            hand_over(&encoded, Encoded::Video(frame))
        })
        .eos(move |_sink| {
            // Nobody takes it when the writer has failed, which it has said itself.
            let _ = ended.send(Encoded::VideoEnd);
        })
        .build()
}

/// Whether both decode alike: openh264 names another level when its bitrate changes, and nothing
/// else. Players need not hear of that.
fn differ_in_level_alone(one: &[u8], other: &[u8]) -> bool {
    let rest = |configuration: &[u8]| {
        let bytes = configuration.iter().copied().enumerate();
        let rest: Vec<u8> = bytes
            .filter(|(at, _)| !LEVEL_AT.contains(at))
            .map(|(_, byte)| byte)
            .collect();
        rest
    };
    one.len() == other.len() && rest(one) == rest(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_told_from_all_else() {
        let baseline = [1, 66, 192, 13, 255, 225, 0, 4, 103, 66, 192, 13, 1, 0, 1, 104];
        let mut higher = baseline;
        (higher[3], higher[11]) = (31, 31);
        assert!(differ_in_level_alone(&baseline, &higher));
        let mut other = higher;
        other[13] = 9;
        assert!(!differ_in_level_alone(&baseline, &other));
        assert!(!differ_in_level_alone(&baseline, &baseline[..15]));
    }
}
