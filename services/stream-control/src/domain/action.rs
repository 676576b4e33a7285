use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::OutputId;
use sm_common::output::{Adaptive, FileTarget, Output, OutputTarget};
use sm_common::stream::{DesiredState, DesiredStatus, ObservedState, StreamStatus};
use utoipa::ToSchema;

use super::choice::{ChoiceRefusal, KnownScenes, choose};
use super::command::Command;

/// What an operator may ask of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Go on air.
    Start,
    /// Go off air.
    Stop,
    /// Show the slate; outputs stay connected.
    Pause,
    /// Show the program again.
    Resume,
    /// Replace the media worker; a short interruption, the same program.
    Restart,
    /// Record the program: adds or enables the output `recording`.
    RecordStart,
    /// Record no more: disables it.
    RecordStop,
    /// Put a scene on air; off air: the one that will be.
    Take,
    /// Put a scene into preview, or none.
    Preview,
    /// Change how the stream is to be: which scene is its slate, and the program's format.
    Configure,
}

impl Action {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Restart => "restart",
            Self::RecordStart => "record-start",
            Self::RecordStop => "record-stop",
            Self::Take => "take",
            Self::Preview => "preview",
            Self::Configure => "configure",
        }
    }
}

/// The action is not legal in this status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action} a stream that is {status}", action = .action.as_str())]
pub(crate) struct Illegal {
    pub(crate) action: Action,
    pub(crate) status: StreamStatus,
}

/// Why a command is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Illegal(#[from] Illegal),
    #[error(transparent)]
    Choice(#[from] ChoiceRefusal),
}

/// What the stream counts as when a command arrives: the observed status, unless the engine has
/// not yet caught up with the last command. Then it counts as on its way there.
pub(crate) fn standing(desired: &DesiredState, observed: &ObservedState) -> StreamStatus {
    use StreamStatus::{Degraded, Failed, Live, Offline, Paused, Reconnecting, Starting, Stopping};
    if observed.desired_revision >= desired.revision {
        return observed.status;
    }
    // A start or a restart raises the generation; a change of outputs brings nothing back.
    let is_given_up = observed.status == Failed && observed.generation >= desired.generation;
    match (desired.status, observed.status) {
        (DesiredStatus::Live | DesiredStatus::Paused, Failed) if is_given_up => Failed,
        (DesiredStatus::Offline, Offline) => Offline,
        (DesiredStatus::Offline, _) => Stopping,
        (DesiredStatus::Live | DesiredStatus::Paused, Offline | Stopping | Failed | Starting) => {
            Starting
        }
        (DesiredStatus::Live, Live | Paused | Degraded) => Live,
        (DesiredStatus::Paused, Live | Paused | Degraded) => Paused,
        (DesiredStatus::Live | DesiredStatus::Paused, Reconnecting) => Reconnecting,
    }
}

/// The one table of what is legal when.
///
/// ```text
///               start  stop  pause  resume  restart  record-start  record-stop  the others
/// offline         x                                                     x           x
/// starting               x                     x           x            x           x
/// live                   x     x               x           x            x           x
/// paused                 x            x        x           x            x           x
/// degraded               x     x               x           x            x           x
/// reconnecting           x     x      x        x           x            x           x
/// stopping        x                                                     x           x
/// failed          x      x                     x                        x           x
/// ```
///
/// The others are take, preview and configure. Of a reconnecting stream, pause and resume:
/// whichever is not wanted. A recording can be ended in every status, so that it does not begin
/// again with the next start.
const fn is_legal(action: Action, status: StreamStatus) -> bool {
    use StreamStatus::{Degraded, Failed, Live, Offline, Paused, Reconnecting, Starting, Stopping};
    match action {
        Action::Start => matches!(status, Offline | Stopping | Failed),
        Action::Stop => {
            matches!(
                status,
                Starting | Live | Paused | Degraded | Reconnecting | Failed
            )
        }
        Action::Pause => matches!(status, Live | Degraded | Reconnecting),
        Action::Resume => matches!(status, Paused | Reconnecting),
        Action::Restart => {
            matches!(
                status,
                Starting | Live | Paused | Degraded | Reconnecting | Failed
            )
        }
        Action::RecordStart => {
            matches!(status, Starting | Live | Paused | Degraded | Reconnecting)
        }
        Action::RecordStop | Action::Take | Action::Preview | Action::Configure => true,
    }
}

