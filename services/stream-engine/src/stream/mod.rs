//! A stream: one task that owns everything about it. It looks, chooses, acts, tells, and waits
//! for the next thing to happen.

mod admittance;
mod adoption;
mod attention;
mod configuration;
mod continuity;
mod delays;
mod ending;
mod errors;
mod format;
mod giving;
mod hearing;
mod heirship;
mod ladder;
mod layers;
mod observation;
mod outbox;
mod outputs;
mod required;
mod run;
mod scenes;
mod screen;
mod standby;
mod succession;
mod talking;
mod telling;
mod tenure;
mod values;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sm_bus::Bus;
use sm_common::clock::SharedClock;
use sm_common::id::StreamId;
use sm_service_kit::{Hold, Kit, Lifecycle};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::chat::Chat;
use crate::config::Config;
use crate::handover::HandoverRequest;
use crate::lease::{Address, Holding, LeaseHandle, LeaseView};
use crate::live::archive::Archive;
use crate::live::playlist::Playlist;
use crate::live::snapshot::{SnapshotError, SnapshotRequest};
use crate::live::viewers::Watching;
use crate::metrics::StreamMetrics;
use crate::store::Wanted;
use crate::supervisor::Feeds;
use giving::Course;
use heirship::{Heirship, prepared};
use outbox::{Courier, Outbox};
use tenure::{Legacy, Tenure};

/// Longest time between two looks, whatever happens.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the last document may take to be written at the end.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// What a stream's task works with.
pub(crate) struct Surroundings {
    pub(crate) stream: StreamId,
    pub(crate) bus: Bus,
    pub(crate) kit: Kit,
    pub(crate) config: Config,
    pub(crate) address: Address,
    pub(crate) archive: Archive,
    /// Where uploaded files are, as an absolute path.
    pub(crate) assets: PathBuf,
    /// Where the stream's recordings go, as an absolute path.
    pub(crate) recordings: PathBuf,
    /// Where workers take what others push.
    pub(crate) feeds: Feeds,
    pub(crate) watching: Arc<Watching>,
    pub(crate) metrics: StreamMetrics,
    pub(crate) admission: Admission,
    /// The stream's name among the components of `/health`.
    pub(crate) component: &'static str,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl Surroundings {
    pub(crate) fn clock(&self) -> &SharedClock {
        self.kit.clock()
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        self.kit.lifecycle()
    }

    pub(crate) fn report_health(&self, outcome: Result<(), String>) {
        self.kit.health().report(self.component, outcome);
    }
}

/// What reaches a stream's task from outside.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) lease: LeaseHandle,
    pub(crate) wanted: watch::Receiver<Wanted>,
    pub(crate) chat: Chat,
    pub(crate) snapshots: mpsc::Receiver<SnapshotRequest>,
    pub(crate) handovers: mpsc::Receiver<HandoverRequest>,
    pub(crate) playlists: watch::Sender<Option<Arc<Playlist>>>,
    /// Makes the lease's keeper ask at once.
    pub(crate) doubt: Arc<Notify>,
}

/// Runs a stream for as long as the process lives.
pub(crate) async fn run(surroundings: Arc<Surroundings>, inputs: Inputs) {
    let outbox = Outbox::new(surroundings.metrics.clone());
    let courier = Courier {
        bus: surroundings.bus.clone(),
        stream: surroundings.stream.clone(),
        outbox: outbox.clone(),
        lease: inputs.lease.view.clone(),
        doubt: Arc::clone(&inputs.doubt),
        revision: 0,
    };
    let end = CancellationToken::new();
    let _courier_ends_with_us = end.clone().drop_guard();
    surroundings.lifecycle().spawn(courier.run(end));
    let lifecycle = surroundings.lifecycle();
    let keeps = surroundings.config.worker.keep_on_stop;
    let hold = (!keeps).then(|| lifecycle.hold());
    // A worker that is to stay on air is looked after to the last moment.
    let ending = if keeps {
        lifecycle.stopping().clone()
    } else {
        lifecycle.draining().clone()
    };
    let task = StreamTask {
        ending,
        surroundings,
        inputs,
        outbox,
        tenure: None,
        course: Course::Staying,
        heirship: Heirship::None,
        hold,
    };
    task.run().await;
}

struct StreamTask {
    surroundings: Arc<Surroundings>,
    inputs: Inputs,
    outbox: Outbox,
    /// Cancelled when this task has to come to its end.
    ending: CancellationToken,
    /// `Some` while this process holds the stream.
    tenure: Option<Tenure>,
    course: Course,
    heirship: Heirship,
    /// What lets this process serve on while it drains, as long as the stream may change hands.
    hold: Option<Hold>,
}

