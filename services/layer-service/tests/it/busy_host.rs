//! A host on which others take the processors.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command};

use crate::app::{App, Upload, mp4};

/// A process that wants the first processor all the time.
struct Spinning(Child);

impl Spinning {
    fn begin() -> Self {
        let spin = "while :; do :; done";
        let arguments = ["-c", "0", "sh", "-c", spin];
        Self(Command::new("taskset").args(arguments).spawn().unwrap())
    }
}

impl Drop for Spinning {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that stands in for the media worker.
async fn app(directory: &std::path::Path, script: &str) -> App {
    let program = directory.join("media-worker");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let program = program.display().to_string();
    App::with(&[
        ("probe.media_program", &program),
        ("probe.timeout_ms", "1500"),
    ])
    .await
}

#[tokio::test]
async fn a_file_is_not_refused_because_others_take_the_processors() {
    let directory = tempfile::tempdir().unwrap();
    let script = "exec taskset -c 0 nice -n 19 sh -c 'while :; do :; done'";
    let app = app(directory.path(), script).await;
    let _others = [Spinning::begin(), Spinning::begin()];
    let video = mp4(1_000);
    let answer = app.upload(&Upload::new("a.mp4", "", &video)).await;
    let answer = answer.expect_problem(503, "service.unavailable");
    assert_eq!(answer.header("retry-after"), "10");
    assert!(answer.text.contains("busy"), "{}", answer.text);
    app.expect_files(0).await;
}

#[tokio::test]
async fn a_file_that_is_never_done_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let app = app(directory.path(), "exec sleep 600").await;
    let video = mp4(1_000);
    let answer = app.upload(&Upload::new("a.mp4", "", &video)).await;
    let _refused = answer.expect_problem(422, "asset.too-costly");
    app.expect_files(0).await;
}
