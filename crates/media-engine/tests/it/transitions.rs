//! How one scene replaces another: every frame is looked at, and every sample heard.

use std::path::Path;

use sm_common::clock::Timestamp;
use sm_common::id::{LayerId, SceneId};
use sm_common::layer::Easing;
use sm_common::stream::{LayerState, SceneOnAir};
use sm_common::transition::{Direction, SceneTransition, Take, TransitionKind};
use sm_media_protocol::{Command, Cover, CoverReason, Report, SceneLayer, Stats, WantedScene};

use crate::continuity::assert_regular;
use crate::recording::{Frame, Recording, make};
use crate::scene::{color, image, layer, scene, video};
use crate::worker::{PATIENCE, Worker, small};

const FRAMERATE: u32 = 30;
/// Frames of a second.
const SECOND: usize = 30;
/// Samples of a frame.
const SAMPLES: usize = 1600;
const BLUE: &str = "#0000ff";
const WHOLE: [i32; 4] = [0, 0, 320, 180];
/// How far a mixed component may be from what it should be: lossy coding, and the colours' own
/// conversions.
const MIX_TOLERANCE: f64 = 12.0;
/// An edge may be seen this many pixels off: its pairs of pixels, and lossy coding.
const EDGE_TOLERANCE: usize = 3;

pub(crate) const CUT: SceneTransition = SceneTransition {
    kind: TransitionKind::Cut,
    direction: Direction::Left,
    duration_ms: 0,
    easing: Easing::Linear,
};

/// A scene that people made.
pub(crate) fn named(id: SceneId, revision: u64, layers: &[SceneLayer]) -> WantedScene {
    WantedScene {
        scene: Some(SceneOnAir {
            id,
            name: "A scene".to_owned(),
            revision,
        }),
        ..scene(revision, layers)
    }
}

fn second_of(kind: TransitionKind) -> SceneTransition {
    SceneTransition {
        kind,
        direction: Direction::Left,
        duration_ms: 1000,
        easing: Easing::Linear,
    }
}

/// The same, brought on air by a take.
pub(crate) fn taken(wanted: WantedScene, number: u64, transition: SceneTransition) -> WantedScene {
    let scene = wanted.scene.as_ref().unwrap().id;
    WantedScene {
        take: Some(Take {
            scene,
            transition,
            number,
        }),
        ..wanted
    }
}

pub(crate) fn one(content: &str) -> SceneLayer {
    layer(color(content), WHOLE)
}

/// Two scenes of one layer each, the first on air.
pub(crate) fn on_air(first: SceneLayer) -> (Worker, SceneId) {
    let id = SceneId::generate();
    let mut worker = Worker::on_air(small(), named(id, 1, &[first]));
    worker.wait_for_segments(1);
    (worker, id)
}

fn take(worker: &mut Worker, wanted: WantedScene, number: u64, transition: SceneTransition) {
    worker.apply(taken(wanted, number, transition));
}

/// A take's number or a revision, and when.
type Told = (u64, Timestamp);

/// When each take began, and when each revision was all there was.
fn told(worker: &Worker) -> (Vec<Told>, Vec<Told>) {
    let (mut started, mut applied) = (Vec::new(), Vec::new());
    for report in &worker.reports {
        match report {
            Report::TakeStarted { take, at, .. } => started.push((take.number, *at)),
            Report::SceneApplied { revision, at } => applied.push((*revision, *at)),
            _ => {}
        }
    }
    (started, applied)
}

fn float(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap())
}

/// The place of the first frame that `is`, from `start`.
fn first(frames: &[Frame], start: usize, is: impl Fn(&Frame) -> bool) -> usize {
    let found = frames[start..].iter().position(is).expect("such a frame");
    start + found
}

/// The frames before a change: the last one that still shows what was.
fn start_of(frames: &[Frame], was: [u8; 3]) -> usize {
    // One that is still like it, within the tolerance, may have changed by a little.
    let changed = first(frames, 0, |frame| !frame.is(160, 90, was));
    changed.checked_sub(1).unwrap()
}

