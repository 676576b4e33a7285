//! Going on with a worker that was on air before, or that missed what it was told.

use std::sync::Arc;
use std::time::Instant;

use sm_common::stream::ObservedState;
use sm_media_protocol::{LeaseTerms, OnAir, RenditionOnAir, Report};

use super::Surroundings;
use super::continuity::{carry_on, first_after, follow_on, skip_forgotten, unwatched_gap};
use super::hearing::FAULT_LASTS;
use super::outbox::News;
use super::run::RunningWorker;
use super::screen::Screen;
use super::tenure::{Tenure, WORKER};
use crate::lease::{Holding, permit};
use crate::supervisor::Found;
use crate::tasks;

/// Renewals that move the end of the worker's permit by less than this are not told.
const PERMIT_STEP_MS: u64 = 100;

impl Tenure {
    /// Goes on with a worker that stayed on air. Viewers have missed nothing.
    pub(super) fn adopt(&mut self, found: Found, previous: Option<&ObservedState>) {
        let Found { run, on_air, .. } = &found;
        let now = self.surroundings.clock().now();
        let seen = self.playlist.has_of(run);
        if !seen {
            self.gap =
                previous.and_then(|previous| unwatched_gap(previous, &self.playlist, on_air));
            // The list ends with another run, and that is over: this one came after it.
            self.end_run();
        }
        let saved = std::mem::take(&mut self.playlist);
        self.playlist = carry_on(Some(saved), previous, (on_air, run), now);
        self.go_on_with(found, seen);
    }

    /// Goes on with a worker that another host let run up to now, and that nothing was listed of.
    pub(super) fn succeed(&mut self, found: Found) {
        let Found { run, on_air, .. } = &found;
        self.end_run();
        let ended = self.gap.as_ref().map(|gap| gap.at);
        let first = first_after(ended, on_air);
        let former = std::mem::take(&mut self.playlist);
        self.playlist = follow_on(former, first, (on_air, run));
        self.gap = self.gap.take().filter(|gap| first.is_later_than(gap.at));
        let seamless = self.gap.is_none();
        // It sends nowhere yet.
        let now = self.surroundings.clock().now();
        self.observation.outputs.worker_gone(now);
        self.go_on_with(found, seamless);
    }

    /// `on_air`: whether viewers have its picture already, or as good as.
    fn go_on_with(&mut self, found: Found, on_air: bool) {
        let is_delivering = on_air && self.observation.was_on_air();
        let Found {
            worker,
            run,
            on_air,
        } = found;
        let now = self.surroundings.clock().now();
        self.expect_ladder(&on_air.program, &on_air.ladder);
        let reports = tasks::report_worker(&self.surroundings, worker.pid, on_air.since);
        let delivering = Some(Instant::now()).filter(|_| is_delivering);
        self.running = Some(RunningWorker::found(
            worker,
            run,
            (on_air.hosting.generation, on_air.program.clone()),
            reports,
            (
                Screen::found(on_air.revision, on_air.picture.clone()),
                delivering,
            ),
        ));
        if let Some(running) = &mut self.running {
            running.ladder = Some(on_air.ladder.clone());
        }
        if delivering.is_some() {
            self.observation.program = Some(on_air.program.clone());
            self.note_scene();
        }
        // What the engine's end was, is over; the worker's faults are reported while they last.
        let over = self
            .observation
            .errors
            .clear(|error| error.component == "engine");
        self.note(over);
        let until = now.plus(FAULT_LASTS);
        self.observation
            .errors
            .limit(|error| error.component == WORKER, until);
        self.still_lost(&on_air.picture, now);
        self.catch_up(on_air);
    }

