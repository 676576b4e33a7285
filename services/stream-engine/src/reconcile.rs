//! What to do next so that a stream becomes what is wanted of it. Pure: the stream's task looks,
//! asks here, and does what the answer says. Only the holder of the lease asks; who loses it ends
//! its worker without asking anybody.

use std::time::Instant;

use sm_common::id::SceneId;
use sm_common::ladder::Rendition;
use sm_common::program::{FormatChange, ProgramFormat};
use sm_common::stream::{DesiredState, DesiredStatus};
use sm_media_protocol::{CoverReason, WantedOutput};

use crate::restart::Clearance;

/// A scene at a revision.
pub(crate) type Shot = (SceneId, u64);

/// What the picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The scene of the program; `None` stands for black: no scene is known yet.
    pub(crate) program: Option<Shot>,
    /// What is seen instead of it, while its sources stay connected.
    pub(crate) cover: Option<Cover>,
}

impl Picture {
    /// Whether both are made of the same scenes for the same reasons, whatever their revisions.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let scene = |shot: Option<Shot>| shot.map(|(scene, _)| scene);
        let parts = |picture: &Self| {
            let cover = picture.cover.map(|cover| (cover.why, scene(cover.slate)));
            (scene(picture.program), cover)
        };
        parts(self) == parts(other)
    }
}

/// The slate over the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cover {
    pub(crate) why: CoverReason,
    /// The scene that is the slate; `None` stands for the built-in one.
    pub(crate) slate: Option<Shot>,
}

/// The newest scenes that are known, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shots {
    pub(crate) program: Option<Shot>,
    pub(crate) preview: Option<Shot>,
    pub(crate) slate: Option<Shot>,
}

/// The scene beside the program that a worker was last told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Previewed {
    /// Another process told it, or what was told may be lost.
    Unknown,
    /// This one, or none.
    Told(Option<Shot>),
}

/// The worker, as far as the decision depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkerView<'a> {
    /// There is none.
    Absent,
    /// It was launched and does not take commands yet.
    Booting(Making<'a>),
    /// It takes commands; `sent` is the picture it was last told to show, `previewed` the scene
    /// beside it, and `outputs` are those it was last told of.
    Working {
        making: Making<'a>,
        sent: Picture,
        previewed: Previewed,
        outputs: Option<&'a [WantedOutput]>,
        /// The further encodings that it was last told of.
        ladder: Option<&'a [Rendition]>,
    },
    /// It was told to end.
    Ending,
}

/// What a worker was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Making<'a> {
    pub(crate) generation: u64,
    /// The format that it was last told to have.
    pub(crate) program: &'a ProgramFormat,
    /// The format that it said it cannot have.
    pub(crate) refused: Option<&'a ProgramFormat>,
}

/// Everything the decision depends on.
#[derive(Clone, Debug)]
pub(crate) struct Situation<'a> {
    /// What is wanted; `None` while nobody has said.
    pub(crate) desired: Option<&'a DesiredState>,
    pub(crate) shots: Shots,
    /// Whether the scene must not be seen now: a layer fails that it must not be without.
    pub(crate) lost: bool,
    /// The outputs that are wanted while the stream is on air.
    pub(crate) outputs: &'a [WantedOutput],
    pub(crate) worker: WorkerView<'a>,
    pub(crate) clearance: Clearance,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// All is as it should be, or on its way.
    Nothing,
    /// Look again at this moment.
    WaitUntil(Instant),
    /// Start a worker.
    Start,
    /// Tell the worker to show this.
    Show(Picture),
    /// Tell the worker to go on at the rates that are wanted.
    ChangeRates,
    /// Tell the worker to go on in the format that is wanted, with the picture that is wanted.
    Rebuild,
    /// Tell the worker of the outputs that are wanted.
    ApplyOutputs,
    /// Tell the worker of the further encodings that are wanted.
    ApplyLadder,
    /// Tell the worker to make a picture of this scene beside the program, or of none.
    Preview(Option<Shot>),
    /// Tell the worker to end in good order.
    Stop,
    /// The same, because another one is to follow.
    Replace,
}

