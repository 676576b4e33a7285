//! A media worker for the tests of stream-engine: speaks the protocol, writes small files instead
//! of pictures, and misbehaves on demand.
//!
//! Demands are files in the directory that it is started from, named by [`Demand`]. What it is
//! told is appended there to `commands`, a line each; leases to `leases`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    reason = "a test's tool fails by panicking, logs on its standard error, and picks reports"
)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sm_common::clock::{Clock as _, SystemClock, Timestamp};
use sm_common::id::LayerId;
use sm_common::ladder::Rendition;
use sm_common::output::{AdaptiveState, OutputCounters, OutputStatus};
use sm_common::program::ProgramFormat;
use sm_common::sprite::{Sprite, SpritePicture};
use sm_common::stream::{LayerState, Severity};
use sm_media_protocol::{
    Command, FinishReason, HlsSettings, LayerContent, LayerReport, OnAir, OutputReport,
    OutputStats, Part, RenditionFailure, RenditionOnAir, RenditionReport, Report, ScenePicture,
    Segment, Stats, WantedOutput, WantedScene, WorkerState, decode, encode,
};

/// How long it lives without a host and without a program.
const IDLE_MAX: Duration = Duration::from_secs(10);

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
    /// Answers a host with something that is no message.
    Babble,
    /// Lives on, but delivers nothing any more.
    Hang,
    /// Delivers nothing for as long as this is demanded, and names what would come next in the
    /// file `held`.
    Hold,
    /// Delivers one piece all the same.
    Step,
    /// Does not end when told to.
    IgnoreStop,
    /// Reports every layer of the scene as failing, for as long as it is asked to.
    FailLayers,
    /// Reports every layer of a preview as failing.
    FailPreviews,
    /// Reports every output as trying again.
    FailOutputs,
    /// Send outputs that may adapt less than the program.
    ReduceOutputs,
    /// Has no renditions, for as long as it is asked to.
    FailRenditions,
    /// Reports a fault of the program once.
    Fault,
    /// Cannot have another format.
    RefuseFormat,
    /// Takes no snapshots.
    NoSnapshots,
    /// Shows a black picture.
    Black,
}

impl Demand {
    const fn file(&self) -> &'static str {
        match self {
            Self::NeverReady => "never-ready",
            Self::ExitAtOnce => "exit-at-once",
            Self::Refuse => "refuse",
            Self::Garbage => "garbage",
            Self::Flood => "flood",
            Self::Babble => "babble",
            Self::Hang => "hang",
            Self::Hold => "hold",
            Self::Step => "step",
            Self::IgnoreStop => "ignore-stop",
            Self::FailLayers => "fail-layers",
            Self::FailPreviews => "fail-previews",
            Self::FailOutputs => "fail-outputs",
            Self::ReduceOutputs => "reduce-outputs",
            Self::FailRenditions => "fail-renditions",
            Self::Fault => "fault",
            Self::RefuseFormat => "refuse-format",
            Self::NoSnapshots => "no-snapshots",
            Self::Black => "black",
        }
    }
}

/// What a command changes of what is delivered.
enum Changed {
    Nothing,
    Outputs(Vec<WantedOutput>),
    Run(ProgramFormat, HlsSettings),
}

/// What a host says, or that the connection of this number is gone.
enum Said {
    Command(Box<Command>),
    Came(u64),
    Gone(u64),
}

/// The line to the host, and what the next one must know.
#[derive(Clone, Default)]
struct Line(Arc<Mutex<Spoken>>);

#[derive(Default)]
struct Spoken {
    host: Option<UnixStream>,
    on_air: Option<OnAir>,
}

impl Line {
    fn say(&self, report: &Report) {
        let mut spoken = self.0.lock().unwrap();
        if let Some(on_air) = &mut spoken.on_air {
            match report {
                Report::Layer(layer) => {
                    on_air.layers.retain(|known| known.layer != layer.layer);
                    on_air.layers.push(layer.clone());
                }
                Report::PartWritten(part) => on_air.parts.push(part.clone()),
                Report::SegmentWritten(segment) => on_air.segments.push(segment.clone()),
                Report::Sprite(sprite) => on_air.sprite = Some(sprite.clone()),
                Report::ProgramChanged { program, hls } => {
                    if on_air.hls.run != hls.run {
                        on_air.segments.clear();
                        on_air.parts.clear();
                    }
                    on_air.program = program.clone();
                    on_air.hls = hls.clone();
                }
                Report::Rendition(_)
                | Report::RenditionPart { .. }
                | Report::RenditionSegment { .. } => remember(&mut on_air.renditions, report),
                Report::Ready { .. }
                | Report::ProgramRefused { .. }
                | Report::StateChanged { .. }
                | Report::TakeStarted { .. }
                | Report::SceneApplied { .. }
                | Report::Output(_)
                | Report::InitWritten { .. }
                | Report::Stats(_)
                | Report::Snapshot { .. }
                | Report::Fault { .. }
                | Report::Finished { .. } => {}
            }
        }
        spoken.write(&encode(report).unwrap());
    }

