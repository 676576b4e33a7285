use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::{OperationId, OutputId, StreamId};
use sm_common::stream::{DesiredState, DesiredStatus, ObservedState, StreamStatus};
use utoipa::ToSchema;

use super::Action;

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
        let failed = status == OperationStatus::Failed;
        Self {
            status,
            stream_status: observed.status,
            completed_at: (status != OperationStatus::Pending).then_some(now),
            detail: if failed {
                observed.reason.clone()
            } else {
                None
            },
            ..self.clone()
        }
    }

    fn outcome(&self, desired: &DesiredState, observed: &ObservedState) -> OperationStatus {
        let caught_up = observed.desired_revision >= self.desired_revision
            && observed.generation >= self.generation;
        // A newer desired state is looked at when the engine did not get to this one, unless it
        // wants the same of the stream: a change of outputs does.
        let exact = observed.desired_revision == self.desired_revision;
        let still_wanted = self.is_wanted_by(desired);
        if caught_up && (exact || still_wanted) && self.is_reached(desired.status, observed.status)
        {
            return OperationStatus::Succeeded;
        }
        if desired.revision > self.desired_revision && !still_wanted {
            return OperationStatus::Superseded;
        }
        let given_up = observed.status == StreamStatus::Failed
            && observed.generation >= self.generation
            && !matches!(
                self.action,
                Action::Stop | Action::RecordStart | Action::RecordStop
            );
        if given_up {
            OperationStatus::Failed
        } else {
            OperationStatus::Pending
        }
    }

    /// Whether the desired state still wants what this command wanted.
    fn is_wanted_by(&self, desired: &DesiredState) -> bool {
        let status = match self.action {
            Action::Start | Action::Resume => DesiredStatus::Live,
            Action::Stop => DesiredStatus::Offline,
            Action::Pause => DesiredStatus::Paused,
            Action::Restart => desired.status,
            Action::RecordStart | Action::RecordStop => {
                let id = OutputId::recording();
                let recording = desired.outputs.iter().find(|output| output.id == id);
                let is_on = recording.is_some_and(|output| output.enabled);
                return is_on == (self.action == Action::RecordStart);
            }
        };
        desired.generation == self.generation && desired.status == status
    }

    fn is_reached(&self, desired: DesiredStatus, observed: StreamStatus) -> bool {
        use StreamStatus::{Degraded, Live, Offline, Paused, Reconnecting};
        match self.action {
            // Once the engine has caught up, a stream that is coming back was on air as wanted.
            Action::Start | Action::Resume => matches!(observed, Live | Degraded | Reconnecting),
            Action::Stop => observed == Offline,
            Action::Pause => observed == Paused,
            Action::Restart => match desired {
                DesiredStatus::Paused => observed == Paused,
                DesiredStatus::Live | DesiredStatus::Offline => {
                    matches!(observed, Live | Degraded | Reconnecting)
                }
            },
            // The engine has told the worker.
            Action::RecordStart | Action::RecordStop => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::program::ProgramFormat;

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
            outputs: Vec::new(),
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
}
