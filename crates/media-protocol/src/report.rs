use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::{LayerId, OutputId, RenditionName, SceneId};
use sm_common::ladder::Rendition;
use sm_common::layer::PlaybackStatus;
use sm_common::output::{AdaptiveState, OutputCounters, OutputStatus};
use sm_common::performance::{LayerPerformance, RenditionPerformance};
use sm_common::program::ProgramFormat;
use sm_common::sprite::Sprite;
use sm_common::stream::{LayerState, Severity};
use sm_common::transition::Take;

use crate::command::{HlsSettings, Hosting};
use crate::picture::ScenePicture;

/// What the worker tells the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum Report {
    /// The worker takes commands. Always the first report on a connection.
    Ready {
        /// Process identifier.
        pid: u32,
        /// The GStreamer version, such as `1.22.0`.
        gstreamer: String,
        /// What an earlier host put on air; `None` before [`crate::Command::Configure`].
        on_air: Option<Box<OnAir>>,
    },
    /// The worker's state changed; it only moves forward.
    StateChanged {
        /// The new state.
        state: WorkerState,
    },
    /// The first frame of a take was composed.
    TakeStarted {
        /// The take.
        take: Take,
        /// The scene that was on air.
        from: Option<SceneId>,
        /// Wall clock at which the frame left the compositor.
        at: Timestamp,
    },
    /// A scene is in the picture, and nothing of the one before is any more.
    SceneApplied {
        /// The scene's revision.
        revision: u64,
        /// Wall clock at which the first frame that shows it left the compositor.
        at: Timestamp,
    },
    /// How a layer does changed.
    Layer(LayerReport),
    /// How an output does changed.
    Output(OutputReport),
    /// The program has another format. Where the run is another one as well, all segments of the
    /// one before were reported, and those of this one follow.
    ProgramChanged {
        /// The format.
        program: ProgramFormat,
        /// Where segments go.
        hls: HlsSettings,
    },
    /// The program cannot have this format, and has the one it had.
    ProgramRefused {
        /// The format.
        program: ProgramFormat,
        /// Stable, dotted code, such as `program.encoder.missing`.
        code: String,
        /// Why, for people.
        message: String,
    },
    /// The initialisation section of a run is written; segments refer to it.
    InitWritten {
        /// File name in the HLS directory.
        file: String,
    },
    /// A part of the segment that is being made is written and may be listed.
    PartWritten(Part),
    /// A segment is written and may be listed. Where it was written in parts, it is exactly
    /// their concatenation.
    SegmentWritten(Segment),
    /// How a rendition does changed.
    Rendition(RenditionReport),
    /// A rendition's part of a segment is written and may be listed.
    RenditionPart {
        /// Which rendition's.
        rendition: RenditionName,
        /// The part. It starts with the program's part of the same numbers, and ends with it.
        part: Part,
    },
    /// A rendition's segment is written and may be listed.
    RenditionSegment {
        /// Which rendition's.
        rendition: RenditionName,
        /// The segment. It starts with the program's segment of the same number, and ends with it.
        segment: Segment,
    },
    /// One second was measured.
    Stats(Box<Stats>),
    /// `sprite.jpg` is written, and holds this.
    Sprite(Sprite),
    /// The answer to a snapshot command.
    Snapshot {
        /// The command.
        id: u64,
        /// Why there is no file; `None` when there is.
        error: Option<String>,
    },
    /// Something is wrong with the program itself.
    Fault {
        /// How bad it is.
        severity: Severity,
        /// Stable, dotted code.
        code: String,
        /// What is wrong, without secrets.
        message: String,
    },
    /// The worker ends. Always the last report of an orderly end.
    Finished {
        /// Why.
        reason: FinishReason,
    },
}

/// What a worker has on air: everything that a host must know to go on with it. What is reported
/// after this is not in it, and the other way round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnAir {
    /// Format of the program.
    pub program: ProgramFormat,
    /// Where segments go, and the name of the run.
    pub hls: HlsSettings,
    /// What the host that put it on air said of itself.
    pub hosting: Hosting,
    /// When it was configured.
    pub since: Timestamp,
    /// Where the worker is in its life.
    pub state: WorkerState,
    /// Revision of the scene that it was last told to show.
    pub revision: u64,
    /// What that scene is to the host, and what covers it.
    pub picture: ScenePicture,
    /// How each layer does.
    pub layers: Vec<LayerReport>,
    /// How each output does.
    pub outputs: Vec<OutputReport>,
    /// The segments of the last minutes, oldest first.
    pub segments: Vec<Segment>,
    /// The parts of the segment that is being made, and of those before it for as long as players
    /// take them in parts, oldest first.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// The further encodings of the program.
    #[serde(default)]
    pub ladder: Vec<Rendition>,
    /// What those of them delivered that deliver.
    #[serde(default)]
    pub renditions: Vec<RenditionOnAir>,
    /// What `sprite.jpg` holds.
    #[serde(default)]
    pub sprite: Option<Sprite>,
}

/// What a rendition delivered, as far as the program's own is in [`OnAir`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenditionOnAir {
    /// How it does.
    pub report: RenditionReport,
    /// Its segments, oldest first.
    pub segments: Vec<Segment>,
    /// Its parts, oldest first.
    pub parts: Vec<Part>,
}