    fn say_nonsense(&self, text: &str) {
        self.0.lock().unwrap().write(text.as_bytes());
    }

    fn welcome(&self, stream: UnixStream, babble: bool) {
        let mut spoken = self.0.lock().unwrap();
        if let Some(older) = spoken.host.replace(stream) {
            drop(older.shutdown(Shutdown::Both));
        }
        let on_air = spoken.on_air.clone().map(Box::new);
        let ready = Report::Ready {
            pid: std::process::id(),
            gstreamer: "0.0.0".to_owned(),
            on_air,
        };
        if babble {
            spoken.write(b"good morning\n");
        } else {
            spoken.write(&encode(&ready).unwrap());
        }
    }

    fn remember(&self, change: impl FnOnce(&mut Option<OnAir>)) {
        change(&mut self.0.lock().unwrap().on_air);
    }
}

impl Spoken {
    fn write(&mut self, bytes: &[u8]) {
        // Without a host there is nobody to tell.
        if let Some(host) = &mut self.host
            && host.write_all(bytes).is_err()
        {
            self.host = None;
        }
    }
}

fn main() {
    let program: PathBuf = std::env::args().next().unwrap().into();
    let worker = Worker {
        control: program.parent().unwrap().to_owned(),
        line: Line::default(),
        layers: RefCell::default(),
        failing: Cell::default(),
        feeds: RefCell::default(),
        listening: RefCell::default(),
        ladder: RefCell::default(),
        renditions_fail: Cell::default(),
    };
    if worker.is_asked(&Demand::ExitAtOnce) {
        eprintln!("exiting as demanded");
        std::process::exit(3);
    }
    if worker.is_asked(&Demand::NeverReady) {
        std::thread::sleep(IDLE_MAX);
        std::process::exit(0);
    }
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    rustix::net::listen(&socket, 8).unwrap();
    let (saying, said) = sync_channel(64);
    let doorman = worker.clone();
    std::thread::spawn(move || doorman.welcome_hosts(&socket.into(), &saying));
    loop {
        match said.recv_timeout(IDLE_MAX) {
            Ok(Said::Command(command)) if matches!(*command, Command::Lease(_)) => {
                worker.log(&command);
            }
            Ok(Said::Command(command)) => worker.log(&command).configure(*command, &said),
            Ok(Said::Came(_)) => {}
            Ok(Said::Gone(_)) | Err(_) => std::process::exit(0),
        }
    }
}

#[derive(Clone)]
struct Worker {
    control: PathBuf,
    line: Line,
    /// Layers of the scene.
    layers: RefCell<Vec<LayerId>>,
    failing: Cell<bool>,
    /// Where it takes feeds.
    feeds: RefCell<Option<PathBuf>>,
    /// Layers that listen for theirs.
    listening: RefCell<BTreeSet<LayerId>>,
    ladder: RefCell<Vec<Rendition>>,
    renditions_fail: Cell<bool>,
}

impl Worker {
    fn is_asked(&self, demand: &Demand) -> bool {
        self.control.join(demand.file()).exists()
    }

    /// Whether it is asked, once.
    fn takes(&self, demand: &Demand) -> bool {
        std::fs::remove_file(self.control.join(demand.file())).is_ok()
    }

    fn welcome_hosts(&self, listener: &UnixListener, saying: &SyncSender<Said>) {
        for number in 1.. {
            let (stream, _) = listener.accept().unwrap();
            let mut input = BufReader::new(stream.try_clone().unwrap());
            let mut first = Vec::new();
            input.read_until(b'\n', &mut first).unwrap();
            let Ok(lease @ Command::Lease(_)) = decode::<Command>(&first) else {
                continue;
            };
            saying.send(Said::Came(number)).unwrap();
            saying.send(Said::Command(Box::new(lease))).unwrap();
            self.line.welcome(stream, self.is_asked(&Demand::Babble));
            let saying = saying.clone();
            std::thread::spawn(move || {
                for line in input.split(b'\n') {
                    let Ok(line) = line else {
                        break;
                    };
                    let command = decode(&line).unwrap();
                    saying.send(Said::Command(Box::new(command))).unwrap();
                }
                saying.send(Said::Gone(number)).unwrap();
            });
        }
    }

