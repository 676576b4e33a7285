//! Further encodings of the program beside it.

use std::collections::BTreeMap;

use sm_common::ladder::Rendition;
use sm_common::performance::RenditionPerformance;
use sm_common::program::ProgramFormat;
use sm_media_protocol::{Command, Part, RenditionReport, Report, Segment};

use crate::recording::Recording;
use crate::scene::{color, layer, scene};
use crate::worker::{Worker, small};

/// A fifth of a second.
const PART_FRAMES: u32 = 6;

fn rendition(name: &str, height: u32) -> Rendition {
    Rendition {
        name: name.parse().unwrap(),
        width: None,
        height,
        video_bitrate_kbps: 200,
    }
}

/// The left half red, the rest blue.
fn two_colours() -> sm_media_protocol::WantedScene {
    let left = layer(color("#ff0000"), [0, 0, 160, 180]);
    let right = layer(color("#0000ff"), [160, 0, 160, 180]);
    scene(1, &[left, right])
}

/// The segments that the worker reported of a rendition.
fn segments(worker: &Worker, of: &str) -> BTreeMap<u64, Segment> {
    let segment = |report: &Report| match report {
        Report::RenditionSegment { rendition, segment } if rendition.as_str() == of => {
            Some((segment.number, segment.clone()))
        }
        _ => None,
    };
    worker.reports.iter().filter_map(segment).collect()
}

fn parts(worker: &Worker, of: Option<&str>) -> Vec<(u64, u64, f64, bool, bool)> {
    let shape = |part: &Part| {
        let place = (part.number, part.part);
        (
            place.0,
            place.1,
            part.duration_s,
            part.independent,
            part.last,
        )
    };
    let part = |report: &Report| match report {
        Report::PartWritten(part) if of.is_none() => Some(shape(part)),
        Report::RenditionPart { rendition, part } if of == Some(rendition.as_str()) => {
            Some(shape(part))
        }
        _ => None,
    };
    worker.reports.iter().filter_map(part).collect()
}

fn wait_for_segment(worker: &mut Worker, of: &str, number: u64) {
    worker.wait_for("segment of the rendition", |report| match report {
        Report::RenditionSegment { rendition, segment } => {
            (rendition.as_str() == of && segment.number >= number).then_some(())
        }
        _ => None,
    });
}

fn wait_for_failure(worker: &mut Worker, of: &str, code: &str) {
    worker.wait_for("failure of the rendition", |report| match report {
        Report::Rendition(RenditionReport { rendition, failure }) => {
            let failure = failure.as_ref()?;
            (rendition.as_str() == of && failure.code == code).then_some(())
        }
        _ => None,
    });
}

/// Appended as by a player: the section, and these segments of the program or of a rendition.
fn played(worker: &Worker, of: Option<&str>, numbers: impl Iterator<Item = u64>) -> Recording {
    let run = of.map_or_else(|| "test".to_owned(), |name| format!("{name}_test"));
    let files: Vec<String> = std::iter::once(format!("init-{run}.mp4"))
        .chain(numbers.map(|number| format!("{run}-{number}.m4s")))
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    Recording::of_files(worker.path(), &files)
}

#[test]
fn a_rendition_is_the_program_in_small() {
    let ladder = vec![rendition("low", 90), rendition("mid", 120)];
    let mut worker = Worker::with_ladder(PART_FRAMES, small(), ladder, two_colours());
    for name in ["low", "mid"] {
        wait_for_segment(&mut worker, name, 2);
    }
    let program = worker.stop();
    let count = u64::try_from(program.segments.len()).unwrap();
    for (name, size) in [("low", (160, 90)), ("mid", (214, 120))] {
        let own = segments(&worker, name);
        for segment in &program.segments {
            let own = &own[&segment.number];
            assert_eq!(own.file, format!("{name}_{}", segment.file));
            assert!(
                (own.duration_s - segment.duration_s).abs() < 1e-9,
                "{own:?}"
            );
            assert!(own.independent);
        }
        assert_eq!(parts(&worker, Some(name)), parts(&worker, None), "{name}");
        // One after the other: both are written to the same file.
        let program = played(&worker, None, 0..count);
        let (video, audio) = (program.keyframes(), program.packet_times("a"));
        let own = played(&worker, Some(name), 0..count);
        assert_eq!(own.complaints(), "");
        assert_eq!(own.size(), size);
        assert_eq!(
            own.keyframes(),
            video,
            "the same frames, the same keyframes"
        );
        assert_eq!(own.packet_times("a"), audio, "the same sound");
        assert!(!own.samples().is_empty());
        let frame = own.last_frame();
        frame.assert_is(size.0 / 4, size.1 / 2, [255, 0, 0]);
        frame.assert_is(size.0 * 3 / 4, size.1 / 2, [0, 0, 255]);
    }
}

