use std::time::Duration;

use super::super::growing::tests::growing;
use super::super::tests::{SECOND, part, run, segment};
use super::super::{Standing, Wanted};
use super::*;

fn low() -> RenditionName {
    "low".parse().unwrap()
}

fn ladder() -> Vec<Rendition> {
    vec![Rendition {
        name: low(),
        width: None,
        height: 360,
        video_bitrate_kbps: 500,
    }]
}

/// `growing`, of which the rendition has so many segments and so many parts of the next.
fn both(program: (u64, u64), rendition: (u64, u64)) -> Playlist {
    let mut playlist = growing(program.0, program.1);
    playlist.expect_ladder(&ProgramFormat::default(), &ladder());
    deliver(&mut playlist, "a", 0..rendition.0);
    for index in 0..rendition.1 {
        let part = part("low_a", rendition.0, index);
        assert_eq!(playlist.push_rendition_part(&low(), &part), Ok(true));
    }
    playlist
}

fn deliver(playlist: &mut Playlist, run: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let segment = segment(&format!("low_{run}"), number);
        playlist.push_rendition(&low(), &segment).unwrap();
    }
}

fn tail(playlist: &Playlist) -> String {
    let text = playlist.rendition(&low()).unwrap().render("");
    let at = text.rfind("#EXT-X-PROGRAM-DATE-TIME").unwrap();
    text.split_at(at).1.to_owned()
}

#[test]
fn a_rendition_is_listed_as_the_program_with_its_own_files() {
    let playlist = both((3, 2), (3, 2));
    let program = playlist.render("?signature=x");
    let rendition = playlist.rendition(&low()).unwrap().render("?signature=x");
    let expected = program
        .replace("a-", "low_a-")
        .replace("init-a", "init-low_a")
        .replace("low.m3u8", "index.m3u8");
    assert_eq!(rendition, expected);
    assert!(
        program.contains(
            "#EXT-X-RENDITION-REPORT:URI=\"low.m3u8?signature=x\",LAST-MSN=3,LAST-PART=1\n\
             #EXT-X-PRELOAD-HINT"
        ),
        "{program}"
    );
}

#[test]
fn the_list_ends_where_the_rendition_is() {
    let hint = |playlist: &Playlist| playlist.rendition(&low()).unwrap().hint().unwrap();
    // It is ahead: as far as the program's list.
    assert_eq!(hint(&both((2, 1), (2, 3))).to_string(), "low_a-2.1.m4s");
    assert_eq!(hint(&both((2, 1), (3, 0))).to_string(), "low_a-2.0.m4s");
    // It is behind: as far as its own files.
    assert_eq!(hint(&both((2, 3), (2, 1))).to_string(), "low_a-2.1.m4s");
    let behind = both((3, 1), (2, 2));
    assert_eq!(hint(&behind).to_string(), "low_a-2.2.m4s");
    assert!(
        tail(&behind).contains("URI=\"low_a-2.1.m4s\"\n"),
        "{}",
        tail(&behind)
    );
    let awaited = behind.rendition(&low()).unwrap();
    let standing = |segment, part| awaited.standing(Wanted { segment, part });
    assert_eq!(standing(2, Some(1)), Standing::There);
    assert_eq!(standing(2, Some(2)), Standing::Coming);
    assert_eq!(standing(2, None), Standing::Coming);
}

#[test]
fn what_a_rendition_missed_is_a_gap_and_numbers_are_the_programs() {
    let mut playlist = both((6, 0), (2, 0));
    deliver(&mut playlist, "a", 4..6);
    let text = playlist.rendition(&low()).unwrap().render("");
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:0\n"), "{text}");
    for number in 0..6 {
        let gap = format!("#EXT-X-GAP\n#EXTINF:1.00000,\nlow_a-{number}.m4s\n");
        assert_eq!(
            text.contains(&gap),
            (2..4).contains(&number),
            "{number}: {text}"
        );
    }
    // It began later: so does its list.
    let mut late = both((6, 0), (0, 0));
    assert_eq!(late.rendition(&low()), None);
    deliver(&mut late, "a", 4..6);
    let text = late.rendition(&low()).unwrap().render("");
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:4\n"), "{text}");
    assert!(!text.contains("#EXT-X-GAP"));
}

#[test]
fn a_discontinuity_is_where_the_programs_is() {
    let mut playlist = both((2, 2), (2, 2));
    let unfinished = playlist.unfinished().unwrap();
    let mut left = playlist.unfinished_renditions();
    let (name, of_low) = left.pop().unwrap();
    assert_eq!(of_low.segment.to_string(), "low_a-2.m4s");
    assert_eq!(of_low.parts.len(), 2);
    playlist.finished_rendition(&name, of_low.segment);
    playlist.end_run(Some(&unfinished), 10);
    assert!(tail(&playlist).contains("#EXTINF:0.50000,\nlow_a-2.m4s\n"));
    playlist.begin(run("b"), SECOND);
    playlist.expect_parts(250);
    playlist.expect_ladder(&ProgramFormat::default(), &ladder());
    playlist.push(&segment("b", 0), 10).unwrap();
    deliver(&mut playlist, "b", 0..1);
    let text = playlist.rendition(&low()).unwrap().render("");
    assert!(
        text.contains("low_a-2.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-low_b.mp4\"\n"),
        "{text}"
    );
    assert_eq!(playlist.numbers().next_segment, 4);
    // One that has less than the program has nothing to finish.
    assert!(both((2, 2), (2, 1)).unfinished_renditions().is_empty());
}

