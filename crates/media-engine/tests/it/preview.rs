//! The picture of the scene beside the program.

use std::path::PathBuf;

use sm_common::id::SceneId;
use sm_common::stream::LayerState;
use sm_media_protocol::{Command, Report, SceneLayer, WantedScene};

use crate::continuity::assert_regular;
use crate::recording::{Frame, make};
use crate::scene::{color, image, layer, video};
use crate::transitions::{CUT, named, on_air, one, taken, threads, tone};
use crate::worker::Worker;

/// A picture may be seen this long after somebody has looked.
const WATCHED_MS: u32 = 60_000;

fn preview(worker: &mut Worker, scene: Option<WantedScene>) {
    worker.send(&Command::ApplyPreview { scene });
}

/// The answer to a look at the preview.
fn look(worker: &mut Worker, id: u64, width_max: u32, watched_ms: u32) -> Result<PathBuf, String> {
    let path = worker.path().join(format!("preview-{id}.jpg"));
    worker.send(&Command::PreviewPicture {
        id,
        path: path.clone(),
        width_max,
        watched_ms,
    });
    let error = worker.wait_for("picture", |report| match report {
        Report::Snapshot { id: of, error } if *of == id => Some(error.clone()),
        _ => None,
    });
    error.map_or(Ok(path), Err)
}

/// What is seen in the preview, in a picture of `width` pixels a row.
fn seen(worker: &mut Worker, id: u64, width: u32) -> Frame {
    let path = look(worker, id, width, WATCHED_MS).unwrap();
    Frame::read(&path, usize::try_from(width).unwrap())
}

/// Looks until the preview is so.
fn until(worker: &mut Worker, first: u64, wanted: impl Fn(&Frame) -> bool) -> Frame {
    let deadline = std::time::Instant::now() + crate::worker::PATIENCE;
    let mut id = first;
    loop {
        let frame = seen(worker, id, 160);
        if wanted(&frame) {
            return frame;
        }
        let pixel = frame.pixel(80, 45);
        assert!(std::time::Instant::now() < deadline, "{pixel:?}");
        id += 1;
    }
}

#[test]
fn the_preview_shows_its_scene_while_the_program_shows_another() {
    let (mut worker, _) = on_air(one("#ff0000"));
    assert_eq!(
        look(&mut worker, 1, 160, 0),
        Err("no scene is in preview".to_owned())
    );
    let next = SceneId::generate();
    let corner = layer(color("#ffffff"), [240, 135, 80, 45]);
    let layers = [one("#0000ff"), corner.clone()];
    preview(&mut worker, Some(named(next, 4, &layers)));
    worker.wait_for_layer(corner.id, LayerState::Ok);
    let frame = seen(&mut worker, 2, 160);
    frame.assert_is(40, 20, [0, 0, 255]);
    frame.assert_is(140, 80, [255, 255, 255]);
    // It is never larger than the program.
    let whole = look(&mut worker, 3, 5000, WATCHED_MS).unwrap();
    Frame::read(&whole, 320).assert_is(280, 160, [255, 255, 255]);
    // A change of it shows there, and nowhere else.
    preview(&mut worker, Some(named(next, 5, &[one("#008000")])));
    seen(&mut worker, 4, 160).assert_is(140, 80, [0, 128, 0]);
    preview(&mut worker, None);
    assert!(look(&mut worker, 5, 160, 0).is_err());
    let recording = worker.stop();
    assert_regular(&recording, 30);
    for frame in recording.frames() {
        frame.assert_is(160, 90, [255, 0, 0]);
    }
}

