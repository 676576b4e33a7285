//! Everything of a stream that exists only while this process holds it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sm_bus::Lease;
use sm_common::clock::Timestamp;
use sm_common::stream::{DesiredStatus, EngineLease, ObservedState, Severity};
use sm_media_protocol::{ChatFeed, Command, LeaseTerms};
use tokio::sync::watch;

use super::Surroundings;
use super::configuration::Brief;
use super::continuity::{Gap, inherited_gap, take_over};
use super::errors::{ErrorNews, Problem};
use super::giving::Departure;
use super::observation::Observation;
use super::outbox::{News, Outbox};
use super::required::RequiredWatch;
use super::run::{Ending, RunningWorker};
use super::scenes::lost_scene;
use super::screen::Screen;
use crate::lease::Holding;
use crate::live::file_name::Run;
use crate::live::part::PartPlan;
use crate::live::playlist::Playlist;
use crate::live::snapshot::{SnapshotError, SnapshotRequest};
use crate::reconcile::{self, Action, Situation, WorkerView};
use crate::restart::Restarts;
use crate::store::Wanted;
use crate::supervisor::{Cause, End, Found, Told, Worker};
use crate::{outputs, tasks};

/// Where an error of the worker's process is.
pub(super) const WORKER: &str = "worker";

/// The holder's side of a stream. Dropping it kills the worker: that is what fencing means.
#[derive(Debug)]
pub(super) struct Tenure {
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) lease: Lease,
    /// When Redis last proved it.
    pub(super) proven_at: Instant,
    /// What the worker was last told of the lease.
    pub(super) permit: Option<LeaseTerms>,
    pub(super) wanted: Wanted,
    /// The stream's chat, while a scene shows it.
    pub(super) chat: Option<Arc<ChatFeed>>,
    pub(super) observation: Observation,
    pub(super) required: RequiredWatch,
    pub(super) playlist: Playlist,
    pub(super) running: Option<RunningWorker>,
    pub(super) gap: Option<Gap>,
    pub(super) departure: Departure,
    pub(super) news: Vec<News>,
    pub(super) outbox: Outbox,
    pub(super) playlists: watch::Sender<Option<Arc<Playlist>>>,
    pub(super) told: Option<ObservedState>,
    pub(super) sample_at: Instant,
    pub(super) gave_up: bool,
    pub(super) restarts: Restarts,
    /// Whether nothing is left of the time on air.
    pub(super) at_rest: bool,
    /// Why the worker before the next one ended.
    pub(super) replacing: Option<&'static str>,
    /// The generation whose failures count.
    generation: u64,
}

/// What a new holder goes on with.
#[derive(Debug, Default)]
pub(super) struct Legacy {
    /// The playlist of the holder before, or of this host in an earlier time.
    pub(super) saved: Option<Playlist>,
    /// The worker that is on air.
    pub(super) found: Option<Found>,
    /// Whether both come from a holder on another host: nothing of the worker's run is listed.
    pub(super) is_handed_over: bool,
}

impl Tenure {
    /// Takes the stream over, with what there is to go on with.
    pub(super) fn begin(
        surroundings: Arc<Surroundings>,
        holding: &Holding,
        legacy: Legacy,
        (outbox, playlists): (Outbox, watch::Sender<Option<Arc<Playlist>>>),
    ) -> Self {
        let now = surroundings.clock().now();
        let previous = (*holding.previous).as_ref();
        let resume_within = surroundings.config.live.resume_within();
        let Legacy {
            saved,
            found,
            is_handed_over,
        } = legacy;
        let (playlist, gap) = if found.is_some() && !is_handed_over {
            (saved.unwrap_or_default(), None)
        } else {
            let playlist = take_over(saved, previous, resume_within, now);
            let gap = previous.and_then(|previous| inherited_gap(previous, &playlist));
            (playlist, gap)
        };
        let mut tenure = Self {
            lease: holding.lease,
            proven_at: holding.proven_at,
            permit: None,
            wanted: Wanted::default(),
            chat: None,
            observation: Observation::inherit(surroundings.stream.clone(), previous, now),
            required: RequiredWatch::new(
                surroundings.config.engine.required_grace(),
                previous.and_then(lost_scene),
            ),
            playlist,
            running: None,
            departure: Departure::None,
            news: Vec::new(),
            outbox,
            playlists,
            told: None,
            sample_at: Instant::now(),
            gave_up: false,
            restarts: Restarts::new(surroundings.config.restart.clone()),
            replacing: None,
            at_rest: false,
            generation: 0,
            gap,
            surroundings,
        };
        match found {
            Some(found) if is_handed_over => tenure.succeed(found),
            Some(found) => tenure.adopt(found, previous),
            None => {}
        }
        tenure.publish_playlist();
        tenure.note_loss(now);
        tenure
    }

