//! A worker under test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command as Process, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use sm_common::program::ProgramFormat;
use sm_common::stream::LayerState;
use sm_media_protocol::{
    Command, FinishReason, HlsSettings, LayerReport, RecordingSettings, Report, Segment,
    WantedScene, decode, encode,
};
use tempfile::TempDir;

use crate::recording::Recording;

pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_media-worker");

/// No wait of a test is longer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Worker {
    process: Child,
    stdin: Option<ChildStdin>,
    arriving: Receiver<Report>,
    /// Every report so far.
    pub(crate) reports: Vec<Report>,
    pub(crate) folder: TempDir,
    /// What it is to be configured with: 0 for no parts.
    part_frames: u32,
}

/// A small program, so that many fit on one machine.
pub(crate) fn small() -> ProgramFormat {
    ProgramFormat {
        width: 320,
        height: 180,
        ..ProgramFormat::default()
    }
}

impl Worker {
    /// A worker that is ready.
    pub(crate) fn start() -> Self {
        Self::start_as(&mut Process::new(WORKER))
    }

    /// A worker that is ready, started by this command.
    pub(crate) fn start_as(command: &mut Process) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (reports, arriving) = sync_channel(10_000);
        thread::spawn(move || {
            for line in output.split(b'\n') {
                let report = decode(&line.unwrap()).expect("every line is a report");
                if reports.send(report).is_err() {
                    return;
                }
            }
        });
        let stdin = process.stdin.take();
        let mut worker = Self {
            process,
            stdin,
            arriving,
            reports: Vec::new(),
            folder,
            part_frames: 0,
        };
        worker.wait_for("ready", |report| {
            matches!(report, Report::Ready { .. }).then_some(())
        });
        worker
    }

    /// A worker with this scene on air.
    pub(crate) fn on_air(program: ProgramFormat, scene: WantedScene) -> Self {
        let revision = scene.revision;
        let mut worker = Self::start();
        worker.configure(program, scene);
        worker.wait_for_scene(revision);
        worker
    }

    /// A worker with this scene on air that writes segments in parts of so many frames.
    pub(crate) fn on_air_in_parts(
        part_frames: u32,
        program: ProgramFormat,
        scene: WantedScene,
    ) -> Self {
        let revision = scene.revision;
        let mut worker = Self::start();
        worker.part_frames = part_frames;
        worker.configure(program, scene);
        worker.wait_for_scene(revision);
        worker
    }

    pub(crate) fn configure(&mut self, program: ProgramFormat, scene: WantedScene) {
        let hls = HlsSettings {
            directory: self.path().to_owned(),
            run: "test".to_owned(),
            part_frames: self.part_frames,
        };
        self.send(&Command::Configure {
            program,
            hls,
            recordings: RecordingSettings {
                directory: self.path().join("recordings"),
                reserve_bytes: 0,
            },
            scene,
            outputs: Vec::new(),
        });
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.reports
            .iter()
            .find_map(|report| match report {
                Report::Ready { pid, .. } => Some(*pid),
                _ => None,
            })
            .unwrap()
    }

    pub(crate) fn send(&mut self, command: &Command) {
        let stdin = self.stdin.as_mut().expect("the host is there");
        stdin.write_all(&encode(command).unwrap()).unwrap();
        stdin.flush().unwrap();
    }

    pub(crate) fn send_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the host is there");
        writeln!(stdin, "{line}").unwrap();
    }

    pub(crate) fn apply(&mut self, scene: WantedScene) {
        let revision = scene.revision;
        self.send(&Command::ApplyScene { scene });
        self.wait_for_scene(revision);
    }

    /// Closes the worker's standard input.
    pub(crate) fn go_away(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn kill_parent(&mut self) {
        self.process.kill().unwrap();
    }

    /// What `wanted` makes of the first report, past or to come, that it takes.
    pub(crate) fn wait_for<T>(&mut self, what: &str, wanted: impl Fn(&Report) -> Option<T>) -> T {
        if let Some(found) = self.reports.iter().find_map(&wanted) {
            return found;
        }
        self.wait_for_next(what, wanted)
    }

    /// What `wanted` makes of the first report to come that it takes.
    pub(crate) fn wait_for_next<T>(
        &mut self,
        what: &str,
        wanted: impl Fn(&Report) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.arriving.recv_timeout(left) {
                Ok(report) => {
                    let found = wanted(&report);
                    self.reports.push(report);
                    if let Some(found) = found {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!(
                        "no {what}\nreports: {:#?}\nlog:\n{}",
                        self.reports,
                        self.log()
                    )
                }
            }
        }
    }

    pub(crate) fn wait_for_scene(&mut self, revision: u64) {
        self.wait_for("scene in the picture", |report| match report {
            Report::SceneApplied {
                revision: shown, ..
            } => (*shown == revision).then_some(()),
            _ => None,
        });
    }

    pub(crate) fn wait_for_segments(&mut self, count: u64) {
        self.wait_for("segment", |report| match report {
            Report::SegmentWritten(Segment { number, .. }) => (*number + 1 >= count).then_some(()),
            _ => None,
        });
    }

    /// The first report from now on that this layer does so.
    pub(crate) fn wait_for_layer(
        &mut self,
        layer: sm_common::id::LayerId,
        state: LayerState,
    ) -> LayerReport {
        self.wait_for("report on the layer", |report| match report {
            Report::Layer(report) => {
                (report.layer == layer && report.state == state).then(|| report.clone())
            }
            _ => None,
        })
    }

    /// Stops the worker in good order and reads what it recorded.
    pub(crate) fn stop(&mut self) -> Recording {
        self.send(&Command::Stop);
        assert_eq!(self.finished(), FinishReason::Stopped);
        assert!(self.exit().success());
        self.recording()
    }

    pub(crate) fn finished(&mut self) -> FinishReason {
        self.wait_for("last report", |report| match report {
            Report::Finished { reason } => Some(reason.clone()),
            _ => None,
        })
    }

    pub(crate) fn exit(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    pub(crate) fn recording(&self) -> Recording {
        Recording::join(self.path(), &self.reports)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
