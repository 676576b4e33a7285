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

use std::fs::OpenOptions;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::stream::{LayerState, Severity};
use sm_media_protocol::{
    Command, FinishReason, HlsSettings, LayerReport, Part, Report, Segment, Stats, WantedScene,
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
    /// Delivers nothing for as long as this is demanded, and names what would come next in the
    /// file `held`.
    Hold,
    /// Delivers one piece all the same.
    Step,
    /// Does not end when told to.
    IgnoreStop,
    /// Reports every layer as failing.
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
            Self::Hold => "hold",
            Self::Step => "step",
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
}

impl Worker {
    fn is_asked(&self, demand: &Demand) -> bool {
        self.control.join(demand.file()).exists()
    }

    /// Whether it is asked, once.
    fn takes(&self, demand: &Demand) -> bool {
        std::fs::remove_file(self.control.join(demand.file())).is_ok()
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
        let failing = self.is_asked(&Demand::FailLayers);
        for layer in &scene.layers {
            say(&Report::Layer(LayerReport {
                layer: layer.id,
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
        let mut segment = Growing::new(hls.clone(), length, framerate);
        let mut due = Instant::now() + segment.step();
        let mut hanging = false;
        loop {
            match said.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Said::Command(command)) => self.log(&command).obey(*command),
                Ok(Said::Gone) | Err(RecvTimeoutError::Disconnected) => std::process::exit(0),
                Err(RecvTimeoutError::Timeout) => {
                    hanging = hanging || self.is_asked(&Demand::Hang);
                    let held = self.is_asked(&Demand::Hold) && !self.takes(&Demand::Step);
                    if hanging || held {
                        due += segment.step();
                        std::fs::write(self.control.join("held"), segment.next()).unwrap();
                        continue;
                    }
                    let number = segment.number;
                    segment.grow(|| self.misbehave());
                    due += segment.step();
                    if segment.number > number {
                        say(&Report::Stats(Box::new(Stats {
                            fps: Some(f64::from(framerate)),
                            frames_total: segment.number * 6,
                            bitrate_kbps: Some(40.0),
                            ..Stats::default()
                        })));
                    }
                }
            }
        }
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Configure { .. } => std::process::exit(2),
            Command::ApplyScene { scene } => self.apply(&scene),
            Command::ApplyOutputs { .. } => {}
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
        if self.is_asked(&Demand::Garbage) {
            println!("{{\"report\":\"dance\"}}\n\u{7f}not json");
        }
        while self.is_asked(&Demand::Flood) {
            println!("nonsense");
        }
        if self.takes(&Demand::Fault) {
            say(&Report::Fault {
                severity: Severity::Error,
                code: "program.audio.lost".to_owned(),
                message: "no sound".to_owned(),
            });
        }
    }
}

/// The segment that is being made.
struct Growing {
    hls: HlsSettings,
    /// Length of a segment.
    length: Duration,
    /// Length of a part; the segment's, where there are no parts.
    part_length: Duration,
    number: u64,
    part: u64,
    starts_at: Timestamp,
    /// How long it is by now.
    grown: Duration,
    content: String,
}

impl Growing {
    fn new(hls: HlsSettings, length: Duration, framerate: u32) -> Self {
        let part_length = match hls.part_frames {
            0 => length,
            frames => Duration::from_secs(frames.into()) / framerate,
        };
        Self {
            hls,
            length,
            part_length,
            number: 0,
            part: 0,
            starts_at: SystemClock.now(),
            grown: Duration::ZERO,
            content: String::new(),
        }
    }

    /// The file of the next part.
    fn next(&self) -> String {
        format!("{}-{}.{}.m4s", self.hls.run, self.number, self.part)
    }

    /// How long the next piece is.
    fn step(&self) -> Duration {
        let left = self.length.saturating_sub(self.grown);
        self.part_length.min(left)
    }

    /// Writes the next piece, and the segment when it was the last; `before` comes before that.
    fn grow(&mut self, before: impl FnOnce()) {
        let step = self.step();
        let starts_at = self.starts_at.plus(self.grown);
        let name = format!("{:08} {:02} of {} ", self.number, self.part, self.hls.run);
        let piece = format!("segment {name}").repeat(16);
        self.content.push_str(&piece);
        self.grown += step;
        // What is shorter than a frame is rounding.
        let last = self.length.saturating_sub(self.grown) < Duration::from_millis(1);
        if last {
            before();
            let file = format!("{}-{}.m4s", self.hls.run, self.number);
            write(&self.hls.directory, &file, &self.content);
        }
        if self.hls.part_frames > 0 {
            let file = self.next();
            write(&self.hls.directory, &file, &piece);
            say(&Report::PartWritten(Part {
                file,
                number: self.number,
                part: self.part,
                duration_s: step.as_secs_f64(),
                bytes: 1000,
                independent: self.part == 0,
                starts_at,
                last,
            }));
        }
        self.part += 1;
        if last {
            self.finish();
        }
    }

    fn finish(&mut self) {
        say(&Report::SegmentWritten(Segment {
            file: format!("{}-{}.m4s", self.hls.run, self.number),
            number: self.number,
            duration_s: self.length.as_secs_f64(),
            bytes: 1000,
            starts_at: self.starts_at,
            independent: true,
        }));
        self.starts_at = self.starts_at.plus(self.length);
        self.number += 1;
        self.part = 0;
        self.grown = Duration::ZERO;
        self.content.clear();
    }
}

fn write(directory: &Path, file: &str, content: &str) {
    std::fs::write(directory.join(file), content).unwrap();
}
