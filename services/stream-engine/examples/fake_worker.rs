//! A media worker for the tests of stream-engine: speaks the protocol, writes small files instead
//! of pictures, and misbehaves on demand.
//!
//! Demands are files in the directory that it is started from, named by [`Demand`]. What it is
//! told is appended there to `commands`, a line each.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "a test's tool fails by panicking and speaks on its standard output"
)]

use std::cell::{Cell, RefCell};
use std::fs::OpenOptions;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use sm_common::clock::{Clock as _, SystemClock};
use sm_common::id::LayerId;
use sm_common::stream::{LayerState, Severity};
use sm_media_protocol::{
    Command, FinishReason, HlsSettings, LayerReport, Report, Segment, Stats, WantedScene,
    WorkerState, decode, encode,
};

/// What a test may ask for, by creating a file of this name.
enum Demand {
    /// Never says that it is ready.
    NeverReady,
    /// Exits with code 3 at once.
    ExitAtOnce,
    /// Refuses its configuration.
    Refuse,
    /// Says something that is no message before each segment.
    Garbage,
    /// Says nothing but such things, without end.
    Flood,
    /// Lives on, but delivers nothing any more.
    Hang,
    /// Does not end when told to.
    IgnoreStop,
    /// Reports every layer of the scene as failing, for as long as it is asked to.
    FailLayers,
    /// Reports a fault of the program once.
    Fault,
    /// Takes no snapshots.
    NoSnapshots,
}

impl Demand {
    const fn file(&self) -> &'static str {
        match self {
            Self::NeverReady => "never-ready",
            Self::ExitAtOnce => "exit-at-once",
            Self::Refuse => "refuse",
            Self::Garbage => "garbage",
            Self::Flood => "flood",
            Self::Hang => "hang",
            Self::IgnoreStop => "ignore-stop",
            Self::FailLayers => "fail-layers",
            Self::Fault => "fault",
            Self::NoSnapshots => "no-snapshots",
        }
    }
}

/// What the host says, or that it is gone.
enum Said {
    Command(Box<Command>),
    Gone,
}

fn main() {
    let program: PathBuf = std::env::args().next().unwrap().into();
    let worker = Worker {
        control: program.parent().unwrap().to_owned(),
        layers: RefCell::default(),
        failing: Cell::default(),
    };
    if worker.is_asked(&Demand::ExitAtOnce) {
        eprintln!("exiting as demanded");
        std::process::exit(3);
    }
    let (saying, said) = sync_channel(64);
    std::thread::spawn(move || listen(&saying));
    if worker.is_asked(&Demand::NeverReady) {
        worker.wait_for_the_end(&said);
    }
    say(&Report::Ready {
        pid: std::process::id(),
        gstreamer: "0.0.0".to_owned(),
    });
    match said.recv().unwrap() {
        Said::Command(command) => worker.log(&command).configure(*command, &said),
        Said::Gone => std::process::exit(0),
    }
}

fn listen(saying: &SyncSender<Said>) {
    for line in std::io::stdin().lock().split(b'\n') {
        let command = decode(&line.unwrap()).unwrap();
        saying.send(Said::Command(Box::new(command))).unwrap();
    }
    saying.send(Said::Gone).unwrap();
}

fn say(report: &Report) {
    let mut out = std::io::stdout().lock();
    // Without a host there is nobody to tell.
    if out.write_all(&encode(report).unwrap()).is_err() || out.flush().is_err() {
        std::process::exit(0);
    }
}

struct Worker {
    control: PathBuf,
    /// Layers of the scene.
    layers: RefCell<Vec<LayerId>>,
    failing: Cell<bool>,
}

impl Worker {
    fn is_asked(&self, demand: &Demand) -> bool {
        self.control.join(demand.file()).exists()
    }

    fn log(&self, command: &Command) -> &Self {
        let file = self.control.join("commands");
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        log.write_all(&encode(command).unwrap()).unwrap();
        self
    }

    fn wait_for_the_end(&self, said: &Receiver<Said>) -> ! {
        while let Ok(Said::Command(command)) = said.recv() {
            self.log(&command);
        }
        std::process::exit(0);
    }