fn red(frame: &Frame) -> f64 {
    f64::from(frame.pixel(160, 90)[0])
}

fn rest(worker: &mut Worker) -> Recording {
    for _ in 0..2 {
        worker.wait_for_next("segment", |report| {
            matches!(report, Report::SegmentWritten(_)).then_some(())
        });
    }
    worker.stop()
}

#[test]
fn a_fade_mixes_every_frame_as_its_number_says() {
    let (mut worker, from) = on_air(one("#000000"));
    let (a, b) = (one("#ffffff"), SceneId::generate());
    let fade = second_of(TransitionKind::Fade);
    take(&mut worker, named(b, 2, &[a]), 1, fade);
    let recording = rest(&mut worker);
    assert_regular(&recording, FRAMERATE);
    let (started, applied) = told(&worker);
    let [(1, began)] = started[..] else {
        panic!("it began once: {started:?}");
    };
    let start = recording.frame_at(began, 30.0);
    let frames = recording.frames();
    // The 8-bit black and white that a viewer sees.
    for (frame, seen) in frames.iter().enumerate() {
        let part = float(frame.saturating_sub(start).min(SECOND)) / 30.0;
        let (is, wanted) = (red(seen), 255.0 * part);
        assert!(
            (is - wanted).abs() <= MIX_TOLERANCE,
            "frame {frame} - {start}: {is}, not {wanted}"
        );
    }
    let end = recording.frame_at(applied[applied.len() - 1].1, 30.0);
    assert_eq!(end - start, SECOND, "it is told with its last frame");
    let told_from = worker.reports.iter().find_map(|report| match report {
        Report::TakeStarted { from, .. } => *from,
        _ => None,
    });
    assert_eq!(told_from, Some(from));
}

#[test]
fn a_wipe_moves_its_edge_and_leaves_both_pictures_where_they_are() {
    let (mut worker, _) = on_air(one("#000000"));
    let halves = [
        layer(color("#ffffff"), [0, 0, 160, 180]),
        layer(color("#ffffff"), [160, 0, 160, 180]),
    ];
    let wipe = SceneTransition {
        direction: Direction::Right,
        easing: Easing::EaseInOut,
        ..second_of(TransitionKind::Wipe)
    };
    take(&mut worker, named(SceneId::generate(), 2, &halves), 1, wipe);
    let recording = rest(&mut worker);
    let start = recording.frame_at(told(&worker).0[0].1, 30.0);
    for (frame, seen) in recording.frames().iter().enumerate() {
        let white = (0..320).filter(|&x| seen.pixel(x, 90)[0] > 128).count();
        let part = float(frame.saturating_sub(start).min(SECOND)) / 30.0;
        let eased = if part < 0.5 {
            2.0 * part * part
        } else {
            1.0 - 2.0 * (1.0 - part) * (1.0 - part)
        };
        assert!(
            (float(white) - 320.0 * eased).abs() <= float(EDGE_TOLERANCE),
            "frame {frame} - {start}: {white}"
        );
        assert!(
            (0..white).all(|x| seen.pixel(x, 90)[0] > 128),
            "from the left"
        );
    }
}