    /// The line to the worker broke and is there again.
    pub(super) fn resume(&mut self, on_air: OnAir) {
        let Some(running) = &mut self.running else {
            return;
        };
        // What was said last may have been lost with the line.
        running.tell_anew();
        running.program = on_air.program.clone();
        running.ladder = Some(on_air.ladder.clone());
        if let Some(screen) = running.screen_mut() {
            screen.resume(on_air.revision, on_air.picture.clone());
        }
        if running.on_air_since().is_some() {
            self.program_changed(on_air.program.clone(), &on_air.hls);
        }
        skip_forgotten(&mut self.playlist, &on_air);
        self.catch_up(on_air);
    }

    /// Takes in what the worker told while nobody listened. What is known already is no news.
    fn catch_up(&mut self, on_air: OnAir) {
        let OnAir {
            layers,
            outputs,
            segments,
            parts,
            renditions,
            sprite,
            ..
        } = on_air;
        let now = self.surroundings.clock().now();
        let ids: Vec<_> = layers.iter().map(|report| report.layer).collect();
        let news = self.observation.layers.expect(&ids, false, now);
        self.news.extend(news.into_iter().map(News::Layer));
        for report in layers.into_iter().map(Report::Layer) {
            self.report(report);
        }
        for report in outputs.into_iter().map(Report::Output) {
            self.report(report);
        }
        if let Some(sprite) = sprite {
            self.playlist.sprite = Some(sprite);
        }
        // Before the program's own: each of those is published with what belongs to it.
        for rendition in renditions {
            self.catch_up_rendition(&rendition);
        }
        let mut parts = parts.iter().peekable();
        for segment in &segments {
            while let Some(part) = parts.next_if(|part| part.number <= segment.number) {
                self.part_written(part);
            }
            if segment.number >= self.playlist.next_in_run() {
                self.segment_written(segment);
            }
        }
        for part in parts {
            self.part_written(part);
        }
    }

    fn catch_up_rendition(&mut self, missed: &RenditionOnAir) {
        let RenditionOnAir {
            report,
            segments,
            parts,
        } = missed;
        for segment in segments {
            self.rendition_segment_written((&report.rendition, segment));
        }
        for part in parts {
            self.rendition_part_written((&report.rendition, part));
        }
        self.rendition_changed(report);
    }

    /// The lease as the worker is told of it.
    pub(super) fn terms(&self) -> LeaseTerms {
        permit::terms(
            self.lease,
            self.proven_at,
            &self.surroundings.config.lease,
            Instant::now(),
        )
    }

    /// This process still holds the stream.
    pub(super) fn renew(&mut self, holding: &Holding) {
        self.lease = holding.lease;
        self.proven_at = holding.proven_at;
    }

    /// Tells the worker how long that is good for, where that is news.
    pub(super) fn tell_permit(&mut self) {
        let terms = self.terms();
        let is_news = self.permit.is_none_or(|told| {
            told.token != terms.token
                || terms.valid_until_ms >= told.valid_until_ms.saturating_add(PERMIT_STEP_MS)
        });
        if let Some(running) = &self.running
            && is_news
        {
            running.renew(terms);
            self.permit = Some(terms);
        }
    }

    /// When the permit has to be told again at the latest, so that it does not run out.
    pub(super) fn permit_at(&self) -> Option<Instant> {
        self.running.as_ref()?;
        let config = &self.surroundings.config.lease;
        let strict_until = self.proven_at.checked_add(permit::strict_for(config));
        let soon = Instant::now().checked_add(permit::repeat_every(config));
        strict_until.max(soon)
    }

    /// Leaves the worker on air: the next process of this host goes on with it. Whether there is
    /// one.
    pub(super) fn leave_worker(&mut self) -> bool {
        let running = self.running.take();
        let left = running.is_some();
        if let Some(running) = running {
            running.leave();
        }
        left
    }
}

/// Looks for a worker that an earlier process of this host left on air.
pub(super) async fn find(surroundings: &Arc<Surroundings>, holding: &Holding) -> Option<Found> {
    let terms = permit::terms(
        holding.lease,
        holding.proven_at,
        &surroundings.config.lease,
        Instant::now(),
    );
    let directory = surroundings.archive.directory();
    crate::supervisor::adopt(&surroundings.employ(terms), directory).await
}
