//! The body of a control command, read into a [`Command`].

use serde::{Deserialize, Deserializer, Serialize};
use sm_common::id::{SceneId, StreamId};
use sm_common::ladder::{self, Rendition};
use sm_common::layer::Easing;
use sm_common::problem::FieldError;
use sm_common::transition::{
    Direction, SceneTransition, TRANSITION_MS, TRANSITION_MS_MAX, TransitionKind,
};
use utoipa::ToSchema;

use crate::domain::{Action, Command, ProgramChange, SlateChoice};

/// A member that names a scene, or says with null that there is to be none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Named {
    /// The member is not there.
    #[default]
    Absent,
    /// The scene, or none.
    Present(Option<SceneId>),
}

impl Named {
    const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    const fn slate(self) -> SlateChoice {
        match self {
            Self::Absent => SlateChoice::Unchanged,
            Self::Present(None) => SlateChoice::BuiltIn,
            Self::Present(Some(scene)) => SlateChoice::Scene(scene),
        }
    }

    const fn scene(self) -> Option<SceneId> {
        match self {
            Self::Absent => None,
            Self::Present(scene) => scene,
        }
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Present)
    }
}

/// A control command.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ControlRequest {
    /// What to do.
    pub(crate) action: Action,
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    pub(crate) stream: StreamId,
    /// `take`: the scene to put on air, the one in preview unless said otherwise. `preview`: the
    /// scene to put into preview, null for none.
    #[serde(default, skip_serializing_if = "Named::is_absent")]
    #[schema(value_type = Option<SceneId>)]
    scene: Named,
    /// `take`: what happens between the two scenes; a cut unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transition: Option<TransitionKind>,
    /// `take`: where a wipe or a slide moves to; left unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    /// `take`: how long the transition takes; 500 unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10000)]
    duration_ms: Option<u32>,
    /// `take`: how the transition moves over its time; linear unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    easing: Option<Easing>,
    /// `configure`: the scene that stands in for the program, null for the built-in slate.
    #[serde(default, skip_serializing_if = "Named::is_absent")]
    #[schema(value_type = Option<SceneId>)]
    slate: Named,
    /// `configure`: the further encodings of the program, each smaller than itself, that
    /// `master.m3u8` offers to players; empty for none. It is changed on air without an
    /// interruption. A name keeps its settings until the stream is restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 4)]
    ladder: Option<Vec<Rendition>>,
    /// `configure`: what of the program's format is to be another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<ProgramChange>,
    /// `start` and `configure`, of admins: also where the hosts have not enough CPU left for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) force: bool,
}

impl ControlRequest {
    /// The command, or every field that is wrong.
    pub(crate) fn command(&self) -> Result<Command, Vec<FieldError>> {
        let mut errors = self.strangers();
        let command = match self.action {
            Action::Start => Command::Start,
            Action::Stop => Command::Stop,
            Action::Pause => Command::Pause,
            Action::Resume => Command::Resume,
            Action::Restart => Command::Restart,
            Action::RecordStart => Command::RecordStart,
            Action::RecordStop => Command::RecordStop,
            Action::Take => Command::Take {
                scene: self.scene.scene(),
                transition: self.transition(&mut errors),
            },
            Action::Preview => {
                if self.scene.is_absent() {
                    errors.push(FieldError::new("/scene", "name a scene, or null for none"));
                }
                Command::Preview {
                    scene: self.scene.scene(),
                }
            }
            Action::Configure => {
                let program = self.program.clone().unwrap_or_default();
                if self.slate.is_absent() && self.ladder.is_none() && program.is_empty() {
                    let detail = "name a scene, or null for the built-in slate; or give a `ladder`, or \
                                  say in `program` what is to be another";
                    errors.push(FieldError::new("/slate", detail));
                }
                let ladder = self.ladder.as_deref().unwrap_or_default();
                errors.extend(ladder::check(ladder, "/ladder"));
                Command::Configure {
                    slate: self.slate.slate(),
                    ladder: self.ladder.clone(),
                    program,
                }
            }
        };
        if errors.is_empty() {
            Ok(command)
        } else {
            Err(errors)
        }
    }

    fn transition(&self, errors: &mut Vec<FieldError>) -> SceneTransition {
        let kind = self.transition.unwrap_or_default();
        let duration_ms = self.duration_ms.unwrap_or(TRANSITION_MS);
        if duration_ms > TRANSITION_MS_MAX {
            let detail = format!("must be from 0 to {TRANSITION_MS_MAX}");
            errors.push(FieldError::new("/duration_ms", detail));
        }
        SceneTransition {
            kind,
            direction: self.direction.unwrap_or_default(),
            duration_ms: match kind {
                TransitionKind::Cut => 0,
                TransitionKind::Fade | TransitionKind::Wipe | TransitionKind::Slide => duration_ms,
            },
            easing: self.easing.unwrap_or_default(),
        }
    }

