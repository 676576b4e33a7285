//! Sources that fail, and the stream that goes on.

use std::fs;
use std::path::Path;

use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, Report};

use crate::recording::make;
use crate::scene::{color, image, layer, scene, video};
use crate::worker::{Worker, small};

const GREEN: [u8; 3] = [0, 128, 0];

fn picture_file(path: &Path) {
    make(
        path,
        &["-f", "lavfi", "-i", "color=green:s=32x32", "-frames:v", "1"],
    );
}

#[test]
fn a_layer_whose_file_is_missing_comes_good_when_the_file_appears() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.png");
    let late = layer(image(&path), [0, 0, 100, 100]);
    let other = layer(color("#0000ff"), [200, 0, 100, 100]);
    let mut worker = Worker::on_air(small(), scene(1, &[late.clone(), other]));
    let failing = worker.wait_for_layer(late.id, LayerState::Failing);
    assert_eq!(failing.code.as_deref(), Some("layer.source.missing"));
    let reason = failing.reason.unwrap();
    assert!(!reason.contains('/'), "no paths in a reason: {reason}");

    picture_file(&path);
    worker.wait_for_layer(late.id, LayerState::Ok);
    worker.wait_for_next("segment", |report| {
        matches!(report, Report::SegmentWritten(_)).then_some(())
    });
    worker.wait_for_next("segment", |report| {
        matches!(report, Report::SegmentWritten(_)).then_some(())
    });
    let recording = worker.stop();
    let frames = recording.frames();
    frames[0].assert_is(50, 50, [0, 0, 0]);
    frames[frames.len() - 1].assert_is(50, 50, GREEN);
    assert!(frames.iter().all(|frame| frame.is(250, 50, [0, 0, 255])));
}

#[test]
fn every_failure_has_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let whole = folder.path().join("whole.mp4");
    make(
        &whole,
        &["-f", "lavfi", "-i", "testsrc=s=64x64:r=10", "-t", "1"],
    );
    let sound = folder.path().join("sound.mp4");
    make(
        &sound,
        &["-f", "lavfi", "-i", "sine", "-t", "1", "-c:a", "aac"],
    );
    let half = fs::read(&whole).unwrap();
    let broken_png = file("broken.png", b"\x89PNG\r\n\x1a\nshort");
    let broken_mp4 = file("broken.mp4", &half[..half.len() / 2]);
    let playlist = file("playlist.mp4", b"#EXTM3U\nhttp://127.0.0.1:1/x.ts\n");
    let clock = LayerContent::Clock {
        format: "%Q".to_owned(),
        timezone: None,
        style: crate::scene::style(20),
        font: None,
    };
    let nowhere = LayerContent::Clock {
        format: "%T".to_owned(),
        timezone: Some("Mars/Olympus".to_owned()),
        style: crate::scene::style(20),
        font: None,
    };
    let cases = [
        (image(&broken_png), "layer.source.undecodable"),
        (image(&whole), "layer.source.unsupported"),
        (image(folder.path()), "layer.source.unreadable"),
        (video(&broken_mp4, true), "layer.source.undecodable"),
        (video(&playlist, true), "layer.source.unsupported"),
        (video(&broken_png, true), "layer.source.unsupported"),
        (video(&sound, true), "layer.source.undecodable"),
        (
            video(&folder.path().join("none.mp4"), false),
            "layer.source.missing",
        ),
        (clock, "layer.clock.format"),
        (nowhere, "layer.clock.timezone"),
    ];
    let layers: Vec<_> = cases
        .iter()
        .map(|(content, _)| layer(content.clone(), [0, 0, 50, 50]))
        .collect();
    let mut worker = Worker::on_air(small(), scene(1, &layers));
    for (layer, (content, code)) in layers.iter().zip(&cases) {
        let failing = worker.wait_for_layer(layer.id, LayerState::Failing);
        assert_eq!(
            failing.code.as_deref(),
            Some(*code),
            "{content:?}: {failing:?}"
        );
    }
    worker.stop();
}