/// What to do next.
pub(crate) fn decide(situation: &Situation<'_>) -> Action {
    let Situation {
        desired,
        shots,
        lost,
        outputs,
        worker,
        clearance,
    } = situation;
    let wanted = desired.filter(|desired| desired.status != DesiredStatus::Offline);
    let Some(desired) = wanted else {
        return match worker {
            WorkerView::Absent | WorkerView::Ending => Action::Nothing,
            WorkerView::Booting(_) | WorkerView::Working { .. } => Action::Stop,
        };
    };
    match worker {
        WorkerView::Absent => match clearance {
            Clearance::Now => Action::Start,
            Clearance::At(moment) => Action::WaitUntil(*moment),
            Clearance::GaveUp => Action::Nothing,
        },
        WorkerView::Booting(making) | WorkerView::Working { making, .. }
            if is_outdated(making, desired) =>
        {
            Action::Replace
        }
        WorkerView::Booting(_) | WorkerView::Ending => Action::Nothing,
        WorkerView::Working {
            making,
            sent,
            previewed,
            outputs: told,
            ladder,
        } => {
            let wanted = picture(desired.status, *shots, *lost);
            let format = format_change(making, desired);
            if format.is_rebuild() {
                Action::Rebuild
            } else if format == FormatChange::Live {
                Action::ChangeRates
            } else if *sent != wanted {
                Action::Show(wanted)
            } else if told.is_none_or(|told| told != *outputs) {
                Action::ApplyOutputs
            } else if ladder.is_none_or(|ladder| ladder != desired.ladder) {
                Action::ApplyLadder
            } else if *previewed != Previewed::Told(shots.preview) {
                Action::Preview(shots.preview)
            } else {
                Action::Nothing
            }
        }
    }
}

/// What the picture should show.
pub(crate) fn picture(status: DesiredStatus, shots: Shots, lost: bool) -> Picture {
    let why = match (status, lost) {
        (DesiredStatus::Paused, _) => Some(CoverReason::Paused),
        (DesiredStatus::Live | DesiredStatus::Offline, true) => Some(CoverReason::LayerLost),
        (DesiredStatus::Live | DesiredStatus::Offline, false) => None,
    };
    Picture {
        program: shots.program,
        cover: why.map(|why| Cover {
            why,
            slate: shots.slate,
        }),
    }
}

fn is_outdated(making: &Making<'_>, desired: &DesiredState) -> bool {
    making.generation != desired.generation
}

