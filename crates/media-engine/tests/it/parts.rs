//! Segments that come off in parts while they grow.

use std::collections::BTreeMap;
use std::fs;

use sm_common::program::ProgramFormat;
use sm_media_protocol::{Part, Report};

use crate::continuity::assert_regular;
use crate::recording::Recording;
use crate::scene::scene;
use crate::worker::{Worker, small};

/// A fifth of a second.
const PART_FRAMES: u32 = 6;

fn parts(worker: &Worker) -> Vec<Part> {
    let part = |report: &Report| match report {
        Report::PartWritten(part) => Some(part.clone()),
        _ => None,
    };
    worker.reports.iter().filter_map(part).collect()
}

#[test]
fn a_segment_is_exactly_its_parts() {
    let mut worker = Worker::on_air_in_parts(PART_FRAMES, small(), scene(1, &[]));
    worker.wait_for_segments(3);
    let recording = worker.stop();
    let mut by_segment: BTreeMap<u64, Vec<Part>> = BTreeMap::new();
    for part in parts(&worker) {
        by_segment.entry(part.number).or_default().push(part);
    }
    assert_eq!(by_segment.len(), recording.segments.len());
    for segment in &recording.segments {
        let parts = &by_segment[&segment.number];
        let mut joined = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let name = format!("test-{}.{index}.m4s", segment.number);
            let bytes = fs::read(worker.path().join(&name)).unwrap();
            assert_eq!(
                (part.file.as_str(), part.bytes),
                (name.as_str(), u64::try_from(bytes.len()).unwrap())
            );
            assert_eq!(part.part, u64::try_from(index).unwrap());
            assert_eq!(
                part.independent,
                index == 0,
                "only the first has the keyframe"
            );
            assert_eq!(part.last, index + 1 == parts.len());
            joined.extend(bytes);
        }
        assert!(joined == fs::read(worker.path().join(&segment.file)).unwrap());
        assert_eq!(parts[0].starts_at, segment.starts_at);
        let length: f64 = parts.iter().map(|part| part.duration_s).sum();
        assert!((length - segment.duration_s).abs() < 1e-9);
    }
    assert_regular(&recording, 30);
}

#[test]
fn parts_are_regular_and_play_by_themselves() {
    let mut worker = Worker::on_air_in_parts(PART_FRAMES, small(), scene(1, &[]));
    worker.wait_for_segments(2);
    drop(worker.stop());
    let parts = parts(&worker);
    let dropped = worker.reports.iter().any(|report| match report {
        Report::Stats(stats) => stats.frames_dropped > 0,
        _ => false,
    });
    for part in &parts {
        assert!(
            dropped || part.last || (part.duration_s - 0.2).abs() < 1e-9,
            "{part:?}"
        );
    }
    let mut files = vec!["init-test.mp4"];
    let mut frames = 0;
    for part in parts.iter().filter(|part| part.number == 0) {
        files.push(&part.file);
        let seen = Recording::of_files(worker.path(), &files);
        assert_eq!(seen.complaints(), "", "appended up to {}", part.file);
        assert!(seen.frames().len() > frames, "{} adds frames", part.file);
        frames = seen.frames().len();
    }
    let whole = Recording::of_files(worker.path(), &["init-test.mp4", "test-0.m4s"]);
    assert_eq!(whole.frames().len(), frames);
}

#[test]
fn a_part_is_there_before_its_segment() {
    let program = ProgramFormat {
        keyframe_interval_ms: 10_000,
        ..small()
    };
    let mut worker = Worker::on_air_in_parts(PART_FRAMES, program, scene(1, &[]));
    let part = worker.wait_for("part", |report| match report {
        Report::PartWritten(part) => (part.part == 1).then(|| part.clone()),
        _ => None,
    });
    let length = fs::metadata(worker.path().join(&part.file)).unwrap().len();
    assert_eq!(length, part.bytes);
    assert!(!part.last && !worker.path().join("test-0.m4s").exists());
    // Told to stop, it finishes the segment as long as it got.
    let recording = worker.stop();
    assert_eq!(recording.segments.len(), 1);
    assert!(parts(&worker).last().unwrap().last);
}
