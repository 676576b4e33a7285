//! How a worker begins and ends.

use std::process::Command as Process;

use sm_common::program::ProgramFormat;
use sm_media_protocol::{Command, FinishReason, Report, WorkerState};

use crate::recording::Frame;
use crate::scene::{color, layer, scene};
use crate::worker::{WORKER, Worker, small};

#[test]
fn a_worker_goes_through_its_states_and_stops_when_told() {
    let mut worker = Worker::on_air(small(), scene(7, &[]));
    worker.wait_for_segments(1);
    let recording = worker.stop();
    let states: Vec<WorkerState> = worker
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::StateChanged { state } => Some(*state),
            _ => None,
        })
        .collect();
    assert_eq!(
        states,
        [
            WorkerState::Starting,
            WorkerState::Playing,
            WorkerState::Stopping
        ]
    );
    let faults = worker
        .reports
        .iter()
        .filter(|report| matches!(report, Report::Fault { .. }));
    assert_eq!(faults.count(), 0);
    assert!(matches!(worker.reports.first(), Some(Report::Ready { .. })));
    assert!(matches!(
        worker.reports.last(),
        Some(Report::Finished { .. })
    ));
    let length: f64 = recording
        .segments
        .iter()
        .map(|segment| segment.duration_s)
        .sum();
    let frames = recording.packet_times("v").len();
    assert!((length * 30.0).round().to_string() == frames.to_string());
}

#[test]
fn a_configuration_that_cannot_be_carried_out_is_refused() {
    let mut worker = Worker::start();
    let odd = ProgramFormat {
        width: 321,
        ..small()
    };
    worker.configure(odd, scene(1, &[]));
    let FinishReason::ConfigurationRefused { message } = worker.finished() else {
        panic!("refused");
    };
    assert!(message.contains("width"), "{message}");
    assert_eq!(worker.exit().code(), Some(78));
}

#[test]
fn a_program_that_cannot_run_says_why_and_fails() {
    let registry = tempfile::tempdir().unwrap();
    let mut without_plugins = Process::new(WORKER);
    without_plugins
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", registry.path())
        .env("GST_REGISTRY", registry.path().join("registry"));
    let mut worker = Worker::start_as(&mut without_plugins);
    worker.configure(small(), scene(1, &[]));
    let FinishReason::PipelineFailed { message } = worker.finished() else {
        panic!("failed");
    };
    assert!(message.contains("encoders"), "{message}");
    worker.wait_for("fault", |report| match report {
        Report::Fault { code, .. } => (code == "worker.pipeline.failed").then_some(()),
        _ => None,
    });
    assert_eq!(worker.exit().code(), Some(1));
}

#[test]
fn what_is_no_command_is_said_so_and_nothing_else_happens() {
    let mut worker = Worker::start();
    worker.send_line("{\"command\":\"dance\"}");
    worker.send(&Command::ApplyScene {
        scene: scene(1, &[]),
    });
    let fault = |wanted: &'static str| {
        move |report: &Report| match report {
            Report::Fault { code, .. } => (code == wanted).then_some(()),
            _ => None,
        }
    };
    worker.wait_for("fault", fault("worker.command.unreadable"));
    worker.wait_for("fault", fault("worker.command.out-of-order"));
    let twice = layer(color("#ffffff"), [0, 0, 10, 10]);
    worker.configure(small(), scene(1, &[]));
    worker.send(&Command::ApplyScene {
        scene: scene(2, &[twice.clone(), twice]),
    });
    worker.wait_for("fault", fault("worker.scene.refused"));
    worker.wait_for_scene(1);
    worker.stop();
}

#[test]
fn a_snapshot_is_the_picture_on_air() {
    let mut worker = Worker::on_air(
        small(),
        scene(
            1,
            &[
                layer(color("#ff0000"), [0, 0, 160, 180]),
                layer(color("#ffffff"), [160, 0, 160, 180]),
            ],
        ),
    );
    let answer = |wanted: u64| {
        move |report: &Report| match report {
            Report::Snapshot { id, error } => (*id == wanted).then(|| error.clone()),
            _ => None,
        }
    };
    let path = worker.path().join("snapshot.jpg");
    worker.send(&Command::Snapshot {
        id: 9,
        path: path.clone(),
    });
    assert_eq!(worker.wait_for("snapshot", answer(9)), None);
    let picture = Frame::read(&path, 320);
    picture.assert_is(80, 90, [255, 0, 0]);
    picture.assert_is(240, 90, [255, 255, 255]);
    worker.send(&Command::Snapshot {
        id: 10,
        path: "/nowhere/at/all.jpg".into(),
    });
    assert!(worker.wait_for("snapshot", answer(10)).is_some());
    worker.stop();
}
