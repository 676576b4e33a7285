//! A slate over the scene, whose sources stay connected.

use std::path::Path;

use sm_common::layer::{Easing, Transition};
use sm_common::output::{FileFormat, OutputStatus};
use sm_common::stream::LayerState;
use sm_media_protocol::{Cover, CoverReason, Report, SceneLayer, WantedScene};

use crate::peers::{file, files};
use crate::recording::{Frame, Recording, make};
use crate::scene::{color, image, layer, scene, video};
use crate::worker::{Worker, small};

const BLACK: [u8; 3] = [0, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const GREEN: [u8; 3] = [0, 128, 0];

fn covered(revision: u64, layers: &[SceneLayer], cover: &[SceneLayer]) -> WantedScene {
    WantedScene {
        cover: Some(Cover {
            why: CoverReason::Paused,
            scene: None,
            layers: cover.to_vec(),
        }),
        ..scene(revision, layers)
    }
}

/// Ten seconds that begin black and grow white evenly, with a tone.
fn growing_light(path: &Path) {
    make(
        path,
        &[
            "-f",
            "lavfi",
            "-i",
            "color=black:s=64x36:r=30,format=gray,geq=lum='16+N*219/300',format=yuv420p",
            "-f",
            "lavfi",
            "-i",
            "sine=1000:r=48000",
            "-t",
            "10",
            "-g",
            "15",
        ],
    );
}

fn brightness(frame: &Frame) -> f64 {
    f64::from(frame.pixel(160, 90)[1])
}

fn two_segments(worker: &mut Worker) {
    for _ in 0..2 {
        worker.wait_for_next("segment", |report| {
            matches!(report, Report::SegmentWritten(_)).then_some(())
        });
    }
}

#[test]
fn a_file_waits_under_the_cover_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("light.mp4");
    growing_light(&path);
    let clip = layer(video(&path, true), [0, 0, 320, 180]);
    let slate = layer(color("#0000ff"), [0, 0, 320, 180]);
    let layers = std::slice::from_ref(&clip);
    let mut worker = Worker::on_air(small(), scene(1, layers));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    two_segments(&mut worker);
    worker.apply(covered(2, layers, std::slice::from_ref(&slate)));
    two_segments(&mut worker);
    worker.apply(scene(3, layers));
    two_segments(&mut worker);
    let states = worker.reports.iter().filter_map(|report| match report {
        Report::Layer(report) if report.layer == clip.id => Some(report.state),
        _ => None,
    });
    let mut states: Vec<LayerState> = states.collect();
    states.dedup();
    assert_eq!(states.last(), Some(&LayerState::Ok));
    let opened = states.iter().filter(|state| **state == LayerState::Ok);
    assert_eq!(opened.count(), 1, "its source was not opened again");

    let recording = worker.stop();
    let frames = recording.frames();
    let is_slate = |frame: &Frame| frame.is(160, 90, BLUE);
    let covered_from = frames.iter().position(is_slate).unwrap();
    let seen_again = covered_from
        + frames[covered_from..]
            .iter()
            .position(|frame| !is_slate(frame))
            .unwrap();
    let covered_frames = &frames[covered_from..seen_again];
    assert!(covered_frames.len() > 20, "{}", covered_frames.len());
    for corner in [(1, 1), (318, 178)] {
        assert!(
            covered_frames
                .iter()
                .all(|frame| frame.is(corner.0, corner.1, BLUE))
        );
    }
    // It grows by 219/300 of a step a frame: under the cover it would have become much lighter.
    let before = brightness(&frames[covered_from - 1]);
    let after = brightness(&frames[seen_again]);
    let if_it_had_gone_on = f64::from(u32::try_from(covered_frames.len()).unwrap()) * 0.73;
    assert!(
        (after - before).abs() < if_it_had_gone_on / 2.0,
        "{before} before, {after} after {} frames",
        covered_frames.len()
    );
    let last = brightness(&frames[frames.len() - 1]);
    assert!(last > after + 5.0, "it goes on: {after}, then {last}");
    // The cover is silent, and the sound comes back with the picture.
    let samples = recording.samples();
    let loudness = |frame: usize| {
        let start = frame * 1600;
        let part = &samples[start..(start + 1600).min(samples.len())];
        part.iter().map(|sample| sample.abs()).fold(0.0, f32::max)
    };
    assert!(loudness(covered_from + 10) < 0.001);
    assert!(loudness(frames.len() - 10) > 0.01);
}