    fn configure(&self, command: Command, said: &Receiver<Said>) {
        let Command::Configure {
            program,
            hls,
            scene,
            ..
        } = command
        else {
            std::process::exit(2);
        };
        if self.is_asked(&Demand::Refuse) {
            say(&Report::Finished {
                reason: FinishReason::ConfigurationRefused {
                    message: "refused as demanded".to_owned(),
                },
            });
            std::process::exit(4);
        }
        say(&Report::StateChanged {
            state: WorkerState::Starting,
        });
        let init = format!("init-{}.mp4", hls.run);
        std::fs::write(hls.directory.join(&init), b"init").unwrap();
        say(&Report::InitWritten { file: init });
        self.apply(&scene);
        let segment = Duration::from_millis(program.keyframe_interval_ms.into());
        self.play(&hls, segment, program.framerate, said);
    }

    fn apply(&self, scene: &WantedScene) {
        say(&Report::SceneApplied {
            revision: scene.revision,
            at: SystemClock.now(),
        });
        let layers = scene.layers.iter().map(|layer| layer.id);
        self.layers.replace(layers.collect());
        self.failing.set(self.is_asked(&Demand::FailLayers));
        self.report_layers();
        for layer in scene.cover.iter().flat_map(|cover| &cover.layers) {
            say(&Report::Layer(LayerReport {
                layer: layer.id,
                state: LayerState::Ok,
                code: None,
                reason: None,
            }));
        }
    }

    fn report_layers(&self) {
        let failing = self.failing.get();
        for layer in self.layers.borrow().iter() {
            say(&Report::Layer(LayerReport {
                layer: *layer,
                state: if failing {
                    LayerState::Failing
                } else {
                    LayerState::Ok
                },
                code: failing.then(|| "layer.source.missing".to_owned()),
                reason: failing.then(|| "the file is missing".to_owned()),
            }));
        }
    }

    fn play(&self, hls: &HlsSettings, length: Duration, framerate: u32, said: &Receiver<Said>) {
        let mut number = 0;
        let mut starts_at = SystemClock.now();
        let mut due = Instant::now() + length;
        let mut hanging = false;
        loop {
            match said.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Said::Command(command)) => self.log(&command).obey(*command),
                Ok(Said::Gone) | Err(RecvTimeoutError::Disconnected) => std::process::exit(0),
                Err(RecvTimeoutError::Timeout) => {
                    due += length;
                    hanging = hanging || self.is_asked(&Demand::Hang);
                    if hanging {
                        continue;
                    }
                    self.misbehave();
                    let file = format!("{}-{number}.m4s", hls.run);
                    write_segment(&hls.directory, &file, number);
                    say(&Report::SegmentWritten(Segment {
                        file,
                        number,
                        duration_s: length.as_secs_f64(),
                        bytes: 1000,
                        starts_at,
                        independent: true,
                    }));
                    say(&Report::Stats(Box::new(Stats {
                        fps: Some(f64::from(framerate)),
                        frames_total: (number + 1) * 6,
                        bitrate_kbps: Some(40.0),
                        ..Stats::default()
                    })));
                    number += 1;
                    starts_at = starts_at.plus(length);
                }
            }
        }
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Configure { .. } => std::process::exit(2),
            Command::ApplyScene { scene } => self.apply(&scene),
            Command::ApplyOutputs { .. } | Command::ApplyPreview { .. } => {}
            Command::Snapshot { id, path } => {
                let refused = self.is_asked(&Demand::NoSnapshots);
                if !refused {
                    let draft = path.with_extension("draft");
                    std::fs::write(&draft, b"\xff\xd8picture\xff\xd9").unwrap();
                    std::fs::rename(draft, path).unwrap();
                }
                say(&Report::Snapshot {
                    id,
                    error: refused.then(|| "refused as demanded".to_owned()),
                });
            }
            Command::Stop if self.is_asked(&Demand::IgnoreStop) => {}
            Command::Stop => {
                say(&Report::Finished {
                    reason: FinishReason::Stopped,
                });
                std::process::exit(0);
            }
        }
    }

    fn misbehave(&self) {
        let failing = self.is_asked(&Demand::FailLayers);
        if self.failing.replace(failing) != failing {
            self.report_layers();
        }
        if self.is_asked(&Demand::Garbage) {
            println!("{{\"report\":\"dance\"}}\n\u{7f}not json");
        }
        while self.is_asked(&Demand::Flood) {
            println!("nonsense");
        }
        let fault = self.control.join(Demand::Fault.file());
        if std::fs::remove_file(fault).is_ok() {
            say(&Report::Fault {
                severity: Severity::Error,
                code: "program.audio.lost".to_owned(),
                message: "no sound".to_owned(),
            });
        }
    }
}

fn write_segment(directory: &Path, file: &str, number: u64) {
    let content = format!("segment {number:08} ").repeat(16);
    std::fs::write(directory.join(file), content).unwrap();
}
