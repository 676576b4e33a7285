//! How the picture ends: a worker's end, planned or not, and the stream's.

use std::time::Instant;

use sm_common::clock::Timestamp;
use sm_common::stream::Severity;

use super::continuity::Gap;
use super::errors::Problem;
use super::run::Ending;
use super::screen::Canvas;
use super::tenure::{Tenure, WORKER};
use crate::restart::Clearance;
use crate::supervisor::End;

impl Tenure {
    /// The picture ends with the last segment, or, where there is none, at `fallback`.
    pub(super) fn open_gap(&mut self, fallback: Option<Timestamp>, cause: &str) {
        if self.gap.is_none() && self.observation.was_on_air() {
            let now = self.surroundings.clock().now();
            self.gap = Some(Gap {
                at: fallback.unwrap_or(now),
                cause: cause.to_owned(),
            });
        }
    }

    /// The worker is gone.
    pub(super) fn ended(&mut self, end: &End) {
        let Some(running) = self.running.take() else {
            return;
        };
        self.surroundings
            .admission
            .release(&self.surroundings.stream);
        self.observation.worker_gone(end.at);
        self.surroundings.metrics.silent();
        self.end_run();
        self.publish_playlist();
        // What it delivered last, after it was told to end, was still seen.
        if let (Some(gap), Some(seen)) = (&mut self.gap, self.playlist.ends_at()) {
            gap.at = seen.min(end.at);
        }
        match running.ending() {
            Some(Ending::ForGood) => self.go_off_air(),
            Some(Ending::GivingWay) => self.replacing = Some("stream.restarted"),
            None => self.failed(end, running.on_air_since()),
        }
    }

    pub(super) fn failed(&mut self, end: &End, on_air_since: Option<Instant>) {
        let now = Instant::now();
        let cause = &end.cause;
        let seen = self.playlist.ends_at();
        self.open_gap(Some(seen.unwrap_or(end.at)), cause.code());
        self.restarts
            .ended(now, on_air_since.map(|since| now.duration_since(since)));
        self.gave_up = self.restarts.clearance(now) == Clearance::GaveUp;
        self.replacing = Some(cause.code());
        let problem = Problem {
            code: cause.code().to_owned(),
            severity: if self.gave_up {
                Severity::Critical
            } else {
                Severity::Error
            },
            component: WORKER.to_owned(),
            message: cause.to_string(),
            recovering: !self.gave_up,
        };
        self.raise(problem, end.at, None);
        if self.gave_up {
            // Nobody is going to bring the picture back by itself: this is no gap any more.
            self.gap = None;
            self.playlist.clear();
            self.publish_playlist();
            self.observation.off_air(end.at);
        }
    }

    pub(super) fn go_off_air(&mut self) {
        if self.at_rest {
            return;
        }
        self.at_rest = true;
        self.gap = None;
        self.replacing = None;
        self.playlist.clear();
        self.publish_playlist();
        self.observation.off_air(self.surroundings.clock().now());
        self.required.rest();
        self.expect_layers(&Canvas::default(), false);
        let over = self.observation.errors.clear(|_| true);
        self.note(over);
    }
}
