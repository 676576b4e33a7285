use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::{OperationId, OutputId, SceneId, StreamId};
use sm_common::program::{FormatChange, ProgramFormat};
use sm_common::stream::{DesiredState, DesiredStatus, ObservedState, StreamStatus};
use utoipa::ToSchema;

use super::Action;

/// Where the engine says what is wrong with the program's format.
const PROGRAM: &str = "program";

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OperationStatus {
    /// The engine is at work on it.
    Pending,
    /// The stream is as the command wanted it.
    Succeeded,
    /// The engine gave up.
    Failed,
    /// A later command wanted something else before this one was carried out.
    Superseded,
}

/// A control command and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Operation {
    /// The operation.
    pub(crate) id: OperationId,
    /// The stream.
    pub(crate) stream: StreamId,
    /// What was asked.
    pub(crate) action: Action,
    /// The scene that is taken, in preview or the slate by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scene: Option<SceneId>,
    /// The format of the program that is wanted by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<ProgramFormat>,
    /// Of a change of the format: whether it takes new encoders. Then players see a discontinuity,
    /// connections to servers begin anew, and recordings begin a new file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rebuild: Option<bool>,
    /// The members of the format that take them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rebuilt_for: Vec<String>,
    /// What became of it.
    pub(crate) status: OperationStatus,
    /// The revision of the desired state that it made.
    pub(crate) desired_revision: u64,
    /// The generation of the desired state that it made.
    pub(crate) generation: u64,
    /// Who asked.
    pub(crate) requested_by: String,
    /// When.
    pub(crate) requested_at: Timestamp,
    /// When it succeeded, failed or was superseded, as first seen by this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) completed_at: Option<Timestamp>,
    /// What the stream was doing when this was written.
    pub(crate) stream_status: StreamStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Operation {
    /// A command that has just been accepted.
    pub(crate) fn accepted(
        desired: &DesiredState,
        action: Action,
        stream_status: StreamStatus,
        now: Timestamp,
    ) -> Self {
        Self {
            id: OperationId::generate(),
            stream: desired.stream.clone(),
            action,
            scene: chosen(action, desired),
            program: None,
            rebuild: None,
            rebuilt_for: Vec::new(),
            status: OperationStatus::Pending,
            desired_revision: desired.revision,
            generation: desired.generation,
            requested_by: desired.changed_by.clone(),
            requested_at: now,
            completed_at: None,
            stream_status,
            detail: None,
        }
    }

    /// With what the command changes of the program's format, which was `before`.
    #[must_use]
    pub(crate) fn changing(mut self, wanted: &ProgramFormat, before: &ProgramFormat) -> Self {
        let change = before.change_to(wanted);
        self.rebuild = Some(change.is_rebuild());
        self.rebuilt_for = match change {
            FormatChange::Rebuild { members } => members.into_iter().map(str::to_owned).collect(),
            FormatChange::None | FormatChange::Live => Vec::new(),
        };
        self.program = Some(wanted.clone());
        self
    }

    /// The operation in the light of both documents. One that has ended stays as it ended.
    #[must_use]
    pub(crate) fn seen(
        &self,
        desired: &DesiredState,
        observed: &ObservedState,
        now: Timestamp,
    ) -> Self {
        if self.status != OperationStatus::Pending {
            return self.clone();
        }
        let status = self.outcome(desired, observed);
        Self {
            status,
            stream_status: observed.status,
            completed_at: (status != OperationStatus::Pending).then_some(now),
            detail: match status {
                OperationStatus::Failed => {
                    self.refusal(observed).or_else(|| observed.reason.clone())
                }
                OperationStatus::Pending
                | OperationStatus::Succeeded
                | OperationStatus::Superseded => None,
            },
            ..self.clone()
        }
    }

    fn outcome(&self, desired: &DesiredState, observed: &ObservedState) -> OperationStatus {
        let caught_up = observed.desired_revision >= self.desired_revision
            && observed.generation >= self.generation;
        // A newer desired state is looked at only where it wants the same.
        let exact = observed.desired_revision == self.desired_revision;
        let wanted = desired.revision <= self.desired_revision || self.is_still_wanted(desired);
        if caught_up && (exact || wanted) && self.is_reached(desired.status, observed) {
            return OperationStatus::Succeeded;
        }
        if !wanted {
            return OperationStatus::Superseded;
        }
        if caught_up && self.refusal(observed).is_some() {
            return OperationStatus::Failed;
        }
        let given_up = observed.status == StreamStatus::Failed
            && observed.generation >= self.generation
            && !matches!(
                self.action,
                Action::Stop
                    | Action::RecordStart
                    | Action::RecordStop
                    | Action::Take
                    | Action::Preview
                    | Action::Configure
            );
        if given_up {
            OperationStatus::Failed
        } else {
            OperationStatus::Pending
        }
    }

    /// Whether a later command has left alone what this one wanted.
    fn is_still_wanted(&self, desired: &DesiredState) -> bool {
        let same_worker = desired.generation == self.generation;
        match self.action {
            Action::Start | Action::Resume => desired.status == DesiredStatus::Live && same_worker,
            Action::Stop => desired.status == DesiredStatus::Offline && same_worker,
            Action::Pause => desired.status == DesiredStatus::Paused && same_worker,
            Action::Restart => desired.status != DesiredStatus::Offline && same_worker,
            Action::RecordStart => is_recording(desired),
            Action::RecordStop => !is_recording(desired),
            Action::Take | Action::Preview => chosen(self.action, desired) == self.scene,
            Action::Configure => {
                let format = self.program.as_ref();
                chosen(self.action, desired) == self.scene
                    && format.is_none_or(|format| *format == desired.program)
            }
        }
    }

    fn is_reached(&self, desired: DesiredStatus, observed: &ObservedState) -> bool {
        use StreamStatus::{Degraded, Live, Offline, Paused, Reconnecting};
        let status = observed.status;
        // Once the engine has caught up, a stream that is coming back was on air as wanted.
        let is_on_air = matches!(status, Live | Degraded | Reconnecting);
        match self.action {
            Action::Start | Action::Resume => is_on_air,
            Action::Stop => status == Offline,
            Action::Pause => status == Paused,
            Action::Restart => match desired {
                DesiredStatus::Paused => status == Paused,
                DesiredStatus::Live | DesiredStatus::Offline => is_on_air,
            },
            // Off air it is what will be on air, and nothing is to be done.
            Action::Take => !status.is_on_air() || self.is_shown(observed),
            Action::Configure => self.has_format(observed),
            // The engine has told the worker.
            Action::RecordStart | Action::RecordStop | Action::Preview => true,
        }
    }

    /// Whether the program has the format that is wanted. Off air it is the one that it will have.
    fn has_format(&self, observed: &ObservedState) -> bool {
        match (&self.program, &observed.program) {
            (Some(wanted), Some(on_air)) => wanted == on_air,
            (None, _) | (_, None) => true,
        }
    }

    /// Why the program does not get the format that is wanted.
    fn refusal(&self, observed: &ObservedState) -> Option<String> {
        let mut errors = observed.errors.iter();
        let refused = errors.find(|error| error.component == PROGRAM)?;
        let asked = self.program.is_some() && !self.has_format(observed);
        asked.then(|| refused.message.clone())
    }

    /// Whether the scene is in the picture, or would be without the slate.
    fn is_shown(&self, observed: &ObservedState) -> bool {
        let program = observed.covered.as_ref().or(observed.scene.as_ref());
        program.map(|scene| scene.id) == self.scene
    }
}