    /// Until the picture is back, the loss of the previous holder is an error.
    fn note_loss(&mut self, now: Timestamp) {
        if let Some(Gap { cause, .. }) = &self.gap {
            let problem = Problem {
                code: cause.clone(),
                severity: Severity::Error,
                component: "engine".to_owned(),
                message: "the engine that held the stream is gone; this one takes over".to_owned(),
                recovering: true,
            };
            self.raise(problem, now, None);
        }
    }

    /// Does what is to be done now. Returns when to look again even if nothing happens.
    pub(super) fn act(&mut self) -> Option<Instant> {
        if self.wanted.desired.is_none() && !self.departure.is_near() {
            // Nobody has said yet what is wanted. What is on air stays there.
            return None;
        }
        loop {
            self.heed_commands();
            self.heed_scenes();
            let now = Instant::now();
            match self.decide(now) {
                Action::Nothing => return self.looks_at_layers(),
                Action::WaitUntil(moment) => return Some(moment),
                Action::Start => match self.refused_until() {
                    Some(moment) => return Some(moment),
                    None => self.start(),
                },
                Action::Show(_) => {
                    if !self.show() {
                        // The worker does not read; its watchdog is counting.
                        return None;
                    }
                }
                Action::ChangeRates => {
                    if !self.change_rates() {
                        return None;
                    }
                }
                Action::Rebuild => {
                    if !self.rebuild() {
                        return None;
                    }
                }
                Action::ApplyOutputs => {
                    if !self.apply_outputs() {
                        return None;
                    }
                }
                Action::ApplyLadder => {
                    if !self.apply_ladder() {
                        return None;
                    }
                }
                Action::Preview(_) => {
                    if !self.show_preview() {
                        return None;
                    }
                }
                Action::Stop => {
                    let ending = if self.departure.is_near() {
                        Ending::GivingWay
                    } else {
                        Ending::ForGood
                    };
                    self.end(ending, "engine.stopped");
                }
                Action::Replace => self.end(Ending::GivingWay, "stream.restarted"),
            }
        }
    }

    fn decide(&self, now: Instant) -> Action {
        let desired = self.wanted.desired.as_deref();
        let worker = self.running.as_ref();
        let outputs = outputs::wanted(desired);
        reconcile::decide(&Situation {
            desired: desired.filter(|_| !self.departure.is_near()),
            shots: self.shots(),
            lost: self.required.is_lost(),
            worker: worker.map_or(WorkerView::Absent, RunningWorker::view),
            outputs: &outputs,
            clearance: self.restarts.clearance(now),
        })
    }

    /// A new generation, or the end of the old one, makes a failed stream worth another try. A
    /// stream that is to be off air and has no worker is off air.
    fn heed_commands(&mut self) {
        let Some(desired) = self.wanted.desired.clone() else {
            return;
        };
        let off = desired.status == DesiredStatus::Offline;
        if off || desired.generation != self.generation {
            self.generation = desired.generation;
            self.restarts.forgive();
            self.gave_up = false;
        }
        if off && self.running.is_none() && !self.departure.is_near() {
            self.fits();
            self.go_off_air();
        }
    }

    /// Whether the stream is to be on air.
    pub(super) fn is_wanted(&self) -> bool {
        let desired = self.wanted.desired.as_ref();
        desired.is_some_and(|desired| desired.status != DesiredStatus::Offline)
    }

    fn start(&mut self) {
        let Some(desired) = self.wanted.desired.clone() else {
            return;
        };
        let surroundings = Arc::clone(&self.surroundings);
        self.at_rest = false;
        if !self.observation.was_on_air() {
            self.playlist.clear();
        }
        let segment = Duration::from_millis(desired.program.keyframe_interval_ms.into());
        let terms = self.terms();
        self.permit = Some(terms);
        let launched = Worker::launch(&surroundings.employ(terms), segment);
        let worker = match launched {
            Ok(worker) => worker,
            Err(error) => {
                let cause = Cause::NotStarted(error.to_string());
                let at = surroundings.clock().now();
                return self.failed(&End { at, cause }, None);
            }
        };
        let run = Run::generate();
        self.end_run();
        self.playlist.begin(run.clone(), segment);
        // The next worker begins with an empty one.
        self.playlist.sprite = None;
        let part_ms = surroundings.config.live.part_ms;
        if let Some(plan) = PartPlan::of(&desired.program, part_ms) {
            self.playlist.expect_parts(plan.target_ms);
        }
        self.expect_ladder(&desired.program, &desired.ladder);
        self.publish_playlist();
        if let Some(cause) = self.replacing.take() {
            surroundings.metrics.worker_replaced(cause);
            if self.observation.was_on_air() {
                self.observation.replaced_worker();
            }
        }
        let started_at = surroundings.clock().now();
        let reports = tasks::report_worker(&surroundings, worker.pid, started_at);
        let making = (desired.generation, desired.program.clone());
        self.running = Some(RunningWorker::new(worker, run, making, reports));
    }