#[test]
fn a_take_of_the_preview_is_there_at_once_with_the_same_sources() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    tone(&path, 1000, "blue");
    let (mut worker, first) = on_air(one("#ff0000"));
    let clip = layer(video(&path, true), [0, 0, 320, 180]);
    let next = SceneId::generate();
    preview(
        &mut worker,
        Some(named(next, 2, std::slice::from_ref(&clip))),
    );
    worker.wait_for_layer(clip.id, LayerState::Ok);
    until(&mut worker, 1, |frame| frame.is(80, 45, [0, 0, 255]));
    let before = threads(&worker, "video");
    // The two change places.
    worker.apply(taken(named(next, 3, std::slice::from_ref(&clip)), 1, CUT));
    preview(&mut worker, Some(named(first, 4, &[one("#ff0000")])));
    until(&mut worker, 1000, |frame| frame.is(80, 45, [255, 0, 0]));
    assert_eq!(threads(&worker, "video"), before, "it was not opened again");
    let loading = worker.reports.iter().filter(|report| {
        matches!(report, Report::Layer(report) if report.layer == clip.id && report.state == LayerState::Loading)
    });
    assert!(loading.count() <= 1);
    let recording = worker.stop();
    assert_regular(&recording, 30);
    let mut seen: Vec<&str> = recording
        .frames()
        .iter()
        .map(|frame| {
            match (
                frame.is(160, 90, [255, 0, 0]),
                frame.is(160, 90, [0, 0, 255]),
            ) {
                (true, _) => "red",
                (_, true) => "blue",
                _ => "something between",
            }
        })
        .collect();
    seen.dedup();
    assert_eq!(seen, ["red", "blue"]);
    // What is in preview is not heard.
    let samples = recording.samples();
    let loud = samples
        .iter()
        .position(|sample| sample.abs() > 0.01)
        .unwrap();
    let shown = recording
        .frames()
        .iter()
        .position(|frame| frame.is(160, 90, [0, 0, 255]))
        .unwrap();
    assert!(loud + 3 * 1600 > shown * 1600, "{loud} before {shown}");
}

#[test]
fn a_broken_source_in_preview_is_told_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.mp4");
    std::fs::write(&garbage, b"this is no video").unwrap();
    let broken = [
        layer(video(&garbage, true), [0, 0, 320, 180]),
        layer(image(&folder.path().join("none.png")), [0, 0, 320, 180]),
    ];
    let (mut worker, _) = on_air(one("#ff0000"));
    let layers = [&[one("#0000ff")][..], &broken].concat();
    preview(&mut worker, Some(named(SceneId::generate(), 2, &layers)));
    for layer in &broken {
        worker.wait_for_layer(layer.id, LayerState::Failing);
    }
    seen(&mut worker, 1, 160).assert_is(80, 45, [0, 0, 255]);
    // A host that comes later is told how they do.
    let on_air = worker.connect(2).unwrap();
    for layer in &broken {
        let known = on_air.layers.iter().find(|known| known.layer == layer.id);
        assert_eq!(known.map(|known| known.state), Some(LayerState::Failing));
    }
    let twice: Vec<SceneLayer> = vec![broken[0].clone(), broken[0].clone()];
    preview(&mut worker, Some(named(SceneId::generate(), 3, &twice)));
    worker.wait_for("refusal", |report| {
        matches!(report, Report::Fault { code, .. } if code == "worker.preview.refused")
            .then_some(())
    });
    let recording = worker.stop();
    assert_regular(&recording, 30);
    recording.last_frame().assert_is(160, 90, [255, 0, 0]);
}

#[test]
fn a_file_in_preview_plays_only_while_somebody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("light.mp4");
    make(
        &path,
        &[
            "-f",
            "lavfi",
            "-i",
            "color=black:s=64x36:r=30,format=gray,geq=lum='16+N*219/300',format=yuv420p",
            "-t",
            "10",
            "-g",
            "15",
        ],
    );
    let once = layer(video(&path, false), [0, 0, 160, 180]);
    let looping = layer(video(&path, true), [160, 0, 160, 180]);
    let (mut worker, _) = on_air(one("#ff0000"));
    let layers = [once.clone(), looping.clone()];
    preview(&mut worker, Some(named(SceneId::generate(), 2, &layers)));
    worker.wait_for_layer(once.id, LayerState::Ok);
    worker.wait_for_layer(looping.id, LayerState::Ok);
    // Of the file that plays once, and of the one that goes round.
    let lights = |frame: &Frame| [40, 120].map(|x| frame.pixel(x, 45)[0]);
    // A look for no time shows where they wait: at their beginning, or at what is decoded ahead.
    let waiting = |worker: &mut Worker, id| {
        let picture = look(worker, id, 160, 0).unwrap();
        lights(&Frame::read(&picture, 160))
    };
    let first = waiting(&mut worker, 1);
    worker.wait_for_next("segment", |report| {
        matches!(report, Report::SegmentWritten(_)).then_some(())
    });
    assert_eq!(waiting(&mut worker, 2), first, "nobody looks");
    let later = until(&mut worker, 3, |frame| lights(frame)[1] > first[1] + 10);
    let [once, _] = lights(&later);
    assert_eq!(once, first[0], "a file that plays once waits for its take");
}