/// What has to be done for the format. One that was refused is not asked for again.
fn format_change(making: &Making<'_>, desired: &DesiredState) -> FormatChange {
    if making.refused == Some(&desired.program) {
        FormatChange::None
    } else {
        making.program.change_to(&desired.program)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sm_common::clock::Timestamp;
    use sm_common::id::{OutputId, StreamId};
    use sm_common::output::{Adaptive, FileTarget, OutputTarget};
    use sm_common::stream::ChosenScenes;

    use super::*;

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

    #[test]
    fn every_situation_has_its_action() {
        use Action::{Nothing, Preview, Replace, Show, Start, Stop, WaitUntil};
        use DesiredStatus::{Live, Offline, Paused};
        let format = ProgramFormat::default();
        let (scene, other) = (SceneId::generate(), SceneId::generate());
        let shots = Shots {
            program: Some((scene, 4)),
            preview: Some((other, 2)),
            slate: None,
        };
        let program = picture(Live, shots, false);
        let older = Picture {
            program: Some((scene, 3)),
            cover: None,
        };
        let slate = picture(Paused, shots, false);
        let making = Making {
            generation: 3,
            program: &format,
            refused: None,
        };
        let outdated = Making {
            generation: 2,
            program: &format,
            refused: None,
        };
        let working = |making, sent| WorkerView::Working {
            ladder: Some(&[]),
            making,
            sent,
            previewed: Previewed::Told(shots.preview),
            outputs: Some(&[]),
        };
        let previewing = |previewed| WorkerView::Working {
            ladder: Some(&[]),
            making,
            sent: program,
            previewed,
            outputs: Some(&[]),
        };
        let older_preview = previewing(Previewed::Told(Some((other, 1))));
        let adopted = previewing(Previewed::Unknown);
        let soon = Instant::now() + Duration::from_secs(1);
        let now = Clearance::Now;
        let absent = || WorkerView::Absent;
        let cases = [
            // Nobody has said what is wanted, or it is to be off air.
            (None, absent(), now, Nothing),
            (None, working(making, program), now, Stop),
            (Some(Offline), absent(), now, Nothing),
            (Some(Offline), WorkerView::Booting(making), now, Stop),
            (Some(Offline), working(making, program), now, Stop),
            (Some(Offline), WorkerView::Ending, now, Nothing),
            // It is to be on air.
            (Some(Live), absent(), now, Start),
            (Some(Paused), absent(), now, Start),
            (Some(Live), absent(), Clearance::At(soon), WaitUntil(soon)),
            (Some(Live), absent(), Clearance::GaveUp, Nothing),
            (Some(Live), WorkerView::Booting(making), now, Nothing),
            (Some(Live), WorkerView::Booting(outdated), now, Replace),
            (Some(Live), WorkerView::Ending, now, Nothing),
            (Some(Live), working(making, program), now, Nothing),
            (Some(Live), working(making, older), now, Show(program)),
            (Some(Live), older_preview, now, Preview(shots.preview)),
            (Some(Live), adopted, now, Preview(shots.preview)),
            (Some(Live), working(making, slate), now, Show(program)),
            (Some(Live), working(outdated, program), now, Replace),
            // It is to show the slate.
            (Some(Paused), working(making, program), now, Show(slate)),
            (Some(Paused), working(making, slate), now, Nothing),
            (Some(Paused), working(outdated, slate), now, Replace),
        ];
        for (status, worker, clearance, expected) in cases {
            let desired = status.map(desired);
            let situation = Situation {
                desired: desired.as_ref(),
                shots,
                lost: false,
                outputs: &[],
                worker,
                clearance,
            };
            assert_eq!(decide(&situation), expected, "{situation:?}");
        }
    }

    #[test]
    fn the_worker_is_told_of_another_format_before_anything_else() {
        use Action::{ChangeRates, Nothing, Rebuild, Replace, Show};
        let wanted = ProgramFormat::default();
        let larger = ProgramFormat {
            width: 1920,
            ..ProgramFormat::default()
        };
        let poorer = ProgramFormat {
            video_bitrate_kbps: 800,
            ..ProgramFormat::default()
        };
        let shots = Shots::default();
        let (black, slate) = (
            picture(DesiredStatus::Live, shots, false),
            picture(DesiredStatus::Paused, shots, false),
        );
        // Generation, format that it was told, format that it refused, picture it was told; action.
        let cases = [
            (3, &wanted, None, black, Nothing),
            (3, &wanted, None, slate, Show(black)),
            (3, &larger, None, black, Rebuild),
            (3, &larger, None, slate, Rebuild),
            (3, &poorer, None, black, ChangeRates),
            (3, &larger, Some(&wanted), black, Nothing),
            (3, &larger, Some(&wanted), slate, Show(black)),
            (3, &larger, Some(&poorer), black, Rebuild),
            (2, &larger, None, black, Replace),
        ];
        for (generation, program, refused, sent, expected) in cases {
            let making = Making {
                generation,
                program,
                refused,
            };
            let desired = desired(DesiredStatus::Live);
            let situation = |worker| Situation {
                desired: Some(&desired),
                shots,
                lost: false,
                outputs: &[],
                worker,
                clearance: Clearance::Now,
            };
            let working = situation(WorkerView::Working {
                ladder: Some(&[]),
                making,
                sent,
                previewed: Previewed::Told(None),
                outputs: Some(&[]),
            });
            assert_eq!(decide(&working), expected, "{working:?}");
            // Who does not take commands yet is told when it does.
            let booting = situation(WorkerView::Booting(making));
            let expected = if generation == 3 { Nothing } else { Replace };
            assert_eq!(decide(&booting), expected, "{booting:?}");
        }
    }

    #[test]
    fn the_worker_is_told_of_outputs_whenever_they_differ() {
        use Action::{ApplyOutputs, Nothing, Preview, Replace, Show, Stop};
        use DesiredStatus::{Live, Offline, Paused};
        let output = |generation| {
            vec![WantedOutput {
                id: OutputId::generate(),
                target: OutputTarget::File(FileTarget::default()),
                adaptive: Adaptive::default(),
                generation,
            }]
        };
        let (none, one, other) = (Vec::new(), output(1), output(2));
        let format = ProgramFormat::default();
        let shots = Shots::default();
        let black = picture(Live, shots, false);
        let slate = picture(Paused, shots, false);
        let nothing = Previewed::Told(None);
        let cases = [
            (Live, black, 3, Some(&none), &none, nothing, Nothing),
            (Live, black, 3, Some(&none), &one, nothing, ApplyOutputs),
            (Live, black, 3, Some(&one), &one, nothing, Nothing),
            (Live, black, 3, Some(&one), &other, nothing, ApplyOutputs),
            (Live, black, 3, Some(&one), &none, nothing, ApplyOutputs),
            (Paused, slate, 3, Some(&none), &one, nothing, ApplyOutputs),
            // Another process told it, nobody knows what: even that there is none is told again.
            (
                Live,
                black,
                3,
                None,
                &none,
                Previewed::Unknown,
                ApplyOutputs,
            ),
            (
                Live,
                black,
                3,
                Some(&none),
                &none,
                Previewed::Unknown,
                Preview(None),
            ),
            // The picture comes first, and another worker is told of them at its start.
            (Live, slate, 3, Some(&none), &one, nothing, Show(black)),
            (Live, black, 2, Some(&none), &one, nothing, Replace),
            (Offline, black, 3, Some(&none), &one, nothing, Stop),
        ];
        for (status, sent, generation, told, outputs, previewed, expected) in cases {
            let making = Making {
                generation,
                program: &format,
                refused: None,
            };
            let situation = Situation {
                desired: Some(&desired(status)),
                shots,
                lost: false,
                outputs,
                worker: WorkerView::Working {
                    ladder: Some(&[]),
                    making,
                    sent,
                    previewed,
                    outputs: told.map(Vec::as_slice),
                },
                clearance: Clearance::Now,
            };
            assert_eq!(decide(&situation), expected, "{situation:?}");
        }
    }

    #[test]
    fn the_slate_covers_a_scene_for_a_reason() {
        use DesiredStatus::{Live, Paused};
        let [program, slate] = [(); 2].map(|()| (SceneId::generate(), 1));
        let with_slate = Shots {
            program: Some(program),
            preview: None,
            slate: Some(slate),
        };
        let built_in = Shots {
            slate: None,
            ..with_slate
        };
        let none = Shots::default();
        let cases = [
            (Live, none, false, None, None),
            (Live, built_in, false, Some(program), None),
            (Live, with_slate, false, Some(program), None),
            (
                Live,
                built_in,
                true,
                Some(program),
                Some((CoverReason::LayerLost, None)),
            ),
            (
                Live,
                with_slate,
                true,
                Some(program),
                Some((CoverReason::LayerLost, Some(slate))),
            ),
            (
                Paused,
                with_slate,
                true,
                Some(program),
                Some((CoverReason::Paused, Some(slate))),
            ),
            (Paused, none, false, None, Some((CoverReason::Paused, None))),
        ];
        for (status, shots, lost, program, cover) in cases {
            let expected = Picture {
                program,
                cover: cover.map(|(why, slate)| Cover { why, slate }),
            };
            let seen = picture(status, shots, lost);
            assert_eq!(seen, expected, "{status:?} {shots:?} {lost}");
        }
    }

    #[test]
    fn pictures_are_alike_that_differ_in_their_revisions_alone() {
        let [a, b] = [(); 2].map(|()| SceneId::generate());
        let covered = |program, slate, why| Picture {
            program: Some(program),
            cover: Some(Cover {
                why,
                slate: Some(slate),
            }),
        };
        let picture = covered((a, 1), (b, 1), CoverReason::Paused);
        assert!(picture.is_alike(&covered((a, 2), (b, 3), CoverReason::Paused)));
        for other in [
            covered((b, 1), (b, 1), CoverReason::Paused),
            covered((a, 1), (a, 1), CoverReason::Paused),
            covered((a, 1), (b, 1), CoverReason::LayerLost),
            Picture {
                cover: None,
                ..picture
            },
        ] {
            assert!(!picture.is_alike(&other), "{other:?}");
        }
    }
}
