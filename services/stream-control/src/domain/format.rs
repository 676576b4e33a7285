//! How the program's format may be changed.

use serde::{Deserialize, Serialize};
use sm_common::problem::FieldError;
use sm_common::program::{EncoderPreset, ProgramFormat, VideoEncoder, VideoProfile};
use utoipa::ToSchema;

/// What of the program's format is to be another. Bitrates change on air without a trace;
/// everything else takes new encoders: players see a discontinuity, connections to servers begin
/// anew, and recordings begin a new file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramChange {
    /// Canvas width in pixels; even.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<u32>,
    /// Canvas height in pixels; even.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u32>,
    /// Frames per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) framerate: Option<u32>,
    /// Video bitrate in kbit/s. Changes on air without a trace with x264.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) video_bitrate_kbps: Option<u32>,
    /// Audio bitrate in kbit/s. Changes on air without a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) audio_bitrate_kbps: Option<u32>,
    /// Distance between keyframes, and so the length of a segment, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keyframe_interval_ms: Option<u32>,
    /// Encoder. openh264 takes the profile `baseline` with it unless another is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) encoder: Option<VideoEncoder>,
    /// Encoder preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) preset: Option<EncoderPreset>,
    /// H.264 profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<VideoProfile>,
}

/// What a program may be: `[stream.limits]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramLimits {
    pub(crate) width_min: u32,
    pub(crate) width_max: u32,
    pub(crate) height_min: u32,
    pub(crate) height_max: u32,
    pub(crate) framerate_min: u32,
    pub(crate) framerate_max: u32,
    pub(crate) video_bitrate_kbps_min: u32,
    pub(crate) video_bitrate_kbps_max: u32,
    pub(crate) audio_bitrate_kbps_min: u32,
    pub(crate) audio_bitrate_kbps_max: u32,
    pub(crate) keyframe_interval_ms_min: u32,
    pub(crate) keyframe_interval_ms_max: u32,
}

impl ProgramChange {
    /// Whether nothing is to be another.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The format after the change, or every member that is wrong.
    pub(crate) fn applied_to(
        &self,
        format: &ProgramFormat,
        limits: &ProgramLimits,
    ) -> Result<ProgramFormat, Vec<FieldError>> {
        let errors: Vec<FieldError> = self
            .ranges(limits)
            .into_iter()
            .filter_map(|range| range.error())
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let encoder = self.encoder.unwrap_or(format.encoder);
        let profile = match self.profile {
            Some(profile) if profile > encoder.profile_max() => {
                let detail = format!("{} makes baseline alone", encoder.as_str());
                return Err(vec![FieldError::new("/program/profile", detail)]);
            }
            Some(profile) => profile,
            None => format.profile.min(encoder.profile_max()),
        };
        Ok(ProgramFormat {
            width: self.width.unwrap_or(format.width),
            height: self.height.unwrap_or(format.height),
            framerate: self.framerate.unwrap_or(format.framerate),
            video_bitrate_kbps: self.video_bitrate_kbps.unwrap_or(format.video_bitrate_kbps),
            audio_bitrate_kbps: self.audio_bitrate_kbps.unwrap_or(format.audio_bitrate_kbps),
            keyframe_interval_ms: self
                .keyframe_interval_ms
                .unwrap_or(format.keyframe_interval_ms),
            encoder,
            preset: self.preset.unwrap_or(format.preset),
            profile,
        })
    }

    fn ranges(&self, limits: &ProgramLimits) -> [Range; 6] {
        let even = |member, value, min, max| Range {
            even: true,
            ..Range::new(member, value, min, max)
        };
        [
            even("width", self.width, limits.width_min, limits.width_max),
            even("height", self.height, limits.height_min, limits.height_max),
            Range::new(
                "framerate",
                self.framerate,
                limits.framerate_min,
                limits.framerate_max,
            ),
            Range::new(
                "video_bitrate_kbps",
                self.video_bitrate_kbps,
                limits.video_bitrate_kbps_min,
                limits.video_bitrate_kbps_max,
            ),
            Range::new(
                "audio_bitrate_kbps",
                self.audio_bitrate_kbps,
                limits.audio_bitrate_kbps_min,
                limits.audio_bitrate_kbps_max,
            ),
            Range::new(
                "keyframe_interval_ms",
                self.keyframe_interval_ms,
                limits.keyframe_interval_ms_min,
                limits.keyframe_interval_ms_max,
            ),
        ]
    }
}