#[test]
fn a_source_that_fails_under_the_cover_comes_back_under_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.png");
    let late = layer(image(&path), [0, 0, 320, 180]);
    let slate = layer(color("#0000ff"), [0, 0, 320, 180]);
    let layers = std::slice::from_ref(&late);
    let mut worker = Worker::on_air(small(), covered(1, layers, std::slice::from_ref(&slate)));
    worker.wait_for_layer(late.id, LayerState::Failing);
    make(
        &path,
        &["-f", "lavfi", "-i", "color=green:s=32x32", "-frames:v", "1"],
    );
    worker.wait_for_layer(late.id, LayerState::Ok);
    two_segments(&mut worker);
    worker.apply(scene(2, layers));
    two_segments(&mut worker);
    let frames = worker.stop().frames();
    let seen = frames
        .iter()
        .position(|frame| frame.is(160, 90, GREEN))
        .unwrap();
    assert!(frames[..seen].iter().all(|frame| frame.is(160, 90, BLUE)));
    assert!(frames[seen..].iter().all(|frame| frame.is(160, 90, GREEN)));
}

#[test]
fn a_cover_comes_and_goes_at_once_whatever_transitions_the_layers_have() {
    let slow = Transition {
        duration_ms: 5000,
        easing: Easing::Linear,
    };
    let mut shown = layer(color("#008000"), [0, 0, 160, 180]);
    shown.transition = slow;
    // It leaves half of the picture free.
    let mut slate = layer(color("#0000ff"), [160, 0, 160, 180]);
    slate.transition = slow;
    let layers = std::slice::from_ref(&shown);
    let mut worker = Worker::on_air(small(), scene(1, layers));
    worker.wait_for_segments(1);
    worker.apply(covered(2, layers, std::slice::from_ref(&slate)));
    two_segments(&mut worker);
    worker.apply(scene(3, layers));
    two_segments(&mut worker);
    let frames = worker.stop().frames();
    let sides = |frame: &Frame| {
        let is = |x, color| frame.is(x, 90, color);
        match (is(80, GREEN), is(80, BLACK), is(240, BLUE), is(240, BLACK)) {
            (true, _, _, true) => "scene",
            (_, true, true, _) => "cover",
            _ => "both, or something between",
        }
    };
    let mut seen: Vec<&str> = frames.iter().map(sides).collect();
    seen.dedup();
    assert_eq!(seen, ["scene", "cover", "scene"]);
}

#[test]
fn a_recording_goes_on_through_the_cover() {
    let shown = layer(color("#008000"), [0, 0, 320, 180]);
    let slate = layer(color("#0000ff"), [0, 0, 320, 180]);
    let layers = std::slice::from_ref(&shown);
    let output = file(FileFormat::Mp4);
    let outputs = std::slice::from_ref(&output);
    let mut worker = Worker::sending(scene(1, layers), outputs, 0);
    worker.wait_for_output(&output.id, OutputStatus::Live);
    two_segments(&mut worker);
    worker.apply(covered(2, layers, std::slice::from_ref(&slate)));
    two_segments(&mut worker);
    worker.apply(scene(3, layers));
    two_segments(&mut worker);
    worker.stop();
    let last = worker.wait_for_output(&output.id, OutputStatus::Stopped);
    assert_eq!((last.attempts, last.reconnects, last.code), (0, 0, None));
    let folder = worker.path().join("recordings").join(output.id.as_str());
    let recorded = files(&folder, "mp4");
    assert_eq!(recorded.len(), 1, "one file from beginning to end");
    let recording = Recording::of(recorded[0].clone());
    assert_eq!(recording.complaints(), "");
    let mut seen: Vec<bool> = recording
        .frames()
        .iter()
        .map(|frame| frame.is(160, 90, BLUE))
        .collect();
    seen.dedup();
    assert_eq!(seen, [false, true, false]);
}

#[test]
fn a_cover_of_the_same_layers_shares_their_sources() {
    let mut back = layer(color("#0000ff"), [0, 0, 320, 180]);
    let front = layer(color("#008000"), [100, 0, 50, 50]);
    let layers = [back.clone(), front];
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    worker.apply(covered(2, &layers, std::slice::from_ref(&back)));
    worker.wait_for_segments(2);
    // Twice on the cover itself is refused, and the picture stays.
    worker.send(&sm_media_protocol::Command::ApplyScene {
        scene: covered(3, &[], &[back.clone(), back.clone()]),
    });
    worker.wait_for("refusal", |report| {
        matches!(report, Report::Fault { code, .. } if code == "worker.scene.refused").then_some(())
    });
    back.visible = false;
    worker.apply(covered(4, &layers, std::slice::from_ref(&back)));
    two_segments(&mut worker);
    let frames = worker.stop().frames();
    let first = &frames[0];
    first.assert_is(120, 20, GREEN);
    let alone = frames
        .iter()
        .any(|frame| frame.is(120, 20, BLUE) && frame.is(10, 10, BLUE));
    assert!(alone, "the layer that is not on the cover is hidden");
    frames[frames.len() - 1].assert_is(10, 10, [0, 0, 0]);
}
