use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use sm_common::program::{EncoderPreset, ProgramFormat, VideoEncoder};

use super::clock::ProgramClock;
use super::encoded::{Encoded, EncodedFrame, EncodedPacket};
use super::fanout::Distribution;
use crate::event::{Event, Events};
use crate::fmp4::AAC_PACKET_SAMPLES;
use crate::sound::CHANNELS;
use crate::stats::Meter;
use crate::timeline::{SAMPLE_RATE, Timeline, nearest_sample};

/// Threads of the encoder: each works on a slice of the frame, so more would cost quality.
const ENCODER_THREADS: u32 = 2;

/// Length of the encoder's rate buffer: peaks of the bitrate are evened out over this long.
const RATE_BUFFER_MS: u32 = 1000;

/// Samples of silence that the AAC encoder puts in front of what it is given.
const AAC_PRIMING_SAMPLES: u64 = 1024;

/// The encoders and their inputs.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) pipeline: gst::Pipeline,
    pub(super) video: gst_app::AppSrc,
    pub(super) audio: gst_app::AppSrc,
}

/// What the encoders tell, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Listeners {
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
    ) -> Result<Self, gst::glib::BoolError> {
        let pipeline = gst::Pipeline::with_name("program");
        let video = source("video", video_caps);
        let audio = source("audio", &sound_caps());
        let video_sink = sink("encoded-video", &h264_caps(), video_callbacks(listeners));
        let audio_sink = sink("encoded-audio", &aac_caps(), audio_callbacks(listeners));
        chain(
            &pipeline,
            &[
                video.upcast_ref(),
                &video_encoder(format)?,
                video_sink.upcast_ref(),
            ],
        )?;
        chain(
            &pipeline,
            &[
                audio.upcast_ref(),
                &audio_encoder(format)?,
                audio_sink.upcast_ref(),
            ],
        )?;
        watch(&pipeline, &listeners.events);
        Ok(Self {
            pipeline,
            video,
            audio,
        })
    }
}

pub(super) fn chain(
    pipeline: &gst::Pipeline,
    elements: &[&gst::Element],
) -> Result<(), gst::glib::BoolError> {
    pipeline.add_many(elements)?;
    gst::Element::link_many(elements)
}

pub(super) fn source(name: &str, caps: &gst::Caps) -> gst_app::AppSrc {
    gst_app::AppSrc::builder()
        .name(name)
        .caps(caps)
        .format(gst::Format::Time)
        // Live sources are never waited for by their pipeline.
        .is_live(true)
        // The composer keeps its own limit and leaves frames out by itself.
        .max_bytes(0)
        .max_buffers(0)
        .build()
}

pub(super) fn sink(
    name: &str,
    caps: &gst::Caps,
    callbacks: gst_app::AppSinkCallbacks,
) -> gst_app::AppSink {
    let sink = gst_app::AppSink::builder()
        .name(name)
        .caps(caps)
        .sync(false)
        .async_(false)
        .max_buffers(16)
        .callbacks(callbacks)
        .build();
    sink.set_property("enable-last-sample", false);
    sink
}

pub(super) fn video_encoder(format: &ProgramFormat) -> Result<gst::Element, gst::glib::BoolError> {
    match format.encoder {
        VideoEncoder::X264 => gst::ElementFactory::make("x264enc")
            .property_from_str("tune", "zerolatency")
            .property_from_str("speed-preset", preset(format.preset))
            .property("bitrate", format.video_bitrate_kbps)
            .property("vbv-buf-capacity", RATE_BUFFER_MS)
            .property("key-int-max", keyframe_interval_frames(format))
            .property("threads", ENCODER_THREADS)
            .property("byte-stream", false)
            .property("aud", false)
            .property("bframes", 0_u32)
            // Keyframes at their distance and nowhere else: segments are of equal length.
            .property("option-string", "scenecut=0:open-gop=0")
            .build(),
    }
}

/// Frames from keyframe to keyframe, at least one.
pub(super) fn keyframe_interval_frames(format: &ProgramFormat) -> u32 {
    (format.keyframe_interval_ms.saturating_mul(format.framerate) / 1000).max(1)
}

fn preset(preset: EncoderPreset) -> &'static str {
    match preset {
        EncoderPreset::Ultrafast => "ultrafast",
        EncoderPreset::Superfast => "superfast",
        EncoderPreset::Veryfast => "veryfast",
        EncoderPreset::Faster => "faster",
    }
}

fn audio_encoder(format: &ProgramFormat) -> Result<gst::Element, gst::glib::BoolError> {
    let bitrate = i32::try_from(format.audio_bitrate_kbps.saturating_mul(1000)).unwrap_or(i32::MAX);
    gst::ElementFactory::make("avenc_aac")
        .property("bitrate", bitrate)
        .build()
}

