//! A stream: what is wanted of it and what is observed of it.
//!
//! Desired and observed state are two documents with two owners: `stream-control` writes
//! [`DesiredState`], and the `stream-engine` that holds the stream's lease writes
//! [`ObservedState`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{InstanceId, LayerId, SceneId, StreamId};
use crate::ladder::Rendition;
use crate::layer::PlaybackStatus;
use crate::output::{Output, OutputState};
use crate::performance::{Performance, Viewers};
use crate::program::ProgramFormat;
use crate::transition::Take;

/// What a stream is doing.
///
/// ```text
/// offline → starting → live → stopping → offline
/// live ⇄ paused        a slate is on air, outputs stay connected
/// live ⇄ degraded      on air, with at least one active error
/// live|degraded ⇄ reconnecting   the worker or every network output is coming back
/// any → failed         gave up; the reason is in `errors`
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamStatus {
    /// Nothing runs.
    #[default]
    Offline,
    /// On its way to air.
    Starting,
    /// On air.
    Live,
    /// A slate is on air.
    Paused,
    /// On air, with at least one active error.
    Degraded,
    /// Was on air and is coming back by itself.
    Reconnecting,
    /// On its way off air.
    Stopping,
    /// Gave up; `errors` says why.
    Failed,
}

impl StreamStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Offline,
        Self::Starting,
        Self::Live,
        Self::Paused,
        Self::Degraded,
        Self::Reconnecting,
        Self::Stopping,
        Self::Failed,
    ];

    /// The status's name in bodies and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Degraded => "degraded",
            Self::Reconnecting => "reconnecting",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
        }
    }

    /// Whether viewers get a picture.
    pub const fn is_on_air(self) -> bool {
        matches!(self, Self::Live | Self::Paused | Self::Degraded)
    }
}

impl std::fmt::Display for StreamStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wanted of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DesiredStatus {
    /// Off air.
    #[default]
    Offline,
    /// On air.
    Live,
    /// On air, showing a slate.
    Paused,
}

/// The document that commands change. Written by stream-control alone. Holds the outputs' secrets,
/// so no answer may hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredState {
    /// The stream.
    pub stream: StreamId,
    /// What is wanted.
    pub status: DesiredStatus,
    /// Raised by every restart; the holder replaces its worker when this is newer than the
    /// worker's.
    pub generation: u64,
    /// Raised by every change.
    pub revision: u64,
    /// When `status` last changed.
    pub since: Timestamp,
    /// Name of who last changed it.
    pub changed_by: String,
    /// Program format.
    pub program: ProgramFormat,
    /// Further encodings of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<Rendition>,
    /// Where the program goes beside HLS, in the order in which the outputs were added.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// Whether the hosts carry the program even where they count on too little CPU for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// Which scenes are wanted, and for what.
    #[serde(flatten)]
    pub chosen: ChosenScenes,
}

/// Which scenes are wanted, and for what. A scene that is named here is not deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenScenes {
    /// The scene on air; `None` stands for the stream's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<SceneId>,
    /// The scene in preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<SceneId>,
    /// The scene that stands in for the program; `None` stands for the built-in slate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slate: Option<SceneId>,
    /// The latest take: how `scene` came on air.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<Take>,
}

/// How bad an error is, by what the viewer notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The viewer notices nothing.
    Info,
    /// Part of the picture or sound is missing.
    Warning,
    /// The picture or the sound is interrupted.
    Error,
    /// The stream is off air until somebody acts.
    Critical,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// Its name in bodies and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// Its place among all, the mildest first.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Info => 0,
            Self::Warning => 1,
            Self::Error => 2,
            Self::Critical => 3,
        }
    }
}

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamError {
    /// Stable, dotted code, such as `layer.source.missing`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it is: `layer:<id>`, `output:<id>`, `worker`, `engine`.
    pub component: String,
    /// What is wrong and what to do, for people.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// How often it was seen since then.
    pub count: u64,
    /// Whether the system is at work on it by itself.
    pub recovering: bool,
}

/// How a layer does in the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerState {
    /// In the picture, or ready to be.
    Ok,
    /// Its source is being opened.
    #[default]
    Loading,
    /// Its source does not deliver; `reason` says why.
    Failing,
}

/// How one layer does in the picture, as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LayerStatus {
    /// The layer.
    pub layer: LayerId,
    /// How it does.
    pub state: LayerState,
    /// Stable, dotted code when failing, or of what a loading layer waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why, when failing; what it waits for, when loading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attempts that failed since it last delivered, of a source that is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// Where the file is that it plays, if it plays one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback: Option<PlaybackStatus>,
    /// Since when.
    pub since: Timestamp,
}

/// A gap in the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interruption {
    /// When the picture stopped.
    pub at: Timestamp,
    /// How long it was gone, in milliseconds of wall clock.
    pub length_ms: u64,
    /// Stable, dotted code of the cause, such as `worker.killed`.
    pub cause: String,
}

