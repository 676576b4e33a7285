//! The program: the one composited picture and sound that goes to every output.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The H.264 encoder in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VideoEncoder {
    /// libx264, zero-latency tuning. GPL.
    X264,
    /// Cisco's openh264, for software that ships no GPL code. Constrained baseline only.
    Openh264,
}

/// The trade between CPU and quality, cheapest first: presets of libx264. openh264 has three
/// complexities, which stand for `superfast` and cheaper, up to `faster`, and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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
    /// About four times the CPU of `superfast`.
    Fast,
    /// About five times the CPU of `superfast`.
    Medium,
}

/// What decoders must know at most.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum VideoProfile {
    /// Constrained baseline: plays everywhere, needs most bits.
    Baseline,
    /// Main.
    Main,
    /// High. What the preset does not use, decoders need not know.
    #[default]
    High,
}

impl VideoEncoder {
    /// The encoder's name in bodies and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X264 => "x264",
            Self::Openh264 => "openh264",
        }
    }

    /// The most that it makes of what decoders may know.
    pub const fn profile_max(self) -> VideoProfile {
        match self {
            Self::X264 => VideoProfile::High,
            Self::Openh264 => VideoProfile::Baseline,
        }
    }
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
    /// H.264 profile.
    #[serde(default)]
    pub profile: VideoProfile,
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
            profile: VideoProfile::High,
        }
    }
}

/// What becoming another format takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatChange {
    /// Nothing: it is the same.
    None,
    /// The encoders that run change their rates. Nobody notices.
    Live,
    /// New encoders: players see a discontinuity, connections to servers begin anew, and
    /// recordings begin a new file.
    Rebuild {
        /// The members of the format that need it.
        members: Vec<&'static str>,
    },
}

impl FormatChange {
    /// Whether new encoders are needed.
    pub const fn is_rebuild(&self) -> bool {
        matches!(self, Self::Rebuild { .. })
    }
}

impl ProgramFormat {
    /// What it takes to go from this format to `wanted`.
    pub fn change_to(&self, wanted: &Self) -> FormatChange {
        // Whoever adds a member decides here what changing it takes.
        let Self {
            width,
            height,
            framerate,
            video_bitrate_kbps,
            audio_bitrate_kbps: _,
            keyframe_interval_ms,
            encoder,
            preset,
            profile,
        } = self;
        let other_bitrate = *video_bitrate_kbps != wanted.video_bitrate_kbps;
        let rebuilt = [
            ("width", *width != wanted.width),
            ("height", *height != wanted.height),
            ("framerate", *framerate != wanted.framerate),
            (
                "video_bitrate_kbps",
                // It would begin anew by itself, with other headers.
                other_bitrate && *encoder == VideoEncoder::Openh264,
            ),
            (
                "keyframe_interval_ms",
                *keyframe_interval_ms != wanted.keyframe_interval_ms,
            ),
            ("encoder", *encoder != wanted.encoder),
            ("preset", *preset != wanted.preset),
            ("profile", *profile != wanted.profile),
        ];
        let members: Vec<&'static str> = rebuilt
            .into_iter()
            .filter_map(|(member, differs)| differs.then_some(member))
            .collect();
        if !members.is_empty() {
            FormatChange::Rebuild { members }
        } else if self == wanted {
            FormatChange::None
        } else {
            FormatChange::Live
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_change_live_and_everything_else_needs_new_encoders() {
        type Change = fn(&mut ProgramFormat);
        let cases: [(Change, Option<&str>); 9] = [
            (|format| format.video_bitrate_kbps = 900, None),
            (|format| format.audio_bitrate_kbps = 96, None),
            (|format| format.width = 640, Some("width")),
            (|format| format.height = 360, Some("height")),
            (|format| format.framerate = 25, Some("framerate")),
            (
                |format| format.keyframe_interval_ms = 2000,
                Some("keyframe_interval_ms"),
            ),
            (
                |format| format.encoder = VideoEncoder::Openh264,
                Some("encoder"),
            ),
            (
                |format| format.preset = EncoderPreset::Medium,
                Some("preset"),
            ),
            (
                |format| format.profile = VideoProfile::Main,
                Some("profile"),
            ),
        ];
        let format = ProgramFormat::default();
        assert_eq!(format.change_to(&format), FormatChange::None);
        for (change, member) in cases {
            let mut wanted = format.clone();
            change(&mut wanted);
            let expected = member.map_or(FormatChange::Live, |member| FormatChange::Rebuild {
                members: vec![member],
            });
            assert_eq!(format.change_to(&wanted), expected, "{member:?}");
        }
    }

    #[test]
    fn the_picture_of_openh264_takes_a_new_encoder_for_another_bitrate() {
        let open = ProgramFormat {
            encoder: VideoEncoder::Openh264,
            ..ProgramFormat::default()
        };
        let mut wanted = open.clone();
        wanted.audio_bitrate_kbps = 64;
        assert_eq!(open.change_to(&wanted), FormatChange::Live);
        wanted.video_bitrate_kbps = 900;
        assert!(open.change_to(&wanted).is_rebuild());
    }

    #[test]
    fn a_format_that_was_stored_before_profiles_still_reads() {
        let stored = r#"{"width":1280,"height":720,"framerate":30,"video_bitrate_kbps":2500,
            "audio_bitrate_kbps":128,"keyframe_interval_ms":1000,"encoder":"x264",
            "preset":"superfast"}"#;
        let read: ProgramFormat = serde_json::from_str(stored).unwrap();
        assert_eq!(read, ProgramFormat::default());
    }
}
