//! What the stream's task tells the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sm_common::clock::Timestamp;
use sm_common::performance::MetricsSample;
use sm_common::stream::{DesiredState, DesiredStatus, ObservedState, StreamStatus};

use super::giving::Departure;
use super::observation::tells_the_same;
use super::outbox::News;
use super::outputs::{COMPONENT, adaptions, is_reduced, status_changes};
use super::run::RunningWorker;
use super::tenure::Tenure;
use crate::outputs;
use crate::status::{Facts, Goal, WorkerPhase, derive};

/// Distance between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

impl Tenure {
    /// Tells what has changed, and once a second what was measured.
    pub(super) fn tell(&mut self) {
        // Nobody knows yet what is wanted, so nothing can be said about it.
        let Some(desired) = self.wanted.desired.clone() else {
            return;
        };
        if self.departure == Departure::Giving {
            return self.tell_end(desired);
        }
        let now = self.surroundings.clock().now();
        let over = self.observation.errors.expire(now);
        self.note(over);
        self.expect_outputs(&desired, now);
        let status = self.status();
        self.observation
            .set_status(status, self.reason(status), now);
        if self.is_satisfied() {
            self.observation
                .satisfy(desired.revision, desired.generation);
        }
        // The name stays off after an orderly end, so that the successor can tell.
        let engine = Some(self.engine()).filter(|_| !self.has_left());
        let observed = self
            .observation
            .document(self.playlist.numbers(), engine, now);
        if let Some(told) = &self.told {
            let news = status_changes(&told.outputs, &observed.outputs);
            self.news.extend(news.map(Box::new).map(News::Output));
            let news = adaptions(&told.outputs, &observed.outputs);
            self.news.extend(news.map(Box::new).map(News::Adapted));
        }
        let reduced = observed.outputs.iter().filter(|output| is_reduced(output));
        self.surroundings.metrics.outputs_reduced(reduced.count());
        let changed = self
            .told
            .as_ref()
            .is_none_or(|told| !tells_the_same(told, &observed));
        let sample = self.sample(&observed);
        if !changed && sample.is_none() && self.news.is_empty() {
            return;
        }
        let news = std::mem::take(&mut self.news);
        self.report_health(status);
        self.told = Some(observed.clone());
        self.outbox
            .put(observed, Some(desired), changed, sample, news);
    }

    /// The stream changes hands: nothing is told but where the numbers stand, and, once the worker
    /// has ended, that this process is not the holder any more.
    fn tell_end(&mut self, desired: Arc<DesiredState>) {
        let Some(told) = &self.told else {
            return;
        };
        let numbers = self.playlist.numbers();
        let observed = ObservedState {
            next_segment: numbers.next_segment,
            discontinuity_sequence: numbers.discontinuity,
            engine: told.engine.clone().filter(|_| !self.has_left()),
            at: self.surroundings.clock().now(),
            ..told.clone()
        };
        if !tells_the_same(told, &observed) {
            self.told = Some(observed.clone());
            self.outbox
                .put(observed, Some(desired), true, None, Vec::new());
        }
    }

    /// When the next sample is due.
    pub(super) const fn sample_at(&self) -> Option<Instant> {
        if self.running.is_some() {
            Some(self.sample_at)
        } else {
            None
        }
    }

    /// Whether viewers get its worker's segments.
    pub(super) fn is_on_air(&self) -> bool {
        let phase = self.running.as_ref().map(RunningWorker::phase);
        matches!(phase, Some(WorkerPhase::OnAir { .. }))
    }

    /// Whether this process is about to end and its worker has.
    pub(super) const fn has_left(&self) -> bool {
        self.departure.is_near() && self.running.is_none()
    }

    fn sample(&mut self, observed: &ObservedState) -> Option<MetricsSample> {
        let now = Instant::now();
        if self.running.is_none() || now < self.sample_at {
            return None;
        }
        self.sample_at = now.checked_add(SAMPLE_EVERY).unwrap_or(now);
        let viewers = self
            .observation
            .watched_by(self.surroundings.watching.count(now));
        let performance = observed.performance.clone();
        self.surroundings.metrics.sampled(&performance, viewers);
        Some(MetricsSample {
            stream: observed.stream.clone(),
            at: observed.at,
            performance,
            viewers,
        })
    }