#[test]
fn a_slide_pushes_the_old_picture_out() {
    // A white bar in the middle of either picture.
    let bar = layer(color("#ffffff"), [0, 80, 320, 20]);
    let blue = layer(color(BLUE), WHOLE);
    let id = SceneId::generate();
    let mut worker = Worker::on_air(small(), named(id, 1, std::slice::from_ref(&bar)));
    worker.wait_for_segments(1);
    let slide = SceneTransition {
        direction: Direction::Up,
        ..second_of(TransitionKind::Slide)
    };
    let new = [blue, layer(color("#ffffff"), [0, 80, 320, 20])];
    take(&mut worker, named(SceneId::generate(), 2, &new), 1, slide);
    let recording = rest(&mut worker);
    let start = recording.frame_at(told(&worker).0[0].1, 30.0);
    let frames = recording.frames();
    for frame in [5, 10, 15, 20, 25] {
        let seen = &frames[start + frame];
        let moved = frame * 6;
        let is_white = |y: usize| seen.pixel(160, y).iter().all(|part| *part > 128);
        let middle = |of: usize| of + 10;
        if let Some(old) = middle(80).checked_sub(moved)
            && old < 180 - moved
        {
            assert!(is_white(old), "the old bar at {old} on frame {frame}");
        }
        let new = middle(80) + 180 - moved;
        if new < 178 {
            assert!(is_white(new), "the new bar at {new} on frame {frame}");
        }
        let edge = 180 - moved;
        seen.assert_is(10, edge + 6, [0, 0, 255]);
        if !(70..=110).contains(&edge) {
            seen.assert_is(10, edge - 6, [0, 0, 0]);
        }
    }
}

/// A sine of this frequency, thirty seconds long, over a colour.
pub(crate) fn tone(path: &Path, frequency: u32, picture: &str) {
    make(
        path,
        &[
            "-f",
            "lavfi",
            "-i",
            &format!("color={picture}:s=64x36:r=30"),
            "-f",
            "lavfi",
            "-i",
            &format!("sine={frequency}:r=48000"),
            "-t",
            "30",
            "-g",
            "30",
        ],
    );
}

/// How strong this frequency is in a part, as the amplitude of its sine.
fn strength(samples: &[f32], frequency: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (number, sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * frequency * float(number) / 48_000.0;
        real += f64::from(*sample) * angle.cos();
        imaginary += f64::from(*sample) * angle.sin();
    }
    2.0 * real.hypot(imaginary) / float(samples.len())
}

#[test]
fn the_sound_crosses_with_equal_power_over_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let (low, high) = (
        folder.path().join("low.mp4"),
        folder.path().join("high.mp4"),
    );
    tone(&low, 300, "black");
    tone(&high, 3000, "white");
    let first = layer(video(&low, true), WHOLE);
    let first_id = first.id;
    let (mut worker, _) = on_air(first);
    worker.wait_for_layer(first_id, LayerState::Ok);
    let second = layer(video(&high, true), WHOLE);
    let fade = second_of(TransitionKind::Fade);
    take(
        &mut worker,
        named(SceneId::generate(), 2, &[second]),
        1,
        fade,
    );
    let recording = rest(&mut worker);
    let start = recording.frame_at(told(&worker).0[0].1, 30.0);
    let samples = recording.samples();
    let around = |frame: usize| &samples[frame * SAMPLES - SAMPLES..frame * SAMPLES + SAMPLES];
    let full = strength(around(start - 5), 300.0);
    assert!(full > 0.05, "{full}");
    for frame in [3, 8, 15, 22, 27] {
        let (new, old) = (float(frame) / 30.0 * std::f64::consts::FRAC_PI_2).sin_cos();
        let part = around(start + frame);
        for (frequency, wanted) in [(300.0, old), (3000.0, new)] {
            let is = strength(part, frequency) / full;
            assert!(
                (is - wanted).abs() < 0.12,
                "{frequency} Hz on frame {frame}: {is}, not {wanted}"
            );
        }
    }
    let after = around(start + SECOND + 5);
    assert!(strength(after, 300.0) < 0.02 * full);
    assert!((strength(after, 3000.0) / full - 1.0).abs() < 0.1);
}