    fn log(&self, command: &Command) -> &Self {
        let is_lease = matches!(command, Command::Lease(_));
        let name = if is_lease { "leases" } else { "commands" };
        let file = self.control.join(name);
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        log.write_all(&encode(command).unwrap()).unwrap();
        self
    }

    fn configure(&self, command: Command, said: &Receiver<Said>) {
        let Command::Configure {
            program,
            ladder,
            hls,
            scene,
            hosting,
            outputs,
            feeds,
            ..
        } = command
        else {
            std::process::exit(2);
        };
        if self.is_asked(&Demand::Refuse) {
            self.line.say(&Report::Finished {
                reason: FinishReason::ConfigurationRefused {
                    message: "refused as demanded".to_owned(),
                },
            });
            std::process::exit(4);
        }
        self.line.say(&Report::StateChanged {
            state: WorkerState::Starting,
        });
        let orphan = Duration::from_millis(hosting.orphan_ms);
        self.line.remember(|on_air| {
            *on_air = Some(OnAir {
                program: program.clone(),
                hls: hls.clone(),
                hosting,
                since: SystemClock.now(),
                state: WorkerState::Playing,
                revision: 0,
                picture: scene.picture(),
                layers: Vec::new(),
                outputs: Vec::new(),
                segments: Vec::new(),
                parts: Vec::new(),
                ladder: Vec::new(),
                renditions: Vec::new(),
                sprite: None,
            });
        });
        let init = format!("init-{}.mp4", hls.run);
        std::fs::write(hls.directory.join(&init), b"init").unwrap();
        self.line.say(&Report::InitWritten { file: init });
        self.feeds.replace(feeds);
        self.climb(ladder);
        self.apply(&scene);
        let segment = Duration::from_millis(program.keyframe_interval_ms.into());
        self.play(&hls, (segment, orphan), (program.framerate, outputs), said);
    }

    /// Takes on these renditions.
    fn climb(&self, ladder: Vec<Rendition>) {
        self.line.remember(|on_air| {
            let on_air = on_air.as_mut().unwrap();
            for rendition in &ladder {
                let init = format!("init-{}_{}.mp4", rendition.name, on_air.hls.run);
                std::fs::write(on_air.hls.directory.join(init), b"init").unwrap();
            }
            on_air.ladder.clone_from(&ladder);
        });
        self.ladder.replace(ladder);
        self.report_renditions();
    }

    fn report_renditions(&self) {
        let failing = self.is_asked(&Demand::FailRenditions);
        self.renditions_fail.set(failing);
        for rendition in self.ladder.borrow().iter() {
            self.line.say(&Report::Rendition(RenditionReport {
                rendition: rendition.name.clone(),
                failure: failing.then(|| RenditionFailure {
                    code: "rendition.too-slow".to_owned(),
                    reason: "there was not enough CPU".to_owned(),
                }),
            }));
        }
    }

    /// Says what the renditions deliver where the program delivers this.
    fn say_of_renditions(&self, hls: &HlsSettings, report: &Report) {
        if self.is_asked(&Demand::FailRenditions) {
            return;
        }
        for Rendition { name, .. } in self.ladder.borrow().iter() {
            let own = |file: &str| {
                let own = format!("{name}_{file}");
                std::fs::copy(hls.directory.join(file), hls.directory.join(&own)).unwrap();
                own
            };
            let rendition = name.clone();
            match report {
                Report::PartWritten(part) => {
                    let file = own(&part.file);
                    let part = Part {
                        file,
                        ..part.clone()
                    };
                    self.line.say(&Report::RenditionPart { rendition, part });
                }
                Report::SegmentWritten(segment) => {
                    let file = own(&segment.file);
                    let segment = Segment {
                        file,
                        ..segment.clone()
                    };
                    self.line
                        .say(&Report::RenditionSegment { rendition, segment });
                }
                _ => {}
            }
        }
    }

