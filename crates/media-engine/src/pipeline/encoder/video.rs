use gstreamer as gst;
use gstreamer::prelude::*;
use sm_common::program::{EncoderPreset, ProgramFormat, VideoEncoder, VideoProfile};

use super::EncoderError;

/// Threads of an encoder: each works on a slice of the frame, so more would cost quality.
const ENCODER_THREADS: u32 = 2;

/// Length of the encoder's rate buffer: peaks of the bitrate are evened out over this long. It
/// holds that much at whatever the bitrate is now, also after a change.
const RATE_BUFFER_MS: u32 = 1000;

/// What an encoder of the picture is to make of its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pipeline) struct VideoSettings {
    pub(in crate::pipeline) encoder: VideoEncoder,
    pub(in crate::pipeline) preset: EncoderPreset,
    pub(in crate::pipeline) profile: VideoProfile,
    pub(in crate::pipeline) bitrate_kbps: u32,
    /// Frames from keyframe to keyframe, at least one.
    pub(in crate::pipeline) keyframe_interval: u32,
}

impl VideoSettings {
    /// Those of the program itself.
    pub(in crate::pipeline) fn of(format: &ProgramFormat) -> Self {
        Self {
            encoder: format.encoder,
            preset: format.preset,
            profile: format.profile,
            bitrate_kbps: format.video_bitrate_kbps,
            keyframe_interval: keyframe_interval_frames(format),
        }
    }
}

/// Frames from keyframe to keyframe, at least one.
pub(in crate::pipeline) fn keyframe_interval_frames(format: &ProgramFormat) -> u32 {
    (format.keyframe_interval_ms.saturating_mul(format.framerate) / 1000).max(1)
}

/// An encoder of the picture, and what brings its output into form.
#[derive(Debug)]
pub(in crate::pipeline) struct VideoChain {
    kind: VideoEncoder,
    profile: VideoProfile,
    encoder: gst::Element,
    parser: Option<gst::Element>,
}

impl VideoChain {
    /// An encoder with these settings, in no pipeline yet.
    pub(in crate::pipeline) fn build(settings: &VideoSettings) -> Result<Self, EncoderError> {
        let kind = settings.encoder;
        let element = element_of(kind);
        if gst::ElementFactory::find(element).is_none() {
            return Err(EncoderError::Missing {
                encoder: kind,
                element,
            });
        }
        let (encoder, parser) = match kind {
            VideoEncoder::X264 => (x264(element, settings)?, None),
            VideoEncoder::Openh264 => {
                // It writes no other form than the one with start codes.
                let parser = gst::ElementFactory::make("h264parse").build()?;
                (openh264(element, settings)?, Some(parser))
            }
        };
        Ok(Self {
            kind,
            profile: settings.profile.min(kind.profile_max()),
            encoder,
            parser,
        })
    }

    /// Its elements, in the order of their links.
    pub(in crate::pipeline) fn elements(&self) -> impl Iterator<Item = &gst::Element> {
        std::iter::once(&self.encoder).chain(&self.parser)
    }

    /// Lets it work on one thread alone, the one that brings its frames.
    pub(in crate::pipeline) fn use_one_thread(&self) {
        match self.kind {
            VideoEncoder::X264 => self.encoder.set_property("threads", 1_u32),
            VideoEncoder::Openh264 => {
                self.encoder.set_property("multi-thread", 1_u32);
                self.encoder.set_property("num-slices", 1_u32);
            }
        }
    }

    /// What leaves it.
    pub(in crate::pipeline) fn caps(&self) -> gst::Caps {
        gst::Caps::builder("video/x-h264")
            .field("stream-format", "avc")
            .field("alignment", "au")
            .field("profile", gst::List::new(profiles(self.profile)))
            .build()
    }

    /// Changes the bitrate from the next frame on. With x264 the rate buffer keeps its length in
    /// time, and no keyframe comes of it. openh264 begins anew, with a keyframe and other headers:
    /// who wants to change it builds another one ([`ProgramFormat::change_to`]).
    pub(in crate::pipeline) fn set_bitrate(&self, kbps: u32) {
        match self.kind {
            VideoEncoder::X264 => self.encoder.set_property("bitrate", kbps),
            VideoEncoder::Openh264 => {}
        }
    }
}

/// What GStreamer calls it.
const fn element_of(encoder: VideoEncoder) -> &'static str {
    match encoder {
        VideoEncoder::X264 => "x264enc",
        VideoEncoder::Openh264 => "openh264enc",
    }
}

fn x264(element: &str, settings: &VideoSettings) -> Result<gst::Element, gst::glib::BoolError> {
    gst::ElementFactory::make(element)
        .property_from_str("tune", "zerolatency")
        .property_from_str("speed-preset", preset(settings.preset))
        .property("bitrate", settings.bitrate_kbps)
        .property("vbv-buf-capacity", RATE_BUFFER_MS)
        .property("key-int-max", settings.keyframe_interval)
        .property("threads", ENCODER_THREADS)
        .property("byte-stream", false)
        .property("aud", false)
        .property("bframes", 0_u32)
        // Keyframes at their distance and nowhere else: segments are of equal length.
        .property("option-string", "scenecut=0:open-gop=0")
        .build()
}

fn openh264(element: &str, settings: &VideoSettings) -> Result<gst::Element, gst::glib::BoolError> {
    gst::ElementFactory::make(element)
        .property_from_str("rate-control", "bitrate")
        .property("bitrate", settings.bitrate_kbps.saturating_mul(1000))
        .property_from_str("complexity", complexity(settings.preset))
        .property("gop-size", settings.keyframe_interval)
        // As for x264: no keyframe of its own accord, and no frame left out.
        .property("scene-change-detection", false)
        .property("enable-frame-skip", false)
        .property("multi-thread", ENCODER_THREADS)
        .property_from_str("slice-mode", "n-slices")
        .property("num-slices", ENCODER_THREADS)
        .build()
}

const fn preset(preset: EncoderPreset) -> &'static str {
    match preset {
        EncoderPreset::Ultrafast => "ultrafast",
        EncoderPreset::Superfast => "superfast",
        EncoderPreset::Veryfast => "veryfast",
        EncoderPreset::Faster => "faster",
        EncoderPreset::Fast => "fast",
        EncoderPreset::Medium => "medium",
    }
}

const fn complexity(preset: EncoderPreset) -> &'static str {
    match preset {
        EncoderPreset::Ultrafast | EncoderPreset::Superfast => "low",
        EncoderPreset::Veryfast | EncoderPreset::Faster => "medium",
        EncoderPreset::Fast | EncoderPreset::Medium => "high",
    }
}

/// The profiles that decoders may have to know, the one that is asked for first: encoders take
/// that one, and say which one it became.
fn profiles(profile: VideoProfile) -> &'static [&'static str] {
    match profile {
        VideoProfile::Baseline => &["constrained-baseline", "baseline"],
        VideoProfile::Main => &["main", "constrained-baseline", "baseline"],
        VideoProfile::High => &["high", "main", "constrained-baseline", "baseline"],
    }
}
