use std::sync::Arc;

use sm_common::program::ProgramFormat;

use super::segmenter::video_timescale;
use crate::fmp4::{AudioTrack, VideoTrack};
use crate::sound::CHANNELS;
use crate::timeline::{SAMPLE_RATE, Timeline};

/// What a player must know of picture and sound before the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tracks {
    /// The picture.
    pub(crate) video: VideoTrack,
    /// The sound.
    pub(crate) audio: AudioTrack,
}

impl Tracks {
    /// The tracks of a program in this format, as its encoders describe them.
    pub(crate) fn new(format: &ProgramFormat, video: Arc<[u8]>, audio: Arc<[u8]>) -> Self {
        Self {
            video: VideoTrack {
                width: narrow(format.width),
                height: narrow(format.height),
                timescale: video_timescale(Timeline::new(format.framerate)),
                decoder_configuration: video,
            },
            audio: AudioTrack {
                sample_rate: narrow(SAMPLE_RATE),
                channels: u16::try_from(CHANNELS).unwrap_or(u16::MAX),
                bitrate: format.audio_bitrate_kbps.saturating_mul(1000),
                decoder_configuration: audio,
            },
        }
    }
}

/// Dimensions and rates were checked when the program was configured.
fn narrow(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}
