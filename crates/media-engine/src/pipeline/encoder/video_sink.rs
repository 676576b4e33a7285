use std::sync::PoisonError;

use gstreamer as gst;
use gstreamer_app as gst_app;

use super::Listeners;
use super::sample::{bytes, hand_over, news_of_configuration, timed};
use crate::event::Event;
use crate::pipeline::encoded::{Encoded, EncodedFrame};

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
            if let Some(news) = news_of_configuration(&sample, &mut configuration)? {
                hand_over(&encoded, Encoded::VideoConfiguration(news))?;
            }
            let (start_ns, buffer) = timed(&sample).ok_or(gst::FlowError::Error)?;
            let number = timeline.nearest_frame(start_ns);
            let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let now_ns = clock.now_ns().unwrap_or(0);
            let due_at = meter
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .encoded((program, number), buffer.size(), keyframe, now_ns);
            let frame = EncodedFrame {
                number,
                keyframe,
                due_at,
                apart: None,
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
