//! What the worker can put on air.

use sm_common::program::ProgramFormat;
use sm_media_protocol::HlsSettings;

const SIDE_MIN: u32 = 16;
const SIDE_MAX: u32 = 4096;
const FRAMERATE_MAX: u32 = 120;
const VIDEO_KBPS_MAX: u32 = 100_000;
const AUDIO_KBPS_MIN: u32 = 16;
const AUDIO_KBPS_MAX: u32 = 512;
const KEYFRAME_MS_MIN: u32 = 100;
const KEYFRAME_MS_MAX: u32 = 10_000;
const RUN_BYTES_MAX: usize = 64;

/// Why a configuration cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The encoder takes chroma at half the size, and no frame beyond its limits.
    #[error("width and height must be even and from {SIDE_MIN} to {SIDE_MAX}")]
    Size,
    /// Too slow or too fast.
    #[error("the frame rate must be from 1 to {FRAMERATE_MAX}")]
    Framerate,
    /// Too low or too high.
    #[error("the video bitrate must be from 1 to {VIDEO_KBPS_MAX} kbit/s")]
    VideoBitrate,
    /// Too low or too high.
    #[error("the audio bitrate must be from {AUDIO_KBPS_MIN} to {AUDIO_KBPS_MAX} kbit/s")]
    AudioBitrate,
    /// Too short or too long.
    #[error("the keyframe interval must be from {KEYFRAME_MS_MIN} to {KEYFRAME_MS_MAX} ms")]
    KeyframeInterval,
    /// It becomes part of file names.
    #[error("the run must be 1 to {RUN_BYTES_MAX} letters, digits, '-' and '_'")]
    Run,
    /// Segments would go nowhere.
    #[error("the directory for segments does not exist")]
    Directory,
}

/// Whether the worker can carry this out.
pub(crate) fn check(format: &ProgramFormat, hls: &HlsSettings) -> Result<(), Refused> {
    let side = |length: u32| length.is_multiple_of(2) && (SIDE_MIN..=SIDE_MAX).contains(&length);
    let run_is_fine = !hls.run.is_empty()
        && hls.run.len() <= RUN_BYTES_MAX
        && hls
            .run
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let rules = [
        (side(format.width) && side(format.height), Refused::Size),
        (
            (1..=FRAMERATE_MAX).contains(&format.framerate),
            Refused::Framerate,
        ),
        (
            (1..=VIDEO_KBPS_MAX).contains(&format.video_bitrate_kbps),
            Refused::VideoBitrate,
        ),
        (
            (AUDIO_KBPS_MIN..=AUDIO_KBPS_MAX).contains(&format.audio_bitrate_kbps),
            Refused::AudioBitrate,
        ),
        (
            (KEYFRAME_MS_MIN..=KEYFRAME_MS_MAX).contains(&format.keyframe_interval_ms),
            Refused::KeyframeInterval,
        ),
        (run_is_fine, Refused::Run),
        (hls.directory.is_dir(), Refused::Directory),
    ];
    rules
        .into_iter()
        .find_map(|(holds, refused)| (!holds).then_some(refused))
        .map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hls(run: &str) -> HlsSettings {
        HlsSettings {
            directory: std::env::temp_dir(),
            run: run.to_owned(),
            part_frames: 0,
        }
    }

    #[test]
    fn the_default_format_can_go_on_air() {
        assert_eq!(check(&ProgramFormat::default(), &hls("a-1")), Ok(()));
    }

    #[test]
    fn each_limit_is_named() {
        type Change = fn(&mut ProgramFormat);
        let cases: [(Change, Refused); 6] = [
            (|format| format.width = 1281, Refused::Size),
            (|format| format.height = 0, Refused::Size),
            (|format| format.framerate = 0, Refused::Framerate),
            (
                |format| format.video_bitrate_kbps = 0,
                Refused::VideoBitrate,
            ),
            (
                |format| format.audio_bitrate_kbps = 1,
                Refused::AudioBitrate,
            ),
            (
                |format| format.keyframe_interval_ms = 1,
                Refused::KeyframeInterval,
            ),
        ];
        for (change, refused) in cases {
            let mut format = ProgramFormat::default();
            change(&mut format);
            assert_eq!(check(&format, &hls("a")), Err(refused));
        }
        let format = ProgramFormat::default();
        for run in ["", "../a", "a/b"] {
            assert_eq!(check(&format, &hls(run)), Err(Refused::Run), "{run}");
        }
        let nowhere = HlsSettings {
            directory: "/nowhere/at/all".into(),
            run: "a".to_owned(),
            part_frames: 0,
        };
        assert_eq!(check(&format, &nowhere), Err(Refused::Directory));
    }
}
