//! Which scene is on air, in preview and the slate.

use sm_common::id::SceneId;
use sm_common::stream::ChosenScenes;
use sm_common::transition::Take;

use super::command::{Command, SlateChoice};

/// The scenes that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownScenes {
    /// The revision of their list; `None` before a version with several scenes has written it.
    pub(crate) revision: Option<u64>,
    pub(crate) ids: Vec<SceneId>,
    /// Drafts of them, which can be looked at in preview and not be taken.
    pub(crate) drafts: Vec<SceneId>,
    /// The one that is on air while nobody has chosen another.
    pub(crate) first: Option<SceneId>,
}

/// Why a scene is not chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChoiceRefusal {
    #[error("there is no scene {0}")]
    NoSuchScene(SceneId),
    #[error("scene {0} is a draft, which can only be in preview; apply it to its scene first")]
    Draft(SceneId),
    #[error("no scene is in preview; name the scene to take, or put one into preview first")]
    NothingInPreview,
}

/// The chosen scenes after `command`.
pub(crate) fn choose(
    chosen: &ChosenScenes,
    command: &Command,
    scenes: &KnownScenes,
) -> Result<ChosenScenes, ChoiceRefusal> {
    let known = |scene: SceneId| {
        if scenes.ids.contains(&scene) {
            Ok(scene)
        } else if scenes.drafts.contains(&scene) {
            Err(ChoiceRefusal::Draft(scene))
        } else {
            Err(ChoiceRefusal::NoSuchScene(scene))
        }
    };
    let can_be_seen = |scene: SceneId| match known(scene) {
        Err(ChoiceRefusal::Draft(draft)) => Ok(draft),
        outcome => outcome,
    };
    let mut next = chosen.clone();
    match command {
        Command::Start
        | Command::Stop
        | Command::Pause
        | Command::Resume
        | Command::Restart
        | Command::RecordStart
        | Command::RecordStop => {}
        Command::Take { scene, transition } => {
            let scene = scene
                .or(chosen.preview)
                .ok_or(ChoiceRefusal::NothingInPreview)?;
            let scene = known(scene)?;
            let number = chosen.take.as_ref().map_or(0, |take| take.number);
            // The two change places, so that the next take goes back.
            if chosen.preview == Some(scene) {
                let former = chosen.scene.or(scenes.first);
                next.preview = former.filter(|former| *former != scene);
            }
            next.scene = Some(scene);
            next.take = Some(Take {
                scene,
                transition: *transition,
                number: number.saturating_add(1),
            });
        }
        Command::Preview { scene } => next.preview = scene.map(can_be_seen).transpose()?,
        Command::Configure { slate, .. } => match slate {
            SlateChoice::Unchanged => {}
            SlateChoice::BuiltIn => next.slate = None,
            SlateChoice::Scene(scene) => next.slate = Some(known(*scene)?),
        },
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use sm_common::layer::Easing;
    use sm_common::transition::{Direction, SceneTransition, TransitionKind};

    use super::*;
    use crate::domain::ProgramChange;

    const FADE: SceneTransition = SceneTransition {
        kind: TransitionKind::Fade,
        direction: Direction::Left,
        duration_ms: 500,
        easing: Easing::Linear,
    };

    fn take(scene: Option<SceneId>) -> Command {
        Command::Take {
            scene,
            transition: FADE,
        }
    }

    fn slate(slate: SlateChoice) -> Command {
        Command::Configure {
            slate,
            ladder: None,
            program: ProgramChange::default(),
        }
    }

    #[test]
    fn every_choice_has_its_outcome() {
        let [a, b, c, gone, draft] = [(); 5].map(|()| SceneId::generate());
        let scenes = KnownScenes {
            revision: Some(1),
            ids: vec![a, b, c],
            drafts: vec![draft],
            first: Some(a),
        };
        // scene, preview before; command; scene, preview after
        let cases = [
            (None, None, take(Some(b)), Ok((Some(b), None))),
            (None, Some(b), take(None), Ok((Some(b), Some(a)))),
            (Some(c), Some(b), take(None), Ok((Some(b), Some(c)))),
            (Some(c), Some(b), take(Some(b)), Ok((Some(b), Some(c)))),
            (Some(c), Some(b), take(Some(a)), Ok((Some(a), Some(b)))),
            (Some(b), Some(b), take(None), Ok((Some(b), None))),
            (
                Some(a),
                None,
                take(None),
                Err(ChoiceRefusal::NothingInPreview),
            ),
            (
                Some(a),
                Some(gone),
                take(None),
                Err(ChoiceRefusal::NoSuchScene(gone)),
            ),
            (
                Some(a),
                None,
                Command::Preview { scene: Some(b) },
                Ok((Some(a), Some(b))),
            ),
            (
                Some(a),
                Some(b),
                Command::Preview { scene: None },
                Ok((Some(a), None)),
            ),
            (
                Some(a),
                Some(b),
                Command::Preview { scene: Some(gone) },
                Err(ChoiceRefusal::NoSuchScene(gone)),
            ),
            (
                Some(a),
                None,
                Command::Preview { scene: Some(draft) },
                Ok((Some(a), Some(draft))),
            ),
            (
                Some(a),
                Some(draft),
                take(None),
                Err(ChoiceRefusal::Draft(draft)),
            ),
            (
                Some(a),
                None,
                take(Some(draft)),
                Err(ChoiceRefusal::Draft(draft)),
            ),
            (Some(a), Some(b), Command::Pause, Ok((Some(a), Some(b)))),
        ];
        for (scene, preview, command, expected) in cases {
            let chosen = ChosenScenes {
                scene,
                preview,
                ..ChosenScenes::default()
            };
            let next = choose(&chosen, &command, &scenes);
            let outcome = next.map(|next| (next.scene, next.preview));
            assert_eq!(outcome, expected, "{command:?}");
        }
    }

    #[test]
    fn every_take_has_a_number_of_its_own_and_its_transition() {
        let [a, b] = [(); 2].map(|()| SceneId::generate());
        let scenes = KnownScenes {
            ids: vec![a, b],
            ..KnownScenes::default()
        };
        let first = choose(&ChosenScenes::default(), &take(Some(a)), &scenes).unwrap();
        let second = choose(&first, &take(Some(a)), &scenes).unwrap();
        let expected = Take {
            scene: a,
            transition: FADE,
            number: 2,
        };
        assert_eq!(second.take, Some(expected));
        let other = slate(SlateChoice::Scene(b));
        let configured = choose(&second, &other, &scenes).unwrap();
        assert_eq!(
            (configured.slate, &configured.take),
            (Some(b), &second.take)
        );
        let draft = KnownScenes {
            ids: vec![a],
            drafts: vec![b],
            ..KnownScenes::default()
        };
        assert_eq!(
            choose(&second, &other, &draft),
            Err(ChoiceRefusal::Draft(b))
        );
        let kept = slate(SlateChoice::Unchanged);
        assert_eq!(choose(&configured, &kept, &scenes).unwrap(), configured);
        let again = slate(SlateChoice::BuiltIn);
        assert_eq!(choose(&configured, &again, &scenes).unwrap().slate, None);
    }
}
