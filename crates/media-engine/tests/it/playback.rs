//! Parts of files, what follows their end, and commands while they play.

use std::path::Path;

use sm_common::id::LayerId;
use sm_common::layer::{AtEnd, Playback, PlaybackAction, PlaybackState, PlaybackStatus};
use sm_common::stream::LayerState;
use sm_media_protocol::{Clip, LayerContent, Report, SceneLayer};

use crate::recording::{Frame, make};
use crate::scene::{layer, scene};
use crate::sound::{TONE_RMS, loudness};
use crate::worker::{Worker, small};

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];
const BLACK: [u8; 3] = [0, 0, 0];

/// One second each of red, green (with a tone), blue and white; a keyframe only at the beginning.
fn colours(path: &Path) {
    let part = |n, color| format!("color={color}:s=160x90:r=30:d=1[{n}];");
    let parts = [
        part(0, "red"),
        part(1, "lime"),
        part(2, "blue"),
        part(3, "white"),
    ]
    .concat();
    let filter = format!(
        "{parts}[0][1][2][3]concat=n=4[v];\
         sine=1000:r=48000:d=4,volume='between(t,1,2)':eval=frame[s]"
    );
    make(
        path,
        &[
            "-filter_complex",
            &filter,
            "-map",
            "[v]",
            "-map",
            "[s]",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-g",
            "300",
            "-c:a",
            "aac",
        ],
    );
}

fn clip(path: &Path, looping: bool, clip: Clip) -> SceneLayer {
    let content = LayerContent::Video {
        path: path.to_owned(),
        looping,
        clip,
    };
    layer(content, [0, 0, 320, 180])
}

fn part(in_ms: u64, out_ms: u64) -> Clip {
    Clip {
        in_ms,
        out_ms: Some(out_ms),
        ..Clip::default()
    }
}

fn color_of(frame: &Frame) -> char {
    [
        ('r', RED),
        ('g', GREEN),
        ('b', BLUE),
        ('w', WHITE),
        ('k', BLACK),
    ]
    .into_iter()
    .find(|(_, color)| frame.is(160, 90, *color))
    .map_or('?', |(name, _)| name)
}

/// The colours in the middle of the picture, as runs of frames.
fn runs(frames: &[Frame]) -> Vec<(char, usize)> {
    let mut runs: Vec<(char, usize)> = Vec::new();
    for color in frames.iter().map(color_of) {
        match runs.last_mut() {
            Some((last, count)) if *last == color => *count += 1,
            _ => runs.push((color, 1)),
        }
    }
    runs
}

fn names(runs: &[(char, usize)]) -> String {
    let names: String = runs.iter().map(|(name, _)| *name).collect();
    // Black before the first frame is there.
    names.trim_start_matches('k').to_owned()
}

fn wait_for_playback(
    worker: &mut Worker,
    layer: LayerId,
    wanted: impl Fn(&PlaybackStatus) -> bool,
) -> PlaybackStatus {
    let of = move |report: &Report| match report {
        Report::Layer(report) if report.layer == layer => report.playback.filter(&wanted),
        _ => None,
    };
    let last = worker.reports.iter().rev().find_map(|report| match report {
        Report::Layer(report) if report.layer == layer => Some(report.clone()),
        _ => None,
    });
    if let Some(found) = last.and_then(|last| of(&Report::Layer(last))) {
        return found;
    }
    worker.wait_for_next("playback", of)
}

fn command(
    number: u64,
    action: PlaybackAction,
    paused: bool,
    position_ms: Option<u64>,
) -> Playback {
    Playback {
        number,
        action,
        paused,
        position_ms,
        item: None,
    }
}

/// Waits until another segment was begun and written whole.
fn wait_for_more(worker: &mut Worker, segments: u64) {
    let written = worker.reports.iter().rev().find_map(|report| match report {
        Report::SegmentWritten(segment) => Some(segment.number + 1),
        _ => None,
    });
    worker.wait_for_segments(written.unwrap_or(0) + segments);
}

#[test]
fn a_part_is_played_from_frame_to_frame_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("colours.mp4");
    colours(&path);
    // The last ten frames of green and the first twenty of blue.
    let clip = clip(&path, true, part(1_667, 2_667));
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&clip)));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    worker.wait_for_segments(5);
    let playback = wait_for_playback(&mut worker, clip.id, |now| {
        now.state == PlaybackState::Playing
    });
    assert_eq!(playback.duration_ms.map(|ms| ms / 100), Some(40));
    assert!(playback.position_ms.abs_diff(1_667) < 100, "{playback:?}");
    let runs = runs(&worker.stop().frames());
    let runs: Vec<_> = runs
        .into_iter()
        .filter(|(color, _)| *color != 'k')
        .collect();
    assert!(runs.len() >= 6, "{runs:?}");
    // The first and the last are cut by the start and the end of the program.
    for (color, frames) in &runs[1..runs.len() - 1] {
        let expected: usize = match color {
            'g' => 10,
            'b' => 20,
            _ => panic!("neither of both colours: {runs:?}"),
        };
        assert!(frames.abs_diff(expected) <= 1, "{runs:?}");
    }
}