fn is_recording(desired: &DesiredState) -> bool {
    let id = OutputId::recording();
    let recording = desired.outputs.iter().find(|output| output.id == id);
    recording.is_some_and(|output| output.enabled)
}

/// The scene that a command of this kind chooses.
fn chosen(action: Action, desired: &DesiredState) -> Option<SceneId> {
    match action {
        Action::Start
        | Action::Stop
        | Action::Pause
        | Action::Resume
        | Action::Restart
        | Action::RecordStart
        | Action::RecordStop => None,
        Action::Take => desired.chosen.scene,
        Action::Preview => desired.chosen.preview,
        Action::Configure => desired.chosen.slate,
    }
}

#[cfg(test)]
mod tests {
    use sm_common::program::ProgramFormat;
    use sm_common::stream::{ChosenScenes, SceneOnAir};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(9);

    fn documents(
        wanted: DesiredStatus,
        status: StreamStatus,
        satisfied: u64,
    ) -> (DesiredState, ObservedState) {
        let desired = DesiredState {
            stream: StreamId::default(),
            status: wanted,
            generation: 1,
            revision: 5,
            since: NOW,
            changed_by: "ana".to_owned(),
            program: ProgramFormat::default(),
            ladder: Vec::new(),
            outputs: Vec::new(),
            forced: false,
            chosen: ChosenScenes::default(),
        };
        let mut observed = ObservedState::never_held(StreamId::default(), NOW);
        observed.status = status;
        observed.desired_revision = satisfied;
        observed.generation = 1;
        observed.reason = Some("no encoder".to_owned());
        (desired, observed)
    }