/// The program's sound as it is mixed.
pub(crate) fn sound_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved")
        .field("rate", i32::try_from(SAMPLE_RATE).unwrap_or(i32::MAX))
        .field("channels", i32::try_from(CHANNELS).unwrap_or(i32::MAX))
        .field("channel-mask", gst::Bitmask::new(0x3))
        .build()
}

pub(super) fn h264_caps() -> gst::Caps {
    gst::Caps::builder("video/x-h264")
        .field("stream-format", "avc")
        .field("alignment", "au")
        .build()
}

fn aac_caps() -> gst::Caps {
    gst::Caps::builder("audio/mpeg")
        .field("mpegversion", 4)
        .field("stream-format", "raw")
        .build()
}

fn video_callbacks(listeners: &Listeners) -> gst_app::AppSinkCallbacks {
    let Listeners {
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
            tell_configuration(
                &sample,
                &mut configuration,
                &encoded,
                Encoded::VideoConfiguration,
            )?;
            let (start_ns, buffer) = timed(&sample).ok_or(gst::FlowError::Error)?;
            let number = timeline.nearest_frame(start_ns);
            let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let now_ns = clock.now_ns().unwrap_or(0);
            let composed_at = meter
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .encoded(number, buffer.size(), keyframe, now_ns);
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

fn audio_callbacks(listeners: &Listeners) -> gst_app::AppSinkCallbacks {
    let encoded = listeners.encoded.clone();
    let ended = encoded.clone();
    let mut configuration = None;
    gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_eos| gst::FlowError::Eos)?;
            tell_configuration(
                &sample,
                &mut configuration,
                &encoded,
                Encoded::AudioConfiguration,
            )?;
            let (start_ns, buffer) = timed(&sample).ok_or(gst::FlowError::Error)?;
            match nearest_sample(start_ns).checked_sub(AAC_PRIMING_SAMPLES) {
                Some(position) => hand_over(
                    &encoded,
                    Encoded::Audio(EncodedPacket {
                        position: packet_start(position),
                        data: bytes(buffer)?,
                    }),
                ),
                None => Ok(gst::FlowSuccess::Ok),
            }
        })
        .eos(move |_sink| {
            // As for the picture.
            let _ = ended.send(Encoded::AudioEnd);
        })
        .build()
}

/// The packet boundary nearest to `position`: time stamps are rounded to nanoseconds.
fn packet_start(position: u64) -> u64 {
    let packet = u64::from(AAC_PACKET_SAMPLES);
    (position + packet / 2) / packet * packet
}

pub(super) fn tell_configuration(
    sample: &gst::Sample,
    known: &mut Option<Arc<[u8]>>,
    encoded: &Distribution,
    tell: fn(Arc<[u8]>) -> Encoded,
) -> Result<(), gst::FlowError> {
    let configuration = sample
        .caps()
        .and_then(|caps| caps.structure(0))
        .and_then(|structure| structure.get::<gst::Buffer>("codec_data").ok())
        .ok_or(gst::FlowError::NotNegotiated)?;
    let configuration = bytes(&configuration)?;
    if known.as_ref() != Some(&configuration) {
        hand_over(encoded, tell(Arc::clone(&configuration)))?;
        *known = Some(configuration);
    }
    Ok(())
}

/// The buffer and when it starts, in nanoseconds of program. Encoders may shift time stamps; the
/// sample's segment shifts them back.
pub(super) fn timed(sample: &gst::Sample) -> Option<(u64, &gst::BufferRef)> {
    let buffer = sample.buffer()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let start = segment.to_running_time(buffer.pts()?)?;
    Some((start.nseconds(), buffer))
}

pub(super) fn bytes(buffer: &gst::BufferRef) -> Result<Arc<[u8]>, gst::FlowError> {
    let map = buffer
        .map_readable()
        .map_err(|_unmappable| gst::FlowError::Error)?;
    Ok(Arc::from(map.as_slice()))
}

pub(super) fn hand_over(
    encoded: &Distribution,
    what: Encoded,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    if encoded.send(what) {
        Ok(gst::FlowSuccess::Ok)
    } else {
        Err(gst::FlowError::Error)
    }
}

/// Reports the first error of the pipeline: the ones that follow are its consequences.
fn watch(pipeline: &gst::Pipeline, events: &Events) {
    let Some(bus) = pipeline.bus() else {
        return;
    };
    let events = events.clone();
    bus.set_sync_handler(move |_bus, message| {
        if let gst::MessageView::Error(error) = message.view() {
            let by = message.src().map(GstObjectExt::name);
            let message = format!("{}: {}", by.as_deref().unwrap_or("program"), error.error());
            // A full queue already holds the errors that came before.
            let _ = events.offer(Event::ProgramFailed { message });
        }
        gst::BusSyncReply::Drop
    });
}