    fn apply(&self, scene: &WantedScene) {
        let mut started = None;
        self.line.remember(|on_air| {
            let on_air = on_air.as_mut().unwrap();
            let id = |picture: &ScenePicture| picture.scene.as_ref().map(|scene| scene.id);
            let from = id(&on_air.picture);
            if from.is_some() && from != id(&scene.picture()) {
                started = scene.take.clone().map(|take| (take, from));
            }
            on_air.revision = scene.revision;
            on_air.picture = scene.picture();
            let cover = scene.cover.iter().flat_map(|cover| &cover.layers);
            let layers = scene.layers.iter().chain(cover);
            on_air
                .layers
                .retain(|known| layers.clone().any(|layer| layer.id == known.layer));
        });
        if let Some((take, from)) = started {
            let at = SystemClock.now();
            self.line.say(&Report::TakeStarted { take, from, at });
        }
        self.line.say(&Report::SceneApplied {
            revision: scene.revision,
            at: SystemClock.now(),
        });
        for layer in &scene.layers {
            if matches!(layer.content, LayerContent::Ingest { .. }) {
                self.take_feed(layer.id);
            }
        }
        let layers = scene.layers.iter().map(|layer| layer.id);
        self.layers.replace(layers.collect());
        self.failing.set(self.is_asked(&Demand::FailLayers));
        self.report_layers();
        for layer in scene.cover.iter().flat_map(|cover| &cover.layers) {
            self.line.say(&Report::Layer(LayerReport {
                layer: layer.id,
                state: LayerState::Ok,
                code: None,
                reason: None,
                attempts: None,
                next_attempt_at: None,
                playback: None,
            }));
        }
    }

