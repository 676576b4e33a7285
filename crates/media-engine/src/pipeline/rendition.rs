//! One further encoding of the program: the composed frames, scaled and encoded on one thread, with
//! the program's sound, in segments that begin and end with the program's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use sm_common::clock::SharedClock;
use sm_common::id::RenditionName;
use sm_common::program::ProgramFormat;
use sm_media_protocol::{HlsSettings, RenditionFailure};

use super::encoded::{Encoded, EncodedFrame};
use super::encoder::{EncoderError, VideoChain, VideoSettings, chain};
use super::encoder::{bytes, hand_over, news_of_configuration, sink, source, timed};
use super::fanout::{Distribution, Fanout, Listener};
use super::segment_writer::{SegmentWriter, Whose};
use crate::host::Reports;
use crate::process::{give_way, thread_cpu_ns};
use crate::timeline::Timeline;

/// Encoded frames and packets that may wait for the disk: a few seconds.
const ENCODED_WAITING_MAX: usize = 512;
/// Composed frames that may wait to be scaled, in seconds. They are shared with the program's
/// encoder and with the other renditions.
const FRAMES_WAITING_S: u64 = 2;

/// Why a rendition cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum RenditionError {
    /// Its encoder cannot be built.
    #[error("its encoder cannot be built")]
    Build(#[source] EncoderError),
    /// Its encoder does not start.
    #[error("its encoder does not start")]
    Start(#[source] gst::StateChangeError),
    /// The system gives no thread.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// What every rendition of a program is made with.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) format: ProgramFormat,
    /// The caps of composed frames.
    pub(super) caps: gst::Caps,
    pub(super) hls: HlsSettings,
    pub(super) fanout: Fanout,
    pub(super) wall: SharedClock,
    pub(super) reports: Reports,
}

/// A rendition that is being made. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Rendition {
    pub(super) intake: Arc<Intake>,
    pub(super) output: Arc<Output>,
    pipeline: gst::Pipeline,
}

/// Where a rendition takes the program in. Nobody who brings something waits here.
#[derive(Debug)]
pub(super) struct Intake {
    timeline: Timeline,
    video: gst_app::AppSrc,
    encoded: SyncSender<Encoded>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Begins with the program's next segment, whose number goes here.
    Waiting(SyncSender<u64>),
    /// Takes sound from this sample on.
    Taking { from_sample: u64 },
    /// Takes nothing any more.
    Failed(RenditionFailure),
}

/// What a rendition has delivered and what it cost, since it began.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// CPU time of the thread that scales and encodes.
    pub(super) cpu_ns: AtomicU64,
    gives_way: AtomicBool,
}

impl Rendition {
    /// Begins with the program's next segment. `over` is dropped when the last one is written.
    pub(super) fn start(
        ground: &Ground,
        name: &RenditionName,
        format: ProgramFormat,
        over: SyncSender<()>,
    ) -> Result<Self, RenditionError> {
        let (encoded, to_write) = sync_channel(ENCODED_WAITING_MAX);
        let (start, starts) = sync_channel(1);
        let intake = Arc::new(Intake {
            timeline: Timeline::new(format.framerate),
            video: source("video", &ground.caps),
            encoded: encoded.clone(),
            state: Mutex::new(State::Waiting(start)),
        });
        let output = Arc::new(Output::default());
        let pipeline =
            build(&format, &intake, Arc::clone(&output), encoded).map_err(RenditionError::Build)?;
        let hls = HlsSettings {
            run: format!("{name}_{}", ground.hls.run),
            ..ground.hls.clone()
        };
        let writer = SegmentWriter::new(
            (hls, Whose::Rendition(name.clone())),
            format,
            SharedClock::clone(&ground.wall),
            ground.reports.clone(),
        );
        thread::Builder::new()
            .name("rendition".to_owned())
            .spawn(move || {
                if let Ok(segment) = starts.recv() {
                    writer.beginning_at(segment).run(&to_write, false);
                }
                drop(over);
            })
            .map_err(RenditionError::Thread)?;
        // In this order: none is missed between the two.
        let listener: Arc<dyn Listener> = Arc::<Intake>::clone(&intake);
        ground.fanout.add(Arc::downgrade(&listener));
        if let Some(audio) = ground.fanout.audio_configuration() {
            intake.pass(Encoded::AudioConfiguration(audio));
        }
        pipeline
            .set_state(gst::State::Playing)
            .map_err(RenditionError::Start)?;
        Ok(Self {
            intake,
            output,
            pipeline,
        })
    }
}