/// How a rendition does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionReport {
    /// Which one.
    pub rendition: RenditionName,
    /// What is wrong; `None` while it delivers.
    pub failure: Option<RenditionFailure>,
}

/// Why a rendition does not deliver. It is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionFailure {
    /// Stable, dotted code, such as `rendition.too-slow`.
    pub code: String,
    /// What is wrong, for people.
    pub reason: String,
}

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerState {
    /// The pipeline is being built.
    Starting,
    /// Frames leave the encoder.
    Playing,
    /// The last segment is being finished.
    Stopping,
}

/// Why a worker ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FinishReason {
    /// It was told to.
    Stopped,
    /// No host came back in time.
    HostGone,
    /// The program's own pipeline failed.
    PipelineFailed {
        /// What failed first.
        message: String,
    },
    /// The configuration cannot be carried out.
    ConfigurationRefused {
        /// Why.
        message: String,
    },
}

/// How a layer does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// The layer.
    pub layer: LayerId,
    /// How it does.
    pub state: LayerState,
    /// Stable, dotted code when failing, such as `layer.source.missing`.
    pub code: Option<String>,
    /// Why, when failing, for people and without secrets or paths outside the assets directory.
    pub reason: Option<String>,
    /// Attempts that failed since it last delivered, of a source that is tried again.
    #[serde(default)]
    pub attempts: Option<u64>,
    /// When it is tried again.
    #[serde(default)]
    pub next_attempt_at: Option<Timestamp>,
    /// Where the file is that it plays.
    #[serde(default)]
    pub playback: Option<PlaybackStatus>,
}

/// How an output does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputReport {
    /// The output.
    pub output: OutputId,
    /// How it does.
    pub status: OutputStatus,
    /// How often it had to start again since the worker started.
    pub reconnects: u64,
    /// Attempts since it last delivered; 0 while it does.
    pub attempts: u64,
    /// When it tries again.
    pub next_attempt_at: Option<Timestamp>,
    /// Stable, dotted code of what is wrong, such as `output.refused`.
    pub code: Option<String>,
    /// What is wrong, for people and without secrets.
    pub reason: Option<String>,
    /// How it adapts to its target, while it delivers; `None` where it does not adapt.
    #[serde(default)]
    pub adaptive: Option<AdaptiveState>,
}

/// What an output did, since the worker started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputStats {
    /// The output.
    pub output: OutputId,
    /// What it did.
    pub counters: OutputCounters,
}

/// A written segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// File name in the HLS directory.
    pub file: String,
    /// Number within this run, from 0.
    pub number: u64,
    /// Length in seconds of stream time.
    pub duration_s: f64,
    /// Size in bytes.
    pub bytes: u64,
    /// Wall clock at which its first frame was composed.
    pub starts_at: Timestamp,
    /// Whether it starts with a keyframe.
    pub independent: bool,
}

/// A written part of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// File name in the HLS directory.
    pub file: String,
    /// Number of its segment within this run, from 0.
    pub number: u64,
    /// Number within the segment, from 0.
    pub part: u64,
    /// Length in seconds of stream time.
    pub duration_s: f64,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether it starts with a keyframe.
    pub independent: bool,
    /// Wall clock at which its first frame was composed.
    pub starts_at: Timestamp,
    /// Whether it is the segment's last: the segment is written too, and its report follows.
    pub last: bool,
}

/// What the worker measured over the last second. `None` means not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Frames that left the encoder per second.
    pub fps: Option<f64>,
    /// Frames that were composed.
    pub frames_composed: Option<u64>,
    /// Frames composed more than a frame's length after their time.
    pub frames_late: Option<u64>,
    /// Frames that left the encoder.
    pub frames_total: u64,
    /// Frames that were due and were never composed.
    pub frames_dropped: u64,
    /// Frames composed more than once for the same moment.
    pub frames_duplicated: u64,
    /// Encoded video bytes.
    pub bytes_total: u64,
    /// Encoded video bitrate, in kbit/s.
    pub bitrate_kbps: Option<f64>,
    /// The same over the last 60 seconds, or since the worker started where that is less.
    pub bitrate_kbps_60s: Option<f64>,
    /// Composed frames that wait for the encoder.
    pub encoder_queue_frames: Option<u64>,
    /// The same in milliseconds of program.
    pub encoder_queue_ms: Option<f64>,
    /// Mixed sound that waits for its encoder, in milliseconds.
    pub sound_queue_ms: Option<f64>,
    /// Composed to encoded, median, in milliseconds.
    pub encode_ms_p50: Option<f64>,
    /// Composed to encoded, 99th percentile, in milliseconds.
    pub encode_ms_p99: Option<f64>,
    /// Longest wall-clock distance between composed frames, in milliseconds.
    pub frame_interval_ms_max: Option<f64>,
    /// Stream time between the last two keyframes, in milliseconds.
    pub keyframe_interval_ms: Option<f64>,
    /// CPU of the worker in cores.
    pub cpu_cores: Option<f64>,
    /// Resident memory of the worker in bytes.
    pub memory_bytes: Option<u64>,
    /// Peak level of the master, in dBFS.
    pub audio_peak_dbfs: Option<f64>,
    /// RMS level of the master, in dBFS.
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
    /// What each output did, HLS apart.
    pub outputs: Vec<OutputStats>,
}