#[test]
fn what_both_scenes_show_is_opened_once_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("light.mp4");
    make(
        &path,
        &[
            "-f",
            "lavfi",
            "-i",
            "color=black:s=64x36:r=30,format=gray,geq=lum='16+N*219/600',format=yuv420p",
            "-f",
            "lavfi",
            "-i",
            "sine=1000:r=48000",
            "-t",
            "20",
            "-g",
            "15",
        ],
    );
    // The same file, small in one scene and large in the other.
    let small_one = layer(video(&path, true), [80, 45, 160, 90]);
    let large_one = layer(video(&path, true), WHOLE);
    let (mut worker, _) = on_air(small_one.clone());
    worker.wait_for_layer(small_one.id, LayerState::Ok);
    let threads = threads(&worker, "video");
    let fade = second_of(TransitionKind::Fade);
    let wanted = named(SceneId::generate(), 2, std::slice::from_ref(&large_one));
    worker.send(&Command::ApplyScene {
        scene: taken(wanted, 1, fade),
    });
    worker.wait_for_layer(large_one.id, LayerState::Ok);
    worker.wait_for_scene(2);
    assert_eq!(self::threads(&worker, "video"), threads, "no second source");
    let recording = rest(&mut worker);
    let frames = recording.frames();
    let lit = first(&frames, 0, |frame| red(frame) > 3.0);
    // It grows by 219/600 of a step a frame, whatever happens to its place.
    for pair in frames[lit..frames.len() - 1].windows(2) {
        let step = red(&pair[1]) - red(&pair[0]);
        assert!((-2.0..4.0).contains(&step), "{step}");
    }
    let start = recording.frame_at(told(&worker).0[0].1, 30.0);
    let samples = recording.samples();
    let level = |frame: usize| strength(&samples[frame * SAMPLES..][..SAMPLES], 1000.0);
    let before = level(start - 3);
    for frame in start..start + SECOND + 5 {
        let now = level(frame);
        assert!((now / before - 1.0).abs() < 0.1, "{now}, {before} before");
    }
}

/// Threads of the worker with this name.
pub(crate) fn threads(worker: &Worker, name: &str) -> usize {
    let names = worker.thread_names();
    names.iter().filter(|known| known.as_str() == name).count()
}

#[test]
fn a_take_on_the_way_starts_from_what_is_on_air() {
    let (mut worker, _) = on_air(one("#000000"));
    let slow = SceneTransition {
        duration_ms: 2000,
        ..second_of(TransitionKind::Fade)
    };
    let second = named(SceneId::generate(), 2, &[one("#ffffff")]);
    worker.send(&Command::ApplyScene {
        scene: taken(second, 1, slow),
    });
    worker.wait_for("start", |report| {
        matches!(report, Report::TakeStarted { .. }).then_some(())
    });
    worker.wait_for_next("segment", |report| {
        matches!(report, Report::SegmentWritten(_)).then_some(())
    });
    let third = named(SceneId::generate(), 3, &[one("#000000")]);
    take(&mut worker, third, 2, second_of(TransitionKind::Fade));
    let recording = rest(&mut worker);
    let (started, applied) = told(&worker);
    let numbers: Vec<u64> = started.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2]);
    let revisions: Vec<u64> = applied.iter().map(|(revision, _)| *revision).collect();
    assert_eq!(
        revisions,
        [1, 3],
        "the second scene was never all there was"
    );
    let [first, second] = [0, 1].map(|take| recording.frame_at(started[take].1, 30.0));
    for (frame, seen) in recording.frames().iter().enumerate() {
        let white = float(frame.saturating_sub(first).min(2 * SECOND)) / 60.0;
        let black = float(frame.saturating_sub(second).min(SECOND)) / 30.0;
        let wanted = 255.0 * white * (1.0 - black);
        let is = red(seen);
        assert!(
            (is - wanted).abs() <= MIX_TOLERANCE,
            "frame {frame}: {is}, not {wanted}"
        );
    }
    assert_regular(&recording, FRAMERATE);
}