    /// Takes what is pushed to a layer into the file `feed`, one connection after the other.
    fn take_feed(&self, layer: LayerId) {
        let Some(feeds) = self.feeds.borrow().clone() else {
            return;
        };
        if !self.listening.borrow_mut().insert(layer) {
            return;
        }
        let directory = std::fs::File::open(feeds).unwrap();
        let address = format!("/proc/self/fd/{}/{layer}", directory.as_raw_fd());
        // An earlier worker may have left its own.
        let _gone = std::fs::remove_file(&address);
        let listener = UnixListener::bind(&address).unwrap();
        let file = self.control.join("feed");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut feed = std::fs::File::create(&file).unwrap();
                // The engine may die in the middle.
                let _count = std::io::copy(&mut stream.unwrap(), &mut feed);
            }
        });
    }

    fn report_layers(&self) {
        for layer in self.layers.borrow().iter() {
            self.report_layer(*layer, self.failing.get());
        }
    }

    fn report_layer(&self, layer: LayerId, failing: bool) {
        self.line.say(&Report::Layer(LayerReport {
            layer,
            state: if failing {
                LayerState::Failing
            } else {
                LayerState::Ok
            },
            code: failing.then(|| "layer.source.missing".to_owned()),
            reason: failing.then(|| "the file is missing".to_owned()),
            attempts: None,
            next_attempt_at: None,
            playback: None,
        }));
    }

    /// Says how the outputs do.
    fn report_outputs(&self, outputs: &[WantedOutput]) {
        let failing = self.is_asked(&Demand::FailOutputs);
        let reduced = self.is_asked(&Demand::ReduceOutputs);
        for output in outputs {
            self.line.say(&Report::Output(OutputReport {
                output: output.id.clone(),
                status: if failing {
                    OutputStatus::Reconnecting
                } else {
                    OutputStatus::Live
                },
                reconnects: 0,
                attempts: u64::from(failing),
                next_attempt_at: None,
                code: failing.then(|| "output.refused".to_owned()),
                reason: failing.then(|| "the server refused".to_owned()),
                adaptive: (output.adaptive.enabled && !failing).then(|| AdaptiveState {
                    reduced,
                    since: Timestamp::from_unix_millis(i64::from(reduced)),
                    video_kbps: if reduced {
                        output.adaptive.min_kbps
                    } else {
                        2500
                    },
                    code: None,
                }),
            }));
        }
    }

    /// Takes another small picture.
    fn take_picture(&self, hls: &HlsSettings, number: u64) {
        write(
            &hls.directory,
            "sprite.jpg",
            &format!("pictures up to {number}"),
        );
        let pictures = (0..number.min(4)).map(|place| SpritePicture {
            at: SystemClock.now(),
            x: u32::try_from(place).unwrap() * 160,
            y: 0,
        });
        self.line.say(&Report::Sprite(Sprite {
            width: 160,
            height: 90,
            pictures: pictures.collect(),
        }));
    }

    /// Says how all is, after so many segments.
    fn report_progress(&self, segments: u64, framerate: u32, outputs: &[WantedOutput]) {
        self.report_outputs(outputs);
        self.line.say(&Report::Stats(Box::new(Stats {
            fps: Some(f64::from(framerate)),
            frames_total: segments * 6,
            bitrate_kbps: Some(40.0),
            black_s: Some(if self.is_asked(&Demand::Black) { 60 } else { 0 }),
            outputs: measured(outputs, segments),
            ..Stats::default()
        })));
    }

    fn play(
        &self,
        hls: &HlsSettings,
        (length, orphan): (Duration, Duration),
        (mut framerate, mut outputs): (u32, Vec<WantedOutput>),
        said: &Receiver<Said>,
    ) {
        let (mut host, mut gone_at) = (0, None::<Instant>);
        let mut segment = Growing::new(hls.clone(), length, framerate);
        let mut due = Instant::now() + segment.step();
        let mut hanging = false;
        loop {
            match said.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Said::Command(command)) => match self.log(&command).change(*command) {
                    Changed::Nothing => {}
                    Changed::Outputs(wanted) => outputs = wanted,
                    Changed::Run(program, hls) => {
                        framerate = program.framerate;
                        let length = Duration::from_millis(program.keyframe_interval_ms.into());
                        segment = Growing::new(hls, length, framerate);
                        due = Instant::now() + segment.step();
                    }
                },
                Ok(Said::Came(number)) => (host, gone_at) = (number, None),
                Ok(Said::Gone(number)) if number >= host => gone_at = Some(Instant::now()),
                Ok(Said::Gone(_)) => {}
                Err(RecvTimeoutError::Disconnected) => std::process::exit(0),
                Err(RecvTimeoutError::Timeout) => {
                    if gone_at.is_some_and(|gone_at| gone_at.elapsed() >= orphan) {
                        std::process::exit(0);
                    }
                    hanging = hanging || self.is_asked(&Demand::Hang);
                    let held = self.is_asked(&Demand::Hold) && !self.takes(&Demand::Step);
                    if hanging || held {
                        due += segment.step();
                        std::fs::write(self.control.join("held"), segment.next()).unwrap();
                        continue;
                    }
                    let number = segment.number;
                    for report in segment.grow(|| self.misbehave()) {
                        self.line.say(&report);
                        self.say_of_renditions(hls, &report);
                    }
                    due += segment.step();
                    if segment.number > number {
                        self.take_picture(hls, segment.number);
                        self.report_progress(segment.number, framerate, &outputs);
                    }
                }
            }
        }
    }

    fn change(&self, command: Command) -> Changed {
        match command {
            Command::ApplyOutputs { outputs } => Changed::Outputs(outputs),
            Command::ChangeRates { program } | Command::Rebuild { program, .. }
                if self.is_asked(&Demand::RefuseFormat) =>
            {
                self.line.say(&Report::ProgramRefused {
                    program,
                    code: "program.encoder.missing".to_owned(),
                    message: "refused as demanded".to_owned(),
                });
                Changed::Nothing
            }
            Command::ChangeRates { program } => {
                let mut hls = None;
                self.line
                    .remember(|on_air| hls = on_air.as_ref().map(|on_air| on_air.hls.clone()));
                let hls = hls.unwrap();
                self.line.say(&Report::ProgramChanged { program, hls });
                Changed::Nothing
            }
            Command::Rebuild {
                program,
                hls,
                scene,
            } => {
                let file = format!("init-{}.mp4", hls.run);
                write(&hls.directory, &file, "init");
                self.line.say(&Report::ProgramChanged {
                    program: program.clone(),
                    hls: hls.clone(),
                });
                self.line.say(&Report::InitWritten { file });
                self.apply(&scene);
                Changed::Run(program, hls)
            }
            other @ (Command::Configure { .. }
            | Command::ApplyScene { .. }
            | Command::Lease(_)
            | Command::ApplyPreview { .. }
            | Command::ApplyChat { .. }
            | Command::ApplyValues { .. }
            | Command::ApplyLadder { .. }
            | Command::Snapshot { .. }
            | Command::PreviewPicture { .. }
            | Command::Stop) => {
                self.obey(other);
                Changed::Nothing
            }
        }
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Configure { .. } => std::process::exit(2),
            Command::ApplyScene { scene } => self.apply(&scene),
            Command::ApplyPreview { scene } => {
                let failing = self.is_asked(&Demand::FailPreviews);
                for layer in scene.iter().flat_map(|scene| &scene.layers) {
                    self.report_layer(layer.id, failing);
                }
            }
            Command::Lease(_)
            | Command::ApplyChat { .. }
            | Command::ApplyValues { .. }
            | Command::ApplyOutputs { .. }
            | Command::ChangeRates { .. }
            | Command::Rebuild { .. } => {}
            Command::ApplyLadder { ladder } => self.climb(ladder),
            Command::Snapshot { id, path } | Command::PreviewPicture { id, path, .. } => {
                let refused = self.is_asked(&Demand::NoSnapshots);
                if !refused {
                    let draft = path.with_extension("draft");
                    std::fs::write(&draft, b"\xff\xd8picture\xff\xd9").unwrap();
                    std::fs::rename(draft, path).unwrap();
                }
                self.line.say(&Report::Snapshot {
                    id,
                    error: refused.then(|| "refused as demanded".to_owned()),
                });
            }
            Command::Stop if self.is_asked(&Demand::IgnoreStop) => {}
            Command::Stop => {
                self.line.say(&Report::Finished {
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
        if self.is_asked(&Demand::FailRenditions) != self.renditions_fail.get() {
            self.report_renditions();
        }
        if self.is_asked(&Demand::Garbage) {
            self.line
                .say_nonsense("{\"report\":\"dance\"}\n\u{7f}not json\n");
        }
        while self.is_asked(&Demand::Flood) {
            self.line.say_nonsense("nonsense\n");
        }
        if self.takes(&Demand::Fault) {
            self.line.say(&Report::Fault {
                severity: Severity::Error,
                code: "program.audio.lost".to_owned(),
                message: "no sound".to_owned(),
            });
        }
    }
}

/// Keeps for the next host what a rendition delivered.
fn remember(known: &mut Vec<RenditionOnAir>, report: &Report) {
    let (Report::Rendition(RenditionReport {
        rendition: name, ..
    })
    | Report::RenditionPart {
        rendition: name, ..
    }
    | Report::RenditionSegment {
        rendition: name, ..
    }) = report
    else {
        return;
    };
    let index = known.iter().position(|one| one.report.rendition == *name);
    let index = index.unwrap_or_else(|| {
        known.push(RenditionOnAir {
            report: RenditionReport {
                rendition: name.clone(),
                failure: None,
            },
            segments: Vec::new(),
            parts: Vec::new(),
        });
        known.len() - 1
    });
    let one = known.get_mut(index).unwrap();
    match report {
        Report::Rendition(report) => one.report = report.clone(),
        Report::RenditionPart { part, .. } => one.parts.push(part.clone()),
        Report::RenditionSegment { segment, .. } => one.segments.push(segment.clone()),
        _ => {}
    }
}

/// What the outputs have sent after so many segments.
fn measured(outputs: &[WantedOutput], segments: u64) -> Vec<OutputStats> {
    let counters = OutputCounters {
        bitrate_kbps: Some(40.0),
        bytes_total: segments * 1000,
        ..OutputCounters::default()
    };
    outputs
        .iter()
        .map(|output| OutputStats {
            output: output.id.clone(),
            counters,
        })
        .collect()
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
    /// What is to be said of them.
    fn grow(&mut self, before: impl FnOnce()) -> Vec<Report> {
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
        let mut reports = Vec::new();
        if self.hls.part_frames > 0 {
            let file = self.next();
            write(&self.hls.directory, &file, &piece);
            reports.push(Report::PartWritten(Part {
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
            reports.push(self.finish());
        }
        reports
    }

    fn finish(&mut self) -> Report {
        let written = Report::SegmentWritten(Segment {
            file: format!("{}-{}.m4s", self.hls.run, self.number),
            number: self.number,
            duration_s: self.length.as_secs_f64(),
            bytes: 1000,
            starts_at: self.starts_at,
            independent: true,
        });
        self.starts_at = self.starts_at.plus(self.length);
        self.number += 1;
        self.part = 0;
        self.grown = Duration::ZERO;
        self.content.clear();
        written
    }
}

fn write(directory: &Path, file: &str, content: &str) {
    std::fs::write(directory.join(file), content).unwrap();
}
