//! The worker's loop: hears one event after the other, and acts.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use sm_common::clock::{SharedClock, SystemClock};
use sm_common::program::ProgramFormat;
use sm_common::stream::Severity;
use sm_media_protocol::{
    Command, FinishReason, HlsSettings, LayerReport, Report, WantedScene, WorkerState,
};

use crate::event::{Event, Events};
use crate::host::{Reports, read_commands, write_reports};
use crate::layer::Layers;
use crate::limits::check;
use crate::pipeline::{Program, ProgramClock, ProgramSettings};
use crate::process::UsageMeter;
use crate::state::Lifecycle;
use crate::timeline::Timeline;

/// How often the program is measured.
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// Longest time to write the last segment.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest time for the sources of layers to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Seconds without an encoded frame after which the program has failed.
const STALLED_SECONDS_MAX: u32 = 5;

/// Runs a worker on these streams until the host or the program ends it.
pub fn run(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> anyhow::Result<FinishReason> {
    let (events, heard) = Events::channel();
    let (reports, written) = write_reports(output, events.clone())?;
    gst::init()?;
    reports.send(Report::Ready {
        pid: std::process::id(),
        gstreamer: gstreamer_version(),
    });
    read_commands(input, events.clone())?;
    let reason = Worker::new(events, reports.clone()).serve(&heard);
    reports.send(Report::Finished {
        reason: reason.clone(),
    });
    // Threads that wait to tell something are let go before the last report is waited for.
    drop(heard);
    drop(reports);
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
    air: Option<Air>,
}

/// What is on air.
struct Air {
    program: Program,
    layers: Layers,
    frames_total: u64,
    stalled_seconds: u32,
}

impl Worker {
    fn new(events: Events, reports: Reports) -> Self {
        Self {
            events,
            reports,
            wall: SystemClock::shared(),
            life: Lifecycle::default(),
            usage: UsageMeter::new(),
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
            Event::HostGone => return Some(FinishReason::HostGone),
            Event::Layer {
                layer,
                opening,
                news,
            } => {
                if let Some(air) = &mut self.air {
                    air.layers.hear(layer, opening, news);
                    self.show();
                }
            }
            Event::Playing => self.advance(WorkerState::Playing),
            Event::SceneShown { revision, at } => {
                self.reports.send(Report::SceneApplied { revision, at });
            }
            Event::ProgramFailed { message } => {
                return Some(FinishReason::PipelineFailed { message });
            }
            Event::Ended => {
                let message = "the program ended by itself".to_owned();
                return Some(FinishReason::PipelineFailed { message });
            }
        }
        None
    }

    fn obey(&mut self, command: Command) -> Option<FinishReason> {
        match command {
            Command::Configure {
                program,
                hls,
                scene,
                recordings: _,
                outputs: _,
            } => return self.configure(program, hls, scene),
            Command::ApplyOutputs { .. } | Command::ApplyPreview { .. } => {}
            Command::ApplyScene { scene } => match &mut self.air {
                Some(air) => match air.layers.apply(scene) {
                    Ok(()) => self.show(),
                    Err(refused) => self.warn("worker.scene.refused", refused.to_string()),
                },
                None => self.out_of_order("a scene came before the configuration"),
            },
            Command::Snapshot { id, path } => match &self.air {
                Some(air) => air.program.snapshot(id, path),
                None => self.reports.send(Report::Snapshot {
                    id,
                    error: Some("nothing is on air yet".to_owned()),
                }),
            },
            Command::Stop => return Some(FinishReason::Stopped),
        }
        None
    }

    fn configure(
        &mut self,
        format: ProgramFormat,
        hls: HlsSettings,
        scene: WantedScene,
    ) -> Option<FinishReason> {
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
            self.events.clone(),
        );
        if let Err(refused) = layers.apply(scene) {
            let message = refused.to_string();
            return Some(FinishReason::ConfigurationRefused { message });
        }
        let settings = ProgramSettings {
            format,
            hls,
            clock,
            wall: SharedClock::clone(&self.wall),
            events: self.events.clone(),
            reports: self.reports.clone(),
        };
        match Program::start(settings, layers.stage()) {
            Ok(program) => {
                self.air = Some(Air {
                    program,
                    layers,
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

    /// Brings what the layers are now into the picture.
    fn show(&mut self) {
        if let Some(air) = &self.air {
            air.program.show(air.layers.stage());
        }
        self.report_layers();
    }

    fn let_layers_change(&mut self) {
        if let Some(air) = &mut self.air
            && air.layers.change(self.wall.now())
        {
            self.show();
        }
    }

    /// Until a layer changes by itself, but no longer than `longest`.
    fn until_next_change(&self, longest: Duration) -> Duration {
        let change = self.air.as_ref().and_then(|air| air.layers.changes_at());
        change.map_or(longest, |moment| moment.since(self.wall.now()).min(longest))
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
        stats.cpu_cores = usage.cpu_cores;
        stats.memory_bytes = usage.memory_bytes;
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
        air.program.stop();
        let deadline = Instant::now() + STOP_TIMEOUT;
        if !matches!(reason, FinishReason::PipelineFailed { .. }) {
            wait_for_the_end(heard, deadline);
        }
        if !air.layers.close(CLOSE_TIMEOUT) {
            tracing::warn!("a layer's source does not end");
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

/// Waits until the last segment is written or `deadline` has come.
fn wait_for_the_end(heard: &Receiver<Event>, deadline: Instant) {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match heard.recv_timeout(left) {
            Ok(Event::Ended) => return,
            Ok(Event::ProgramFailed { message }) => {
                tracing::warn!(%message, "the program failed while it ended");
                return;
            }
            Ok(
                Event::Command(_)
                | Event::Unreadable { .. }
                | Event::HostGone
                | Event::Layer { .. }
                | Event::Playing
                | Event::SceneShown { .. },
            ) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                tracing::warn!("the last segment is not written in time");
                return;
            }
        }
    }
}

fn gstreamer_version() -> String {
    let (major, minor, micro, _nano) = gst::version();
    format!("{major}.{minor}.{micro}")
}
