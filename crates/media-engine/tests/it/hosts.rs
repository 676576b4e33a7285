//! Hosts come and go; the program stays.
//!
//! That a host of another user is refused cannot be shown here: it takes a second user.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use sm_common::id::SceneId;
use sm_common::program::ProgramFormat;
use sm_common::stream::{LayerState, SceneOnAir};
use sm_common::transition::{SceneTransition, Take};
use sm_media_protocol::{
    Command, Cover, CoverReason, FinishReason, Part, Report, Segment, WorkerState,
};

use crate::scene::{color, layer, scene};
use crate::worker::{PATIENCE, Worker, lease_until, small};

/// Segments that are reported, each once, as far as the test heard of them.
fn segments(worker: &Worker) -> Vec<Segment> {
    let written = worker.reports.iter().filter_map(|report| match report {
        Report::SegmentWritten(segment) => Some(segment.clone()),
        _ => None,
    });
    written.collect()
}

/// What the worker says until it closes the connection; `None` when it does not.
fn rest_of(line: &mut UnixStream) -> Option<Vec<u8>> {
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    match line.read_to_end(&mut rest) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        // What was said to it and never read makes the end of the connection an abrupt one.
        Ok(_) | Err(_) => Some(rest),
    }
}

fn wait_for_file(worker: &Worker, name: &str) {
    let start = Instant::now();
    while !worker.path().join(name).exists() {
        assert!(start.elapsed() < PATIENCE, "no {name}\n{}", worker.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_was_written_while_nobody_listened_is_told_to_the_next_host() {
    let shown = layer(color("#00ff00"), [0, 0, 100, 100]);
    let slate = layer(color("#0000ff"), [0, 0, 100, 100]);
    let [main, back_soon] = ["Main", "Back soon"].map(|name| SceneOnAir {
        id: SceneId::generate(),
        name: name.to_owned(),
        revision: 9,
    });
    let mut wanted = scene(1, &[]);
    wanted.take = Some(Take {
        scene: main.id,
        transition: SceneTransition::default(),
        number: 3,
    });
    wanted.scene = Some(main);
    wanted.cover = Some(Cover {
        why: CoverReason::LayerLost,
        scene: Some(back_soon),
        layers: vec![slate.clone()],
    });
    let picture = wanted.picture();
    let mut worker = Worker::on_air(small(), scene(1, &[]));
    wanted.revision = 2;
    wanted.layers.push(shown.clone());
    worker.apply(wanted);
    worker.wait_for_layer(shown.id, LayerState::Ok);
    worker.wait_for_layer(slate.id, LayerState::Ok);
    worker.wait_for_segments(2);
    worker.go_away();
    let heard = segments(&worker).len();
    wait_for_file(&worker, &format!("test-{}.m4s", heard + 2));

    let on_air = worker.connect(2).expect("a program is on air");
    assert_eq!((on_air.revision, on_air.picture), (2, picture));
    assert_eq!(on_air.state, WorkerState::Playing);
    assert_eq!(
        (on_air.hosting.generation, on_air.hls.run),
        (5, "test".to_owned())
    );
    assert_eq!(on_air.program, small());
    let layers: Vec<_> = on_air
        .layers
        .iter()
        .map(|one| (one.layer, one.state))
        .collect();
    let both = [(shown.id, LayerState::Ok), (slate.id, LayerState::Ok)];
    assert_eq!(layers, both, "of the scene, and of what covers it");
    assert!(on_air.segments.len() > heard + 2);
    let first = &on_air.segments[0];
    assert_eq!(first.number, 0, "it is remembered from the start on");

    // The line goes on where the memory ends, and the picture never stopped.
    let missed: Vec<_> = on_air.segments.iter().skip(heard).cloned().collect();
    worker
        .reports
        .extend(missed.into_iter().map(Report::SegmentWritten));
    let count = u64::try_from(on_air.segments.len()).unwrap();
    worker.wait_for_segments(count + 2);
    worker.send(&Command::Stop);
    assert_eq!(worker.finished(), FinishReason::Stopped);
    assert!(worker.exit().success());
    // What was reported live comes after what was remembered in the order of arrival.
    let mut written = segments(&worker);
    written.sort_by_key(|segment| segment.number);
    let numbers: Vec<_> = written.iter().map(|segment| segment.number).collect();
    let each_once: Vec<_> = (0..u64::try_from(written.len()).unwrap()).collect();
    assert_eq!(numbers, each_once, "no segment is lost or doubled");
    let mut reports = vec![Report::InitWritten {
        file: "init-test.mp4".to_owned(),
    }];
    reports.extend(written.into_iter().map(Report::SegmentWritten));
    let recording = crate::recording::Recording::join(worker.path(), &reports);
    let times = recording.packet_times("v");
    let steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| *step == steps[0]), "{steps:?}");
    assert_eq!(recording.complaints(), "");
}

/// Where the parts that are told stand, and how many bytes they are.
fn places(parts: &[Part]) -> Vec<(u64, u64, u64)> {
    let place = |part: &Part| (part.number, part.part, part.bytes);
    parts.iter().map(place).collect()
}

#[test]
fn parts_that_were_written_while_nobody_listened_are_told_to_the_next_host() {
    let program = ProgramFormat {
        keyframe_interval_ms: 2000,
        ..small()
    };
    let mut worker = Worker::on_air_in_parts(6, program, scene(1, &[]));
    let is_in_the_middle = |report: &Report| match report {
        Report::PartWritten(part) => (part.number == 0 && part.part == 2).then_some(()),
        _ => None,
    };
    worker.wait_for("part in the middle", is_in_the_middle);
    worker.go_away();
    wait_for_file(&worker, "test-1.1.m4s");
    let on_air = worker.connect(2).expect("a program is on air");
    assert_eq!(on_air.hls.part_frames, 6);
    assert!(places(&on_air.parts).len() > 10, "all of the first segment");

    // Live reports go on where the memory ends.
    let known = worker.reports.len();
    worker.wait_for_segments(3);
    let live = worker.reports[known..]
        .iter()
        .filter_map(|report| match report {
            Report::PartWritten(part) => Some(part.clone()),
            _ => None,
        });
    let parts: Vec<Part> = on_air.parts.into_iter().chain(live).collect();
    let mut expected = (0, 0);
    for (number, part, bytes) in places(&parts) {
        assert_eq!((number, part), expected, "each once, in order");
        let file = worker.path().join(format!("test-{number}.{part}.m4s"));
        assert_eq!(std::fs::metadata(file).unwrap().len(), bytes);
        let last = parts
            .iter()
            .any(|one| (one.number, one.part) == expected && one.last);
        expected = if last {
            (number + 1, 0)
        } else {
            (number, part + 1)
        };
    }
    drop(worker.stop());
}

#[test]
fn a_worker_without_a_host_ends_in_good_order_when_its_time_is_over() {
    let mut worker = Worker::start();
    worker.orphan_ms = 1500;
    worker.configure(small(), scene(1, &[]));
    worker.wait_for_segments(1);
    let gone = Instant::now();
    worker.go_away();
    assert!(worker.exit().success());
    assert!(gone.elapsed() >= Duration::from_millis(1500), "not before");
    let log = worker.log();
    assert!(log.contains("the host is gone"), "{log}");
    for line in log.lines().filter(|line| line.starts_with('{')) {
        assert!(line.contains("\"stream.id\":\"main\",\"pid\":"), "{line}");
    }
    // The last segment was finished: nothing is left half written.
    let parts = std::fs::read_dir(worker.path()).unwrap();
    let parts = parts.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".part")
    });
    assert_eq!(parts.count(), 0);
}