    /// Members that mean nothing to the action.
    fn strangers(&self) -> Vec<FieldError> {
        let (takes, previews) = (Action::Take, Action::Preview);
        let members: [(&str, bool, &[Action]); 9] = [
            ("/scene", !self.scene.is_absent(), &[takes, previews]),
            ("/transition", self.transition.is_some(), &[takes]),
            ("/direction", self.direction.is_some(), &[takes]),
            ("/duration_ms", self.duration_ms.is_some(), &[takes]),
            ("/easing", self.easing.is_some(), &[takes]),
            ("/slate", !self.slate.is_absent(), &[Action::Configure]),
            ("/force", self.force, &[Action::Start, Action::Configure]),
            ("/program", self.program.is_some(), &[Action::Configure]),
            ("/ladder", self.ladder.is_some(), &[Action::Configure]),
        ];
        members
            .into_iter()
            .filter(|(_, there, actions)| *there && !actions.contains(&self.action))
            .map(|(pointer, ..)| {
                FieldError::new(pointer, format!("is not for `{}`", self.action.as_str()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<Command, Vec<String>> {
        let request: ControlRequest = serde_json::from_value(body).unwrap();
        request
            .command()
            .map_err(|errors| errors.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn a_take_has_its_transition() {
        let scene = SceneId::generate();
        let take = |body: Value| {
            let Command::Take { scene, transition } = read(body).unwrap() else {
                panic!("a take")
            };
            (scene, transition)
        };
        let cut = take(json!({"action": "take", "duration_ms": 700}));
        assert_eq!(cut, (None, SceneTransition::default()));
        let wipe = take(
            json!({"action": "take", "scene": scene, "transition": "wipe",
            "direction": "up", "duration_ms": 0, "easing": "ease-in-out"}),
        );
        let expected = SceneTransition {
            kind: TransitionKind::Wipe,
            direction: Direction::Up,
            duration_ms: 0,
            easing: Easing::EaseInOut,
        };
        assert_eq!(wipe, (Some(scene), expected));
        let (_, fade) = take(json!({"action": "take", "transition": "fade"}));
        assert_eq!(fade.duration_ms, TRANSITION_MS);
    }

    #[test]
    fn nothing_is_told_from_no_scene() {
        let none = read(json!({"action": "preview", "scene": null}));
        assert_eq!(none, Ok(Command::Preview { scene: None }));
        let built_in = read(json!({"action": "configure", "slate": null}));
        let configure = |slate, program| Command::Configure {
            slate,
            ladder: None,
            program,
        };
        let unchanged = ProgramChange::default();
        assert_eq!(built_in, Ok(configure(SlateChoice::BuiltIn, unchanged)));
        let faster = ProgramChange {
            framerate: Some(60),
            ..ProgramChange::default()
        };
        let format = read(json!({"action": "configure", "program": {"framerate": 60}}));
        assert_eq!(format, Ok(configure(SlateChoice::Unchanged, faster)));
        for (body, pointer) in [
            (json!({"action": "preview"}), "/scene"),
            (json!({"action": "configure"}), "/slate"),
            (json!({"action": "configure", "program": {}}), "/slate"),
            (json!({"action": "stop", "program": {}}), "/program"),
            (json!({"action": "restart", "force": true}), "/force"),
            (json!({"action": "start", "scene": null}), "/scene"),
            (
                json!({"action": "preview", "scene": null, "slate": null}),
                "/slate",
            ),
            (json!({"action": "pause", "duration_ms": 5}), "/duration_ms"),
            (json!({"action": "pause", "easing": "linear"}), "/easing"),
            (
                json!({"action": "take", "duration_ms": 10_001}),
                "/duration_ms",
            ),
        ] {
            assert_eq!(read(body), Err(vec![pointer.to_owned()]));
        }
    }

    #[test]
    fn a_ladder_is_read_with_all_its_faults() {
        let low = json!({"name": "360p", "height": 360, "video_bitrate_kbps": 800});
        let given = read(json!({"action": "configure", "ladder": [low]}));
        let expected = Command::Configure {
            slate: SlateChoice::Unchanged,
            ladder: Some(vec![Rendition {
                name: "360p".parse().unwrap(),
                width: None,
                height: 360,
                video_bitrate_kbps: 800,
            }]),
            program: ProgramChange::default(),
        };
        assert_eq!(given, Ok(expected));
        let none = read(json!({"action": "configure", "ladder": []}));
        let expected = Command::Configure {
            slate: SlateChoice::Unchanged,
            ladder: Some(Vec::new()),
            program: ProgramChange::default(),
        };
        assert_eq!(none, Ok(expected));
        let wrong = json!({"name": "360p", "height": 361, "video_bitrate_kbps": 800});
        let faults = read(json!({"action": "configure", "ladder": [low, wrong]}));
        let pointers = ["/ladder/1/name", "/ladder/1/height"];
        assert_eq!(faults, Err(pointers.map(str::to_owned).to_vec()));
        let elsewhere = read(json!({"action": "start", "ladder": []}));
        assert_eq!(elsewhere, Err(vec!["/ladder".to_owned()]));
    }

    #[test]
    fn a_request_without_new_members_has_the_digest_it_had() {
        let request: ControlRequest = serde_json::from_value(json!({"action": "start"})).unwrap();
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(text, r#"{"action":"start","stream":"main"}"#);
    }
}
