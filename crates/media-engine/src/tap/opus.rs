use std::sync::{Arc, Weak};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::output::Queue;
use crate::pipeline::{Encoded, EncodedPacket, Listener as _, Monitor, SoundListener, sound_caps};
use crate::timeline::nearest_sample;

/// Length of a packet in milliseconds: the usual one, which every receiver takes.
const PACKET_MS: &str = "20";

/// Sound that may wait for the encoder, which takes a fraction of that time for it; what is older
/// is left out.
const WAITING_MAX: gst::ClockTime = gst::ClockTime::from_seconds(4);

/// Encodes the program's sound as Opus, into a queue, for as long as it lives.
#[derive(Debug)]
pub(super) struct Opus {
    pipeline: gst::Pipeline,
    /// Keeps hearing the program.
    _ear: Arc<dyn SoundListener>,
}

/// Takes the program's sound.
#[derive(Debug)]
struct Ear(gst_app::AppSrc);

impl SoundListener for Ear {
    fn hear(&self, sound: &gst::Buffer) {
        let Self(source) = self;
        // Refused only by a pipeline that has ended.
        let _ = source.push_buffer(sound.clone());
    }
}

impl Opus {
    /// Starts to encode what the program sounds like from now on. The queue is stopped when the
    /// encoder fails.
    pub(super) fn start(
        monitor: &Monitor,
        bitrate_kbps: u32,
        queue: &Arc<Queue>,
    ) -> anyhow::Result<Self> {
        let pipeline = gst::Pipeline::with_name("tap");
        let source = gst_app::AppSrc::builder()
            .caps(&sound_caps())
            .format(gst::Format::Time)
            .is_live(true)
            .max_bytes(0)
            .max_buffers(0)
            .max_time(WAITING_MAX)
            .leaky_type(gst_app::AppLeakyType::Downstream)
            .build();
        let bitrate = i32::try_from(bitrate_kbps.saturating_mul(1000)).unwrap_or(i32::MAX);
        let convert = gst::ElementFactory::make("audioconvert").build()?;
        let encoder = gst::ElementFactory::make("opusenc")
            .property_from_str("frame-size", PACKET_MS)
            .property("bitrate", bitrate)
            .build()?;
        let sink = gst_app::AppSink::builder()
            .sync(false)
            .async_(false)
            .callbacks(callbacks(queue))
            .build();
        let elements = [source.upcast_ref(), &convert, &encoder, sink.upcast_ref()];
        pipeline.add_many(elements)?;
        gst::Element::link_many(elements)?;
        stop_at_errors(&pipeline, queue);
        pipeline.set_state(gst::State::Playing)?;
        let ear: Arc<dyn SoundListener> = Arc::new(Ear(source));
        let listening: Weak<dyn SoundListener> = Arc::downgrade(&ear);
        monitor.add(listening);
        Ok(Self {
            pipeline,
            _ear: ear,
        })
    }
}

impl Drop for Opus {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn callbacks(queue: &Arc<Queue>) -> gst_app::AppSinkCallbacks {
    let queue = Arc::downgrade(queue);
    gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
            let packet = packet(&sample).ok_or(gst::FlowError::Error)?;
            let queue = queue.upgrade().ok_or(gst::FlowError::Eos)?;
            queue.offer(&Encoded::Audio(packet));
            Ok(gst::FlowSuccess::Ok)
        })
        .build()
}

fn packet(sample: &gst::Sample) -> Option<EncodedPacket> {
    let buffer = sample.buffer()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let start = segment.to_running_time(buffer.pts()?)?;
    let bytes = buffer.map_readable().ok()?;
    Some(EncodedPacket {
        position: nearest_sample(start.nseconds()),
        data: Arc::from(bytes.as_slice()),
    })
}

fn stop_at_errors(pipeline: &gst::Pipeline, queue: &Arc<Queue>) {
    let Some(bus) = pipeline.bus() else {
        return;
    };
    let queue = Arc::downgrade(queue);
    bus.set_sync_handler(move |_bus, message| {
        if let gst::MessageView::Error(error) = message.view() {
            tracing::warn!(error = %error.error(), "the sound of a tap cannot be encoded");
            if let Some(queue) = queue.upgrade() {
                queue.stop();
            }
        }
        gst::BusSyncReply::Drop
    });
}
