//! The worker's loop: hears one event after the other, and acts.

mod format;
mod orders;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use sm_common::clock::{SharedClock, SystemClock};
use sm_common::ladder::Rendition;
use sm_common::program::ProgramFormat;
use sm_common::stream::Severity;
use sm_common::target::TargetPolicy;
use sm_media_protocol::{
    AdaptiveTerms, FinishReason, HlsSettings, LayerReport, OutputReport, RecordingSettings, Report,
    SpriteSettings, WantedOutput, WantedScene, WorkerState,
};

use crate::event::{Event, Events};
use crate::host::{Door, Fence, Reports, write_reports};
use crate::hosting::{Hosts, Now};
use crate::layer::{Layers, SourceSettings};
use crate::limits::check;
use crate::output::{Outputs, Terms};
use crate::pipeline::{Fanout, Monitor, Program, ProgramClock, ProgramSettings};
use crate::process::{UsageMeter, boot_ms};
use crate::state::Lifecycle;
use crate::tap::{Source, Taps};
use crate::timeline::Timeline;
use format::Next;

/// How often the program is measured.
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// Longest time to write the last segment and to end the outputs.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest time for the sources of layers to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Seconds without an encoded frame after which the program has failed.
const STALLED_SECONDS_MAX: u32 = 5;

/// Runs a worker for the hosts that connect to this socket, until one of them or the
/// program ends it.
pub fn run(socket: OwnedFd) -> anyhow::Result<FinishReason> {
    gst::init()?;
    let (events, heard) = Events::channel();
    let (reports, written) = write_reports(|memory| Report::Ready {
        pid: std::process::id(),
        gstreamer: gstreamer_version(),
        on_air: memory.on_air().map(Box::new),
    })?;
    let fence = Fence::default();
    let taps = Taps::default();
    let door = Door::new(reports.clone(), events.clone(), fence.clone(), taps.clone());
    door.open(socket)?;
    let reason = Worker::new(events, reports.clone(), fence, taps).serve(&heard);
    reports.send(Report::Finished {
        reason: reason.clone(),
    });
    // Threads that wait to tell something are let go before the last report is waited for.
    drop(heard);
    reports.end();
    // A panic in there was reported by itself.
    let _ = written.join();
    Ok(reason)
}

/// The worker's own state.
struct Worker {
    events: Events,
    reports: Reports,
    wall: SharedClock,
    life: Lifecycle,
    usage: UsageMeter,
    hosts: Hosts,
    fence: Fence,
    taps: Taps,
    air: Option<Air>,
}

/// What is on air.
struct Air {
    program: Program,
    /// The same in another format, which takes over when its scene is ready.
    next: Option<Next>,
    /// The one before, until its last segment is written.
    former: Option<Program>,
    /// The further encodings that are wanted.
    ladder: Vec<Rendition>,
    /// The small pictures of the last minutes that are wanted.
    sprite: Option<SpriteSettings>,
    source: Source,
    taps: Taps,
    layers: Layers,
    outputs: Outputs,
    /// When something of the layers is waited for no longer.
    waits_until: Option<Instant>,
    frames_total: u64,
    stalled_seconds: u32,
}

impl Worker {
    fn new(events: Events, reports: Reports, fence: Fence, taps: Taps) -> Self {
        Self {
            events,
            reports,
            wall: SystemClock::shared(),
            life: Lifecycle::default(),
            usage: UsageMeter::new(),
            hosts: Hosts::new(Instant::now()),
            fence,
            taps,
            air: None,
        }
    }