impl StreamTask {
    async fn run(mut self) {
        let stopping = self.surroundings.lifecycle().stopping().clone();
        loop {
            if self.course.ends_worker() && self.leave_worker() {
                break;
            }
            self.follow_lease().await;
            self.look_for_heritage();
            self.look_after_offer();
            let mut look_at = Instant::now().checked_add(LOOK_EVERY);
            if let Some(tenure) = &mut self.tenure {
                tenure.wanted = self.inputs.wanted.borrow_and_update().clone();
                tenure
                    .chat
                    .clone_from(&self.inputs.chat.feed.borrow_and_update());
                tenure.departure = self.course.departure();
                tenure.tell_permit();
                // Before the scene whose texts name them, and to a worker that is new.
                tenure.tell_values();
                let moments = [tenure.act(), tenure.sample_at(), tenure.permit_at()];
                look_at = moments.into_iter().flatten().chain(look_at).min();
                tenure.tell_values();
                tenure.tell_chat();
                tenure.tell();
            }
            let tenure = self.tenure.as_ref();
            let needs_chat = tenure.is_some_and(Tenure::needs_chat) || self.prepares_chat();
            self.inputs.chat.want(needs_chat);
            if self.course.ends_worker() && self.tenure.as_ref().is_none_or(Tenure::has_left) {
                break;
            }
            let look_at = look_at.into_iter().chain(self.course.looks_at()).min();
            let look_at = look_at.unwrap_or_else(Instant::now);
            let (stays, offers) = (self.course.stays(), self.course.offers());
            tokio::select! {
                told = hear(&mut self.tenure) => {
                    if let Some(tenure) = &mut self.tenure {
                        tenure.heard(told);
                    }
                }
                // Whoever tells of these may end before this task does.
                Ok(()) = self.inputs.lease.view.changed() => {}
                Ok(()) = self.inputs.wanted.changed() => {}
                Ok(()) = self.inputs.chat.feed.changed() => {}
                Some(request) = self.inputs.snapshots.recv() => self.answer(request),
                Some(request) = self.inputs.handovers.recv() => self.hand_over(request),
                end = prepared(&mut self.heirship) => self.heard_of_heritage(end),
                () = tokio::time::sleep_until(look_at.into()) => {}
                () = self.ending.cancelled(), if stays => self.begin_to_leave(),
                () = stopping.cancelled(), if offers => self.end(),
            }
        }
        if let Course::Giving(request) = std::mem::replace(&mut self.course, Course::Ending) {
            self.give(request).await;
        }
        if self.tenure.is_some() {
            self.outbox.flush(LAST_WRITE).await;
        }
    }

    /// Begins or ends the tenure as the lease says.
    async fn follow_lease(&mut self) {
        let view = self.inputs.lease.view.borrow_and_update().clone();
        let holding = match view {
            LeaseView::Here(holding) => holding,
            LeaseView::Elsewhere(_) | LeaseView::Nobody | LeaseView::Unknown => {
                return self.end_tenure();
            }
        };
        if let Some(tenure) = &mut self.tenure {
            if tenure.lease == holding.lease {
                return tenure.renew(&holding);
            }
            if self.surroundings.is_ours(&holding) {
                // The lease ran out while Redis was away, and nobody else took it.
                tenure.told = None;
                return tenure.renew(&holding);
            }
            self.end_tenure();
        }
        if self.course.stays() {
            self.begin_tenure(&holding).await;
        }
    }

    async fn begin_tenure(&mut self, holding: &Holding) {
        let heritage = self.enter_heritage().await;
        let archive = self.surroundings.archive.clone();
        let is_handed_over = heritage.is_some();
        let saved = match heritage.flatten() {
            Some(playlist) => ask(archive, |archive| archive.take_in(*playlist)).await,
            None => ask(archive, Archive::open).await,
        };
        let legacy = Legacy {
            saved,
            found: adoption::find(&self.surroundings, holding).await,
            is_handed_over,
        };
        if is_handed_over {
            self.note_heritage(&legacy);
        }
        self.tenure = Some(Tenure::begin(
            Arc::clone(&self.surroundings),
            holding,
            legacy,
            (self.outbox.clone(), self.inputs.playlists.clone()),
        ));
    }

    /// The stream is somebody else's: the worker ends this instant, and nothing more is said.
    fn end_tenure(&mut self) {
        if self.tenure.take().is_some() {
            self.outbox.discard();
            self.surroundings.metrics.silent();
            self.inputs.playlists.send_replace(None);
            self.surroundings.report_health(Ok(()));
        }
    }

    fn answer(&mut self, request: SnapshotRequest) {
        match &mut self.tenure {
            Some(tenure) => tenure.take_snapshot(request),
            None => request.answer(Err(SnapshotError::NotOnAir)),
        }
    }
}

impl Surroundings {
    /// Whether what was observed before this lease was observed by this process.
    fn is_ours(&self, holding: &Holding) -> bool {
        let previous = (*holding.previous).as_ref();
        let engine = previous.and_then(|observed| observed.engine.as_ref());
        engine.is_none_or(|engine| engine.instance == *self.bus.instance())
    }
}

/// The playlist to go on with, where the archive can be used and has one.
async fn ask(
    archive: Archive,
    question: impl FnOnce(&Archive) -> std::io::Result<Option<Playlist>> + Send + 'static,
) -> Option<Playlist> {
    let directory = archive.directory().display().to_string();
    match tokio::task::spawn_blocking(move || question(&archive)).await {
        Ok(Ok(playlist)) => playlist,
        Ok(Err(error)) => {
            tracing::error!(directory, %error, "the live directory cannot be used");
            None
        }
        Err(_panicked) => None,
    }
}

/// What the worker tells next; waits for ever while there is nobody to tell. Cancel-safe.
async fn hear(tenure: &mut Option<Tenure>) -> Option<crate::supervisor::Told> {
    match tenure {
        Some(tenure) => tenure.hear().await,
        None => std::future::pending().await,
    }
}