impl Drop for Rendition {
    fn drop(&mut self) {
        // Ends its thread, and with the callbacks the writer's.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Intake {
    /// A frame was composed; `segment` is the number of the program's segment that begins with it.
    pub(super) fn frame(&self, buffer: &gst::Buffer, number: u64, segment: Option<u64>) {
        let mut state = self.lock_state();
        if let (State::Waiting(start), Some(segment)) = (&*state, segment) {
            // There is room for the one number.
            let _ = start.try_send(segment);
            *state = State::Taking {
                from_sample: self.timeline.samples_before(number),
            };
        }
        if !matches!(*state, State::Taking { .. }) {
            return;
        }
        let waiting_max = u64::from(self.timeline.framerate()) * FRAMES_WAITING_S;
        if self.video.current_level_buffers() >= waiting_max {
            *state = State::Failed(too_slow());
            return;
        }
        if segment.is_some() {
            self.ask_for_keyframe();
        }
        if self.video.push_buffer(buffer.clone()).is_err() {
            *state = State::Failed(encoder_failed("its encoder takes no frames"));
        }
    }

    /// No more frames come.
    pub(super) fn end(&self) {
        let mut state = self.lock_state();
        if matches!(*state, State::Waiting(_)) {
            // Its first segment will not begin any more: nobody waits for it.
            *state = State::Failed(encoder_failed("the program ended before it began"));
        }
        drop(state);
        // Refused only by a pipeline that has ended already.
        let _ = self.video.end_of_stream();
    }

    /// Why it takes nothing any more.
    pub(super) fn failure(&self) -> Option<RenditionFailure> {
        match &*self.lock_state() {
            State::Failed(failure) => Some(failure.clone()),
            State::Waiting(_) | State::Taking { .. } => None,
        }
    }

    fn ask_for_keyframe(&self) {
        let ask = gst_video::DownstreamForceKeyUnitEvent::builder()
            .all_headers(false)
            .build();
        // As for the program's encoder.
        let _ = self.video.send_event(ask);
    }

    fn pass(&self, encoded: Encoded) {
        if self.encoded.try_send(encoded).is_err() {
            let failure = RenditionFailure {
                code: "rendition.unwritable".to_owned(),
                reason: "the disk does not take its segments in time".to_owned(),
            };
            self.fail(failure);
        }
    }

    /// What failed first is the cause of what follows.
    fn fail(&self, failure: RenditionFailure) {
        let mut state = self.lock_state();
        if !matches!(*state, State::Failed(_)) {
            *state = State::Failed(failure);
        }
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Intake {
    /// Takes the program's sound; the picture has an encoder of its own here.
    fn offer(&self, encoded: &Encoded) {
        let is_taken = match encoded {
            Encoded::Audio(packet) => match *self.lock_state() {
                State::Taking { from_sample } => packet.position >= from_sample,
                State::Waiting(_) | State::Failed(_) => false,
            },
            Encoded::AudioConfiguration(_) | Encoded::AudioEnd => true,
            Encoded::VideoConfiguration(_) | Encoded::Video(_) | Encoded::VideoEnd => false,
        };
        if is_taken {
            self.pass(encoded.clone());
        }
    }
}

fn too_slow() -> RenditionFailure {
    RenditionFailure {
        code: "rendition.too-slow".to_owned(),
        reason: "there was not enough CPU to encode it in time; the program goes first".to_owned(),
    }
}

fn encoder_failed(reason: &str) -> RenditionFailure {
    RenditionFailure {
        code: "rendition.encoder.failed".to_owned(),
        reason: reason.to_owned(),
    }
}

fn build(
    format: &ProgramFormat,
    intake: &Arc<Intake>,
    output: Arc<Output>,
    segments: SyncSender<Encoded>,
) -> Result<gst::Pipeline, EncoderError> {
    let pipeline = gst::Pipeline::with_name("rendition");
    let scale = gst::ElementFactory::make("videoscale")
        .property_from_str("method", "bilinear")
        // A ladder's shape is what was asked for.
        .property("add-borders", false)
        .build()?;
    let pixels = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
    let size = gst::Caps::builder("video/x-raw")
        .field("width", pixels(format.width))
        .field("height", pixels(format.height))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build();
    let size = gst::ElementFactory::make("capsfilter")
        .property("caps", size)
        .build()?;
    let encoder = VideoChain::build(&VideoSettings::of(format))?;
    // All of it on the thread that scales: its clock tells what the rendition costs.
    encoder.use_one_thread();
    let distribution = Distribution {
        fanout: None,
        segments,
    };
    let sink = sink(
        "encoded-video",
        &encoder.caps(),
        callbacks(intake.timeline, output, distribution),
    );
    let elements = [intake.video.upcast_ref(), &scale, &size]
        .into_iter()
        .chain(encoder.elements())
        .chain([sink.upcast_ref()]);
    chain(&pipeline, &elements.collect::<Vec<_>>())?;
    watch(&pipeline, Arc::clone(intake));
    Ok(pipeline)
}

fn callbacks(
    timeline: Timeline,
    output: Arc<Output>,
    encoded: Distribution,
) -> gst_app::AppSinkCallbacks {
    let ended = encoded.clone();
    let mut configuration = None;
    gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
            if !output.gives_way.swap(true, Ordering::Relaxed) {
                give_way();
            }
            if let Some(news) = news_of_configuration(&sample, &mut configuration)? {
                hand_over(&encoded, Encoded::VideoConfiguration(news))?;
            }
            let (start_ns, buffer) = timed(&sample).ok_or(gst::FlowError::Error)?;
            output.frames.fetch_add(1, Ordering::Relaxed);
            let size = u64::try_from(buffer.size()).unwrap_or(0);
            output.bytes.fetch_add(size, Ordering::Relaxed);
            output.cpu_ns.store(thread_cpu_ns(), Ordering::Relaxed);
            let frame = EncodedFrame {
                number: timeline.nearest_frame(start_ns),
                keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
                // The program's own frame of this number tells.
                composed_at: None,
                data: bytes(buffer)?,
            };
            hand_over(&encoded, Encoded::Video(frame))
        })
        .eos(move |_sink| {
            // Nobody takes it when the writer has failed, which it has said itself.
            let _ = ended.send(Encoded::VideoEnd);
        })
        .build()
}

fn watch(pipeline: &gst::Pipeline, intake: Arc<Intake>) {
    let Some(bus) = pipeline.bus() else {
        return;
    };
    bus.set_sync_handler(move |_bus, message| {
        if let gst::MessageView::Error(error) = message.view() {
            intake.fail(encoder_failed(&error.error().to_string()));
        }
        gst::BusSyncReply::Drop
    });
}
