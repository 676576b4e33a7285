//! What the encoder, the kernel and the clock measured. A value that is not known is `None`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{LayerId, RenditionName, StreamId};

/// The program's performance over the last second, and its totals since the worker started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Performance {
    /// Frames that left the encoder per second.
    pub fps: Option<f64>,
    /// Frames that were composed since the worker started.
    pub frames_composed: Option<u64>,
    /// Frames of those that were composed more than a frame's length after their time.
    pub frames_late: Option<u64>,
    /// Frames that left the encoder since the worker started.
    pub frames_total: Option<u64>,
    /// Frames that were due and were never composed.
    pub frames_dropped: Option<u64>,
    /// Frames composed more than once for the same moment.
    pub frames_duplicated: Option<u64>,
    /// Encoded video bytes since the worker started.
    pub bytes_total: Option<u64>,
    /// Encoded video bitrate over the last second, in kbit/s.
    pub bitrate_kbps: Option<f64>,
    /// The same over the last 60 seconds, or since the worker started where that is less.
    pub bitrate_kbps_60s: Option<f64>,
    /// Composed frames that wait for the encoder.
    pub encoder_queue_frames: Option<u64>,
    /// The same in milliseconds of program.
    pub encoder_queue_ms: Option<f64>,
    /// Mixed sound that waits for its encoder, in milliseconds.
    pub sound_queue_ms: Option<f64>,
    /// Time from composed to encoded frame, median, in milliseconds.
    pub encode_ms_p50: Option<f64>,
    /// Time from composed to encoded frame, 99th percentile, in milliseconds.
    pub encode_ms_p99: Option<f64>,
    /// Longest distance between two composed frames, in milliseconds of wall clock.
    pub frame_interval_ms_max: Option<f64>,
    /// Distance between the last two keyframes, in milliseconds of stream time.
    pub keyframe_interval_ms: Option<f64>,
    /// CPU of the media worker in cores: 1.0 is one core fully used.
    pub cpu_cores: Option<f64>,
    /// Resident memory of the media worker in bytes.
    pub memory_bytes: Option<u64>,
    /// Highest sample of the program's sound, in dBFS.
    pub audio_peak_dbfs: Option<f64>,
    /// RMS level of the program's sound, in dBFS.
    pub audio_rms_dbfs: Option<f64>,
    /// Loudness of the program's sound over the last 0.4 seconds (EBU R128), in LUFS.
    pub loudness_momentary_lufs: Option<f64>,
    /// Loudness over the last 3 seconds, in LUFS.
    pub loudness_short_term_lufs: Option<f64>,
    /// Loudness since the worker started, without its quiet parts, in LUFS.
    pub loudness_integrated_lufs: Option<f64>,
    /// For how many seconds the picture has been black; 0 when it is not.
    pub black_s: Option<u64>,
    /// For how many seconds the picture has not changed at all.
    pub frozen_s: Option<u64>,
    /// For how many seconds the program has been silent: no sample above -60 dBFS.
    pub silent_s: Option<u64>,
    /// What each layer with a picture or sound of its own delivered.
    pub layers: Vec<LayerPerformance>,
    /// What each further encoding of the program costs and delivers.
    pub renditions: Vec<RenditionPerformance>,
    /// From the acknowledged write of the latest layer change to the composed frame that shows
    /// it, in milliseconds.
    pub layer_change_to_air_ms: Option<f64>,
    /// The same, median of the latest changes, at most 1000, since the stream went on air with
    /// this engine. Each change counts, also where several share a frame.
    pub layer_change_to_air_ms_p50: Option<f64>,
    /// The same, 99th percentile.
    pub layer_change_to_air_ms_p99: Option<f64>,
}

/// What a layer delivered over the last second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerPerformance {
    /// The layer.
    pub layer: LayerId,
    /// How long ago the frame that it shows was due, in milliseconds; of moving pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_age_ms: Option<f64>,
    /// Frames that its source brought since it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_total: Option<u64>,
    /// Frames of those that were never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_dropped: Option<u64>,
    /// Highest sample of its sound in the mix, in dBFS; absent while it is not mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_peak_dbfs: Option<f64>,
    /// RMS level of its sound in the mix, in dBFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_rms_dbfs: Option<f64>,
    /// What is being pushed to it; absent while nobody publishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<FeedPerformance>,
}

/// What somebody pushes to an `ingest` layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedPerformance {
    /// Since when the feed has come without a break.
    pub since: Timestamp,
    /// Sound and picture over the last second, in kbit/s.
    pub bitrate_kbps: Option<f64>,
    /// Codec of the picture, such as `h264`; absent until a picture came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<String>,
    /// Width of the picture in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height of the picture in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Frames a second, as the feed says; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framerate: Option<f64>,
    /// Codec of the sound, such as `aac`; absent until sound came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<String>,
    /// Samples a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Channels of the sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
}

/// What a further encoding of the program costs and delivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RenditionPerformance {
    /// Which one.
    pub name: RenditionName,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Whether it delivers; when it does not, `errors` says why.
    pub delivering: bool,
    /// Frames that left its encoder per second.
    pub fps: Option<f64>,
    /// Encoded video bitrate over the last second, in kbit/s.
    pub bitrate_kbps: Option<f64>,
    /// CPU that scaling and encoding took over the last second, in cores, by the clock of the
    /// thread that does both.
    pub cpu_cores: Option<f64>,
    /// Frames that left its encoder since the worker started.
    pub frames_total: u64,
}

/// Who is watching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Viewers {
    /// Distinct players that asked for the playlist lately.
    pub current: u64,
    /// The most there were since the stream went live.
    pub peak: u64,
    /// Distinct clients that follow the stream over a WebSocket, on any replica; null when it is not
    /// known. A client is told from others by its address and its program, as players are.
    #[serde(default)]
    pub connected: Option<u64>,
    /// Distinct clients that play, follow, or both, each once; null when it is not known.
    #[serde(default)]
    pub audience: Option<u64>,
}

/// One second of a stream, as published on `metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricsSample {
    /// The stream.
    pub stream: StreamId,
    /// When it was measured.
    pub at: Timestamp,
    /// What was measured.
    pub performance: Performance,
    /// Who was watching.
    pub viewers: Viewers,
}