#[test]
fn a_new_connection_takes_the_place_of_the_older_one() {
    let mut worker = Worker::on_air(small(), scene(1, &[]));
    worker.wait_for_segments(1);
    let mut older = worker.take_line();
    assert!(worker.connect(1).is_some());
    // The older one hears its end, and no longer counts as a host.
    let rest = rest_of(&mut older);
    assert!(rest.is_some(), "it is closed");
    drop(older);
    worker.apply(scene(2, &[layer(color("#ff0000"), [0, 0, 10, 10])]));
    worker.stop();
}

#[test]
fn a_host_with_an_older_lease_is_refused() {
    let mut worker = Worker::on_air(small(), scene(1, &[]));
    let mut first = worker.take_line();
    assert!(worker.connect(7).is_some());
    for introduction in [
        sm_media_protocol::encode(&lease_until(6, u64::MAX)).unwrap(),
        b"{\"command\":\"stop\"}\n".to_vec(),
        b"\xff\x00 nonsense\n".to_vec(),
        vec![b'x'; 100_000],
        Vec::new(),
    ] {
        let mut line = worker.dial();
        // It may be refused before everything is said.
        drop(line.write_all(&introduction));
        drop(line.shutdown(std::net::Shutdown::Write));
        let answer = rest_of(&mut line);
        assert_eq!(
            answer.as_deref(),
            Some(&b""[..]),
            "nothing is told to a stranger"
        );
    }
    assert!(rest_of(&mut first).is_some());
    // The host on the line noticed nothing; what is no command does no harm there either.
    worker.send_line("\u{7f}not a command");
    worker.apply(scene(2, &[layer(color("#ff0000"), [0, 0, 10, 10])]));
    let fault = worker.reports.iter().any(|report| {
        matches!(report, Report::Fault { code, .. } if code == "worker.command.unreadable")
    });
    assert!(fault);
    worker.stop();
}

