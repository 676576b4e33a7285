//! An encoder of the composed frames beside the program's, on one thread that gives way to the rest
//! of the picture.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::encoded::{Encoded, EncodedFrame};
use super::encoder::{EncoderError, VideoChain, VideoSettings, chain};
use super::encoder::{bytes, news_of_configuration, sink, source, timed};
use crate::process::{give_way, thread_cpu_ns};
use crate::timeline::Timeline;

/// Composed frames that may wait to be encoded, in seconds. They are shared with the program's
/// encoder and with all others.
const FRAMES_WAITING_S: u64 = 2;

/// Somebody whom the composer brings its frames to. Nobody who brings one waits.
pub(super) trait Taker: std::fmt::Debug + Send + Sync {
    /// A frame was composed; `segment` is the number of the program's segment that begins with it.
    fn frame(&self, buffer: &gst::Buffer, number: u64, segment: Option<u64>);

    /// No more frames come.
    fn end(&self);
}

/// Where frames go into such an encoder.
#[derive(Debug)]
pub(super) struct Inlet {
    timeline: Timeline,
    video: gst_app::AppSrc,
}

/// Why a frame is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// Those before it still wait.
    TooSlow,
    /// The encoder has failed.
    Failed,
}

/// What an encoder has delivered and what it cost, since it began.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// CPU time of the thread that encodes.
    pub(super) cpu_ns: AtomicU64,
    gives_way: AtomicBool,
}

/// What an encoder is to make of composed frames.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) settings: VideoSettings,
    /// Width and height, where they are not those of the frames.
    pub(super) size: Option<(u32, u32)>,
}

/// The encoder. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Further {
    picture: VideoChain,
    pipeline: gst::Pipeline,
    pub(super) output: Arc<Output>,
}

impl Inlet {
    /// For frames of these caps.
    pub(super) fn new(timeline: Timeline, caps: &gst::Caps) -> Self {
        Self {
            timeline,
            video: source("video", caps),
        }
    }

    /// The frames' time.
    pub(super) const fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// Takes a frame; `keyframe` asks for one that can be decoded by itself.
    pub(super) fn push(&self, buffer: &gst::Buffer, keyframe: bool) -> Result<(), NotTaken> {
        let waiting_max = u64::from(self.timeline.framerate()) * FRAMES_WAITING_S;
        if self.video.current_level_buffers() >= waiting_max {
            return Err(NotTaken::TooSlow);
        }
        if keyframe {
            let ask = gst_video::DownstreamForceKeyUnitEvent::builder()
                .all_headers(false)
                .build();
            // As for the program's encoder.
            let _ = self.video.send_event(ask);
        }
        self.video
            .push_buffer(buffer.clone())
            .map(|_taken| ())
            .map_err(|_flow| NotTaken::Failed)
    }

    /// No more frames come.
    pub(super) fn end(&self) {
        // Refused only by a pipeline that has ended already.
        let _ = self.video.end_of_stream();
    }
}

impl Further {
    /// Builds it; it works once it is started. `deliver` says whether anybody still takes what
    /// comes, and `fail` hears the first reason why nothing comes any more.
    pub(super) fn build(
        order: &Order,
        inlet: &Inlet,
        deliver: impl Fn(Encoded) -> bool + Send + Sync + 'static,
        fail: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Self, EncoderError> {
        let pipeline = gst::Pipeline::with_name("further");
        let scaler = order.size.map(scaler).transpose()?;
        let picture = VideoChain::build(&order.settings)?;
        // All of it on the thread that brings the frames: its clock tells what it costs.
        picture.use_one_thread();
        let output = Arc::new(Output::default());
        let callbacks = callbacks(inlet.timeline, Arc::clone(&output), deliver);
        let sink = sink("encoded-video", &picture.caps(), callbacks);
        let elements = std::iter::once(inlet.video.upcast_ref())
            .chain(scaler.iter().flatten())
            .chain(picture.elements())
            .chain([sink.upcast_ref()]);
        chain(&pipeline, &elements.collect::<Vec<_>>())?;
        watch(&pipeline, fail);
        Ok(Self {
            picture,
            pipeline,
            output,
        })
    }

    /// Lets it work.
    pub(super) fn start(&self) -> Result<(), gst::StateChangeError> {
        self.pipeline
            .set_state(gst::State::Playing)
            .map(|_async| ())
    }

    /// Changes the bitrate from the next frame on.
    pub(super) fn set_bitrate(&self, kbps: u32) {
        self.picture.set_bitrate(kbps);
    }
}

impl Drop for Further {
    fn drop(&mut self) {
        // Ends its thread, and lets go what the callbacks hold.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn scaler((width, height): (u32, u32)) -> Result<[gst::Element; 2], gst::glib::BoolError> {
    let scale = gst::ElementFactory::make("videoscale")
        .property_from_str("method", "bilinear")
        // The shape is what was asked for.
        .property("add-borders", false)
        .build()?;
    let pixels = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
    let size = gst::Caps::builder("video/x-raw")
        .field("width", pixels(width))
        .field("height", pixels(height))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build();
    let size = gst::ElementFactory::make("capsfilter")
        .property("caps", size)
        .build()?;
    Ok([scale, size])
}

fn callbacks(
    timeline: Timeline,
    output: Arc<Output>,
    deliver: impl Fn(Encoded) -> bool + Send + Sync + 'static,
) -> gst_app::AppSinkCallbacks {
    let deliver = Arc::new(deliver);
    let ended = Arc::clone(&deliver);
    let hand_over = move |what| {
        deliver(what)
            .then_some(gst::FlowSuccess::Ok)
            .ok_or(gst::FlowError::Error)
    };
    let mut configuration = None;
    gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
            if !output.gives_way.swap(true, Ordering::Relaxed) {
                give_way();
            }
            if let Some(news) = news_of_configuration(&sample, &mut configuration)? {
                hand_over(Encoded::VideoConfiguration(news))?;
            }
            let (start_ns, buffer) = timed(&sample).ok_or(gst::FlowError::Error)?;
            output.frames.fetch_add(1, Ordering::Relaxed);
            let size = u64::try_from(buffer.size()).unwrap_or(0);
            output.bytes.fetch_add(size, Ordering::Relaxed);
            output.cpu_ns.store(thread_cpu_ns(), Ordering::Relaxed);
            hand_over(Encoded::Video(EncodedFrame {
                number: timeline.nearest_frame(start_ns),
                keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
                // The program's own frame of this number tells.
                due_at: None,
                apart: None,
                data: bytes(buffer)?,
            }))
        })
        .eos(move |_sink| {
            // Nobody takes it when the reader has failed, which it has said itself.
            let _ = ended(Encoded::VideoEnd);
        })
        .build()
}

fn watch(pipeline: &gst::Pipeline, fail: impl Fn(String) + Send + Sync + 'static) {
    let Some(bus) = pipeline.bus() else {
        return;
    };
    bus.set_sync_handler(move |_bus, message| {
        if let gst::MessageView::Error(error) = message.view() {
            fail(error.error().to_string());
        }
        gst::BusSyncReply::Drop
    });
}
