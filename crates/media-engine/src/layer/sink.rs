use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::player::Watcher;
use crate::pipeline::{Frame, FrameSlot, ProgramClock};
use crate::sound::{CHANNELS, SoundQueue};
use crate::timeline::{SAMPLE_RATE, nearest_sample};

/// The end of a source's pipeline that leaves frames for the composer, each at its moment.
pub(super) fn frame_sink(
    program: &Arc<ProgramClock>,
    frames: &Arc<FrameSlot>,
    watcher: &Watcher,
) -> gst_app::AppSink {
    let (preroll_frames, preroll_watcher) = (Arc::clone(frames), watcher.clone());
    let (program, frames, watcher) = (Arc::clone(program), Arc::clone(frames), watcher.clone());
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_preroll(move |sink| {
            let sample = sink.pull_preroll().map_err(|_eos| gst::FlowError::Eos)?;
            let frame = frame(&sample).ok_or(gst::FlowError::NotNegotiated)?;
            preroll_frames
                .prime(frame)
                .map_err(|_unfit| gst::FlowError::NotNegotiated)?;
            preroll_watcher.frame_arrived();
            Ok(gst::FlowSuccess::Ok)
        })
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
            let due_ns = moment(sink, &sample).and_then(|moment| program.place_of(moment));
            // Before the program begins, nothing is due.
            if let Some(due_ns) = due_ns {
                let frame = frame(&sample).ok_or(gst::FlowError::NotNegotiated)?;
                frames
                    .push(due_ns, frame)
                    .map_err(|_unfit| gst::FlowError::NotNegotiated)?;
            }
            watcher.frame_arrived();
            Ok(gst::FlowSuccess::Ok)
        })
        .build();
    let sink = gst_app::AppSink::builder()
        .name("frames")
        .caps(&gst::Caps::new_empty_simple("video/x-raw"))
        .sync(true)
        .max_buffers(2)
        .callbacks(callbacks)
        .build();
    sink.set_property("enable-last-sample", false);
    accept_padded_rows(&sink);
    sink
}

/// The end of a source's pipeline that leaves samples for the mix, each at its moment. Of a source
/// that has no picture, `watcher` is told of them.
pub(super) fn sound_sink(
    program: &Arc<ProgramClock>,
    sound: &Arc<Mutex<SoundQueue>>,
    watcher: Option<&Watcher>,
) -> gst_app::AppSink {
    let (program, sound) = (Arc::clone(program), Arc::clone(sound));
    let alone = watcher.is_some();
    let (preroll_watcher, watcher) = (watcher.cloned(), watcher.cloned());
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_preroll(move |_sink| {
            if let Some(watcher) = &preroll_watcher {
                watcher.frame_arrived();
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
            let place = moment(sink, &sample).and_then(|moment| program.place_of(moment));
            // Before the program begins, nothing is heard.
            if let Some(start_ns) = place.and_then(|place| u64::try_from(place).ok()) {
                let samples = samples(&sample).ok_or(gst::FlowError::Error)?;
                sound
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(nearest_sample(start_ns), samples);
            }
            if let Some(watcher) = &watcher {
                watcher.frame_arrived();
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .build();
    let sink = gst_app::AppSink::builder()
        .name("samples")
        .caps(&sample_caps())
        .sync(true)
        // Files are opened when their picture is there; sound does not hold that up.
        .async_(alone)
        .max_buffers(8)
        .callbacks(callbacks)
        .build();
    sink.set_property("enable-last-sample", false);
    sink
}

fn sample_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved")
        .field("rate", i32::try_from(SAMPLE_RATE).unwrap_or(i32::MAX))
        .field("channels", i32::try_from(CHANNELS).unwrap_or(i32::MAX))
        .build()
}

/// When the sample is due on the clock. Pipelines here have no latency of GStreamer's kind: files
/// and generated pictures need none, and network sources move their sinks instead.
fn moment(sink: &gst_app::AppSink, sample: &gst::Sample) -> Option<gst::ClockTime> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let running = segment.to_running_time(sample.buffer()?.pts()?)?;
    let due = sink.base_time()?.checked_add(running)?;
    let moved = sink.property::<i64>("ts-offset");
    let due = i64::try_from(due.nseconds()).ok()?.checked_add(moved)?;
    u64::try_from(due).ok().map(gst::ClockTime::from_nseconds)
}

fn frame(sample: &gst::Sample) -> Option<Frame> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    Frame::from_buffer_readable(sample.buffer_owned()?, &info).ok()
}

fn samples(sample: &gst::Sample) -> Option<Vec<[f32; CHANNELS]>> {
    let map = sample.buffer()?.map_readable().ok()?;
    let (samples, _rest) = map.as_slice().as_chunks::<4>();
    let (frames, _rest) = samples.as_chunks::<CHANNELS>();
    Some(
        frames
            .iter()
            .map(|channels| channels.map(f32::from_le_bytes))
            .collect(),
    )
}

/// Tells decoders that rows may be padded; otherwise they copy every frame to remove the padding.
fn accept_padded_rows(sink: &gst_app::AppSink) {
    let Some(pad) = sink.static_pad("sink") else {
        return;
    };
    pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_pad, info| {
        if let Some(query) = info.query_mut()
            && let gst::QueryViewMut::Allocation(allocation) = query.view_mut()
        {
            allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}