#[test]
fn a_cut_and_a_cover_end_what_is_on_the_way() {
    let (mut worker, _) = on_air(one("#000000"));
    let slow = SceneTransition {
        duration_ms: 10_000,
        ..second_of(TransitionKind::Fade)
    };
    let white = SceneId::generate();
    worker.send(&Command::ApplyScene {
        scene: taken(named(white, 2, &[one("#ffffff")]), 1, slow),
    });
    worker.wait_for("start", |report| {
        matches!(report, Report::TakeStarted { .. }).then_some(())
    });
    let blue = SceneId::generate();
    let cut = SceneTransition::default();
    take(&mut worker, named(blue, 3, &[one(BLUE)]), 2, cut);
    worker.send(&Command::ApplyScene {
        scene: taken(named(white, 4, &[one("#ffffff")]), 3, slow),
    });
    worker.wait_for_next("start", |report| {
        matches!(report, Report::TakeStarted { .. }).then_some(())
    });
    // The slate is seen at once, and the scene is all there is under it.
    let again = taken(named(white, 5, &[one("#ffffff")]), 3, slow);
    worker.apply(WantedScene {
        cover: Some(Cover {
            why: CoverReason::Paused,
            scene: None,
            layers: vec![one("#008000")],
        }),
        ..again.clone()
    });
    worker.apply(WantedScene {
        revision: 6,
        ..again
    });
    let frames = rest(&mut worker).frames();
    let last_blue = frames
        .iter()
        .rposition(|frame| frame.is(160, 90, [0, 0, 255]));
    assert!(last_blue.is_some(), "the cut was seen");
    let green = first(&frames, 0, |frame| frame.is(160, 90, [0, 128, 0]));
    let after = first(&frames, green, |frame| !frame.is(160, 90, [0, 128, 0]));
    for frame in &frames[after..] {
        frame.assert_is(160, 90, [255, 255, 255]);
    }
}

#[test]
fn the_same_take_again_and_changes_on_the_way_begin_nothing_anew() {
    let (mut worker, _) = on_air(one("#000000"));
    let id = SceneId::generate();
    let mut bar = layer(color("#ffffff"), [0, 0, 320, 90]);
    let fade = second_of(TransitionKind::Fade);
    let below = one("#ffffff");
    let layers = |bar: &SceneLayer| [below.clone(), bar.clone()];
    worker.send(&Command::ApplyScene {
        scene: taken(named(id, 2, &layers(&bar)), 1, fade),
    });
    worker.wait_for("start", |report| {
        matches!(report, Report::TakeStarted { .. }).then_some(())
    });
    bar.opacity = 0.5;
    take(&mut worker, named(id, 3, &layers(&bar)), 1, fade);
    take(&mut worker, named(id, 4, &layers(&bar)), 1, fade);
    // A host that comes later sends it again as well.
    assert_eq!(worker.connect(2).unwrap().revision, 4);
    take(&mut worker, named(id, 5, &layers(&bar)), 1, fade);
    let recording = rest(&mut worker);
    let (started, _) = told(&worker);
    assert_eq!(started.len(), 1);
    let start = recording.frame_at(started[0].1, 30.0);
    for (frame, seen) in recording.frames().iter().enumerate() {
        let wanted = 255.0 * float(frame.saturating_sub(start).min(SECOND)) / 30.0;
        assert!((red(seen) - wanted).abs() <= MIX_TOLERANCE, "frame {frame}");
    }
}

#[test]
fn a_source_that_fails_does_not_hold_a_take_up() {
    let folder = tempfile::tempdir().unwrap();
    let missing = layer(image(&folder.path().join("none.png")), WHOLE);
    let (mut worker, _) = on_air(one("#000000"));
    let layers = [one(BLUE), missing.clone()];
    let fade = second_of(TransitionKind::Fade);
    take(&mut worker, named(SceneId::generate(), 2, &layers), 1, fade);
    worker.wait_for_layer(missing.id, LayerState::Failing);
    let recording = rest(&mut worker);
    assert_regular(&recording, FRAMERATE);
    recording.last_frame().assert_is(160, 90, [0, 0, 255]);
}

