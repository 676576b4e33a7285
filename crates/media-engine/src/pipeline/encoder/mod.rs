//! The encoders: one of the picture, one of the sound, in a pipeline of their own.
//!
//! [`video`] builds and steers the encoder of the picture, [`sound`] that of the sound; each has a
//! file with what becomes of its output. A further encoder of the same frames is another
//! [`VideoChain`] with settings of its own.

mod gate;
mod sample;
mod sound;
mod video;
mod video_sink;

use std::sync::{Arc, Mutex};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use sm_common::program::{ProgramFormat, VideoEncoder};

use super::clock::ProgramClock;
use super::fanout::Distribution;
use crate::event::{Event, Events};
use crate::stats::Meter;
use crate::timeline::Timeline;
pub(super) use sample::{bytes, news_of_configuration, sink, source, timed};
pub(crate) use sound::sound_caps;
pub(super) use sound::{SoundInput, sound_buffer};
pub(super) use video::{VideoChain, VideoSettings, keyframe_interval_frames};

/// Why there are no encoders.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncoderError {
    /// This machine has not got it.
    #[error(
        "the encoder {} is not installed here: GStreamer has no element {element}",
        .encoder.as_str()
    )]
    Missing {
        /// The encoder.
        encoder: VideoEncoder,
        /// The element of GStreamer that is not there.
        element: &'static str,
    },
    /// GStreamer refused.
    #[error("GStreamer does not build them")]
    Build(#[from] gst::glib::BoolError),
}

/// The encoders and their inputs.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) pipeline: gst::Pipeline,
    pub(super) video: gst_app::AppSrc,
    pub(super) sound: SoundInput,
    picture: VideoChain,
}

/// What the encoders tell, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Listeners {
    /// The number of their program.
    pub(super) program: u64,
    pub(super) timeline: Timeline,
    pub(super) clock: Arc<ProgramClock>,
    pub(super) meter: Arc<Mutex<Meter>>,
    pub(super) encoded: Distribution,
    pub(super) events: Events,
}

impl Encoder {
    /// Builds the encoders for frames of these caps; they run once their pipeline plays.
    pub(super) fn build(
        format: &ProgramFormat,
        video_caps: &gst::Caps,
        listeners: &Listeners,
    ) -> Result<Self, EncoderError> {
        let pipeline = gst::Pipeline::with_name("program");
        let video = sample::source("video", video_caps);
        let picture = VideoChain::build(&VideoSettings::of(format))?;
        let sink = sample::sink(
            "encoded-video",
            &picture.caps(),
            video_sink::callbacks(listeners),
        );
        let elements = std::iter::once(video.upcast_ref())
            .chain(picture.elements())
            .chain([sink.upcast_ref()]);
        chain(&pipeline, &elements.collect::<Vec<_>>())?;
        let sound = SoundInput::build(&pipeline, format.audio_bitrate_kbps, listeners)?;
        watch(&pipeline, listeners.program, &listeners.events);
        Ok(Self {
            pipeline,
            video,
            sound,
            picture,
        })
    }

    /// Lets the encoders go on at the rates of this format. Neither picture nor sound is
    /// interrupted.
    pub(super) fn set_rates(&self, format: &ProgramFormat) -> Result<(), EncoderError> {
        self.picture.set_bitrate(format.video_bitrate_kbps);
        self.sound.set_bitrate(format.audio_bitrate_kbps)?;
        Ok(())
    }
}

pub(super) fn chain(
    pipeline: &gst::Pipeline,
    elements: &[&gst::Element],
) -> Result<(), gst::glib::BoolError> {
    pipeline.add_many(elements)?;
    gst::Element::link_many(elements)
}

/// Reports the first error of the pipeline: the ones that follow are its consequences.
fn watch(pipeline: &gst::Pipeline, program: u64, events: &Events) {
    let Some(bus) = pipeline.bus() else {
        return;
    };
    let events = events.clone();
    bus.set_sync_handler(move |_bus, message| {
        if let gst::MessageView::Error(error) = message.view() {
            let by = message.src().map(GstObjectExt::name);
            let message = format!("{}: {}", by.as_deref().unwrap_or("program"), error.error());
            // A full queue already holds the errors that came before.
            let _ = events.offer(Event::ProgramFailed { program, message });
        }
        gst::BusSyncReply::Drop
    });
}
