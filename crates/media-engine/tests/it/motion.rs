//! How changes move: every frame is looked at.

use sm_common::layer::{Easing, Transition};
use sm_common::stream::LayerState;
use sm_media_protocol::SceneLayer;

use crate::continuity::assert_regular;
use crate::recording::{Frame, Recording, make};
use crate::scene::{color, layer, scene, video};
use crate::worker::{Worker, small};

const FRAMERATE: u32 = 30;
/// Frames of a second.
const SECOND: usize = 30;
/// The distance that layers move.
const WAY: f64 = 240.0;
/// An edge may be seen this many pixels off: rounding and lossy coding.
const EDGE_TOLERANCE: usize = 2;

fn second(easing: Easing) -> Transition {
    Transition {
        duration_ms: 1000,
        easing,
    }
}

/// What was on air until the worker has written so many segments.
fn stop_after(worker: &mut Worker, segments: u64) -> Recording {
    worker.wait_for_segments(segments);
    worker.stop()
}

/// Where the white in a row begins; `None` where there is none.
fn edge(frame: &Frame, row: usize) -> Option<usize> {
    (0..320).find(|&x| frame.pixel(x, row)[0] > 128)
}

fn edges(frames: &[Frame], row: usize) -> Vec<usize> {
    let edges = frames
        .iter()
        .map(|frame| edge(frame, row).expect("an edge"));
    edges.collect()
}

/// The part of the way that is done on this frame of a change.
fn part(easing: Easing, frame: usize) -> f64 {
    let part = f64::from(u32::try_from(frame.min(SECOND)).unwrap()) / 30.0;
    match easing {
        Easing::Linear => part,
        Easing::EaseIn => part * part,
        Easing::EaseOut => part * (2.0 - part),
        Easing::EaseInOut if part < 0.5 => 2.0 * part * part,
        Easing::EaseInOut => 1.0 - 2.0 * (1.0 - part) * (1.0 - part),
    }
}

/// The nearest pixel.
fn pixel(at: f64) -> usize {
    (0..1000_u32)
        .find(|&x| f64::from(x) + 0.5 >= at)
        .map(|x| usize::try_from(x).unwrap())
        .unwrap()
}

#[test]
fn layers_that_change_together_move_frame_by_frame_as_their_easings_say() {
    let easings = [
        Easing::Linear,
        Easing::EaseIn,
        Easing::EaseOut,
        Easing::EaseInOut,
    ];
    let mut layers: Vec<SceneLayer> = (0..)
        .step_by(45)
        .zip(easings)
        .map(|(y, easing)| {
            let mut bar = layer(color("#ffffff"), [0, y, 40, 40]);
            bar.transition = second(easing);
            bar
        })
        .collect();
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    worker.wait_for_segments(1);
    for layer in &mut layers {
        layer.transform.x = 240;
    }
    worker.apply(scene(2, &layers));
    let before = stop_after(&mut worker, 3);
    let frames = before.frames();
    let linear = edges(&frames, 20);
    // The last frame that shows what was: the first one of the new scene.
    let start = linear.iter().position(|&x| x > 4).expect("it moves") - 1;
    for (row, easing) in (20..).step_by(45).zip(easings) {
        for (frame, &seen) in edges(&frames, row).iter().enumerate() {
            let wanted = pixel(WAY * part(easing, frame.saturating_sub(start)));
            assert!(
                seen.abs_diff(wanted) <= EDGE_TOLERANCE,
                "{easing:?}: {seen} on frame {frame} - {start}, not {wanted}"
            );
        }
    }
    assert!(frames.len() > start + SECOND, "it came to its end");
    assert_regular(&before, FRAMERATE);
}

#[test]
fn a_change_on_the_way_turns_without_a_jump() {
    let mut bar = layer(color("#ffffff"), [0, 40, 40, 60]);
    bar.transition = second(Easing::Linear);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&bar)));
    worker.wait_for_segments(1);
    bar.transform.x = 240;
    worker.apply(scene(2, std::slice::from_ref(&bar)));
    bar.transform.x = 0;
    worker.apply(scene(3, &[bar]));
    let recording = stop_after(&mut worker, 4);
    let edges = edges(&recording.frames(), 70);
    let step = edges
        .windows(2)
        .map(|pair| pair[0].abs_diff(pair[1]))
        .max()
        .unwrap();
    assert!(step <= 8 + 2 * EDGE_TOLERANCE, "{edges:?}");
    assert_eq!(edges.last(), Some(&0), "{edges:?}");
    assert_regular(&recording, FRAMERATE);
}

