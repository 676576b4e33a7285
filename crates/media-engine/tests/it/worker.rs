//! A worker under test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command as Process, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use sm_common::address::NetworkPolicy;
use sm_common::id::OutputId;
use sm_common::ladder::Rendition;
use sm_common::output::{OutputCounters, OutputStatus};
use sm_common::program::ProgramFormat;
use sm_common::stream::LayerState;
use sm_common::target::TargetPolicy;
use sm_media_protocol::{
    AdaptiveTerms, Command, FinishReason, HlsSettings, Hosting, LayerReport, LeaseTerms, OnAir,
    OutputReport, OutputStats, RecordingSettings, Report, RetryTerms, Segment, SpriteSettings,
    Stats, WantedOutput, WantedScene, WebSettings, decode, encode,
};
use tempfile::TempDir;

use crate::recording::Recording;

pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_media-worker");

/// No wait of a test is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long a worker lives without a host: longer than any test, if the test does not say.
const ORPHAN_MS: u64 = 120_000;

/// Sources that failed are tried again at once, so that tests need not wait.
const QUICK: RetryTerms = RetryTerms {
    first_ms: 100,
    longest_ms: 200,
};

pub(crate) struct Worker {
    process: Child,
    line: Option<UnixStream>,
    arriving: Receiver<Report>,
    telling: SyncSender<Report>,
    /// Every report so far.
    pub(crate) reports: Vec<Report>,
    pub(crate) folder: TempDir,
    /// What it is to be configured with: 0 for no parts.
    part_frames: u32,
    /// Further encodings that it is to be configured with.
    pub(crate) ladder: Vec<Rendition>,
    /// How it is to take small pictures.
    pub(crate) sprite: Option<SpriteSettings>,
    /// How long it is to live without a host.
    pub(crate) orphan_ms: u64,
    /// Where network sources may be.
    pub(crate) network: NetworkPolicy,
    /// Where outputs may be sent.
    pub(crate) targets: TargetPolicy,
    /// When outputs that may adapt are sent less, and when more again.
    pub(crate) adaptive: AdaptiveTerms,
    /// How web pages are shown.
    pub(crate) web: Option<WebSettings>,
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
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let process = command
            .arg("main")
            .stdin(OwnedFd::from(listener))
            .stderr(log)
            .spawn()
            .unwrap();
        let (telling, arriving) = sync_channel(10_000);
        let mut worker = Self {
            process,
            line: None,
            arriving,
            telling,
            reports: Vec::new(),
            folder,
            part_frames: 0,
            ladder: Vec::new(),
            sprite: None,
            orphan_ms: ORPHAN_MS,
            network: NetworkPolicy::default(),
            targets: TargetPolicy::default(),
            adaptive: AdaptiveTerms::default(),
            web: None,
        };
        worker.connect(1);
        worker
    }

    /// Connects as a host with this fencing token, and returns what the worker has on air. An
    /// earlier connection of the test stays open.
    pub(crate) fn connect(&mut self, token: u64) -> Option<OnAir> {
        let mut line = self.dial();
        line.write_all(&encode(&lease(token)).unwrap()).unwrap();
        let output = BufReader::new(line.try_clone().unwrap());
        let telling = self.telling.clone();
        thread::spawn(move || {
            for line in output.split(b'\n') {
                let Ok(line) = line else {
                    return;
                };
                let report = decode(&line).expect("every line is a report");
                if telling.send(report).is_err() {
                    return;
                }
            }
        });
        self.line = Some(line);
        self.wait_for_next("ready", |report| match report {
            Report::Ready { on_air, .. } => Some(on_air.as_deref().cloned()),
            _ => None,
        })
    }

    /// A connection on which nothing was said.
    pub(crate) fn dial(&self) -> UnixStream {
        UnixStream::connect(self.path().join("socket")).unwrap()
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

    /// A worker with this scene on air, in segments of so many parts, and these renditions.
    pub(crate) fn with_ladder(
        part_frames: u32,
        program: ProgramFormat,
        ladder: Vec<Rendition>,
        scene: WantedScene,
    ) -> Self {
        let revision = scene.revision;
        let mut worker = Self::start();
        (worker.part_frames, worker.ladder) = (part_frames, ladder);
        worker.configure(program, scene);
        worker.wait_for_scene(revision);
        worker
    }

    /// A worker with this scene and these outputs on air.
    pub(crate) fn sending(
        scene: WantedScene,
        outputs: &[WantedOutput],
        reserve_bytes: u64,
    ) -> Self {
        Self::sending_as(small(), scene, outputs, reserve_bytes)
    }

    /// The same for a program of this format.
    pub(crate) fn sending_as(
        program: ProgramFormat,
        scene: WantedScene,
        outputs: &[WantedOutput],
        reserve_bytes: u64,
    ) -> Self {
        let revision = scene.revision;
        let mut worker = Self::start();
        worker.configure_with(program, scene, outputs.to_vec(), reserve_bytes);
        worker.wait_for_scene(revision);
        worker
    }

    pub(crate) fn configure(&mut self, program: ProgramFormat, scene: WantedScene) {
        self.configure_with(program, scene, Vec::new(), 0);
    }

    pub(crate) fn configure_with(
        &mut self,
        program: ProgramFormat,
        scene: WantedScene,
        outputs: Vec<WantedOutput>,
        reserve_bytes: u64,
    ) {
        let hls = HlsSettings {
            directory: self.path().to_owned(),
            run: "test".to_owned(),
            part_frames: self.part_frames,
        };
        self.send(&Command::Configure {
            program,
            ladder: self.ladder.clone(),
            hls,
            recordings: RecordingSettings {
                directory: self.path().join("recordings"),
                reserve_bytes,
            },
            scene,
            outputs,
            hosting: Hosting {
                generation: 5,
                orphan_ms: self.orphan_ms,
            },
            network: self.network.clone(),
            sprite: self.sprite.map(Box::new),
            targets: self.targets,
            retry: QUICK,
            adaptive: Box::new(self.adaptive),
            web: self.web.map(Box::new),
            feeds: Some(self.path().to_owned()),
        });
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn send(&mut self, command: &Command) {
        let line = self.line.as_mut().expect("the host is there");
        line.write_all(&encode(command).unwrap()).unwrap();
    }

    pub(crate) fn send_line(&mut self, text: &str) {
        let line = self.line.as_mut().expect("the host is there");
        writeln!(line, "{text}").unwrap();
    }

    pub(crate) fn apply(&mut self, scene: WantedScene) {
        let revision = scene.revision;
        self.send(&Command::ApplyScene { scene });
        self.wait_for_scene(revision);
    }

    /// Ends the connection, as a host that dies.
    pub(crate) fn go_away(&mut self) {
        let line = self.line.take().expect("the host is there");
        line.shutdown(Shutdown::Both).unwrap();
    }

    /// Takes the connection, so that the test can connect another time beside it.
    pub(crate) fn take_line(&mut self) -> UnixStream {
        self.line.take().expect("the host is there")
    }

    /// What `wanted` makes of the first report, past or to come, that it takes.
    pub(crate) fn wait_for<T>(&mut self, what: &str, wanted: impl Fn(&Report) -> Option<T>) -> T {
        if let Some(found) = self.reports.iter().find_map(&wanted) {
            return found;
        }
        self.wait_for_next(what, wanted)
    }

    /// What `of` makes of the newest report so far that it takes.
    pub(crate) fn newest<T>(&self, of: impl Fn(&Report) -> Option<T>) -> Option<T> {
        self.reports.iter().rev().find_map(of)
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

    /// The next report on this output that it does so.
    pub(crate) fn wait_for_output(
        &mut self,
        output: &OutputId,
        status: OutputStatus,
    ) -> OutputReport {
        let last = self.reports.iter().rev().find_map(|report| match report {
            Report::Output(report) if report.output == *output => Some(report.clone()),
            _ => None,
        });
        if let Some(last) = last
            && last.status == status
        {
            return last;
        }
        let what = format!("output {output} that is {status:?}");
        self.wait_for_next(&what, |report| match report {
            Report::Output(report) => {
                (report.output == *output && report.status == status).then(|| report.clone())
            }
            _ => None,
        })
    }

    /// The first measurement to come of this output that is as wanted.
    pub(crate) fn wait_for_output_stats(
        &mut self,
        output: &OutputId,
        wanted: impl Fn(&OutputCounters) -> bool,
    ) -> OutputCounters {
        self.wait_for_next("measurement of the output", |report| match report {
            Report::Stats(stats) => {
                let Stats { outputs, .. } = &**stats;
                let ours = |stats: &&OutputStats| stats.output == *output;
                let counters = outputs.iter().find(ours)?.counters;
                wanted(&counters).then_some(counters)
            }
            _ => None,
        })
    }

    /// The names of its threads.
    pub(crate) fn thread_names(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .map(|name| name.trim_end().to_owned())
            .collect()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
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

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A lease that is good for longer than any test.
fn lease(token: u64) -> Command {
    lease_until(token, u64::MAX)
}

pub(crate) fn lease_until(token: u64, valid_until_ms: u64) -> Command {
    Command::Lease(LeaseTerms {
        token,
        valid_until_ms,
    })
}