    /// The playlist's run is over. Players have parts of the segment that it has left: it becomes
    /// a short one. That is a file of a second or so, and both it and its parts are in memory.
    pub(super) fn end_run(&mut self) {
        let unfinished = self.playlist.unfinished().filter(|unfinished| {
            let written = self.surroundings.archive.finish(unfinished);
            if let Err(error) = &written {
                let stream = &self.surroundings.stream;
                tracing::warn!(stream.id = %stream, %error, "the last segment is lost");
            }
            written.is_ok()
        });
        if unfinished.is_some() {
            self.finish_renditions();
        }
        let window = self.surroundings.config.live.window_segments;
        self.playlist.end_run(unfinished.as_ref(), window);
    }

    /// Sends the worker its configuration, with the picture that is wanted now.
    pub(super) fn configure(&mut self) {
        let canvas = self.canvas();
        let desired = self.wanted.desired.as_deref();
        let outputs = outputs::wanted(desired);
        let ladder = desired.map_or_else(Vec::new, |desired| desired.ladder.clone());
        let Some(running) = &mut self.running else {
            return;
        };
        let screen = Screen::new(canvas.clone());
        let command = self.surroundings.configuration(Brief {
            run: &running.run,
            generation: running.generation,
            program: &running.program,
            ladder: ladder.clone(),
            outputs: outputs.clone(),
            canvas: &canvas,
        });
        match running.worker.send(command) {
            Ok(()) => running.configured(screen, outputs, ladder.clone()),
            Err(_busy) => running.worker.kill(),
        }
        let program = running.program.clone();
        self.expect_ladder(&program, &ladder);
        self.required.begin();
        self.expect_layers(&canvas, true);
    }

    /// Tells the worker of the outputs that are wanted now. False when it does not read.
    fn apply_outputs(&mut self) -> bool {
        let outputs = outputs::wanted(self.wanted.desired.as_deref());
        let Some(running) = &mut self.running else {
            return false;
        };
        let command = Command::ApplyOutputs {
            outputs: outputs.clone(),
        };
        if running.worker.send(command).is_err() {
            return false;
        }
        running.outputs = Some(outputs);
        true
    }

    /// Tells the worker to end.
    fn end(&mut self, ending: Ending, cause: &str) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.end(ending);
        if ending == Ending::GivingWay {
            self.open_gap(None, cause);
        }
    }

    pub(super) fn publish_playlist(&self) {
        self.playlists
            .send_replace(Some(Arc::new(self.playlist.clone())));
    }

    pub(super) fn raise(&mut self, problem: Problem, now: Timestamp, lasts: Option<Duration>) {
        let news = self.observation.errors.raise(problem, now, lasts);
        self.note(news);
    }

    pub(super) fn note(&mut self, news: impl IntoIterator<Item = ErrorNews>) {
        self.news.extend(news.into_iter().map(News::Error));
    }

    pub(super) fn engine(&self) -> EngineLease {
        EngineLease {
            instance: self.surroundings.bus.instance().clone(),
            host: self.surroundings.address.host.clone(),
            token: self.lease.token,
        }
    }

    /// Somebody wants a picture.
    pub(super) fn take_snapshot(&mut self, request: SnapshotRequest) {
        let path = self.surroundings.archive.snapshot(request.motif);
        match &mut self.running {
            Some(running) => {
                let preview = &self.surroundings.config.preview;
                running.take_snapshot(path, request, preview);
            }
            None => request.answer(Err(SnapshotError::NotOnAir)),
        }
    }

    /// What the worker tells next; waits for ever while there is none. Cancel-safe.
    pub(super) async fn hear(&mut self) -> Option<Told> {
        match &mut self.running {
            Some(running) => running.worker.told().await,
            None => std::future::pending().await,
        }
    }
}
