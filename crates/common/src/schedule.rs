//! What is done later: at a moment, after a take, or at the end of what a layer plays.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{LayerId, OperationId, SceneId, ScheduleId, UserId};
use crate::transition::SceneTransition;

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

/// A command of the stream that is given later, as one of `POST /api/stream/control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum ScheduledCommand {
    /// Go on air.
    Start,
    /// Go off air.
    Stop,
    /// Record the program.
    RecordStart,
    /// Record no more.
    RecordStop,
    /// Put a scene on air.
    Take {
        /// The scene; the one that is in preview then where null.
        scene: Option<SceneId>,
        /// How it replaces the one before.
        transition: SceneTransition,
    },
}

/// What is to be done with a schedule at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet; at this moment, where it is known.
    Later(Option<Timestamp>),
    /// It is to be done.
    Now,
    /// It is too late.
    Missed,
}

/// What is to be done, without the layers that it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleSummary {
    /// The schedule.
    pub id: ScheduleId,
    /// What it is for.
    pub name: String,
    /// The scene whose layers it changes; null where it gives a command.
    pub scene: Option<SceneId>,
    /// The command that it gives; absent where it changes layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<ScheduledCommand>,
    /// When.
    pub trigger: Trigger,
    /// When it is due; null until what it waits for has happened.
    pub due_at: Option<Timestamp>,
    /// How late it may be done, in seconds. Later it is skipped.
    pub grace_s: u64,
    /// Who asked for it; what is done is theirs.
    pub user_id: UserId,
    /// Their name.
    pub user_name: String,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl ScheduleSummary {
    /// What is to be done at `now`.
    pub fn due(&self, now: Timestamp) -> Due {
        let Some(at) = self.due_at else {
            return Due::Later(None);
        };
        if at > now {
            Due::Later(Some(at))
        } else if now.since(at) > Duration::from_secs(self.grace_s) {
            Due::Missed
        } else {
            Due::Now
        }
    }

    /// What became of it, where nothing was done.
    pub fn ended(self, outcome: ScheduleOutcome, detail: String, now: Timestamp) -> EndedSchedule {
        EndedSchedule {
            schedule: self,
            outcome,
            detail: Some(detail),
            scene_revision: None,
            operation: None,
            ended_at: now,
        }
    }
}

/// What became of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleOutcome {
    /// The change was made, or the command given.
    Done,
    /// It was refused, as it would have been of anybody.
    Failed,
    /// Nobody could do it in time.
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
    /// The operation of the command, where it was given: `/api/stream/operations/{id}` says what became
    /// of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// When.
    pub ended_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transition::TransitionKind;

    fn summary(due_at: Option<Timestamp>) -> ScheduleSummary {
        let mut summary: ScheduleSummary = serde_json::from_value(json!({
            "id": ScheduleId::generate(), "name": "News", "scene": SceneId::generate(),
            "trigger": {"kind": "at", "at": "2026-01-01T00:00:00Z"}, "due_at": null, "grace_s": 60,
            "user_id": UserId::generate(), "user_name": "a", "created_at": "2026-01-01T00:00:00Z",
        }))
        .unwrap();
        summary.due_at = due_at;
        summary
    }

    #[test]
    fn a_moment_comes_and_goes() {
        let now = Timestamp::from_unix_millis(1_800_000_000_000);
        let summary = summary(Some(now));
        let after = |seconds: u64| summary.due(now.plus(Duration::from_secs(seconds)));
        assert_eq!(
            summary.due(Timestamp::from_unix_millis(0)),
            Due::Later(Some(now))
        );
        assert_eq!(
            (after(0), after(60), after(61)),
            (Due::Now, Due::Now, Due::Missed)
        );
        assert_eq!(self::summary(None).due(now), Due::Later(None));
    }

    #[test]
    fn commands_are_written_as_they_are_sent() {
        let take = ScheduledCommand::Take {
            scene: None,
            transition: SceneTransition {
                kind: TransitionKind::Fade,
                duration_ms: 300,
                ..SceneTransition::default()
            },
        };
        let written = serde_json::to_value(take).unwrap();
        assert_eq!(written["action"], "take");
        assert_eq!(written["transition"]["kind"], "fade");
        let read: ScheduledCommand = serde_json::from_value(written).unwrap();
        assert_eq!(read, take);
        let stop: ScheduledCommand =
            serde_json::from_value(json!({"action": "record-stop"})).unwrap();
        assert_eq!(stop, ScheduledCommand::RecordStop);
        // One of a former version changes layers.
        assert_eq!(summary(None).command, None);
    }
}
