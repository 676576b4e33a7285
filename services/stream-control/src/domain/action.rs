use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::stream::{DesiredState, DesiredStatus, ObservedState, StreamStatus};
use utoipa::ToSchema;

use super::choice::{ChoiceRefusal, KnownScenes, choose};
use super::command::Command;

/// What an operator may ask of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
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
    /// Put a scene on air; off air: the one that will be.
    Take,
    /// Put a scene into preview, or none.
    Preview,
    /// Change how the stream is to be: which scene is its slate.
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
    match (desired.status, observed.status) {
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
///               start  stop  pause  resume  restart  take, preview, configure
/// offline         x                                            x
/// starting               x                     x               x
/// live                   x     x               x               x
/// paused                 x            x        x               x
/// degraded               x     x               x               x
/// reconnecting           x     x      x        x               x
/// stopping        x                                            x
/// failed          x      x                     x               x
/// ```
///
/// Of pause and resume, a reconnecting stream takes whichever is not wanted already.
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
        Action::Take | Action::Preview | Action::Configure => true,
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
        Action::Restart | Action::Take | Action::Preview | Action::Configure => desired.status,
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
        outputs: desired.outputs.clone(),
        chosen,
    })
}

#[cfg(test)]
mod tests {
    use sm_common::id::StreamId;
    use sm_common::program::ProgramFormat;
    use sm_common::stream::ChosenScenes;
    use sm_common::transition::Transition;

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
            outputs: Vec::new(),
            chosen: ChosenScenes::default(),
        }
    }

    fn observed(status: StreamStatus, desired_revision: u64) -> ObservedState {
        let mut observed = ObservedState::never_held(StreamId::default(), NOW);
        observed.status = status;
        observed.desired_revision = desired_revision;
        observed
    }

    const ACTIONS: [Action; 8] = [
        Action::Start,
        Action::Stop,
        Action::Pause,
        Action::Resume,
        Action::Restart,
        Action::Take,
        Action::Preview,
        Action::Configure,
    ];
    /// What is legal in every status.
    const ALWAYS: &str = "take preview configure";

    /// The table in the comment of [`is_legal`], as text.
    const TABLE: [(StreamStatus, &str); 8] = [
        (StreamStatus::Offline, "start"),
        (StreamStatus::Starting, "stop restart"),
        (StreamStatus::Live, "stop pause restart"),
        (StreamStatus::Paused, "stop resume restart"),
        (StreamStatus::Degraded, "stop pause restart"),
        (StreamStatus::Reconnecting, "stop pause resume restart"),
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
            transition: Transition::default(),
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