#[test]
fn what_follows_the_end_is_what_was_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("colours.mp4");
    colours(&path);
    let [hold, mut hide, mut first, mut second] = [
        part(2_000, 2_500),
        part(0, 500),
        part(1_000, 1_500),
        part(3_000, 3_500),
    ]
    .map(|part| clip(&path, false, part));
    let set = |layer: &mut SceneLayer, at_end, next| {
        if let LayerContent::Video { clip, .. } = &mut layer.content {
            (clip.at_end, clip.next) = (at_end, next);
        }
    };
    set(&mut hide, AtEnd::Hide, None);
    set(&mut first, AtEnd::Next, Some(second.id));
    second.visible = false;
    second.transform.y = 60;
    for (layer, y) in [(&mut hide, 0), (&mut first, 60)] {
        layer.transform.y = y;
        layer.transform.height = 60;
    }
    second.transform.height = 60;
    let mut hold = hold;
    (hold.transform.y, hold.transform.height) = (120, 60);
    let layers = [hold.clone(), hide.clone(), first.clone(), second.clone()];
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    for layer in [&hold, &hide, &first, &second] {
        wait_for_playback(&mut worker, layer.id, |now| {
            now.state == PlaybackState::Ended
        });
    }
    wait_for_more(&mut worker, 1);
    // Restarted, it takes the picture from the one that took its turn.
    first.playback = Some(command(2, PlaybackAction::Restart, true, None));
    let layers = [hold, hide, first.clone(), second];
    worker.apply(scene(2, &layers));
    wait_for_playback(&mut worker, first.id, |now| {
        now.state == PlaybackState::Paused
    });
    wait_for_more(&mut worker, 2);
    let frames = worker.stop().frames();
    let at = |frame: &Frame, y: usize, color| frame.is(160, y, color);
    let turn = frames
        .iter()
        .position(|frame| at(frame, 90, WHITE))
        .unwrap();
    let before = &frames[turn - 1];
    before.assert_is(160, 90, GREEN);
    let last = &frames[frames.len() - 1];
    last.assert_is(160, 150, BLUE);
    last.assert_is(160, 30, BLACK);
    last.assert_is(160, 90, GREEN);
    assert!(frames.iter().any(|frame| at(frame, 30, RED)));
    let shown: Vec<&Frame> = frames.iter().skip(turn).take(12).collect();
    let shown: String = shown.into_iter().map(color_of).collect();
    assert_eq!(shown, "w".repeat(12), "no frame of neither in between");
}

#[test]
fn a_video_is_paused_moved_and_played_on_with_its_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("colours.mp4");
    colours(&path);
    let mut clip = clip(&path, false, Clip::default());
    let id = clip.id;
    clip.playback = Some(command(1, PlaybackAction::Pause, true, Some(2_500)));
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&clip)));
    // Opened anew, it stands where it was paused.
    let paused = wait_for_playback(&mut worker, id, |now| now.state == PlaybackState::Paused);
    assert!(paused.position_ms.abs_diff(2_500) <= 40, "{paused:?}");
    wait_for_more(&mut worker, 2);
    let mut number = 1;
    let mut obey = |worker: &mut Worker, action, paused, position_ms| {
        number += 1;
        clip.playback = Some(command(number, action, paused, position_ms));
        worker.apply(scene(number, std::slice::from_ref(&clip)));
    };
    obey(&mut worker, PlaybackAction::Seek, true, Some(500));
    wait_for_playback(&mut worker, id, |now| now.position_ms.abs_diff(500) <= 40);
    wait_for_more(&mut worker, 2);
    obey(&mut worker, PlaybackAction::Play, false, None);
    let ended = wait_for_playback(&mut worker, id, |now| now.state == PlaybackState::Ended);
    assert!(ended.position_ms.abs_diff(4_000) <= 40, "{ended:?}");
    obey(&mut worker, PlaybackAction::Seek, false, Some(1_200));
    wait_for_playback(&mut worker, id, |now| {
        now.state == PlaybackState::Playing && now.position_ms < 2_000
    });
    wait_for_playback(&mut worker, id, |now| now.state == PlaybackState::Ended);
    // After its end, playing begins again.
    obey(&mut worker, PlaybackAction::Play, false, None);
    wait_for_playback(&mut worker, id, |now| {
        now.state == PlaybackState::Playing && now.position_ms < 500
    });
    wait_for_more(&mut worker, 3);
    let recording = worker.stop();
    let frames = recording.frames();
    let runs = runs(&frames);
    let names = names(&runs);
    assert!(
        names.starts_with("brgbwgbwrg") || names.starts_with("brgbwgbwrgb"),
        "{runs:?}"
    );
    let loud: Vec<bool> = loudness(&recording.samples())
        .iter()
        .map(|rms| TONE_RMS.contains(rms))
        .collect();
    // Where it is green it sounds; the edges apart, because of the blocks of the codec and of this
    // measurement.
    let louds: String = loud
        .iter()
        .map(|loud| if *loud { '#' } else { '.' })
        .collect();
    let mut frame = 0;
    for &(color, length) in &runs {
        let (first, last) = (frame + 4, (frame + length).saturating_sub(4));
        for frame in first..last {
            let window = frame * 20 / 30;
            if let Some(loud) = loud.get(window) {
                assert_eq!(*loud, color == 'g', "frame {frame}: {runs:?} {louds:?}");
            }
        }
        frame += length;
    }
}

#[test]
fn a_beginning_after_the_end_of_the_file_is_a_failure_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("colours.mp4");
    colours(&path);
    let mut clip = clip(&path, true, part(9_000, 10_000));
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&clip)));
    let failing = worker.wait_for_layer(clip.id, LayerState::Failing);
    assert_eq!(failing.code.as_deref(), Some("layer.source.part"));
    // Corrected, it plays.
    if let LayerContent::Video { clip, .. } = &mut clip.content {
        *clip = part(0, 1_000);
    }
    worker.apply(scene(2, std::slice::from_ref(&clip)));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    worker.stop();
}
