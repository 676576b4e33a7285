//! The program: the one composited picture and sound that goes to every output.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The H.264 encoder in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VideoEncoder {
    /// libx264, zero-latency tuning.
    X264,
}

/// libx264's trade between CPU and quality, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderPreset {
    /// Least CPU.
    Ultrafast,
    /// The default: about a tenth more CPU than `ultrafast`, visibly better.
    Superfast,
    /// More quality.
    Veryfast,
    /// More quality still.
    Faster,
}

/// Size, rate and encoding of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramFormat {
    /// Canvas width in pixels.
    pub width: u32,
    /// Canvas height in pixels.
    pub height: u32,
    /// Frames per second.
    pub framerate: u32,
    /// Video bitrate in kbit/s.
    pub video_bitrate_kbps: u32,
    /// Audio bitrate in kbit/s.
    pub audio_bitrate_kbps: u32,
    /// Distance between keyframes, and so the length of a segment, in milliseconds.
    pub keyframe_interval_ms: u32,
    /// Encoder.
    pub encoder: VideoEncoder,
    /// Encoder preset.
    pub preset: EncoderPreset,
}

impl Default for ProgramFormat {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
            framerate: 30,
            video_bitrate_kbps: 2500,
            audio_bitrate_kbps: 128,
            keyframe_interval_ms: 1000,
            encoder: VideoEncoder::X264,
            preset: EncoderPreset::Superfast,
        }
    }
}
