//! What a new holder goes on from, and how long the picture was gone. Pure.

use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::output::{OutputKind, OutputStatus};
use sm_common::stream::{Interruption, ObservedState, StreamStatus};
use sm_media_protocol::{OnAir, Segment};

use crate::live::file_name::Run;
use crate::live::part::PartPlan;
use crate::live::playlist::{Numbers, Playlist};

/// The picture is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Since when.
    pub(super) at: Timestamp,
    /// Stable, dotted code of the cause.
    pub(super) cause: String,
}

impl Gap {
    /// The gap is over: the picture is back since `until`.
    pub(super) fn close(self, until: Timestamp) -> Interruption {
        Interruption {
            at: self.at,
            length_ms: u64::try_from(until.since(self.at).as_millis()).unwrap_or(u64::MAX),
            cause: self.cause,
        }
    }
}

/// The playlist that a new holder goes on with: its own from an earlier time, where there is one,
/// brought up to date with what was observed last.
pub(super) fn take_over(
    saved: Option<Playlist>,
    previous: Option<&ObservedState>,
    resume_within: Duration,
    now: Timestamp,
) -> Playlist {
    let mut playlist = saved.unwrap_or_else(|| Playlist::new(Numbers::default()));
    if let Some(previous) = previous
        && previous.next_segment > playlist.numbers().next_segment
    {
        playlist.advance_to(Numbers {
            next_segment: previous
                .next_segment
                .saturating_add(unwritten_segments(previous, now)),
            discontinuity: previous.discontinuity_sequence,
        });
    }
    let was_on_air = previous.is_some_and(|previous| previous.live_since.is_some());
    let is_recent = playlist
        .ends_at()
        .is_some_and(|end| now.since(end) <= resume_within);
    if !was_on_air || !is_recent {
        playlist.clear();
    }
    playlist
}

/// The playlist that a new holder goes on with whose worker never left the air, before what the
/// worker delivered meanwhile is added. Within a run, media sequence numbers and the run's own
/// numbers advance together: so what the previous holder listed, and did not come to save, is
/// listed again under the same numbers.
pub(super) fn carry_on(
    saved: Option<Playlist>,
    previous: Option<&ObservedState>,
    (on_air, run): (&OnAir, &Run),
    now: Timestamp,
) -> Playlist {
    let mut playlist = saved.unwrap_or_else(|| Playlist::new(Numbers::default()));
    if !playlist.has_of(run) {
        if previous.is_none_or(|previous| previous.live_since.is_none()) {
            playlist.clear();
        }
        begin(&mut playlist, on_air, run);
    }
    skip_forgotten(&mut playlist, on_air);
    let is_new = |number: u64| number >= playlist.next_in_run();
    let new = on_air.segments.iter().filter(|one| is_new(one.number));
    let reached = playlist
        .numbers()
        .next_segment
        .saturating_add(u64::try_from(new.count()).unwrap_or(u64::MAX));
    if let Some(previous) = previous
        && previous.next_segment > reached
    {
        // What was saved is older than all this, or lost. No number may be given out twice, and
        // what the worker remembers may have been listed under numbers that are not known here.
        let segment = on_air.segments.last().map(|segment| segment.number);
        let part = on_air.parts.last().map(|part| part.number);
        playlist.skip_to(segment.max(part).map_or(0, |last| last.saturating_add(1)));
        playlist.advance_to(Numbers {
            next_segment: previous
                .next_segment
                .saturating_add(unwritten_segments(previous, now)),
            discontinuity: previous.discontinuity_sequence,
        });
    }
    playlist
}

/// The first segment of a run that viewers of another one need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First {
    number: u64,
    /// `None` where the worker has not written any.
    starts_at: Option<Timestamp>,
}

impl First {
    /// Whether viewers whose picture ended at that moment miss something before this segment.
    pub(super) fn is_later_than(&self, ended: Timestamp) -> bool {
        self.starts_at.is_none_or(|starts_at| starts_at > ended)
    }
}

/// The segment of `on_air` from which viewers miss nothing whose picture ended at that moment: the
/// one that covers it, or else the one after it.
pub(super) fn first_after(ended: Option<Timestamp>, on_air: &OnAir) -> First {
    let end = |segment: &Segment| {
        let length = Duration::try_from_secs_f64(segment.duration_s).unwrap_or_default();
        segment.starts_at.plus(length)
    };
    let is_needed = |segment: &&Segment| ended.is_none_or(|ended| end(segment) > ended);
    if let Some(first) = on_air.segments.iter().find(is_needed) {
        return First {
            number: first.number,
            starts_at: Some(first.starts_at),
        };
    }
    // Within a run the segments follow on one another.
    let last = on_air.segments.last();
    First {
        number: last.map_or(0, |last| last.number.saturating_add(1)),
        starts_at: last.map(end),
    }
}

