//! Video files.

use std::path::Path;

use sm_common::stream::LayerState;

use crate::recording::{Frame, make};
use crate::scene::{color, layer, scene, video};
use crate::worker::{Worker, small};

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

/// One second: half of it red, half of it blue, with or without a tone.
fn two_colours(path: &Path, with_sound: bool) {
    let picture = "color=red:s=160x90:r=30:d=0.5[a];color=blue:s=160x90:r=30:d=0.5[b];\
                   [a][b]concat[v]";
    let sound = "sine=1000:r=48000:d=1[s]";
    let both = format!("{picture};{sound}");
    let mut arguments = vec!["-filter_complex", if with_sound { &both } else { picture }];
    arguments.extend([
        "-map", "[v]", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "15",
    ]);
    if with_sound {
        arguments.extend(["-map", "[s]", "-c:a", "aac"]);
    }
    make(path, &arguments);
}

/// The colours in the middle of the picture, as runs of frames; frames before the first are left
/// out.
fn runs(frames: &[Frame]) -> Vec<(char, usize)> {
    let mut runs: Vec<(char, usize)> = Vec::new();
    for frame in frames {
        let color = match frame {
            frame if frame.is(160, 90, RED) => 'r',
            frame if frame.is(160, 90, BLUE) => 'b',
            _ => '?',
        };
        match runs.last_mut() {
            Some((last, count)) if *last == color => *count += 1,
            _ => runs.push((color, 1)),
        }
    }
    if runs.first().is_some_and(|(color, _)| *color == '?') {
        runs.remove(0);
    }
    runs
}

#[test]
fn a_looping_video_starts_again_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loop.mp4");
    two_colours(&path, true);
    let clip = layer(video(&path, true), [0, 0, 320, 180]);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&clip)));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    worker.wait_for_segments(4);
    let recording = worker.stop();
    let runs = runs(&recording.frames());
    assert!(runs.len() >= 6, "{runs:?}");
    // The first and the last are cut by the start and the end of the program.
    for (index, (color, frames)) in runs.iter().enumerate().take(runs.len() - 1).skip(1) {
        assert!(*color != '?', "a frame of neither colour: {runs:?}");
        assert!(frames.abs_diff(15) <= 2, "run {index}: {runs:?}");
    }
}

#[test]
fn a_video_that_does_not_loop_stays_at_its_last_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("once.mkv");
    two_colours(&path, false);
    let clip = layer(video(&path, false), [0, 0, 320, 180]);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&clip)));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    worker.wait_for_segments(5);
    let runs = runs(&worker.stop().frames());
    let colors: String = runs.iter().map(|(color, _)| *color).collect();
    assert_eq!(colors, "rb", "{runs:?}");
    assert!(runs[1].1 > 40, "it stays: {runs:?}");
}

#[test]
fn a_hidden_video_waits_and_a_resized_one_fills_its_new_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    make(
        &path,
        &[
            "-f",
            "lavfi",
            "-i",
            "color=red:s=64x36:r=30",
            "-t",
            "3",
            "-pix_fmt",
            "yuv420p",
        ],
    );
    let mut clip = layer(video(&path, true), [0, 0, 320, 180]);
    clip.visible = false;
    let back = layer(color("#0000ff"), [0, 0, 320, 180]);
    let mut worker = Worker::on_air(small(), scene(1, &[back.clone(), clip.clone()]));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    clip.visible = true;
    worker.apply(scene(2, &[back.clone(), clip.clone()]));
    worker.wait_for_segments(2);
    clip.transform.x = 100;
    clip.transform.width = 50;
    worker.apply(scene(3, &[back, clip]));
    worker.wait_for_segments(4);
    let frames = worker.stop().frames();
    let shown = frames
        .iter()
        .position(|frame| frame.is(20, 90, RED))
        .unwrap();
    assert!(frames[..shown].iter().all(|frame| frame.is(20, 90, BLUE)));
    let last = &frames[frames.len() - 1];
    last.assert_is(20, 90, BLUE);
    last.assert_is(104, 90, RED);
    last.assert_is(145, 90, RED);
    last.assert_is(156, 90, BLUE);
    // The whole scene changes at once: no frame shows the old size at the new place.
    let moved = frames[shown..]
        .iter()
        .position(|frame| frame.is(20, 90, BLUE))
        .unwrap();
    assert!(
        frames[shown + moved..]
            .iter()
            .all(|frame| frame.is(200, 90, BLUE))
    );
}