/// The desired state after `command`, or why there is none.
pub(crate) fn apply(
    desired: &DesiredState,
    standing: StreamStatus,
    command: &Command,
    scenes: &KnownScenes,
    by: &str,
    now: Timestamp,
) -> Result<DesiredState, Refusal> {
    let action = command.action();
    let illegal = Illegal {
        action,
        status: standing,
    };
    if !is_legal(action, standing) {
        return Err(illegal.into());
    }
    let chosen = choose(&desired.chosen, command, scenes)?;
    let status = match action {
        Action::Start | Action::Resume => DesiredStatus::Live,
        Action::Stop => DesiredStatus::Offline,
        Action::Pause => DesiredStatus::Paused,
        // A restart of what was to be off air would be a start.
        Action::Restart
        | Action::RecordStart
        | Action::RecordStop
        | Action::Take
        | Action::Preview
        | Action::Configure => desired.status,
    };
    let changes_nothing =
        status == desired.status && matches!(action, Action::Pause | Action::Resume);
    if changes_nothing {
        return Err(illegal.into());
    }
    // A failed stream whose desired status stays the same needs a new generation to be tried again.
    let again = matches!(action, Action::Restart | Action::Start);
    Ok(DesiredState {
        stream: desired.stream.clone(),
        status,
        generation: desired.generation.saturating_add(u64::from(again)),
        revision: desired.revision.saturating_add(1),
        since: if status == desired.status {
            desired.since
        } else {
            now
        },
        changed_by: by.to_owned(),
        program: desired.program.clone(),
        ladder: match command {
            Command::Configure {
                ladder: Some(ladder),
                ..
            } => ladder.clone(),
            Command::Configure { ladder: None, .. }
            | Command::Start
            | Command::Stop
            | Command::Pause
            | Command::Resume
            | Command::Restart
            | Command::RecordStart
            | Command::RecordStop
            | Command::Take { .. }
            | Command::Preview { .. } => desired.ladder.clone(),
        },
        outputs: match action {
            Action::RecordStart => recording(&desired.outputs, true, now),
            Action::RecordStop => recording(&desired.outputs, false, now),
            Action::Start
            | Action::Stop
            | Action::Pause
            | Action::Resume
            | Action::Restart
            | Action::Take
            | Action::Preview
            | Action::Configure => desired.outputs.clone(),
        },
        forced: desired.forced,
        chosen,
    })
}

/// The outputs with the recording switched on or off; it is added when it is first switched on.
fn recording(outputs: &[Output], enabled: bool, now: Timestamp) -> Vec<Output> {
    let mut outputs = outputs.to_vec();
    let id = OutputId::recording();
    match outputs.iter_mut().find(|output| output.id == id) {
        Some(output) if output.enabled != enabled => {
            output.enabled = enabled;
            output.revision = output.revision.saturating_add(1);
            output.updated_at = now;
        }
        None if enabled => outputs.push(Output {
            id,
            name: "Recording".to_owned(),
            target: OutputTarget::File(FileTarget::default()),
            adaptive: Adaptive::default(),
            enabled,
            generation: 1,
            revision: 1,
            created_at: now,
            updated_at: now,
        }),
        Some(_) | None => {}
    }
    outputs
}