    /// Brings what is known of the outputs up to date with what is wanted of them.
    fn expect_outputs(&mut self, desired: &DesiredState, now: Timestamp) {
        let phase = self
            .running
            .as_ref()
            .map_or(WorkerPhase::Absent, RunningWorker::phase);
        self.observation.has_picture = matches!(phase, WorkerPhase::OnAir { .. });
        let sending = match phase {
            WorkerPhase::Ending => false,
            WorkerPhase::Absent
            | WorkerPhase::Preparing
            | WorkerPhase::OnAir { .. }
            | WorkerPhase::GivingWay => self.is_wanted() && !self.gave_up,
        };
        let stream = &self.surroundings.stream;
        let outputs = &mut self.observation.outputs;
        outputs.expect(stream, &desired.outputs, sending, now);
        let outputs = &self.observation.outputs;
        let over = self.observation.errors.clear(|error| {
            error.component.starts_with(COMPONENT) && !outputs.is_in_doubt(&error.component)
        });
        self.note(over);
    }

    fn status(&self) -> StreamStatus {
        let goal = match (self.is_wanted(), self.gave_up) {
            (false, _) => Goal::OffAir,
            (true, false) => Goal::OnAir,
            (true, true) => Goal::GivenUp,
        };
        let running = self.running.as_ref();
        derive(Facts {
            goal,
            worker: running.map_or(WorkerPhase::Absent, RunningWorker::phase),
            was_on_air: self.observation.was_on_air(),
            network_down: self.observation.outputs.network_down(),
            has_errors: self.observation.errors.noticeable().is_some(),
        })
    }

    fn reason(&self, status: StreamStatus) -> Option<String> {
        let first = self.observation.errors.noticeable();
        match status {
            StreamStatus::Offline | StreamStatus::Live | StreamStatus::Stopping => None,
            StreamStatus::Paused => Some("the slate is on air".to_owned()),
            StreamStatus::Starting | StreamStatus::Degraded => {
                first.map(|error| error.message.clone())
            }
            StreamStatus::Failed => first.map(|error| format!("gave up: {}", error.message)),
            StreamStatus::Reconnecting if self.departure.is_near() => {
                Some("this engine is being stopped; another one can take over".to_owned())
            }
            StreamStatus::Reconnecting if self.observation.has_picture => {
                Some("no output to the network delivers; they are trying again".to_owned())
            }
            StreamStatus::Reconnecting => Some(first.map_or_else(
                || "the media worker is being replaced".to_owned(),
                |error| format!("{}; it is being replaced", error.message),
            )),
        }
    }

    /// Whether the stream is as it is wanted, or nobody is going to make it so.
    fn is_satisfied(&self) -> bool {
        let Some(desired) = &self.wanted.desired else {
            return false;
        };
        match (&self.running, desired.status) {
            (None, DesiredStatus::Offline) => true,
            (None, DesiredStatus::Live | DesiredStatus::Paused) => self.gave_up,
            (Some(_), DesiredStatus::Offline) => false,
            (Some(running), DesiredStatus::Live | DesiredStatus::Paused) => {
                let slate = desired.status == DesiredStatus::Paused;
                running.phase() == WorkerPhase::OnAir { slate }
                    && running.generation == desired.generation
                    && self.has_wanted_format(&desired.program)
                    && running.outputs == Some(outputs::wanted(Some(desired)))
                    && self.shows_what_is_wanted(running)
            }
        }
    }

    fn report_health(&self, status: StreamStatus) {
        let outcome = match status {
            StreamStatus::Reconnecting | StreamStatus::Failed => {
                Err(self.observation.reason().unwrap_or("off air").to_owned())
            }
            StreamStatus::Offline
            | StreamStatus::Starting
            | StreamStatus::Live
            | StreamStatus::Paused
            | StreamStatus::Degraded
            | StreamStatus::Stopping => Ok(()),
        };
        self.surroundings.report_health(outcome);
    }
}
