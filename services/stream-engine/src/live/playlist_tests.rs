use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

pub(super) const WINDOW: usize = 3;
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn run(name: &str) -> Run {
    name.parse().unwrap()
}

pub(super) fn segment(run: &str, number: u64) -> Segment {
    Segment {
        file: format!("{run}-{number}.m4s"),
        number,
        duration_s: 1.0,
        bytes: 100,
        starts_at: Timestamp::from_unix_millis(i64::try_from(number).unwrap() * 1000),
        independent: true,
    }
}

/// Parts of a quarter of a second, four to a segment.
pub(super) fn part(run: &str, number: u64, part: u64) -> Part {
    let starts_at = i64::try_from(number * 1000 + part * 250).unwrap();
    Part {
        file: format!("{run}-{number}.{part}.m4s"),
        number,
        part,
        duration_s: 0.25,
        bytes: 25,
        independent: part == 0,
        starts_at: Timestamp::from_unix_millis(starts_at),
        last: part == 3,
    }
}

fn playing(runs: &[(&str, u64)]) -> Playlist {
    let mut playlist = Playlist::new(Numbers::default());
    for (name, count) in runs {
        playlist.begin(run(name), SECOND);
        for number in 0..*count {
            playlist.push(&segment(name, number), WINDOW).unwrap();
        }
    }
    playlist
}

#[test]
fn a_run_is_listed_with_its_map_and_times() {
    assert_eq!(
        playing(&[("a", 2)]).render(""),
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MAP:URI=\"init-a.mp4\"\n\
         #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00Z\n#EXTINF:1.00000,\na-0.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:01Z\n#EXTINF:1.00000,\na-1.m4s\n"
    );
}

#[test]
fn numbers_go_on_over_a_discontinuity_between_runs() {
    let text = playing(&[("a", 4), ("empty", 0), ("b", 1)]).render("?expires=1&signature=x");
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:2\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n"));
    assert!(text.contains(
        "a-3.m4s?expires=1&signature=x\n#EXT-X-DISCONTINUITY\n\
         #EXT-X-MAP:URI=\"init-b.mp4?expires=1&signature=x\"\n"
    ));
    let later = playing(&[("a", 4), ("empty", 0), ("b", 3)]).render("");
    assert!(later.contains("#EXT-X-MEDIA-SEQUENCE:4\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"));
    assert!(!later.contains("#EXT-X-DISCONTINUITY\n"));
}

#[test]
fn a_cleared_playlist_goes_on_counting() {
    let mut playlist = playing(&[("a", 2)]);
    playlist.clear();
    assert!(playlist.is_empty());
    assert_eq!(playlist.push(&segment("a", 2), WINDOW), Err(ForeignSegment));
    playlist.begin(run("b"), SECOND);
    playlist.push(&segment("b", 0), WINDOW).unwrap();
    let text = playlist.render("");
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:2\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"));
    assert!(!text.contains("#EXT-X-DISCONTINUITY\n"));
}

#[test]
fn another_hosts_numbers_are_gone_on_from_and_smaller_ones_ignored() {
    let mut playlist = playing(&[("a", 2)]);
    playlist.advance_to(Numbers {
        next_segment: 1,
        discontinuity: 0,
    });
    assert_eq!(
        playlist.numbers(),
        Numbers {
            next_segment: 2,
            discontinuity: 0
        }
    );
    assert!(!playlist.is_empty());
    playlist.advance_to(Numbers {
        next_segment: 9,
        discontinuity: 4,
    });
    playlist.begin(run("b"), SECOND);
    playlist.push(&segment("b", 0), WINDOW).unwrap();
    let text = playlist.render("");
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:9\n#EXT-X-DISCONTINUITY-SEQUENCE:5\n"));
    assert!(!text.contains("a-1.m4s"));
}

#[test]
fn only_the_current_runs_real_segments_are_taken() {
    let mut playlist = playing(&[("a", 1)]);
    playlist.begin(run("b"), SECOND);
    let endless = Segment {
        duration_s: f64::INFINITY,
        ..segment("b", 0)
    };
    let init = Segment {
        file: "init-b.mp4".to_owned(),
        ..segment("b", 0)
    };
    let climbing = Segment {
        file: "../b-0.m4s".to_owned(),
        ..segment("b", 0)
    };
    for foreign in [segment("a", 1), endless, init, climbing] {
        assert_eq!(playlist.push(&foreign, WINDOW), Err(ForeignSegment));
    }
}

#[test]
fn the_target_covers_the_longest_segment() {
    let mut playlist = playing(&[("a", 1)]);
    let long = Segment {
        duration_s: 2.6,
        ..segment("a", 1)
    };
    playlist.push(&long, WINDOW).unwrap();
    assert!(playlist.render("").contains("#EXT-X-TARGETDURATION:3\n"));
    playlist.begin(run("b"), Duration::from_millis(1500));
    assert!(playlist.render("").contains("#EXT-X-TARGETDURATION:3\n"));
    playlist.clear();
    playlist.begin(run("c"), Duration::from_millis(1500));
    assert!(playlist.render("").contains("#EXT-X-TARGETDURATION:2\n"));
}

