//! Files played one after another.

use std::path::{Path, PathBuf};

use sm_common::id::LayerId;
use sm_common::layer::{Playback, PlaybackAction, PlaybackState};
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, LayerReport, PlaylistEntry, Report, SceneLayer};

use crate::recording::{Frame, make};
use crate::scene::{color, layer, scene};
use crate::sound::{TONE_RMS, loudness};
use crate::worker::{Worker, small};

const COLORS: [(char, &str, [u8; 3]); 4] = [
    ('r', "red", [255, 0, 0]),
    ('g', "lime", [0, 255, 0]),
    ('b', "blue", [0, 0, 255]),
    ('w', "white", [255, 255, 255]),
];

/// A video of one colour with a tone.
fn video(folder: &Path, name: char, frames: u32) -> PathBuf {
    let (_, color, _) = COLORS.iter().find(|(known, ..)| *known == name).unwrap();
    let path = folder.join(format!("{name}{frames}.mp4"));
    let seconds = f64::from(frames) / 30.0;
    let picture = format!("color={color}:s=160x90:r=30:d={seconds}");
    let tone = format!("sine=500:r=48000:d={seconds}");
    make(
        &path,
        &[
            "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone, "-pix_fmt", "yuv420p",
            "-c:a", "aac",
        ],
    );
    path
}

fn picture(folder: &Path, name: char) -> PathBuf {
    let (_, color, _) = COLORS.iter().find(|(known, ..)| *known == name).unwrap();
    let path = folder.join(format!("{name}.png"));
    let source = format!("color={color}:s=64x36");
    make(&path, &["-f", "lavfi", "-i", &source, "-frames:v", "1"]);
    path
}

fn entry(path: &Path, duration_ms: u64) -> PlaylistEntry {
    PlaylistEntry {
        path: path.to_owned(),
        in_ms: 0,
        out_ms: None,
        duration_ms,
    }
}

fn playlist(items: &[PlaylistEntry], looping: bool) -> SceneLayer {
    let content = LayerContent::Playlist {
        items: items.to_vec(),
        looping,
        shuffle: false,
        at_end: sm_common::layer::AtEnd::default(),
        next: None,
    };
    layer(content, [0, 0, 320, 180])
}

fn name_of(frame: &Frame) -> char {
    let known = COLORS
        .iter()
        .find(|(_, _, color)| frame.is(160, 90, *color));
    known.map_or('.', |(name, ..)| *name)
}

fn runs(frames: &[Frame]) -> Vec<(char, usize)> {
    let names: Vec<char> = frames.iter().map(name_of).collect();
    let runs = names.chunk_by(|a, b| a == b);
    runs.map(|run| (run[0], run.len())).collect()
}

fn names(runs: &[(char, usize)]) -> String {
    runs.iter().map(|(name, _)| *name).collect()
}

fn wait_for(
    worker: &mut Worker,
    layer: LayerId,
    what: &str,
    wanted: impl Fn(&LayerReport) -> bool,
) -> LayerReport {
    let of = |report: &Report| match report {
        Report::Layer(report) if report.layer == layer => Some(report.clone()),
        _ => None,
    };
    if let Some(last) = worker.reports.iter().rev().find_map(of)
        && wanted(&last)
    {
        return last;
    }
    worker.wait_for_next(what, |report| of(report).filter(&wanted))
}

fn wait_for_item(worker: &mut Worker, layer: LayerId, item: u32) {
    wait_for(worker, layer, &format!("item {item}"), |report| {
        report.playback.is_some_and(|now| now.item == Some(item))
    });
}

fn wait_for_more(worker: &mut Worker, segments: u64) {
    let written = worker.reports.iter().rev().find_map(|report| match report {
        Report::SegmentWritten(segment) => Some(segment.number + 1),
        _ => None,
    });
    worker.wait_for_segments(written.unwrap_or(0) + segments);
}

#[test]
fn items_follow_each_other_without_a_gap_in_picture_or_sound() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut items = [
        entry(&video(folder, 'r', 30), 0),
        entry(&video(folder, 'b', 15), 0),
        entry(&picture(folder, 'g'), 400),
        entry(&video(folder, 'w', 60), 0),
    ];
    (items[3].in_ms, items[3].out_ms) = (500, Some(1_000));
    let list = playlist(&items, true);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&list)));
    worker.wait_for_layer(list.id, LayerState::Ok);
    worker.wait_for_segments(8);
    let recording = worker.stop();
    let runs = runs(&recording.frames());
    let runs: Vec<_> = runs
        .into_iter()
        .skip_while(|(name, _)| *name == '.')
        .collect();
    assert!(names(&runs).starts_with("rbgwrbg"), "{runs:?}");
    // The first and the last are cut by the start and the end of the program.
    for (name, frames) in &runs[1..runs.len() - 1] {
        let expected: usize = match name {
            'r' => 30,
            'g' => 12,
            'b' | 'w' => 15,
            _ => panic!("a frame of no item: {runs:?}"),
        };
        assert!(frames.abs_diff(expected) <= 2, "{runs:?}");
    }
    let loud: Vec<bool> = loudness(&recording.samples())
        .iter()
        .map(|rms| TONE_RMS.contains(rms))
        .collect();
    // Red and blue sound without a pause: half a second more than red alone.
    let longest = loud
        .chunk_by(|a, b| a == b)
        .filter(|run| run[0])
        .map(<[bool]>::len)
        .max();
    assert!(longest.is_some_and(|longest| longest >= 36), "{loud:?}");
}

