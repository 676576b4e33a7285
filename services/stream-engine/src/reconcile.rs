//! What to do next so that a stream becomes what is wanted of it. Pure: the stream's task looks,
//! asks here, and does what the answer says. Only the holder of the lease asks; who loses it ends
//! its worker without asking anybody.

use std::time::Instant;

use sm_common::id::SceneId;
use sm_common::program::ProgramFormat;
use sm_common::stream::{DesiredState, DesiredStatus};

use sm_media_protocol::WantedOutput;

use crate::restart::Clearance;

/// What the picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    /// Black: no scene is known yet.
    Black,
    /// The scene, at this revision.
    Program { scene: SceneId, revision: u64 },
    /// What viewers see while the stream is paused.
    Slate,
}

/// The worker, as far as the decision depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkerView<'a> {
    /// There is none.
    Absent,
    /// It was launched and does not take commands yet.
    Booting(Making<'a>),
    /// It takes commands; `sent` is the picture it was last told to show, and `outputs` are those
    /// it was last told of.
    Working {
        making: Making<'a>,
        sent: Picture,
        outputs: Option<&'a [WantedOutput]>,
    },
    /// It was told to end.
    Ending,
}

/// What a worker was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Making<'a> {
    pub(crate) generation: u64,
    pub(crate) program: &'a ProgramFormat,
}

/// Everything the decision depends on.
#[derive(Clone, Debug)]
pub(crate) struct Situation<'a> {
    /// What is wanted; `None` while nobody has said.
    pub(crate) desired: Option<&'a DesiredState>,
    /// The newest scene that is known.
    pub(crate) scene: Option<(SceneId, u64)>,
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
    /// Tell the worker of the outputs that are wanted.
    ApplyOutputs,
    /// Tell the worker to end in good order.
    Stop,
    /// The same, because another one is to follow.
    Replace,
}

/// What to do next.
pub(crate) fn decide(situation: &Situation<'_>) -> Action {
    let Situation {
        desired,
        scene,
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
            sent,
            outputs: told,
            ..
        } => {
            let wanted = picture(desired.status, *scene);
            if *sent != wanted {
                Action::Show(wanted)
            } else if told.is_none_or(|told| told != *outputs) {
                Action::ApplyOutputs
            } else {
                Action::Nothing
            }
        }
    }
}

/// What the picture should show.
pub(crate) const fn picture(status: DesiredStatus, scene: Option<(SceneId, u64)>) -> Picture {
    match (status, scene) {
        (DesiredStatus::Paused, _) => Picture::Slate,
        (DesiredStatus::Live | DesiredStatus::Offline, Some((scene, revision))) => {
            Picture::Program { scene, revision }
        }
        (DesiredStatus::Live | DesiredStatus::Offline, None) => Picture::Black,
    }
}

fn is_outdated(making: &Making<'_>, desired: &DesiredState) -> bool {
    making.generation != desired.generation || *making.program != desired.program
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sm_common::clock::Timestamp;
    use sm_common::id::{OutputId, StreamId};
    use sm_common::output::{FileTarget, OutputTarget};

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
            outputs: Vec::new(),
        }
    }

    #[test]
    fn every_situation_has_its_action() {
        use Action::{Nothing, Replace, Show, Start, Stop, WaitUntil};
        use DesiredStatus::{Live, Offline, Paused};
        let format = ProgramFormat::default();
        let larger = ProgramFormat {
            width: 1920,
            ..ProgramFormat::default()
        };
        let scene = SceneId::generate();
        let program = Picture::Program { scene, revision: 4 };
        let older = Picture::Program { scene, revision: 3 };
        let making = Making {
            generation: 3,
            program: &format,
        };
        let outdated = Making {
            generation: 2,
            program: &format,
        };
        let resized = Making {
            generation: 3,
            program: &larger,
        };
        let working = |making, sent| WorkerView::Working {
            making,
            sent,
            outputs: Some(&[]),
        };
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
            (
                Some(Live),
                working(making, Picture::Slate),
                now,
                Show(program),
            ),
            (Some(Live), working(outdated, program), now, Replace),
            (Some(Live), working(resized, program), now, Replace),
            // It is to show the slate.
            (
                Some(Paused),
                working(making, program),
                now,
                Show(Picture::Slate),
            ),
            (Some(Paused), working(making, Picture::Slate), now, Nothing),
            (
                Some(Paused),
                working(outdated, Picture::Slate),
                now,
                Replace,
            ),
        ];
        for (status, worker, clearance, expected) in cases {
            let desired = status.map(desired);
            let situation = Situation {
                desired: desired.as_ref(),
                scene: Some((scene, 4)),
                outputs: &[],
                worker,
                clearance,
            };
            assert_eq!(decide(&situation), expected, "{situation:?}");
        }
    }

    #[test]
    fn the_worker_is_told_of_outputs_whenever_they_differ() {
        use Action::{ApplyOutputs, Nothing, Replace, Show, Stop};
        use DesiredStatus::{Live, Offline, Paused};
        let output = |generation| {
            vec![WantedOutput {
                id: OutputId::generate(),
                target: OutputTarget::File(FileTarget::default()),
                generation,
            }]
        };
        let (none, one, other) = (Vec::new(), output(1), output(2));
        let format = ProgramFormat::default();
        let cases = [
            (Live, Picture::Black, 3, Some(&none), &none, Nothing),
            (Live, Picture::Black, 3, Some(&none), &one, ApplyOutputs),
            (Live, Picture::Black, 3, Some(&one), &one, Nothing),
            (Live, Picture::Black, 3, Some(&one), &other, ApplyOutputs),
            (Live, Picture::Black, 3, Some(&one), &none, ApplyOutputs),
            (Paused, Picture::Slate, 3, Some(&none), &one, ApplyOutputs),
            // Another process told it, nobody knows what.
            (Live, Picture::Black, 3, None, &none, ApplyOutputs),
            // The picture comes first, and another worker is told of them at its start.
            (
                Live,
                Picture::Slate,
                3,
                Some(&none),
                &one,
                Show(Picture::Black),
            ),
            (Live, Picture::Black, 2, Some(&none), &one, Replace),
            (Offline, Picture::Black, 3, Some(&none), &one, Stop),
        ];
        for (status, sent, generation, told, outputs, expected) in cases {
            let making = Making {
                generation,
                program: &format,
            };
            let situation = Situation {
                desired: Some(&desired(status)),
                scene: None,
                outputs,
                worker: WorkerView::Working {
                    making,
                    sent,
                    outputs: told.map(Vec::as_slice),
                },
                clearance: Clearance::Now,
            };
            assert_eq!(decide(&situation), expected, "{situation:?}");
        }
    }

    #[test]
    fn a_stream_goes_on_air_before_it_has_a_scene() {
        assert_eq!(picture(DesiredStatus::Live, None), Picture::Black);
        assert_eq!(picture(DesiredStatus::Paused, None), Picture::Slate);
    }
}