#[test]
fn a_file_is_needed_while_it_is_listed_and_an_init_as_long_as_its_run() {
    let file = |name: &str| -> LiveFile { name.parse().unwrap() };
    let mut playlist = playing(&[("a", 4)]);
    assert!(!playlist.needs(&file("a-0.m4s")));
    assert!(playlist.needs(&file("a-1.m4s")));
    playlist.begin(run("b"), SECOND);
    assert!(
        playlist.needs(&file("init-b.mp4")),
        "it is about to be listed"
    );
    for number in 0..3 {
        assert!(playlist.needs(&file("init-a.mp4")));
        playlist.push(&segment("b", number), WINDOW).unwrap();
    }
    assert!(!playlist.needs(&file("init-a.mp4")));
}

#[test]
fn a_restarted_host_lists_what_it_still_has() {
    let playlist = playing(&[("a", 2), ("b", 1)]);
    let json = serde_json::to_string(&playlist).unwrap();
    let mut loaded: Playlist = serde_json::from_str(&json).unwrap();
    assert_eq!(loaded, playlist);
    let files = |names: &[&str]| -> Vec<LiveFile> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    };
    loaded.keep_playable(&files(&["init-a.mp4", "a-1.m4s", "init-b.mp4", "b-0.m4s"]));
    let text = loaded.render("");
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:1\n"), "{text}");
    assert!(text.contains("a-1.m4s") && text.contains("b-0.m4s"));
    loaded.keep_playable(&files(&["init-a.mp4", "a-1.m4s", "b-0.m4s"]));
    assert!(loaded.is_empty(), "nothing plays without its init");
    assert_eq!(loaded.numbers().next_segment, 3);
}

/// What happens to a playlist.
#[derive(Clone, Debug)]
enum Step {
    Begin,
    BeginInParts,
    Push,
    Part,
    End { finished: bool },
    Clear,
    Advance(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Begin),
        2 => Just(Step::BeginInParts),
        6 => Just(Step::Push),
        9 => Just(Step::Part),
        1 => proptest::bool::ANY.prop_map(|finished| Step::End { finished }),
        1 => Just(Step::Clear),
        1 => (0..40_u64).prop_map(Step::Advance),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// A number means one segment for ever, from its first part on, numbers never go back, and counting the
    /// discontinuities in the text gives every segment the discontinuity number that it had.
    #[test]
    fn numbers_mean_the_same_for_ever(steps in proptest::collection::vec(step(), 1..120)) {
        let mut playlist = Playlist::new(Numbers::default());
        let mut runs = 0_u64;
        let mut pushed = 0_u64;
        let mut parts = 0_u64;
        let mut seen: HashMap<u64, (LiveFile, u64)> = HashMap::new();
        let mut before = Numbers::default();
        for step in steps {
            match step {
                Step::Begin => {
                    runs += 1;
                    (pushed, parts) = (0, 0);
                    playlist.begin(run(&format!("r{runs}")), SECOND);
                }
                Step::BeginInParts => {
                    runs += 1;
                    (pushed, parts) = (0, 0);
                    playlist.begin(run(&format!("r{runs}")), SECOND);
                    playlist.expect_parts(250);
                }
                Step::Push => {
                    if playlist.push(&segment(&format!("r{runs}"), pushed), WINDOW).is_ok() {
                        pushed += 1;
                        parts = 0;
                    }
                }
                Step::Part => {
                    let next = Part { last: false, ..part(&format!("r{runs}"), pushed, parts) };
                    if playlist.push_part(&next) == Ok(true) {
                        parts += 1;
                    }
                }
                Step::End { finished } => {
                    let unfinished = playlist.unfinished().filter(|_| finished);
                    playlist.end_run(unfinished.as_ref(), WINDOW);
                }
                Step::Clear => playlist.clear(),
                Step::Advance(to) => {
                    let discontinuity = playlist.numbers().discontinuity;
                    playlist.clear();
                    playlist.advance_to(Numbers { next_segment: to, discontinuity });
                }
                Step::Restart => {
                    let saved = serde_json::to_string(&playlist).unwrap();
                    playlist = serde_json::from_str(&saved).unwrap();
                }
            }
            let numbers = playlist.numbers();
            prop_assert!(numbers.next_segment >= before.next_segment);
            prop_assert!(numbers.discontinuity >= before.discontinuity);
            before = numbers;
            let mut counted = playlist.listed.front().map_or(0, |first| first.discontinuity);
            let mut last_run = None;
            if let Some(Unfinished { segment, parts }) = playlist.unfinished() {
                let known = seen
                    .entry(numbers.next_segment)
                    .or_insert_with(|| (segment.clone(), numbers.discontinuity));
                prop_assert_eq!(known, &(segment, numbers.discontinuity));
                prop_assert!(!parts.is_empty());
            }
            for (expected, listed) in (numbers.next_segment - u64::try_from(playlist.listed.len()).unwrap()..).zip(&playlist.listed) {
                counted += u64::from(last_run.is_some_and(|last| last != listed.file.run()));
                last_run = Some(listed.file.run());
                prop_assert_eq!(listed.number, expected);
                prop_assert_eq!(listed.discontinuity, counted);
                let known = seen.entry(listed.number).or_insert_with(|| (listed.file.clone(), counted));
                prop_assert_eq!(known, &(listed.file.clone(), counted));
            }
        }
    }
}
