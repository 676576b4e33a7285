use sm_common::clock::Timestamp;

use super::super::tests::{SECOND, WINDOW, part, run, segment};
use super::super::{Numbers, Standing, Wanted};
use super::*;

/// A playlist of run `a` with so many segments, in parts, and so many parts of the next.
pub(in super::super) fn growing(segments: u64, parts: u64) -> Playlist {
    let mut playlist = Playlist::new(Numbers::default());
    playlist.begin(run("a"), SECOND);
    playlist.expect_parts(250);
    for number in 0..segments {
        push_all(&mut playlist, "a", number);
    }
    for index in 0..parts {
        assert_eq!(playlist.push_part(&part("a", segments, index)), Ok(true));
    }
    playlist
}

fn push_all(playlist: &mut Playlist, run: &str, number: u64) {
    for index in 0..4 {
        assert_eq!(playlist.push_part(&part(run, number, index)), Ok(true));
    }
    playlist.push(&segment(run, number), 10).unwrap();
}

fn file(name: &str) -> LiveFile {
    name.parse().unwrap()
}

#[test]
fn the_hint_is_always_what_comes_next() {
    let cases = [
        ((0, 1), "a-0.1.m4s"),
        ((1, 0), "a-1.0.m4s"),
        ((1, 3), "a-1.3.m4s"),
        ((1, 4), "a-2.0.m4s"),
    ];
    for ((segments, parts), hint) in cases {
        let playlist = growing(segments, parts);
        assert_eq!(playlist.hint(), Some(file(hint)), "{segments} {parts}");
    }
    let none = growing(0, 0);
    assert_eq!(none.hint(), None, "its discontinuity is not listed yet");
    let mut whole = Playlist::new(Numbers::default());
    whole.begin(run("a"), SECOND);
    whole.push(&segment("a", 0), WINDOW).unwrap();
    assert_eq!(whole.hint(), None);
}

#[test]
fn only_the_next_part_of_the_current_run_is_taken() {
    let mut playlist = growing(1, 1);
    let endless = Part {
        duration_s: f64::NAN,
        ..part("a", 1, 1)
    };
    let lying = Part {
        number: 2,
        ..part("a", 1, 1)
    };
    for foreign in [part("b", 1, 1), endless, lying] {
        assert_eq!(playlist.push_part(&foreign), Err(ForeignSegment));
    }
    // A host that begins to listen in the middle of a segment.
    for late in [part("a", 1, 2), part("a", 1, 0), part("a", 2, 0)] {
        assert_eq!(playlist.push_part(&late), Ok(false));
    }
    let mut whole = Playlist::new(Numbers::default());
    whole.begin(run("a"), SECOND);
    assert_eq!(whole.push_part(&part("a", 0, 0)), Err(ForeignSegment));
}

#[test]
fn a_segment_of_which_a_part_is_not_known_is_listed_without() {
    let mut playlist = growing(1, 2);
    playlist.push(&segment("a", 1), 10).unwrap();
    let text = playlist.render("");
    assert!(
        text.contains("a-0.3.m4s") && !text.contains("a-1.0.m4s"),
        "{text}"
    );
    assert!(text.contains("a-1.m4s"));
    assert_eq!(playlist.hint(), Some(file("a-2.0.m4s")));
}