/// A member and what it may be.
struct Range {
    member: &'static str,
    value: Option<u32>,
    min: u32,
    max: u32,
    even: bool,
}

impl Range {
    const fn new(member: &'static str, value: Option<u32>, min: u32, max: u32) -> Self {
        Self {
            member,
            value,
            min,
            max,
            even: false,
        }
    }

    fn error(&self) -> Option<FieldError> {
        let Self {
            member,
            value,
            min,
            max,
            even,
        } = self;
        let value = (*value)?;
        let fits = (*min..=*max).contains(&value) && (!even || value.is_multiple_of(2));
        let even = if *even { "even and " } else { "" };
        let detail = format!("must be {even}from {min} to {max}");
        (!fits).then(|| FieldError::new(format!("/program/{member}"), detail))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn limits() -> ProgramLimits {
        ProgramLimits {
            width_min: 128,
            width_max: 3840,
            height_min: 72,
            height_max: 2160,
            framerate_min: 1,
            framerate_max: 60,
            video_bitrate_kbps_min: 100,
            video_bitrate_kbps_max: 50_000,
            audio_bitrate_kbps_min: 32,
            audio_bitrate_kbps_max: 320,
            keyframe_interval_ms_min: 250,
            keyframe_interval_ms_max: 10_000,
        }
    }

    fn changed(format: &ProgramFormat, change: Value) -> Result<ProgramFormat, Vec<String>> {
        let change: ProgramChange = serde_json::from_value(change).unwrap();
        change
            .applied_to(format, &limits())
            .map_err(|errors| errors.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn what_is_not_named_stays_as_it_was() {
        let format = ProgramFormat::default();
        assert_eq!(changed(&format, json!({})), Ok(format.clone()));
        let next = changed(&format, json!({"framerate": 50, "preset": "medium"})).unwrap();
        let expected = ProgramFormat {
            framerate: 50,
            preset: EncoderPreset::Medium,
            ..format
        };
        assert_eq!(next, expected);
    }

    #[test]
    fn every_limit_is_told_with_its_member() {
        let format = ProgramFormat::default();
        for (change, members) in [
            (json!({"width": 1281}), vec!["/program/width"]),
            (
                json!({"width": 4000, "height": 70}),
                vec!["/program/width", "/program/height"],
            ),
            (json!({"framerate": 0}), vec!["/program/framerate"]),
            (
                json!({"video_bitrate_kbps": 99}),
                vec!["/program/video_bitrate_kbps"],
            ),
            (
                json!({"audio_bitrate_kbps": 321}),
                vec!["/program/audio_bitrate_kbps"],
            ),
            (
                json!({"keyframe_interval_ms": 10_001}),
                vec!["/program/keyframe_interval_ms"],
            ),
        ] {
            let pointers: Vec<String> = members.into_iter().map(str::to_owned).collect();
            assert_eq!(changed(&format, change), Err(pointers));
        }
    }

    #[test]
    fn openh264_makes_baseline_alone() {
        let format = ProgramFormat::default();
        let open = changed(&format, json!({"encoder": "openh264"})).unwrap();
        assert_eq!(open.profile, VideoProfile::Baseline);
        let refused = Err(vec!["/program/profile".to_owned()]);
        assert_eq!(changed(&open, json!({"profile": "high"})), refused);
        let main = json!({"encoder": "openh264", "profile": "main"});
        assert_eq!(changed(&format, main), refused);
        let back = json!({"encoder": "x264", "profile": "high"});
        assert_eq!(changed(&open, back), Ok(format));
    }
}