#[test]
fn a_take_waits_until_its_scene_has_something_to_show() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    tone(&path, 1000, "blue");
    let (mut worker, _) = on_air(one("#ffffff"));
    let clip = layer(video(&path, false), WHOLE);
    let cut = SceneTransition::default();
    take(&mut worker, named(SceneId::generate(), 2, &[clip]), 1, cut);
    let frames = rest(&mut worker).frames();
    let change = start_of(&frames, [255, 255, 255]) + 1;
    for frame in &frames[change..] {
        frame.assert_is(160, 90, [0, 0, 255]);
    }
}

#[test]
fn fifty_takes_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["red", "green"].map(|picture| {
        let path = folder.path().join(format!("{picture}.mp4"));
        tone(&path, 440, picture);
        path
    });
    let ids = [SceneId::generate(), SceneId::generate()];
    let layers: Vec<Vec<SceneLayer>> = paths
        .iter()
        .map(|path| vec![one("#000000"), layer(video(path, true), [40, 20, 240, 140])])
        .collect();
    let mut worker = Worker::on_air(small(), named(ids[0], 1, &layers[0]));
    let mut revision = 1;
    let mut takes = |worker: &mut Worker, count: u64| {
        for _ in 0..count {
            revision += 1;
            let scene = usize::try_from(revision % 2).unwrap() ^ 1;
            let fade = SceneTransition {
                duration_ms: 100,
                ..second_of(TransitionKind::Fade)
            };
            let wanted = named(ids[scene], revision, &layers[scene]);
            take(worker, wanted, revision, fade);
        }
        settled(worker)
    };
    let before = takes(&mut worker, 10);
    let after = takes(&mut worker, 50);
    assert_eq!(after.0, before.0, "threads of sources");
    let grown = after.1.saturating_sub(before.1);
    assert!(grown < 40 << 20, "memory grew by {grown} bytes");
    let recording = worker.stop();
    assert_regular(&recording, FRAMERATE);
}

/// The threads of sources when only one is left, and the worker's memory then.
fn settled(worker: &mut Worker) -> (usize, u64) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while threads(worker, "video") > 1 {
        assert!(
            std::time::Instant::now() < deadline,
            "{:?}",
            worker.thread_names()
        );
        worker.wait_for_next("measurement", |report| {
            matches!(report, Report::Stats(_)).then_some(())
        });
    }
    let memory = worker.wait_for_next("measurement", |report| match report {
        Report::Stats(stats) => {
            let Stats { memory_bytes, .. } = **stats;
            memory_bytes
        }
        _ => None,
    });
    (threads(worker, "video"), memory)
}

#[test]
fn a_stop_on_the_way_is_a_stop() {
    let (mut worker, _) = on_air(one("#000000"));
    let slow = SceneTransition {
        duration_ms: 10_000,
        ..second_of(TransitionKind::Slide)
    };
    let wanted = named(SceneId::generate(), 2, &[one("#ffffff")]);
    worker.send(&Command::ApplyScene {
        scene: taken(wanted, 1, slow),
    });
    worker.wait_for("start", |report| {
        matches!(report, Report::TakeStarted { .. }).then_some(())
    });
    let recording = worker.stop();
    assert_eq!(recording.complaints(), "");
    assert_regular(&recording, FRAMERATE);
}

#[test]
fn layers_of_the_same_name_in_no_scene_are_changed_in_place() {
    // A scene that nobody made, as before there were several.
    let mut bar = layer(color("#ffffff"), WHOLE);
    bar.id = LayerId::generate();
    let mut worker = Worker::on_air(small(), scene(1, std::slice::from_ref(&bar)));
    worker.wait_for_segments(1);
    worker.apply(scene(2, &[one(BLUE)]));
    let recording = rest(&mut worker);
    assert_eq!(told(&worker).0, []);
    recording.last_frame().assert_is(160, 90, [0, 0, 255]);
}