    #[test]
    fn an_operation_ends_when_the_engine_has_caught_up() {
        use DesiredStatus as Wanted;
        use OperationStatus::{Failed, Pending, Succeeded};
        let cases = [
            (
                Action::Start,
                Wanted::Live,
                StreamStatus::Starting,
                4,
                Pending,
            ),
            (Action::Start, Wanted::Live, StreamStatus::Live, 4, Pending),
            (
                Action::Start,
                Wanted::Live,
                StreamStatus::Live,
                5,
                Succeeded,
            ),
            (
                Action::Start,
                Wanted::Live,
                StreamStatus::Degraded,
                5,
                Succeeded,
            ),
            (Action::Start, Wanted::Live, StreamStatus::Failed, 4, Failed),
            (
                Action::Stop,
                Wanted::Offline,
                StreamStatus::Stopping,
                4,
                Pending,
            ),
            (
                Action::Stop,
                Wanted::Offline,
                StreamStatus::Offline,
                5,
                Succeeded,
            ),
            (
                Action::Pause,
                Wanted::Paused,
                StreamStatus::Paused,
                5,
                Succeeded,
            ),
            (
                Action::Restart,
                Wanted::Paused,
                StreamStatus::Live,
                5,
                Pending,
            ),
            (
                Action::Restart,
                Wanted::Paused,
                StreamStatus::Paused,
                5,
                Succeeded,
            ),
        ];
        for (action, wanted, status, satisfied, expected) in cases {
            let (desired, observed) = documents(wanted, status, satisfied);
            let operation = Operation::accepted(&desired, action, status, NOW);
            let seen = operation.seen(&desired, &observed, NOW);
            assert_eq!(seen.status, expected, "{action:?} {status} {satisfied}");
            assert_eq!(seen.completed_at.is_some(), expected != Pending);
            assert_eq!(seen.detail.is_some(), expected == Failed);
        }
    }

    #[test]
    fn a_change_of_outputs_supersedes_no_command() {
        let (mut desired, mut observed) = documents(DesiredStatus::Live, StreamStatus::Starting, 4);
        let operation = Operation::accepted(&desired, Action::Start, observed.status, NOW);
        desired.revision = 6;
        let seen = operation.seen(&desired, &observed, NOW);
        assert_eq!(seen.status, OperationStatus::Pending);
        (observed.status, observed.desired_revision) = (StreamStatus::Live, 6);
        let seen = operation.seen(&desired, &observed, NOW);
        assert_eq!(seen.status, OperationStatus::Succeeded);
    }

    #[test]
    fn a_later_command_supersedes_one_that_was_not_carried_out() {
        let (mut desired, observed) = documents(DesiredStatus::Live, StreamStatus::Starting, 4);
        let operation = Operation::accepted(&desired, Action::Start, observed.status, NOW);
        desired.revision = 6;
        desired.status = DesiredStatus::Offline;
        let seen = operation.seen(&desired, &observed, NOW);
        assert_eq!(seen.status, OperationStatus::Superseded);
        let later = seen.seen(&desired, &observed, Timestamp::from_unix_millis(99));
        assert_eq!(later, seen, "an ended operation stays as it ended");
    }

    #[test]
    fn a_take_is_over_when_its_scene_is_in_the_picture_or_would_be() {
        use OperationStatus::{Pending, Succeeded, Superseded};
        let (scene, other) = (SceneId::generate(), SceneId::generate());
        let shown = |id| {
            Some(SceneOnAir {
                id,
                name: "a".to_owned(),
                revision: 1,
            })
        };
        let cases = [
            // status, in the picture, covered, satisfied, expected
            (StreamStatus::Live, shown(other), None, 4, Pending),
            (StreamStatus::Live, shown(other), None, 5, Pending),
            (StreamStatus::Live, shown(scene), None, 5, Succeeded),
            (StreamStatus::Paused, None, shown(scene), 5, Succeeded),
            (StreamStatus::Paused, shown(scene), shown(other), 5, Pending),
            (StreamStatus::Offline, None, None, 5, Succeeded),
            (StreamStatus::Failed, None, None, 5, Succeeded),
            (StreamStatus::Failed, None, None, 4, Pending),
        ];
        for (status, in_picture, covered, satisfied, expected) in cases {
            let (mut desired, mut observed) = documents(DesiredStatus::Live, status, satisfied);
            desired.chosen.scene = Some(scene);
            (observed.scene, observed.covered) = (in_picture, covered);
            let operation = Operation::accepted(&desired, Action::Take, status, NOW);
            let seen = operation.seen(&desired, &observed, NOW);
            assert_eq!(seen.status, expected, "{observed:?}");
        }
        let (mut desired, observed) = documents(DesiredStatus::Live, StreamStatus::Live, 4);
        desired.chosen.scene = Some(scene);
        let operation = Operation::accepted(&desired, Action::Take, observed.status, NOW);
        desired.revision = 6;
        desired.chosen.scene = Some(other);
        let seen = operation.seen(&desired, &observed, NOW);
        assert_eq!(seen.status, Superseded);
    }

    #[test]
    fn a_later_command_that_wants_something_else_besides_supersedes_nothing() {
        let (mut desired, mut observed) = documents(DesiredStatus::Live, StreamStatus::Starting, 4);
        let operation = Operation::accepted(&desired, Action::Start, observed.status, NOW);
        desired.revision = 6;
        desired.chosen.preview = Some(SceneId::generate());
        let seen = operation.seen(&desired, &observed, NOW);
        assert_eq!(seen.status, OperationStatus::Pending);
        (observed.status, observed.desired_revision) = (StreamStatus::Live, 6);
        let seen = operation.seen(&desired, &observed, NOW);
        assert_eq!(seen.status, OperationStatus::Succeeded);
    }
}