#[test]
fn what_a_rendition_costs_is_measured() {
    let ladder = vec![rendition("low", 90)];
    let mut worker = Worker::with_ladder(0, small(), ladder, two_colours());
    let measured = worker.wait_for("second of the rendition", |report| match report {
        Report::Stats(stats) => {
            let low = stats.renditions.first()?;
            (low.cpu_cores? > 0.0 && low.frames_total > 30).then(|| low.clone())
        }
        _ => None,
    });
    let RenditionPerformance {
        name,
        width,
        height,
        delivering,
        fps,
        bitrate_kbps,
        ..
    } = measured;
    assert_eq!((name.as_str(), width, height), ("low", 160, 90));
    assert!(delivering && fps.unwrap() > 0.0 && bitrate_kbps.unwrap() > 0.0);
}

#[test]
fn a_rendition_that_is_too_slow_is_given_up_and_the_program_goes_on() {
    let program = ProgramFormat {
        framerate: 60,
        ..small()
    };
    let huge = Rendition {
        width: Some(4096),
        video_bitrate_kbps: 50_000,
        ..rendition("huge", 4096)
    };
    let mut worker = Worker::with_ladder(0, program, vec![huge], two_colours());
    wait_for_failure(&mut worker, "huge", "rendition.too-slow");
    let written = |worker: &Worker| {
        let segments = worker.reports.iter().filter_map(|report| match report {
            Report::SegmentWritten(segment) => Some(segment.number),
            _ => None,
        });
        segments.max().unwrap_or(0)
    };
    let before = written(&worker);
    worker.wait_for_segments(before + 3);
    let recording = worker.stop();
    assert_eq!(recording.complaints(), "");
    recording.last_frame().assert_is(80, 90, [255, 0, 0]);
}

#[test]
fn a_ladder_is_changed_on_air() {
    let mut worker = Worker::with_ladder(PART_FRAMES, small(), Vec::new(), two_colours());
    worker.wait_for_segments(1);
    worker.send(&Command::ApplyLadder {
        ladder: vec![rendition("late", 90)],
    });
    wait_for_segment(&mut worker, "late", 2);
    let late = segments(&worker, "late");
    let first = *late.keys().next().unwrap();
    assert!(first > 0, "it began with a later segment");
    let own = played(&worker, Some("late"), first..=first);
    let (video, audio) = (own.keyframes(), own.packet_times("a"));
    assert_eq!(own.complaints(), "");
    // Its first segment is the program's of the same number.
    worker.wait_for_segments(first + 1);
    let program = played(&worker, None, first..=first);
    assert_eq!(program.keyframes(), video);
    assert_eq!(program.packet_times("a"), audio);

    // Its files keep their meaning: other settings need another name.
    worker.send(&Command::ApplyLadder {
        ladder: vec![rendition("late", 120), rendition("other", 120)],
    });
    wait_for_failure(&mut worker, "late", "rendition.name-used");
    wait_for_segment(&mut worker, "other", 0);
    worker.send(&Command::ApplyLadder { ladder: Vec::new() });
    worker.wait_for_next("measurement without renditions", |report| match report {
        Report::Stats(stats) => stats.renditions.is_empty().then_some(()),
        _ => None,
    });
    assert_eq!(worker.stop().complaints(), "");
}

#[test]
fn the_next_host_is_told_what_renditions_delivered() {
    let ladder = vec![rendition("low", 90)];
    let mut worker = Worker::with_ladder(PART_FRAMES, small(), ladder.clone(), two_colours());
    wait_for_segment(&mut worker, "low", 0);
    worker.go_away();
    let on_air = worker.connect(2).unwrap();
    assert_eq!(on_air.ladder, ladder);
    let low = &on_air.renditions[0];
    assert_eq!(low.report.rendition.as_str(), "low");
    assert_eq!(low.segments[0].file, "low_test-0.m4s");
    assert_eq!(low.parts[0].file, "low_test-0.0.m4s");
    wait_for_segment(&mut worker, "low", 2);
}

#[test]
fn a_rendition_that_cannot_be_is_refused_and_the_program_is_on_air() {
    let odd = Rendition {
        height: 91,
        ..rendition("odd", 90)
    };
    let mut worker = Worker::with_ladder(0, small(), vec![odd], two_colours());
    wait_for_failure(&mut worker, "odd", "rendition.refused");
    worker.wait_for_segments(1);
}
