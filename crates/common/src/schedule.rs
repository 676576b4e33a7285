//! Changes that are made later: at a moment, after a take, or at the end of what a layer plays.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{LayerId, SceneId, ScheduleId, UserId};

/// When a change is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Trigger {
    /// At a moment.
    At {
        /// The moment.
        at: Timestamp,
    },
    /// When a scene has come on air, from the first to the last pixel.
    AfterTake {
        /// The scene.
        scene: SceneId,
        /// How much later, in milliseconds.
        delay_ms: u64,
    },
    /// When a layer has come to the end of what it plays.
    AtEnd {
        /// The layer.
        layer: LayerId,
        /// How much later, in milliseconds.
        delay_ms: u64,
    },
}

/// A change that is to be made, without what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleSummary {
    /// The schedule.
    pub id: ScheduleId,
    /// What it is for.
    pub name: String,
    /// The scene whose layers it changes.
    pub scene: SceneId,
    /// When.
    pub trigger: Trigger,
    /// When it is due; null until what it waits for has happened.
    pub due_at: Option<Timestamp>,
    /// How late it may be made, in seconds. Later it is skipped.
    pub grace_s: u64,
    /// Who asked for it; the change is theirs.
    pub user_id: UserId,
    /// Their name.
    pub user_name: String,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// What became of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleOutcome {
    /// The change was made.
    Done,
    /// The change was refused, as it would have been of anybody.
    Failed,
    /// Nobody could make it in time.
    Skipped,
    /// Somebody withdrew it.
    Cancelled,
}

/// A schedule that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndedSchedule {
    /// What was to be done.
    pub schedule: ScheduleSummary,
    /// What became of it.
    pub outcome: ScheduleOutcome,
    /// Why, where it was not done.
    pub detail: Option<String>,
    /// The scene's revision after the change, where it was made.
    pub scene_revision: Option<u64>,
    /// When.
    pub ended_at: Timestamp,
}