#[test]
fn what_a_run_leaves_becomes_a_short_segment() {
    let mut playlist = growing(2, 2);
    assert_eq!(playlist.ends_at(), Some(Timestamp::from_unix_millis(2500)));
    let unfinished = playlist.unfinished().unwrap();
    assert_eq!(unfinished.segment, file("a-2.m4s"));
    assert_eq!(unfinished.parts, [file("a-2.0.m4s"), file("a-2.1.m4s")]);
    playlist.end_run(Some(&unfinished), 10);
    assert_eq!((playlist.unfinished(), playlist.hint()), (None, None));
    let text = playlist.render("");
    assert!(
        text.ends_with("URI=\"a-2.1.m4s\"\n#EXTINF:0.50000,\na-2.m4s\n"),
        "{text}"
    );
    playlist.begin(run("b"), SECOND);
    playlist.expect_parts(250);
    assert_eq!(playlist.hint(), None);
    playlist.push_part(&part("b", 0, 0)).unwrap();
    assert!(playlist.render("").ends_with(
        "a-2.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-b.mp4\"\n\
         #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00Z\n\
         #EXT-X-PART:DURATION=0.25000,URI=\"b-0.0.m4s\",INDEPENDENT=YES\n\
         #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"b-0.1.m4s\"\n"
    ));
    playlist.push(&segment("b", 0), 10).unwrap();
    assert_eq!(playlist.numbers().next_segment, 4);
}

#[test]
fn a_number_that_players_have_parts_of_is_not_given_out_again() {
    type Loss = fn(&mut Playlist);
    let losses: [Loss; 4] = [
        |playlist| playlist.clear(),
        |playlist| playlist.end_run(None, WINDOW),
        |playlist| playlist.begin(run("b"), SECOND),
        |playlist| playlist.push(&segment("a", 3), WINDOW).unwrap(),
    ];
    for (case, loss) in losses.into_iter().enumerate() {
        let mut playlist = growing(2, 1);
        loss(&mut playlist);
        let listed = u64::from(case == 3);
        assert_eq!(playlist.numbers().next_segment, 3 + listed, "{case}");
        assert_eq!(playlist.is_empty(), listed == 0, "{case}");
    }
    let mut untouched = growing(2, 0);
    untouched.begin(run("b"), SECOND);
    assert_eq!(untouched.numbers().next_segment, 2);
    assert!(!untouched.is_empty());
}

#[test]
fn parts_are_needed_while_their_segment_is() {
    let playlist = growing(2, 1);
    for needed in ["a-0.0.m4s", "a-1.3.m4s", "a-2.0.m4s", "a-2.1.m4s"] {
        assert!(playlist.needs(&file(needed)), "{needed}");
    }
    for unneeded in ["b-0.0.m4s", "a-3.0.m4s"] {
        assert!(!playlist.needs(&file(unneeded)), "{unneeded}");
    }
}

#[test]
fn a_restarted_host_goes_on_with_the_parts_that_it_still_has() {
    let saved = serde_json::to_string(&growing(1, 2)).unwrap();
    let reloaded = |missing: &str| {
        let mut playlist: Playlist = serde_json::from_str(&saved).unwrap();
        let files = [
            "init-a.mp4",
            "a-0.m4s",
            "a-0.0.m4s",
            "a-0.1.m4s",
            "a-0.2.m4s",
            "a-0.3.m4s",
            "a-1.0.m4s",
            "a-1.1.m4s",
        ];
        let files = files.iter().filter(|name| **name != missing);
        let present: Vec<LiveFile> = files.map(|name| file(name)).collect();
        playlist.keep_playable(&present);
        playlist
    };
    assert_eq!(reloaded("nothing"), growing(1, 2));
    let without_a_part = reloaded("a-0.2.m4s");
    assert!(!without_a_part.render("").contains("a-0.0.m4s"));
    assert!(without_a_part.render("").contains("a-0.m4s"));
    let broken = reloaded("a-1.0.m4s");
    assert_eq!(
        (broken.unfinished(), broken.numbers().next_segment),
        (None, 2)
    );
    assert_eq!(
        broken.next_in_run(),
        2,
        "both kinds of numbers stay in step"
    );
    // A playlist that was saved before there were parts.
    let mut old: serde_json::Value = serde_json::from_str(&saved).unwrap();
    for field in ["next_in_run", "part_target_ms", "growing"] {
        old.as_object_mut().unwrap().remove(field);
    }
    let old: Playlist = serde_json::from_value(old).unwrap();
    assert!(!old.can_be_awaited());
    let wanted = Wanted {
        segment: 0,
        part: None,
    };
    assert_eq!(old.standing(wanted), Standing::There);
}