/// The playlist `former`, whose run is over, as it goes on with another run from that segment on.
pub(super) fn follow_on(former: Playlist, first: First, (on_air, run): (&OnAir, &Run)) -> Playlist {
    let mut playlist = former;
    begin(&mut playlist, on_air, run);
    playlist.skip_to(first.number);
    playlist
}

/// From now on the playlist is that of a run which is on air already.
fn begin(playlist: &mut Playlist, on_air: &OnAir, run: &Run) {
    let segment = Duration::from_millis(on_air.program.keyframe_interval_ms.into());
    playlist.begin(run.clone(), segment);
    if let Some(plan) = PartPlan::found(on_air.hls.part_frames, &on_air.program) {
        playlist.expect_parts(plan.target_ms);
    }
}

/// Leaves out the segments that even the worker does not remember: they were listed, if at all,
/// under the numbers that are skipped, and the list begins anew after them.
pub(super) fn skip_forgotten(playlist: &mut Playlist, on_air: &OnAir) {
    let first = on_air.segments.first().map(|segment| segment.number);
    let forgotten = first.map_or(0, |first| first.saturating_sub(playlist.next_in_run()));
    let numbers = playlist.numbers();
    playlist.advance_to(Numbers {
        next_segment: numbers.next_segment.saturating_add(forgotten),
        ..numbers
    });
}

/// The gap before the first segment of a run that went on air while nobody watched; `None` when
/// viewers missed nothing, or when the gap is told already. `playlist` is how it was before.
pub(super) fn unwatched_gap(
    previous: &ObservedState,
    playlist: &Playlist,
    on_air: &OnAir,
) -> Option<Gap> {
    let gap = inherited_gap(previous, playlist)?;
    let back_at = on_air.segments.first().map(|first| first.starts_at);
    let is_told = previous.interruptions.iter().any(|told| {
        let end = told.at.plus(Duration::from_millis(told.length_ms));
        back_at.is_some_and(|back_at| back_at <= end)
    });
    (!is_told).then_some(gap)
}

/// How many segments the previous holder may have listed after it last wrote how many there were.
/// No number may be given out twice, so at least so many are skipped, and one more: players may
/// have had parts of the next.
fn unwritten_segments(previous: &ObservedState, now: Timestamp) -> u64 {
    let (Some(program), true) = (&previous.program, previous.live_since.is_some()) else {
        return 0;
    };
    let segment_ms = u128::from(program.keyframe_interval_ms.max(1));
    let elapsed_ms = now.since(previous.at).as_millis();
    let listed = u64::try_from(elapsed_ms.div_ceil(segment_ms)).unwrap_or(u64::MAX);
    listed.saturating_add(1)
}