#[test]
fn a_size_grows_frame_by_frame_and_ends_exactly() {
    let mut bar = layer(color("#ffffff"), [40, 40, 40, 60]);
    bar.transition = second(Easing::Linear);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&bar)));
    worker.wait_for_segments(1);
    bar.transform.width = 240;
    worker.apply(scene(2, &[bar]));
    let frames = stop_after(&mut worker, 3).frames();
    let widths: Vec<usize> = frames
        .iter()
        .map(|frame| (0..320).filter(|&x| frame.pixel(x, 70)[0] > 128).count())
        .collect();
    let start = widths.iter().position(|&width| width > 43).unwrap() - 1;
    for (frame, &seen) in widths.iter().enumerate() {
        let grown = 200.0 * part(Easing::Linear, frame.saturating_sub(start));
        let wanted = pixel(40.0 + grown);
        assert!(seen.abs_diff(wanted) <= EDGE_TOLERANCE, "{widths:?}");
    }
}

#[test]
fn hiding_fades_out_and_showing_fades_in() {
    let mut all = layer(color("#ffffff"), [0, 0, 320, 180]);
    all.transition = second(Easing::Linear);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&all)));
    worker.wait_for_segments(1);
    all.visible = false;
    worker.apply(scene(2, std::slice::from_ref(&all)));
    worker.wait_for_segments(4);
    all.visible = true;
    worker.apply(scene(3, &[all]));
    let frames = stop_after(&mut worker, 7).frames();
    let light: Vec<u8> = frames.iter().map(|frame| frame.pixel(160, 90)[0]).collect();
    let dark = light.iter().position(|&light| light < 8).expect("it fades");
    let start = light[..dark]
        .iter()
        .rposition(|&light| light > 250)
        .unwrap();
    assert!((27..=31).contains(&(dark - start)), "{light:?}");
    let back = dark
        + light[dark..]
            .iter()
            .position(|&light| light > 250)
            .expect("it returns");
    assert!(light[dark..back].iter().any(|&light| light < 8));
    for pair in light.windows(2) {
        assert!(pair[0].abs_diff(pair[1]) <= 20, "no jump: {light:?}");
    }
    assert!(light[back..].iter().all(|&light| light > 250), "{light:?}");
}

#[test]
fn a_new_layer_with_a_transition_fades_in() {
    let back = layer(color("#000000"), [0, 0, 320, 180]);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&back)));
    worker.wait_for_segments(1);
    let mut new = layer(color("#ffffff"), [0, 0, 320, 180]);
    new.transition = second(Easing::Linear);
    worker.apply(scene(2, &[back, new]));
    let frames = stop_after(&mut worker, 3).frames();
    let light: Vec<u8> = frames.iter().map(|frame| frame.pixel(160, 90)[0]).collect();
    for pair in light.windows(2) {
        assert!(pair[0].abs_diff(pair[1]) <= 20, "no jump: {light:?}");
    }
    assert!(light.last().is_some_and(|&light| light > 250), "{light:?}");
}

#[test]
fn a_hidden_layers_sound_ramps_down_over_the_same_time_without_a_click() {
    /// A sine of this amplitude and pitch moves by less from sample to sample.
    const STEP_MAX: f32 = 0.012;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.mp4");
    let tone = "color=black:s=32x32:r=30[v];sine=500:r=48000[s]";
    let encoding = ["-t", "20", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    let mut arguments = vec!["-filter_complex", tone, "-map", "[v]", "-map", "[s]"];
    arguments.extend(encoding);
    make(&path, &arguments);
    let mut clip = layer(video(&path, false), [0, 0, 32, 32]);
    clip.transition = second(Easing::Linear);
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&clip)));
    worker.wait_for_layer(clip.id, LayerState::Ok);
    worker.wait_for_segments(4);
    clip.visible = false;
    worker.apply(scene(2, &[clip]));
    let samples = stop_after(&mut worker, 7).samples();
    let loud: Vec<f32> = samples
        .chunks_exact(480)
        .map(|window| {
            window
                .iter()
                .fold(0.0_f32, |peak, sample| peak.max(sample.abs()))
        })
        .collect();
    let full = loud.iter().position(|&peak| peak > 0.11).expect("a tone");
    let last_full = loud.iter().rposition(|&peak| peak > 0.11).unwrap();
    let silent = last_full
        + loud[last_full..]
            .iter()
            .position(|&peak| peak < 0.002)
            .unwrap();
    // Of a hundredth of a second each; a tenth of the ramp is above the first bound.
    assert!((75..=110).contains(&(silent - last_full)), "{loud:?}");
    assert!(loud[silent..].iter().all(|&peak| peak < 0.01), "{loud:?}");
    let playing = &samples[(full + 20) * 480..];
    let step = playing
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max);
    assert!(step < STEP_MAX, "a click of {step}");
}
