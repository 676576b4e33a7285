//! What the worker tells, taken into what is known of the stream.

use std::time::{Duration, Instant};

use sm_common::clock::Timestamp;
use sm_common::event::SceneTakeStarted;
use sm_common::stream::{LayerState, LayerStatus, Severity};
use sm_media_protocol::{LayerReport, OutputReport, Part, Report, Segment, Stats};

use super::attention::{Concern, Showing};
use super::errors::Problem;
use super::outbox::News;
use super::tenure::{Tenure, WORKER};
use crate::supervisor::Told;

/// How long a fault counts as present after it was last reported: nobody reports its end.
pub(super) const FAULT_LASTS: Duration = Duration::from_secs(10);

impl Tenure {
    /// The worker told something; `None` after its end.
    pub(super) fn heard(&mut self, told: Option<Told>) {
        match told {
            Some(Told::Report(report)) => self.report(report),
            Some(Told::Ended(end)) => self.ended(&end),
            // The end was told before: there is nobody left to hear.
            None => self.running = None,
        }
    }

    pub(super) fn report(&mut self, report: Report) {
        let now = self.surroundings.clock().now();
        match report {
            Report::Ready { on_air: None, .. } => self.configure(),
            Report::Ready {
                on_air: Some(on_air),
                ..
            } => self.resume(*on_air),
            Report::TakeStarted { take, from, .. } => {
                let started = SceneTakeStarted { take, from };
                self.news.push(News::TakeStarted(started));
            }
            Report::SceneApplied { revision, at } => self.scene_applied(revision, at),
            Report::Layer(layer) => self.layer_changed(layer, now),
            Report::SegmentWritten(segment) => self.segment_written(&segment),
            Report::PartWritten(part) => self.part_written(&part),
            Report::Sprite(sprite) => {
                self.playlist.sprite = Some(sprite);
                self.publish_playlist();
            }
            Report::Rendition(report) => self.rendition_changed(&report),
            Report::RenditionSegment { rendition, segment } => {
                self.rendition_segment_written((&rendition, &segment));
            }
            Report::RenditionPart { rendition, part } => {
                self.rendition_part_written((&rendition, &part));
            }
            Report::Output(output) => self.output_changed(&output, now),
            Report::Stats(stats) => self.measured(&stats),
            Report::ProgramChanged { program, hls } => self.program_changed(program, &hls),
            Report::ProgramRefused {
                program,
                code,
                message,
            } => self.program_refused(program, code, &message),
            Report::Snapshot { id, error } => {
                if let Some(running) = &mut self.running {
                    running.snapshot_taken(id, error);
                }
            }
            Report::Fault {
                severity,
                code,
                message,
            } => {
                let problem = Problem {
                    code,
                    severity,
                    component: WORKER.to_owned(),
                    message,
                    recovering: true,
                };
                self.raise(problem, now, Some(FAULT_LASTS));
            }
            // The supervisor reads the last word; segments name what they need.
            Report::StateChanged { .. } | Report::InitWritten { .. } | Report::Finished { .. } => {}
        }
    }

    fn scene_applied(&mut self, sequence: u64, at: Timestamp) {
        let Some(screen) = self
            .running
            .as_mut()
            .and_then(|running| running.screen_mut())
        else {
            return;
        };
        for delay in screen.applied(sequence, at) {
            self.observation.layer_changed(delay);
            self.surroundings.metrics.layer_changed(delay);
        }
        self.note_scene();
    }

    fn layer_changed(&mut self, report: LayerReport, now: Timestamp) {
        self.required
            .heard(report.layer, report.state, Instant::now());
        let Some(status) = self.observation.layers.heard(report, now) else {
            return;
        };
        // What is only beside the program is wrong with nothing that viewers see.
        if !self.is_only_previewed(status.layer) {
            self.note_health(&status, now);
        }
        self.news.push(News::Layer(status));
    }

