//! Outputs: where the program goes, and how it gets there.
//!
//! [`Output`] is what is wanted and is part of [`crate::stream::DesiredState`]; [`OutputState`] is
//! what is observed. Secrets are in the first and never in the second.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::OutputId;
use crate::secret::Secret;

/// An RTMP server that takes the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RtmpTarget {
    /// `rtmp://` or `rtmps://`, host, optional port and application, without the stream key.
    #[schema(examples("rtmp://live.example.com/app"))]
    pub url: String,
    /// The stream key; appended to the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
}

/// Which side of an SRT connection we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SrtMode {
    /// We call the address.
    #[default]
    Caller,
    /// We listen on the address, for any number of readers.
    Listener,
}

/// An SRT peer that takes the program as MPEG-TS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SrtTarget {
    /// `srt://host:port`; for a listener the address to listen on, such as `srt://0.0.0.0:9000`.
    #[schema(examples("srt://ingest.example.com:9000"))]
    pub url: String,
    /// Who calls.
    #[serde(default)]
    pub mode: SrtMode,
    /// The stream that the peer asks for, at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub stream_id: Option<String>,
    /// Encrypts the connection; 10 to 79 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Secret>,
    /// How long lost packets may be asked for again, in milliseconds, 20 to 8000.
    #[serde(default = "srt_latency_ms")]
    #[schema(minimum = 20, maximum = 8000)]
    pub latency_ms: u32,
}

fn srt_latency_ms() -> u32 {
    125
}

/// The container of a recording.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// Fragmented MP4: what is written is playable at any moment.
    #[default]
    Mp4,
    /// Matroska.
    Mkv,
}

/// A recording on the engine's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileTarget {
    /// The container.
    pub format: FileFormat,
    /// Begins a new file after so many seconds, 10 to 86400, at the next keyframe.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 10, maximum = 86_400)]
    pub split_s: Option<u32>,
    /// Begins a new file after so many bytes, at least 1 MiB, at the next keyframe.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1_048_576)]
    pub split_bytes: Option<u64>,
    /// Keeps so many of the newest files of this output, 1 to 10000; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub keep_files: Option<u32>,
    /// Deletes files of this output this long after they were finished, in seconds; never when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60)]
    pub keep_s: Option<u64>,
}

/// Where an output sends the program, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "target", rename_all = "lowercase")]
pub enum OutputTarget {
    /// An RTMP server.
    Rtmp(RtmpTarget),
    /// An SRT peer.
    Srt(SrtTarget),
    /// A recording.
    File(FileTarget),
}

impl OutputTarget {
    /// The kind.
    pub const fn kind(&self) -> OutputKind {
        match self {
            Self::Rtmp(_) => OutputKind::Rtmp,
            Self::Srt(_) => OutputKind::Srt,
            Self::File(_) => OutputKind::File,
        }
    }

    /// Whether there is one target that can be congested: a listener has any number of readers, and
    /// a file none.
    pub const fn can_adapt(&self) -> bool {
        match self {
            Self::Rtmp(_) => true,
            Self::Srt(target) => matches!(target.mode, SrtMode::Caller),
            Self::File(_) => false,
        }
    }
}

/// The kind of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// HLS, served by stream-engine under `/live/{stream}/index.m3u8`.
    Hls,
    /// RTMP or RTMPS to a server.
    Rtmp,
    /// MPEG-TS over SRT.
    Srt,
    /// A recording.
    File,
}

/// Whether an output may be sent less than the program's bitrate while its target is congested. For
/// RTMP, and for SRT where we call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adaptive {
    /// Whether it may.
    pub enabled: bool,
    /// The bitrate of the picture that it is always sent, in kbit/s, 100 to 50000.
    #[schema(minimum = 100, maximum = 50_000)]
    pub min_kbps: u32,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            enabled: false,
            min_kbps: 500,
        }
    }
}

/// A wanted output. Holds secrets: for Redis and the worker, never for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The output.
    pub id: OutputId,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// Where it goes.
    #[serde(flatten)]
    pub target: OutputTarget,
    /// Whether it may be sent less while its target is congested.
    #[serde(default)]
    pub adaptive: Adaptive,
    /// Whether it is to send while the stream is on air.
    pub enabled: bool,
    /// Raised to let it begin anew, also when it gave up.
    pub generation: u64,
    /// Raised by every change; the `ETag`.
    pub revision: u64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How an output does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputStatus {
    /// Nothing is sent.
    #[default]
    Stopped,
    /// Waiting for the first segment, connection or keyframe.
    Connecting,
    /// Delivering.
    Live,
    /// Was delivering, or tried to, and is trying again.
    Reconnecting,
    /// Gave up; a change or a restart lets it try again.
    Failed,
}

/// What SRT says of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SrtStats {
    /// Round trip in milliseconds.
    pub rtt_ms: Option<f64>,
    /// Packets lost on the way since the connection began.
    pub packets_lost_total: Option<u64>,
    /// Packets sent again since the connection began.
    pub packets_retransmitted_total: Option<u64>,
    /// Packets that came too late to be sent at all.
    pub packets_dropped_total: Option<u64>,
    /// What the path is believed to carry, in kbit/s.
    pub bandwidth_kbps: Option<f64>,
    /// Connected readers of a listener.
    pub readers: Option<u64>,
}

/// What an output did. A value that is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct OutputCounters {
    /// Bitrate over the last second, or the last segment of HLS, in kbit/s.
    pub bitrate_kbps: Option<f64>,
    /// Bytes delivered, or written, since the stream went on air.
    pub bytes_total: u64,
    /// Bytes that the server says it has, of RTMP.
    pub acked_bytes_total: Option<u64>,
    /// Frames delivered since the stream went on air.
    pub frames_total: Option<u64>,
    /// Frames left out because the target did not take them in time.
    pub frames_dropped: Option<u64>,
    /// Stream time that waits to be sent, in milliseconds.
    pub queue_ms: Option<f64>,
    /// Bytes that wait to be sent.
    pub queue_bytes: Option<u64>,
    /// What SRT says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srt: Option<SrtStats>,
}

/// How an output that may be sent less adapts to its target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdaptiveState {
    /// Whether it is sent an encoding of its own, because its target is, or was, congested.
    pub reduced: bool,
    /// Since when it is, or is not.
    pub since: Timestamp,
    /// The bitrate that the picture is encoded at for it, in kbit/s; the program's where it is not
    /// reduced.
    pub video_kbps: u32,
    /// Stable, dotted code of why it is not reduced although its target is congested.
    #[serde(default)]
    pub code: Option<String>,
}

/// One output, as observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutputState {
    /// The output, unique in its stream.
    pub id: OutputId,
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub kind: OutputKind,
    /// How it does.
    pub status: OutputStatus,
    /// Since when.
    pub since: Timestamp,
    /// The address without secrets; a path relative to the entrypoint for HLS and recordings.
    pub url: String,
    /// How often it had to start again since the stream went on air.
    pub reconnects: u64,
    /// Attempts since it last delivered; 0 while it does.
    pub attempts: u64,
    /// When it tries again.
    pub next_attempt_at: Option<Timestamp>,
    /// Stable, dotted code of what is wrong.
    pub code: Option<String>,
    /// What is wrong, without secrets.
    pub error: Option<String>,
    /// How it adapts to its target, while it delivers; absent where it does not adapt.
    #[serde(default)]
    pub adaptive: Option<AdaptiveState>,
    /// What it did.
    #[serde(flatten)]
    pub counters: OutputCounters,
}