#[test]
fn broken_and_missing_items_are_passed_over_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let garbage = folder.join("garbage.mp4");
    std::fs::write(
        &garbage,
        [b"\0\0\0\x18ftypisom".as_slice(), &[7; 3_000]].concat(),
    )
    .unwrap();
    let items = [
        entry(&video(folder, 'r', 30), 0),
        entry(&garbage, 0),
        entry(&folder.join("missing.mp4"), 0),
        entry(&video(folder, 'b', 30), 0),
    ];
    let list = playlist(&items, true);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&list)));
    let flawed = wait_for(&mut worker, list.id, "flaw", |report| {
        report.state == LayerState::Ok && report.code.is_some()
    });
    assert_eq!(flawed.code.as_deref(), Some("layer.playlist.item"));
    assert!(flawed.reason.unwrap().starts_with("item 2 "));
    worker.wait_for_segments(6);
    let runs = runs(&worker.stop().frames());
    let names = names(&runs);
    let names = names.trim_start_matches('.');
    assert!(names.starts_with("rbrb"), "{runs:?}");
    assert!(!names.contains('.'), "{runs:?}");
}

#[test]
fn a_list_in_which_nothing_can_be_played_fails_until_something_can() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let missing = folder.join("late.mp4");
    let list = playlist(&[entry(&missing, 0)], true);
    let back = layer(color("#ff0000"), [0, 0, 320, 180]);
    let mut worker = Worker::on_air(small(), scene(1, &[back, list.clone()]));
    let failing = worker.wait_for_layer(list.id, LayerState::Failing);
    assert_eq!(failing.code.as_deref(), Some("layer.source.missing"));
    std::fs::copy(video(folder, 'b', 30), &missing).unwrap();
    worker.wait_for_layer(list.id, LayerState::Ok);
    wait_for_more(&mut worker, 2);
    let names = names(&runs(&worker.stop().frames()));
    assert_eq!(names.trim_start_matches('.'), "rb");
}

#[test]
fn one_goes_forth_and_back_and_anywhere_and_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let items = ['r', 'g', 'b'].map(|name| entry(&picture(folder, name), 600_000));
    let mut list = playlist(&items, false);
    let id = list.id;
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&list)));
    wait_for_item(&mut worker, id, 0);
    let mut number = 1;
    for (action, paused, item, arrives) in [
        (PlaybackAction::Next, false, None, 1),
        (PlaybackAction::Goto, false, Some(0), 0),
        (PlaybackAction::Goto, true, Some(2), 2),
        (PlaybackAction::Previous, true, None, 1),
    ] {
        wait_for_more(&mut worker, 1);
        number += 1;
        list.playback = Some(Playback {
            number,
            action,
            paused,
            position_ms: None,
            item,
        });
        worker.apply(scene(number, std::slice::from_ref(&list)));
        wait_for_item(&mut worker, id, arrives);
    }
    let paused = wait_for(&mut worker, id, "pause", |report| {
        report
            .playback
            .is_some_and(|now| now.state == PlaybackState::Paused)
    });
    assert_eq!(paused.playback.unwrap().duration_ms, Some(600_000));
    wait_for_more(&mut worker, 1);
    let runs = runs(&worker.stop().frames());
    assert_eq!(names(&runs).trim_start_matches('.'), "rgrbg", "{runs:?}");
}

#[test]
fn a_sound_in_a_list_is_heard_without_a_picture_and_the_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("tone.flac");
    make(
        &sound,
        &["-f", "lavfi", "-i", "sine=500:r=48000:d=1", "-c:a", "flac"],
    );
    let items = [
        entry(&picture(folder.path(), 'r'), 1_000),
        entry(&sound, 0),
        entry(&picture(folder.path(), 'b'), 1_000),
    ];
    let list = playlist(&items, false);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&list)));
    wait_for(&mut worker, list.id, "end", |report| {
        report
            .playback
            .is_some_and(|now| now.state == PlaybackState::Ended && now.item == Some(2))
    });
    wait_for_more(&mut worker, 1);
    let recording = worker.stop();
    let runs = runs(&recording.frames());
    assert_eq!(names(&runs).trim_start_matches('.'), "r.b", "{runs:?}");
    let heard = loudness(&recording.samples());
    let loud = heard.iter().filter(|rms| TONE_RMS.contains(rms)).count();
    assert!(loud.abs_diff(20) <= 3, "{heard:?}");
}

#[test]
fn what_plays_goes_on_while_its_list_is_edited() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let of = |name| entry(&picture(folder, name), 600_000);
    let [red, green, blue] = ['r', 'g', 'b'].map(of);
    let mut list = playlist(&[red.clone(), green.clone()], true);
    let id = list.id;
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&list)));
    wait_for_item(&mut worker, id, 0);
    wait_for_more(&mut worker, 1);
    // Another before it, and what came next is gone: the same picture, now the second.
    set_items(&mut list, &[blue.clone(), red]);
    worker.apply(scene(2, std::slice::from_ref(&list)));
    wait_for_item(&mut worker, id, 1);
    wait_for_more(&mut worker, 1);
    // It is taken out itself: what is in its place now follows.
    set_items(&mut list, &[blue, green]);
    worker.apply(scene(3, std::slice::from_ref(&list)));
    wait_for_more(&mut worker, 2);
    let runs = runs(&worker.stop().frames());
    assert_eq!(names(&runs).trim_matches('.'), "rg", "{runs:?}");
}

fn set_items(list: &mut SceneLayer, wanted: &[PlaylistEntry]) {
    if let LayerContent::Playlist { items, .. } = &mut list.content {
        *items = wanted.to_vec();
    }
}