    /// A layer of the picture that fails is an error until it does not.
    pub(super) fn note_health(&mut self, status: &LayerStatus, now: Timestamp) {
        let component = format!("layer:{}", status.layer);
        let code = status
            .code
            .clone()
            .unwrap_or_else(|| "layer.failing".to_owned());
        let failing = status.state == LayerState::Failing;
        let over = self
            .observation
            .errors
            .clear(|error| error.component == component && (!failing || error.code != code));
        self.note(over);
        if failing {
            let problem = Problem {
                code,
                severity: Severity::Warning,
                component,
                message: status.reason.clone().unwrap_or_default(),
                recovering: true,
            };
            self.raise(problem, now, None);
        }
    }

    /// A part that is known already changes nothing.
    pub(super) fn part_written(&mut self, part: &Part) {
        match self.playlist.push_part(part) {
            // With a segment's last part the segment is listed, all at once.
            Ok(listed) if listed && !part.last => self.publish_playlist(),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(stream.id = %self.surroundings.stream, %error, file = part.file);
            }
        }
    }

    fn output_changed(&mut self, report: &OutputReport, now: Timestamp) {
        if !self.observation.outputs.heard(report.clone(), now) {
            return;
        }
        let Some(problem) = self.observation.outputs.problem(report) else {
            return;
        };
        let over = self
            .observation
            .errors
            .clear(|error| error.component == problem.component && error.code != problem.code);
        self.note(over);
        self.raise(problem, now, None);
    }

    pub(super) fn segment_written(&mut self, segment: &Segment) {
        let window = self.surroundings.config.live.window_segments;
        if let Err(error) = self.playlist.push(segment, window) {
            tracing::warn!(stream.id = %self.surroundings.stream, %error, file = segment.file);
            return;
        }
        self.publish_playlist();
        self.observation.segment_written(segment);
        self.surroundings
            .metrics
            .segment_written(segment.duration_s);
        let Some(running) = &mut self.running else {
            return;
        };
        if running.delivered(Instant::now()) {
            let (generation, program) = (running.generation, running.program.clone());
            self.observation.program = Some(program);
            self.back_on_air(generation, segment.starts_at);
        }
    }

    /// Viewers get a picture: for the first time, or again.
    fn back_on_air(&mut self, generation: u64, picture_since: Timestamp) {
        self.observation.on_air(generation, picture_since);
        self.note_scene();
        let over = self
            .observation
            .errors
            .clear(|error| error.component == "engine" || error.component == WORKER);
        self.note(over);
        if let Some(gap) = self.gap.take() {
            let interruption = gap.close(picture_since);
            tracing::info!(
                stream.id = %self.surroundings.stream, length_ms = interruption.length_ms,
                cause = interruption.cause, "the picture is back"
            );
            let length = Duration::from_millis(interruption.length_ms);
            self.surroundings.metrics.interrupted(length);
            self.observation.interrupted(interruption.clone());
            self.news.push(News::Interrupted(interruption));
        }
    }

    fn measured(&mut self, stats: &Stats) {
        if let Some(running) = &mut self.running {
            let more = stats.frames_dropped.saturating_sub(running.frames_dropped);
            running.frames_dropped = stats.frames_dropped;
            self.surroundings.metrics.frames_dropped(more);
        }
        self.observation.measured(stats);
        self.attend(stats);
    }

    /// Notices what is wrong though nobody says so.
    fn attend(&mut self, stats: &Stats) {
        let running = self.running.as_ref();
        let screen = running.and_then(|running| running.screen());
        let Some(picture) = screen.and_then(|screen| screen.shown()).cloned() else {
            return;
        };
        let scene = self.wanted.scene.clone();
        let shown = Showing {
            picture: &picture,
            scene: scene.as_deref(),
        };
        let surroundings = std::sync::Arc::clone(&self.surroundings);
        for concern in Concern::ALL {
            let code = concern.code();
            let present = concern.is_present(stats, shown, &surroundings.config.watch);
            match (present, self.observation.errors.contains(code)) {
                (true, false) => {
                    self.raise(concern.problem(shown), surroundings.clock().now(), None);
                }
                (false, true) => {
                    let over = self.observation.errors.clear(|error| error.code == code);
                    self.note(over);
                }
                (true, true) | (false, false) => {}
            }
        }
    }
}