#[cfg(test)]
mod tests {
    use sm_common::id::StreamId;
    use sm_common::program::ProgramFormat;
    use sm_common::stream::ChosenScenes;
    use sm_common::transition::SceneTransition;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000_000);

    fn desired(status: DesiredStatus) -> DesiredState {
        DesiredState {
            stream: StreamId::default(),
            status,
            generation: 3,
            revision: 7,
            since: Timestamp::from_unix_millis(0),
            changed_by: "somebody".to_owned(),
            program: ProgramFormat::default(),
            ladder: Vec::new(),
            outputs: Vec::new(),
            forced: false,
            chosen: ChosenScenes::default(),
        }
    }

    fn observed(status: StreamStatus, desired_revision: u64) -> ObservedState {
        let mut observed = ObservedState::never_held(StreamId::default(), NOW);
        observed.status = status;
        observed.desired_revision = desired_revision;
        observed
    }

    const ACTIONS: [Action; 10] = [
        Action::Start,
        Action::Stop,
        Action::Pause,
        Action::Resume,
        Action::Restart,
        Action::RecordStart,
        Action::RecordStop,
        Action::Take,
        Action::Preview,
        Action::Configure,
    ];
    /// What is legal in every status.
    const ALWAYS: &str = "record-stop take preview configure";

    /// The table in the comment of [`is_legal`], as text.
    const TABLE: [(StreamStatus, &str); 8] = [
        (StreamStatus::Offline, "start"),
        (StreamStatus::Starting, "stop restart record-start"),
        (StreamStatus::Live, "stop pause restart record-start"),
        (StreamStatus::Paused, "stop resume restart record-start"),
        (StreamStatus::Degraded, "stop pause restart record-start"),
        (
            StreamStatus::Reconnecting,
            "stop pause resume restart record-start",
        ),
        (StreamStatus::Stopping, "start"),
        (StreamStatus::Failed, "start stop restart"),
    ];

    #[test]
    fn every_action_is_legal_in_exactly_the_statuses_of_the_table() {
        for (status, legal) in TABLE {
            for action in ACTIONS {
                let mut legal = legal.split(' ').chain(ALWAYS.split(' '));
                let expected = legal.any(|word| word == action.as_str());
                assert_eq!(is_legal(action, status), expected, "{action:?} in {status}");
            }
        }
    }

    #[test]
    fn an_illegal_action_names_itself_and_the_status() {
        let refused = apply(
            &desired(DesiredStatus::Offline),
            StreamStatus::Offline,
            &Command::Stop,
            &KnownScenes::default(),
            "a",
            NOW,
        );
        let illegal = refused.unwrap_err();
        assert_eq!(illegal.to_string(), "cannot stop a stream that is offline");
    }

    #[test]
    fn each_action_leads_to_the_state_it_names() {
        use DesiredStatus::{Live, Offline, Paused};
        let cases = [
            (Offline, StreamStatus::Offline, Command::Start, Live, 4),
            (Live, StreamStatus::Live, Command::Stop, Offline, 3),
            (Live, StreamStatus::Live, Command::Pause, Paused, 3),
            (Paused, StreamStatus::Paused, Command::Resume, Live, 3),
            (Paused, StreamStatus::Paused, Command::Restart, Paused, 4),
            (Live, StreamStatus::Failed, Command::Start, Live, 4),
        ];
        let none = KnownScenes::default();
        for (before, standing, command, after, generation) in cases {
            let next = apply(&desired(before), standing, &command, &none, "ana", NOW).unwrap();
            assert_eq!(
                (next.status, next.generation, next.revision),
                (after, generation, 8)
            );
            assert_eq!(next.changed_by, "ana");
            let expected_since = if before == after {
                0
            } else {
                NOW.as_unix_millis()
            };
            assert_eq!(next.since.as_unix_millis(), expected_since, "{command:?}");
        }
    }

    #[test]
    fn a_reconnecting_stream_can_be_paused_once() {
        let paused = desired(DesiredStatus::Paused);
        let none = KnownScenes::default();
        let again = apply(
            &paused,
            StreamStatus::Reconnecting,
            &Command::Pause,
            &none,
            "a",
            NOW,
        );
        assert!(again.is_err());
        assert!(
            apply(
                &paused,
                StreamStatus::Reconnecting,
                &Command::Resume,
                &none,
                "a",
                NOW
            )
            .is_ok()
        );
    }

    #[test]
    fn a_recording_is_added_once_and_then_switched() {
        let scenes = KnownScenes::default();
        let apply = |desired: &DesiredState, command| {
            apply(desired, StreamStatus::Live, &command, &scenes, "ana", NOW).unwrap()
        };
        let nothing = apply(&desired(DesiredStatus::Live), Command::RecordStop);
        assert!(nothing.outputs.is_empty());
        let on = apply(&nothing, Command::RecordStart);
        let still_on = apply(&on, Command::RecordStart);
        assert_eq!(still_on.outputs, on.outputs);
        let off = apply(&still_on, Command::RecordStop);
        assert_eq!((off.status, off.generation), (DesiredStatus::Live, 3));
        assert_eq!((off.outputs.len(), off.outputs[0].enabled), (1, false));
        let again = apply(&off, Command::RecordStart);
        assert_eq!((again.outputs.len(), again.outputs[0].revision), (1, 3));
        assert!(again.outputs[0].enabled);
    }

    #[test]
    fn a_change_of_outputs_leaves_the_stream_where_it_is() {
        let wanted = desired(DesiredStatus::Live);
        for status in [StreamStatus::Live, StreamStatus::Reconnecting] {
            assert_eq!(standing(&wanted, &observed(status, 6)), status);
        }
        let mut failed = observed(StreamStatus::Failed, 6);
        failed.generation = wanted.generation;
        assert_eq!(standing(&wanted, &failed), StreamStatus::Failed);
        failed.generation -= 1;
        assert_eq!(standing(&wanted, &failed), StreamStatus::Starting);
    }

    #[test]
    fn a_command_counts_before_the_engine_has_obeyed_it() {
        let wanted = desired(DesiredStatus::Live);
        assert_eq!(
            standing(&wanted, &observed(StreamStatus::Offline, 6)),
            StreamStatus::Starting
        );
        assert_eq!(
            standing(&wanted, &observed(StreamStatus::Degraded, 7)),
            StreamStatus::Degraded
        );
        let unwanted = desired(DesiredStatus::Offline);
        assert_eq!(
            standing(&unwanted, &observed(StreamStatus::Live, 6)),
            StreamStatus::Stopping
        );
        assert_eq!(
            standing(&unwanted, &observed(StreamStatus::Offline, 6)),
            StreamStatus::Offline
        );
    }

    #[test]
    fn a_take_changes_what_is_on_air_and_nothing_else() {
        let scene = sm_common::id::SceneId::generate();
        let scenes = KnownScenes {
            ids: vec![scene],
            ..KnownScenes::default()
        };
        let take = Command::Take {
            scene: Some(scene),
            transition: SceneTransition::default(),
        };
        for status in StreamStatus::ALL {
            let before = desired(DesiredStatus::Paused);
            let after = apply(&before, status, &take, &scenes, "ana", NOW).unwrap();
            assert_eq!(after.chosen.scene, Some(scene), "{status}");
            let unchanged = DesiredState {
                revision: before.revision,
                changed_by: before.changed_by.clone(),
                chosen: before.chosen.clone(),
                ..after
            };
            assert_eq!(unchanged, before);
        }
    }
}
