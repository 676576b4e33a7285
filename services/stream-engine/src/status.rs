//! The one function that says what a stream is doing. Pure.

use sm_common::stream::StreamStatus;

/// Where the worker is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkerPhase {
    /// There is none.
    Absent,
    /// It has not delivered a segment yet.
    Preparing,
    /// Viewers get its segments.
    OnAir,
    /// It was told to end, for good.
    Ending,
    /// It was told to end, to be replaced.
    GivingWay,
}

/// Everything a status depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Whether the stream is to be on air.
    pub(crate) wanted: bool,
    pub(crate) worker: WorkerPhase,
    /// Whether viewers had a picture since it last went on air from `offline`.
    pub(crate) was_on_air: bool,
    /// Whether the picture shows the slate.
    pub(crate) shows_slate: bool,
    /// Whether something is wrong that a viewer can notice.
    pub(crate) has_errors: bool,
    /// Whether no further worker is tried.
    pub(crate) gave_up: bool,
}

/// What the stream is doing.
pub(crate) const fn derive(facts: Facts) -> StreamStatus {
    let Facts {
        wanted,
        worker,
        was_on_air,
        shows_slate,
        has_errors,
        gave_up,
    } = facts;
    match worker {
        WorkerPhase::Ending => StreamStatus::Stopping,
        WorkerPhase::OnAir if shows_slate => StreamStatus::Paused,
        WorkerPhase::OnAir if has_errors => StreamStatus::Degraded,
        WorkerPhase::OnAir => StreamStatus::Live,
        WorkerPhase::Absent if !wanted => StreamStatus::Offline,
        WorkerPhase::Absent if gave_up => StreamStatus::Failed,
        WorkerPhase::Absent | WorkerPhase::Preparing | WorkerPhase::GivingWay => {
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
        use StreamStatus::{
            Degraded, Failed, Live, Offline, Paused, Reconnecting, Starting, Stopping,
        };
        use WorkerPhase::{Absent, Ending, GivingWay, OnAir, Preparing};
        // wanted, worker, was on air, slate, errors, gave up
        let cases = [
            ((false, Absent, false, false, false, false), Offline),
            ((false, Absent, false, false, true, true), Offline),
            ((true, Absent, false, false, false, false), Starting),
            ((true, Absent, true, false, true, false), Reconnecting),
            ((true, Absent, false, false, true, true), Failed),
            ((true, Absent, true, false, true, true), Failed),
            ((true, Preparing, false, false, false, false), Starting),
            ((true, Preparing, true, false, true, false), Reconnecting),
            ((true, GivingWay, true, false, false, false), Reconnecting),
            ((true, GivingWay, false, false, false, false), Starting),
            ((true, OnAir, true, false, false, false), Live),
            ((true, OnAir, true, false, true, false), Degraded),
            ((true, OnAir, true, true, false, false), Paused),
            ((true, OnAir, true, true, true, false), Paused),
            ((false, Ending, true, false, false, false), Stopping),
            ((true, Ending, true, false, false, false), Stopping),
        ];
        for ((wanted, worker, was_on_air, shows_slate, has_errors, gave_up), expected) in cases {
            let facts = Facts {
                wanted,
                worker,
                was_on_air,
                shows_slate,
                has_errors,
                gave_up,
            };
            assert_eq!(derive(facts), expected, "{facts:?}");
        }
    }
}