/// The gap that a new holder finds; `None` when the stream was not on air.
pub(super) fn inherited_gap(previous: &ObservedState, playlist: &Playlist) -> Option<Gap> {
    previous.live_since?;
    // An orderly end takes the holder's name off.
    let cause = match previous.engine {
        Some(_) => "engine.lost",
        None => "engine.stopped",
    };
    let has_picture = previous
        .outputs
        .iter()
        .any(|output| output.kind == OutputKind::Hls && output.status == OutputStatus::Live);
    let last_known = if previous.status == StreamStatus::Reconnecting && !has_picture {
        previous.since
    } else {
        previous.at
    };
    Some(Gap {
        at: playlist.ends_at().unwrap_or(last_known),
        cause: cause.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use sm_common::id::StreamId;
    use sm_common::program::ProgramFormat;
    use sm_common::stream::EngineLease;
    use sm_media_protocol::{HlsSettings, Hosting, Part, ScenePicture, WorkerState};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    /// On air since 0, last written at 100 s with 50 segments counted.
    fn on_air() -> ObservedState {
        let mut observed = ObservedState::never_held(StreamId::default(), at(100));
        observed.status = StreamStatus::Live;
        observed.live_since = Some(at(0));
        observed.program = Some(ProgramFormat::default());
        observed.next_segment = 50;
        observed.discontinuity_sequence = 3;
        observed.engine = Some(EngineLease {
            instance: "engine-1".parse().unwrap(),
            host: "one".to_owned(),
            token: 1,
        });
        observed
    }

    /// Counted up to `next`, the last segment ending at 101 s.
    fn saved(next: u64) -> Playlist {
        let mut playlist = Playlist::new(Numbers {
            next_segment: next - 1,
            discontinuity: 3,
        });
        playlist.begin("a".parse().unwrap(), Duration::from_secs(1));
        let segment = Segment {
            file: "a-0.m4s".to_owned(),
            number: 0,
            duration_s: 1.0,
            bytes: 1,
            starts_at: at(100),
            independent: true,
        };
        playlist.push(&segment, 10).unwrap();
        playlist
    }

    fn segment(number: u64) -> Segment {
        Segment {
            file: format!("a-{number}.m4s"),
            number,
            duration_s: 1.0,
            bytes: 1,
            starts_at: at(100 + i64::try_from(number).unwrap()),
            independent: true,
        }
    }

    /// Run `a`, with these segments still remembered.
    fn delivering(segments: std::ops::Range<u64>) -> OnAir {
        OnAir {
            program: ProgramFormat::default(),
            hls: HlsSettings {
                directory: "/live".into(),
                run: "a".to_owned(),
                part_frames: 0,
            },
            hosting: Hosting {
                generation: 1,
                orphan_ms: 1,
            },
            since: at(100),
            state: WorkerState::Playing,
            revision: 1,
            picture: ScenePicture::default(),
            layers: Vec::new(),
            outputs: Vec::new(),
            segments: segments.map(segment).collect(),
            parts: Vec::new(),
            ladder: Vec::new(),
            renditions: Vec::new(),
            sprite: None,
        }
    }

    fn part(number: u64, part: u64) -> Part {
        Part {
            file: format!("a-{number}.{part}.m4s"),
            number,
            part,
            duration_s: 0.5,
            bytes: 1,
            independent: part == 0,
            starts_at: at(100),
            last: part == 1,
        }
    }

    /// The same in parts of half a second, of which the first of the next segment is there.
    fn delivering_parts(segments: std::ops::Range<u64>) -> OnAir {
        let mut on_air = delivering(segments.clone());
        on_air.hls.part_frames = 15;
        on_air.parts = segments
            .clone()
            .flat_map(|number| [part(number, 0), part(number, 1)])
            .chain([part(segments.end, 0)])
            .collect();
        on_air
    }

    fn carried(saved: Option<Playlist>, on_air: &OnAir) -> (Playlist, Vec<u64>) {
        let run = "a".parse().unwrap();
        let mut playlist = carry_on(
            saved,
            Some(&super::tests::on_air()),
            (on_air, &run),
            at(104),
        );
        let added = on_air
            .segments
            .iter()
            .filter(|segment| playlist.push(segment, 1000).is_ok());
        let added = added.map(|segment| segment.number).collect();
        (playlist, added)
    }

    #[test]
    fn a_worker_that_stayed_on_air_goes_on_under_the_numbers_it_had() {
        // 50 listed in all, the last of them number 0 of the run.
        let (playlist, added) = carried(Some(saved(50)), &delivering(0..4));
        assert_eq!(added, [1, 2, 3]);
        assert_eq!(playlist.numbers().next_segment, 53);
        assert_eq!(playlist.numbers().discontinuity, 4, "no new run");
    }

    #[test]
    fn segments_that_nobody_remembers_leave_a_hole_in_the_list_and_in_the_numbers() {
        let (playlist, added) = carried(Some(saved(50)), &delivering(10..13));
        assert_eq!(added, [10, 11, 12]);
        assert_eq!(playlist.numbers().next_segment, 62);
    }

    #[test]
    fn without_what_was_saved_no_number_and_no_segment_is_given_out_twice() {
        for lost in [None, Some(saved(20))] {
            let (playlist, added) = carried(lost, &delivering(0..4));
            assert_eq!(added, [0_u64; 0], "they may have been listed");
            assert_eq!(playlist.numbers().next_segment, 55);
        }
    }

    #[test]
    fn a_segment_that_players_may_have_parts_of_is_not_listed_under_another_number() {
        let on_air = delivering_parts(0..4);
        let (mut playlist, added) = carried(None, &on_air);
        assert_eq!(added, [0_u64; 0]);
        assert_eq!(playlist.push_part(&part(4, 0)), Ok(false));
        assert!(playlist.push(&segment(4), 1000).is_err());
        assert_eq!(playlist.push_part(&part(5, 0)), Ok(true));
        assert_eq!(playlist.numbers().next_segment, 55);
        // Where nothing was lost, it goes on growing.
        let mut saved = saved(50);
        saved.expect_parts(500);
        let (mut playlist, added) = carried(Some(saved), &on_air);
        assert_eq!(added, [1, 2, 3]);
        assert_eq!(playlist.push_part(&part(4, 0)), Ok(true));
    }

    #[test]
    fn a_run_that_is_new_here_is_expected_in_its_parts() {
        let awaited = |on_air: &OnAir| carried(None, on_air).0.can_be_awaited();
        assert!(awaited(&delivering_parts(0..4)));
        assert!(!awaited(&delivering(0..4)));
    }

    #[test]
    fn a_gap_that_ended_while_nobody_watched_is_told_once() {
        let older = saved(50);
        let on_air = delivering(4..6);
        let mut previous = super::tests::on_air();
        let gap = unwatched_gap(&previous, &older, &on_air).unwrap();
        assert_eq!(gap.at, at(101));
        previous.interruptions.push(gap.close(at(104)));
        assert_eq!(unwatched_gap(&previous, &older, &on_air), None);
    }

    #[test]
    fn another_hosts_worker_is_listed_from_the_segment_that_covers_the_end() {
        // The list ends at 101 s; segment number n of the other run begins at 100 + n seconds.
        for (segments, first, number, is_late) in [
            (0..4, 1, 50, false),
            // Only begun when the other ended.
            (0..1, 1, 50, false),
            // The covering one is not remembered, or was never made.
            (3..6, 3, 50, true),
        ] {
            let on_air = delivering(segments);
            let former = saved(50);
            let ended = former.ends_at();
            let needed = first_after(ended, &on_air);
            assert_eq!(needed.number, first);
            assert_eq!(needed.is_later_than(ended.unwrap()), is_late);
            let run: Run = "a".parse().unwrap();
            let playlist = follow_on(former, needed, (&on_air, &run));
            assert_eq!(playlist.next_in_run(), first);
            assert_eq!(playlist.numbers().next_segment, number);
            assert!(!playlist.is_empty(), "what was listed stays");
        }
        let none = first_after(Some(at(101)), &delivering(0..0));
        assert!(none.is_later_than(at(101)));
        assert_eq!(first_after(None, &delivering(2..4)).number, 2);
    }

    #[test]
    fn another_host_never_gives_out_a_number_twice() {
        let playlist = take_over(None, Some(&on_air()), MINUTE, at(104));
        assert_eq!(
            playlist.numbers(),
            Numbers {
                next_segment: 55,
                discontinuity: 3
            }
        );
        let stale = take_over(Some(saved(20)), Some(&on_air()), MINUTE, at(104));
        assert_eq!(stale.numbers().next_segment, 55);
        assert!(stale.is_empty());
    }

    #[test]
    fn the_same_host_goes_on_exactly_where_it_was() {
        let playlist = take_over(Some(saved(51)), Some(&on_air()), MINUTE, at(104));
        assert_eq!(playlist.numbers().next_segment, 51);
        assert!(!playlist.is_empty());
        let gap = inherited_gap(&on_air(), &playlist).unwrap();
        assert_eq!((gap.at, gap.cause.as_str()), (at(101), "engine.lost"));
        let interruption = gap.close(at(105));
        assert_eq!(interruption.length_ms, 4000);
    }

    #[test]
    fn what_ended_long_ago_or_was_off_air_is_not_listed_again() {
        let later = take_over(Some(saved(51)), Some(&on_air()), MINUTE, at(1000));
        assert!(later.is_empty());
        assert_eq!(later.numbers().next_segment, 51);
        let mut off_air = on_air();
        off_air.live_since = None;
        let playlist = take_over(Some(saved(51)), Some(&off_air), MINUTE, at(104));
        assert!(playlist.is_empty());
        assert_eq!(inherited_gap(&off_air, &playlist), None);
    }

    #[test]
    fn an_orderly_end_is_told_from_a_loss() {
        let mut stopped = on_air();
        stopped.engine = None;
        stopped.status = StreamStatus::Reconnecting;
        stopped.since = at(98);
        let empty = Playlist::new(Numbers::default());
        let gap = inherited_gap(&stopped, &empty).unwrap();
        assert_eq!((gap.at, gap.cause.as_str()), (at(98), "engine.stopped"));
        let lost = inherited_gap(&on_air(), &empty).unwrap();
        assert_eq!((lost.at, lost.cause.as_str()), (at(100), "engine.lost"));
    }
}