#[test]
fn a_rendition_that_fails_is_not_offered() {
    let mut playlist = both((2, 0), (2, 0));
    let uris = |playlist: &Playlist| {
        let variants = playlist.variants().into_iter();
        variants.map(|variant| variant.uri).collect::<Vec<_>>()
    };
    assert_eq!(uris(&playlist), ["index.m3u8", "low.m3u8"]);
    assert!(playlist.offer(&low(), false) && !playlist.offer(&low(), false));
    assert_eq!(playlist.rendition(&low()), None);
    assert_eq!(uris(&playlist), ["index.m3u8"]);
    assert!(!playlist.render("").contains("RENDITION-REPORT"));
    playlist.expect_ladder(&ProgramFormat::default(), &ladder());
    assert_eq!(uris(&playlist), ["index.m3u8"], "it fails still");
    assert!(playlist.offer(&low(), true));
    assert_eq!(uris(&playlist), ["index.m3u8", "low.m3u8"]);
    playlist.expect_ladder(&ProgramFormat::default(), &[]);
    assert_eq!(uris(&playlist), ["index.m3u8"]);
}

#[test]
fn bandwidth_is_what_was_measured() {
    let mut playlist = both((2, 0), (1, 0));
    let large = Segment {
        bytes: 1000,
        duration_s: 0.5,
        ..segment("low_a", 1)
    };
    playlist.push_rendition(&low(), &large).unwrap();
    let variants = playlist.variants();
    let rates = |index: usize| {
        let variant = &variants[index];
        (variant.size, variant.peak_bps, variant.average_bps)
    };
    assert_eq!(rates(0), ((1280, 720), 800, 800));
    assert_eq!(rates(1), ((640, 360), 16_000, 4400));
    assert_eq!(variants[1].init.to_string(), "init-low_a.mp4");
}

#[test]
fn only_files_of_the_rendition_and_the_run_are_taken() {
    let mut playlist = both((2, 0), (1, 0));
    let other: RenditionName = "high".parse().unwrap();
    for (name, file) in [
        (low(), "a"),
        (low(), "low_b"),
        (low(), "high_a"),
        (other, "high_a"),
    ] {
        let refused = playlist.push_rendition(&name, &segment(file, 1));
        assert_eq!(refused, Err(ForeignSegment), "{file}");
        let refused = playlist.push_rendition_part(&name, &part(file, 1, 0));
        assert_eq!(refused, Err(ForeignSegment), "{file}");
    }
    let skipping = playlist.push_rendition_part(&low(), &part("low_a", 1, 1));
    assert_eq!(skipping, Ok(false));
}

#[test]
fn a_restarted_host_goes_on_with_what_renditions_have() {
    let saved = serde_json::to_string(&both((2, 1), (2, 1))).unwrap();
    let names = |missing: &str| {
        let program = ["init-a.mp4", "a-0.m4s", "a-1.m4s", "a-2.0.m4s"];
        let all = program.iter().flat_map(|name| {
            let file: LiveFile = name.parse().unwrap();
            [file.of(&low()), file]
        });
        let all = all.filter(|file| file.to_string() != missing);
        all.collect::<Vec<_>>()
    };
    let reloaded = |missing: &str| {
        let mut playlist: Playlist = serde_json::from_str(&saved).unwrap();
        playlist.keep_playable(&names(missing));
        playlist
    };
    let whole = reloaded("nothing").rendition(&low()).unwrap();
    assert_eq!(
        (whole.listed.len(), whole.hint().unwrap().to_string()),
        (2, "low_a-2.1.m4s".to_owned())
    );
    let gone = reloaded("low_a-0.m4s").rendition(&low()).unwrap();
    assert_eq!(gone.listed.len(), 1);
    assert_eq!(reloaded("init-low_a.mp4").rendition(&low()), None);
    // A playlist that was saved before there were renditions.
    let mut old: serde_json::Value = serde_json::from_str(&saved).unwrap();
    for field in ["peak_bps", "format", "ladder"] {
        old.as_object_mut().unwrap().remove(field);
    }
    let old: Playlist = serde_json::from_value(old).unwrap();
    assert_eq!((old.variants(), old.rendition(&low())), (Vec::new(), None));
}

#[test]
fn files_of_renditions_are_needed_as_long_as_the_programs() {
    let mut playlist = both((2, 1), (2, 1));
    for file in [
        "low_a-0.m4s",
        "low_a-1.2.m4s",
        "init-low_a.mp4",
        "low_a-2.1.m4s",
    ] {
        assert!(playlist.needs(&file.parse().unwrap()), "{file}");
    }
    assert!(!playlist.needs(&"low_b-0.m4s".parse().unwrap()));
    for number in 2..12 {
        deliver(&mut playlist, "a", number..number + 1);
        playlist.push(&segment("a", number), 3).unwrap();
    }
    assert_eq!(
        playlist.ladder[&low()].segments.len(),
        3,
        "the rest is forgotten"
    );
    assert_eq!(playlist.target(), Duration::from_secs(1));
}