    fn serve(mut self, heard: &Receiver<Event>) -> FinishReason {
        let mut next_stats = Instant::now() + STATS_INTERVAL;
        let reason = loop {
            let wait = self.until_next_change(next_stats.saturating_duration_since(Instant::now()));
            match heard.recv_timeout(wait) {
                Ok(event) => {
                    if let Some(reason) = self.hear(event) {
                        break reason;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break FinishReason::HostGone,
            }
            self.let_layers_change();
            self.let_pushes_change();
            if self.hosts.is_abandoned(Instant::now()) {
                break FinishReason::HostGone;
            }
            self.show_what_waited();
            if Instant::now() >= next_stats {
                next_stats += STATS_INTERVAL;
                if let Some(reason) = self.measure() {
                    break reason;
                }
            }
        };
        self.finish(heard, &reason);
        reason
    }

    fn hear(&mut self, event: Event) -> Option<FinishReason> {
        match event {
            Event::Command(command) => return self.obey(*command),
            Event::Unreadable { message } => self.warn("worker.command.unreadable", message),
            Event::HostCame { connection } => self.hosts.came(connection),
            Event::HostGone { connection } => {
                if self.hosts.gone(connection, Instant::now()) {
                    tracing::warn!("the host is gone; the program goes on");
                }
            }
            Event::Layer { opening, news } => {
                if let Some(air) = &mut self.air {
                    air.layers.hear(opening, news);
                    self.show();
                }
            }
            Event::ActBegan { act, at } => {
                let began = self.air.as_mut().and_then(|air| air.layers.began(act));
                if let Some((take, from)) = began {
                    let from = Some(from);
                    self.reports.send(Report::TakeStarted { take, from, at });
                }
            }
            Event::ActSettled { act } => {
                if let Some(air) = &mut self.air {
                    air.layers.settled(act);
                    self.show();
                }
            }
            Event::Output { output, run, news } => {
                let outputs = self.air.as_mut().map(|air| &mut air.outputs);
                if let Some(report) = outputs.and_then(|all| all.hear(&output, run, news)) {
                    report_output(&self.reports, report);
                }
            }
            Event::Playing => self.advance(WorkerState::Playing),
            Event::SceneShown { revision, at } => {
                self.reports.send(Report::SceneApplied { revision, at });
            }
            Event::ProgramFailed { program, message } => {
                if self.is_former(program) {
                    self.forget_former(program);
                } else {
                    return Some(FinishReason::PipelineFailed { message });
                }
            }
            Event::Ended { program } if self.is_former(program) => self.forget_former(program),
            Event::Ended { .. } => {
                let message = "the program ended by itself".to_owned();
                return Some(FinishReason::PipelineFailed { message });
            }
        }
        None
    }

    fn configure(&mut self, format: ProgramFormat, wanted: Wanted) -> Option<FinishReason> {
        let Wanted {
            ladder,
            hls,
            recordings,
            scene,
            outputs: wanted_outputs,
            orphan,
            sources,
            sprite,
            targets,
            adaptive,
        } = wanted;
        if self.air.is_some() {
            self.out_of_order("a configuration came twice");
            return None;
        }
        if let Err(refused) = check(&format, &hls) {
            let message = refused.to_string();
            return Some(FinishReason::ConfigurationRefused { message });
        }
        self.advance(WorkerState::Starting);
        let clock = Arc::new(ProgramClock::new());
        let mut layers = Layers::new(
            Arc::clone(&clock),
            Timeline::new(format.framerate),
            format.height,
            SharedClock::clone(&self.wall),
            sources,
            self.events.clone(),
        );
        if let Err(refused) = layers.apply(scene) {
            let message = refused.to_string();
            return Some(FinishReason::ConfigurationRefused { message });
        }
        let fanout = Fanout::new(format.clone());
        let mut outputs = Outputs::new(
            fanout.clone(),
            Terms {
                recordings,
                targets,
                adaptive,
            },
            SharedClock::clone(&self.wall),
            self.events.clone(),
            self.hosts.may_push(),
        );
        if let Err(refused) = outputs.apply(wanted_outputs) {
            let message = refused.to_string();
            return Some(FinishReason::ConfigurationRefused { message });
        }
        let source = Source {
            fanout: fanout.clone(),
            monitor: Monitor::default(),
            clock: Arc::clone(&clock),
        };
        let settings = ProgramSettings {
            number: 0,
            format,
            renditions: ladder.clone(),
            fanout,
            monitor: source.monitor.clone(),
            hls,
            clock,
            wall: SharedClock::clone(&self.wall),
            events: self.events.clone(),
            reports: self.reports.clone(),
            sprite,
        };
        match Program::start(settings, layers.stage()) {
            Ok(program) => {
                self.hosts.configured(orphan);
                self.taps.on_air(source.clone());
                self.air = Some(Air {
                    program,
                    next: None,
                    former: None,
                    ladder,
                    sprite,
                    source,
                    taps: self.taps.clone(),
                    layers,
                    outputs,
                    waits_until: None,
                    frames_total: 0,
                    stalled_seconds: 0,
                });
                self.report_layers();
                None
            }
            Err(error) => {
                let message = format!("{:#}", anyhow::Error::new(error));
                Some(FinishReason::PipelineFailed { message })
            }
        }
    }

    /// Brings what the layers are now into the picture, unless a change is being drawn.
    fn show(&mut self) {
        if let Some(air) = &mut self.air {
            air.layers.bring_on(Instant::now());
            air.waits_until = air.layers.waits_until();
            if !air.layers.is_settling() {
                air.layers.settle();
                let stage = air.layers.stage();
                air.program_to_show().show(stage);
            }
            air.program.show_preview(air.layers.preview_stage());
        }
        self.report_layers();
    }

    /// Shows what has waited long enough.
    fn show_what_waited(&mut self) {
        let waited = self.air.as_ref().and_then(|air| air.waits_until);
        if waited.is_some_and(|moment| moment <= Instant::now()) {
            self.show();
        }
    }

    fn let_layers_change(&mut self) {
        if let Some(air) = &mut self.air
            && air.layers.change_by_itself(self.wall.now())
        {
            self.show();
        }
    }

    /// Opens or closes the way to the network as the host's lease says. Network outputs follow
    /// this, and nothing else does: the program and its segments go on.
    fn let_pushes_change(&mut self) {
        if self.hosts.follow_lease(now()) {
            let may_push = self.hosts.may_push();
            tracing::info!(may_push, "lease");
            if let Some(air) = &mut self.air {
                air.outputs.permit(may_push);
            }
        }
    }

    /// Until a layer or the host's lease changes by itself or a scene has waited, but no longer
    /// than `longest`.
    fn until_next_change(&self, longest: Duration) -> Duration {
        let longest = self.hosts.until_change(now(), longest);
        let Some(air) = &self.air else {
            return longest;
        };
        let now = Instant::now();
        let waiting = air
            .waits_until
            .map(|moment| moment.saturating_duration_since(now));
        let change = air.layers.changes_at();
        let change = change.map(|moment| moment.since(self.wall.now()));
        change
            .into_iter()
            .chain(waiting)
            .fold(longest, Duration::min)
    }

    fn report_layers(&mut self) {
        let Some(air) = &mut self.air else {
            return;
        };
        for report in air.layers.reports() {
            let LayerReport { layer, state, .. } = &report;
            tracing::info!(layer.id = %layer, ?state, "layer");
            self.reports.send(Report::Layer(report));
        }
    }

    /// Reports one second; a reason to finish when the program has stalled.
    fn measure(&mut self) -> Option<FinishReason> {
        let usage = self.usage.measure();
        let air = self.air.as_mut()?;
        let mut stats = air.program.take_stats();
        stats.layers = air.layers.performance();
        stats.cpu_cores = usage.cpu_cores;
        stats.memory_bytes = usage.memory_bytes;
        let now = Instant::now();
        stats.outputs = air.outputs.stats(now);
        for report in air.outputs.look_for_life(now) {
            report_output(&self.reports, report);
        }
        air.stalled_seconds = if stats.frames_total > air.frames_total {
            0
        } else {
            air.stalled_seconds + 1
        };
        air.frames_total = stats.frames_total;
        self.reports.send(Report::Stats(Box::new(stats)));
        (air.stalled_seconds >= STALLED_SECONDS_MAX).then(|| FinishReason::PipelineFailed {
            message: "no frame left the encoder for five seconds".to_owned(),
        })
    }

    fn finish(mut self, heard: &Receiver<Event>, reason: &FinishReason) {
        self.advance(WorkerState::Stopping);
        if let FinishReason::PipelineFailed { message } = reason {
            tracing::error!(%message, "the program failed");
            self.reports.send(Report::Fault {
                severity: Severity::Error,
                code: "worker.pipeline.failed".to_owned(),
                message: message.clone(),
            });
        }
        let Some(mut air) = self.air.take() else {
            return;
        };
        air.next = None;
        let program = air.program.number();
        air.program.stop();
        let deadline = Instant::now() + STOP_TIMEOUT;
        let failed = matches!(reason, FinishReason::PipelineFailed { .. });
        if failed {
            // Its encoders will not say that they have ended.
            air.outputs.stop();
        }
        self.wait_for_the_end((heard, program), &mut air.outputs, failed, deadline);
        if !air.layers.close(CLOSE_TIMEOUT) {
            tracing::warn!("a layer's source does not end");
        }
    }

    /// Waits until the last segment is written, unless it has been or never will be, and until the
    /// outputs have ended; or until `deadline`.
    fn wait_for_the_end(
        &self,
        (heard, program): (&Receiver<Event>, u64),
        outputs: &mut Outputs,
        mut written: bool,
        deadline: Instant,
    ) {
        while !(written && outputs.are_over()) {
            let left = deadline.saturating_duration_since(Instant::now());
            match heard.recv_timeout(left) {
                Ok(Event::Ended { program: ended }) => written |= ended == program,
                Ok(Event::ProgramFailed { message, .. }) => {
                    tracing::warn!(%message, "the program failed while it ended");
                    outputs.stop();
                    written = true;
                }
                Ok(Event::Output { output, run, news }) => {
                    if let Some(report) = outputs.hear(&output, run, news) {
                        report_output(&self.reports, report);
                    }
                }
                Ok(
                    Event::Command(_)
                    | Event::Unreadable { .. }
                    | Event::HostCame { .. }
                    | Event::HostGone { .. }
                    | Event::Layer { .. }
                    | Event::ActBegan { .. }
                    | Event::ActSettled { .. }
                    | Event::Playing
                    | Event::SceneShown { .. },
                ) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    tracing::warn!("the last segment or an output does not end in time");
                    return;
                }
            }
        }
    }

    fn advance(&mut self, state: WorkerState) {
        if self.life.advance(state) {
            tracing::info!(?state, "worker");
            self.reports.send(Report::StateChanged { state });
        }
    }

    fn out_of_order(&self, message: &str) {
        self.warn("worker.command.out-of-order", message.to_owned());
    }

    fn warn(&self, code: &str, message: String) {
        tracing::warn!(code, message);
        self.reports.send(Report::Fault {
            severity: Severity::Warning,
            code: code.to_owned(),
            message,
        });
    }
}

/// What a program is to begin with.
struct Wanted {
    ladder: Vec<Rendition>,
    hls: HlsSettings,
    recordings: RecordingSettings,
    scene: WantedScene,
    outputs: Vec<WantedOutput>,
    orphan: Duration,
    sources: SourceSettings,
    sprite: Option<SpriteSettings>,
    targets: TargetPolicy,
    adaptive: AdaptiveTerms,
}

fn report_output(reports: &Reports, report: OutputReport) {
    let OutputReport {
        output,
        status,
        code,
        ..
    } = &report;
    tracing::info!(output.id = %output, ?status, code, "output");
    reports.send(Report::Output(report));
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        boot_ms: boot_ms(),
    }
}

fn gstreamer_version() -> String {
    let (major, minor, micro, _nano) = gst::version();
    format!("{major}.{minor}.{micro}")
}