#[test]
fn a_host_that_does_not_read_holds_nothing_up() {
    let mut worker = Worker::on_air(small(), scene(1, &[]));
    worker.wait_for_segments(1);
    // A second host that says who it is and never reads: its socket's buffer is filled by faults.
    let mut deaf = worker.dial();
    deaf.write_all(&sm_media_protocol::encode(&lease_until(2, 0)).unwrap())
        .unwrap();
    let nonsense = "nonsense\n".repeat(100);
    deaf.set_write_timeout(Some(PATIENCE)).unwrap();
    let start = Instant::now();
    while deaf.write_all(nonsense.as_bytes()).is_ok() {
        assert!(start.elapsed() < PATIENCE, "it is never given up");
    }
    let on_air = worker.connect(3).expect("on air");
    let count = u64::try_from(on_air.segments.len()).unwrap();
    worker.wait_for_segments(count + 2);
    let numbers: Vec<_> = on_air.segments.iter().map(|one| one.number).collect();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    let times: f64 = on_air.segments.iter().map(|one| one.duration_s).sum();
    let length = on_air.segments[on_air.segments.len() - 1]
        .starts_at
        .since(on_air.segments[0].starts_at)
        .as_secs_f64();
    assert!((times - length).abs() < 2.0, "{times} {length}");
    worker.stop();
}

#[test]
fn the_way_to_the_network_is_open_for_as_long_as_the_lease_is_good() {
    let mut worker = Worker::on_air(small(), scene(1, &[]));
    let wait_for_log = |worker: &Worker, text: &str| {
        let start = Instant::now();
        while !worker.log().contains(text) {
            assert!(start.elapsed() < PATIENCE, "no {text}\n{}", worker.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for_log(&worker, "\"may_push\":true");
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let soon = Duration::try_from(now).unwrap() + Duration::from_millis(300);
    let soon_ms = u64::try_from(soon.as_millis()).unwrap();
    worker.send(&lease_until(1, soon_ms));
    // Without another word, and with the host on the line.
    wait_for_log(&worker, "\"may_push\":false");
    worker.wait_for_segments(2);
    worker.stop();
}

#[test]
fn a_worker_that_no_host_speaks_to_does_not_stay() {
    let mut worker = Worker::start();
    worker.go_away();
    assert!(worker.exit().success());
}
