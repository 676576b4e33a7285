//! The one function that says what a stream is doing. Pure.

use sm_common::stream::StreamStatus;

/// Where the stream is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    OffAir,
    OnAir,
    /// On air, but no further worker is tried.
    GivenUp,
}

/// Where the worker is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerPhase {
    /// There is none.
    Absent,
    /// It has not delivered a segment yet.
    Preparing,
    /// Viewers get its segments.
    OnAir {
        /// Whether they show the slate.
        slate: bool,
    },
    /// It was told to end, for good.
    Ending,
    /// It was told to end, to be replaced.
    GivingWay,
}

/// Everything a status depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) goal: Goal,
    pub(crate) worker: WorkerPhase,
    /// Whether viewers had a picture since it last went on air from `offline`.
    pub(crate) was_on_air: bool,
    /// Whether there are outputs to the network, and every one is down and coming back.
    pub(crate) network_down: bool,
    /// Whether something is wrong that a viewer can notice.
    pub(crate) has_errors: bool,
}

/// What the stream is doing.
pub(crate) const fn derive(facts: Facts) -> StreamStatus {
    let Facts {
        goal,
        worker,
        was_on_air,
        network_down,
        has_errors,
    } = facts;
    match (worker, goal) {
        (WorkerPhase::Ending, _) => StreamStatus::Stopping,
        (WorkerPhase::OnAir { slate: true }, _) => StreamStatus::Paused,
        (WorkerPhase::OnAir { slate: false }, _) if network_down => StreamStatus::Reconnecting,
        (WorkerPhase::OnAir { slate: false }, _) if has_errors => StreamStatus::Degraded,
        (WorkerPhase::OnAir { slate: false }, _) => StreamStatus::Live,
        (WorkerPhase::Absent, Goal::OffAir) => StreamStatus::Offline,
        (WorkerPhase::Absent, Goal::GivenUp) => StreamStatus::Failed,
        (WorkerPhase::Absent | WorkerPhase::Preparing | WorkerPhase::GivingWay, _) => {
            if was_on_air {
                StreamStatus::Reconnecting
            } else {
                StreamStatus::Starting
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_facts_has_its_status() {
        use Goal::{GivenUp, OffAir, OnAir};
        use StreamStatus::{
            Degraded, Failed, Live, Offline, Paused, Reconnecting, Starting, Stopping,
        };
        use WorkerPhase::{Absent, Ending, GivingWay, Preparing};
        let program = WorkerPhase::OnAir { slate: false };
        let slate = WorkerPhase::OnAir { slate: true };
        // goal, worker, was on air, errors
        let cases = [
            ((OffAir, Absent, false, false), Offline),
            ((OffAir, Absent, false, true), Offline),
            ((OnAir, Absent, false, false), Starting),
            ((OnAir, Absent, true, true), Reconnecting),
            ((GivenUp, Absent, false, true), Failed),
            ((GivenUp, Absent, true, true), Failed),
            ((OnAir, Preparing, false, false), Starting),
            ((OnAir, Preparing, true, true), Reconnecting),
            ((OnAir, GivingWay, true, false), Reconnecting),
            ((OnAir, GivingWay, false, false), Starting),
            ((OnAir, program, true, false), Live),
            ((OnAir, program, true, true), Degraded),
            ((OffAir, program, true, false), Live),
            ((OnAir, slate, true, false), Paused),
            ((OnAir, slate, true, true), Paused),
            ((OffAir, Ending, true, false), Stopping),
            ((OnAir, Ending, true, false), Stopping),
        ];
        for ((goal, worker, was_on_air, has_errors), expected) in cases {
            let facts = Facts {
                goal,
                worker,
                was_on_air,
                network_down: false,
                has_errors,
            };
            assert_eq!(derive(facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn a_program_without_any_network_output_is_coming_back_and_the_slate_stays_paused() {
        use StreamStatus::{Paused, Reconnecting, Starting, Stopping};
        let cases = [
            (WorkerPhase::OnAir { slate: false }, true, Reconnecting),
            (WorkerPhase::OnAir { slate: true }, true, Paused),
            (WorkerPhase::Ending, true, Stopping),
            (WorkerPhase::Preparing, false, Starting),
        ];
        for (worker, was_on_air, expected) in cases {
            let facts = Facts {
                goal: Goal::OnAir,
                worker,
                was_on_air,
                network_down: true,
                has_errors: true,
            };
            assert_eq!(derive(facts), expected, "{facts:?}");
        }
    }
}