/// A scene that the engine shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SceneOnAir {
    /// The scene.
    pub id: SceneId,
    /// Its name.
    pub name: String,
    /// The revision that is in the picture.
    pub revision: u64,
}

/// The engine process that holds the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineLease {
    /// The process.
    pub instance: InstanceId,
    /// Its host's name.
    pub host: String,
    /// Raised with every new holder; an older one is fenced off.
    pub token: u64,
}

/// The document that the lease holder writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ObservedState {
    /// The stream.
    pub stream: StreamId,
    /// What it does.
    pub status: StreamStatus,
    /// Since when.
    pub since: Timestamp,
    /// Why, in one line for people, where there is something to say.
    pub reason: Option<String>,
    /// When it last went on air from `offline`; `None` while off air.
    pub live_since: Option<Timestamp>,
    /// The revision of the desired state that this satisfies.
    pub desired_revision: u64,
    /// The generation of the desired state that the worker belongs to.
    pub generation: u64,
    /// Raised by every write.
    pub revision: u64,
    /// When this was written.
    pub at: Timestamp,
    /// The scene in the picture; `None` while that is the built-in slate.
    pub scene: Option<SceneOnAir>,
    /// The scene of the program that the slate covers. Its sources stay connected.
    #[serde(default)]
    pub covered: Option<SceneOnAir>,
    /// The scene in preview.
    #[serde(default)]
    pub preview: Option<SceneOnAir>,
    /// Program format on air.
    pub program: Option<ProgramFormat>,
    /// Where it goes.
    pub outputs: Vec<OutputState>,
    /// What is wrong now.
    pub errors: Vec<StreamError>,
    /// How each layer does.
    pub layers: Vec<LayerStatus>,
    /// What was measured over the last second.
    pub performance: Performance,
    /// Who watches.
    pub viewers: Viewers,
    /// The holder.
    pub engine: Option<EngineLease>,
    /// How often the worker was replaced since the stream went on air.
    pub worker_restarts: u64,
    /// The latest gaps in the picture, newest last, at most 20.
    pub interruptions: Vec<Interruption>,
    /// The next HLS media sequence number, so that another host goes on counting.
    pub next_segment: u64,
    /// The HLS discontinuity sequence number that belongs to it.
    pub discontinuity_sequence: u64,
}

/// Gaps kept in [`ObservedState::interruptions`].
pub const INTERRUPTIONS_MAX: usize = 20;

impl ObservedState {
    /// What is observed of a stream that nobody has ever held.
    pub fn never_held(stream: StreamId, at: Timestamp) -> Self {
        Self {
            stream,
            status: StreamStatus::Offline,
            since: at,
            reason: None,
            live_since: None,
            desired_revision: 0,
            generation: 0,
            revision: 0,
            at,
            scene: None,
            covered: None,
            preview: None,
            program: None,
            outputs: Vec::new(),
            errors: Vec::new(),
            layers: Vec::new(),
            performance: Performance::default(),
            viewers: Viewers::default(),
            engine: None,
            worker_restarts: 0,
            interruptions: Vec::new(),
            next_segment: 0,
            discontinuity_sequence: 0,
        }
    }
}

/// Both documents in one: what `GET /api/stream/state` answers and `stream-state` carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StreamState {
    /// What is wanted.
    pub desired_status: DesiredStatus,
    /// When that was last changed.
    pub desired_since: Timestamp,
    /// Revision of the desired state that is wanted; `desired_revision` is the one that the engine
    /// has last obeyed.
    pub wanted_revision: u64,
    /// The scene that is wanted on air; `None` stands for the stream's first.
    #[serde(default)]
    pub wanted_scene: Option<SceneId>,
    /// The scene that is wanted in preview.
    #[serde(default)]
    pub wanted_preview: Option<SceneId>,
    /// The scene that stands in for the program; `None` stands for the built-in slate.
    #[serde(default)]
    pub slate: Option<SceneId>,
    /// The latest take.
    #[serde(default)]
    pub take: Option<Take>,
    /// The format of the program that is wanted; `program` is the one on air.
    #[serde(default)]
    pub wanted_program: Option<ProgramFormat>,
    /// The further encodings of the program that are wanted; how each does is in `performance`.
    #[serde(default)]
    pub ladder: Vec<Rendition>,
    /// What is observed.
    #[serde(flatten)]
    pub observed: ObservedState,
}

impl StreamState {
    /// Joins the two documents.
    pub fn join(desired: &DesiredState, observed: ObservedState) -> Self {
        Self {
            desired_status: desired.status,
            desired_since: desired.since,
            wanted_revision: desired.revision,
            wanted_scene: desired.chosen.scene,
            wanted_preview: desired.chosen.preview,
            slate: desired.chosen.slate,
            take: desired.chosen.take.clone(),
            wanted_program: Some(desired.program.clone()),
            ladder: desired.ladder.clone(),
            observed,
        }
    }

    /// Changes whenever either document does; the `ETag` of the state.
    pub fn revision(&self) -> String {
        format!("{}.{}", self.wanted_revision, self.observed.revision)
    }
}
