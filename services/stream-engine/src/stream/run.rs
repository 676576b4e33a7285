use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use sm_common::ladder::Rendition;
use sm_common::program::ProgramFormat;
use sm_media_protocol::{ChatFeed, Command, CoverReason, LeaseTerms, TextValues, WantedOutput};
use tokio_util::sync::DropGuard;

use super::screen::Screen;
use crate::config::PreviewConfig;
use crate::live::file_name::Run;
use crate::live::snapshot::{Motif, SnapshotError, SnapshotRequest};
use crate::reconcile::{Making, Previewed, Shot, WorkerView};
use crate::status::WorkerPhase;
use crate::supervisor::{Busy, Worker};

/// Snapshots that wait for a worker at most.
const SNAPSHOTS_MAX: usize = 8;

/// Why a worker was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The stream goes off air.
    ForGood,
    /// Another one is to follow, here or on another host.
    GivingWay,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Launched.
    Booting,
    /// Takes commands.
    Working(Screen),
    /// Delivers segments since then.
    OnAir(Screen, Instant),
}

/// A worker, and what is known of it.
#[derive(Debug)]
pub(super) struct RunningWorker {
    pub(super) worker: Worker,
    pub(super) run: Run,
    pub(super) generation: u64,
    /// The format that it was last told to have.
    pub(super) program: ProgramFormat,
    /// The format that it said it cannot have.
    pub(super) refused: Option<ProgramFormat>,
    pub(super) frames_dropped: u64,
    /// The scene beside the program that it was last told of.
    pub(super) previewed: Previewed,
    /// The outputs that it was last told of; `None` where another process told it.
    pub(super) outputs: Option<Vec<WantedOutput>>,
    /// The further encodings that it was last told of; `None` where another process told it.
    pub(super) ladder: Option<Vec<Rendition>>,
    /// The chat that it was last told; `None` where another process told it, or it has forgotten.
    pub(super) chat: Option<Arc<ChatFeed>>,
    /// The values for texts that it was last told; `None` where another process told it.
    pub(super) values: Option<TextValues>,
    stage: Stage,
    ending: Option<Ending>,
    snapshots: BTreeMap<u64, (SnapshotRequest, PathBuf)>,
    snapshot: u64,
    _reports: DropGuard,
}

impl RunningWorker {
    /// `reports` ends the regular reports of what the worker's process uses.
    pub(super) const fn new(
        worker: Worker,
        run: Run,
        (generation, program): (u64, ProgramFormat),
        reports: DropGuard,
    ) -> Self {
        Self {
            worker,
            run,
            generation,
            program,
            refused: None,
            frames_dropped: 0,
            previewed: Previewed::Told(None),
            outputs: None,
            ladder: None,
            chat: None,
            values: None,
            stage: Stage::Booting,
            ending: None,
            snapshots: BTreeMap::new(),
            snapshot: 0,
            _reports: reports,
        }
    }

    /// A worker that an earlier host put on air, with the picture that it shows. `delivering` is
    /// since when its segments are known.
    pub(super) fn found(
        worker: Worker,
        run: Run,
        (generation, program): (u64, ProgramFormat),
        reports: DropGuard,
        (screen, delivering): (Screen, Option<Instant>),
    ) -> Self {
        let stage = match delivering {
            Some(since) => Stage::OnAir(screen, since),
            None => Stage::Working(screen),
        };
        let mut found = Self {
            stage,
            ..Self::new(worker, run, (generation, program), reports)
        };
        found.tell_anew();
        found
    }

    /// Tells it how long this host has the stream.
    pub(super) fn renew(&self, lease: LeaseTerms) {
        self.worker.renew(lease);
    }

    /// Leaves it on air, for the next process of this host.
    pub(super) fn leave(self) {
        self.worker.leave();
    }

    pub(super) fn view(&self) -> WorkerView<'_> {
        let making = Making {
            generation: self.generation,
            program: &self.program,
            refused: self.refused.as_ref(),
        };
        match (&self.ending, &self.stage) {
            (Some(_), _) => WorkerView::Ending,
            (None, Stage::Booting) => WorkerView::Booting(making),
            (None, Stage::Working(screen) | Stage::OnAir(screen, _)) => WorkerView::Working {
                making,
                sent: screen.sent(),
                previewed: self.previewed,
                outputs: self.outputs.as_deref(),
                ladder: self.ladder.as_deref(),
            },
        }
    }

    /// The scene of the program that it was last told of.
    pub(super) fn scene(&self) -> Option<Shot> {
        self.screen()?.sent().program
    }

    /// What it was told of beside the picture may be lost, or another process told it.
    pub(super) fn tell_anew(&mut self) {
        self.outputs = None;
        self.chat = None;
        self.values = None;
        self.previewed = Previewed::Unknown;
    }

    pub(super) fn phase(&self) -> WorkerPhase {
        match (&self.ending, &self.stage) {
            (Some(Ending::ForGood), _) => WorkerPhase::Ending,
            (Some(Ending::GivingWay), _) => WorkerPhase::GivingWay,
            (None, Stage::Booting | Stage::Working(_)) => WorkerPhase::Preparing,
            (None, Stage::OnAir(screen, _)) => WorkerPhase::OnAir {
                slate: screen.shown().is_some_and(|shown| {
                    let cover = shown.cover.as_ref();
                    cover.is_some_and(|cover| cover.why == CoverReason::Paused)
                }),
            },
        }
    }

    pub(super) const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Since when it has delivered segments.
    pub(super) const fn on_air_since(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Booting | Stage::Working(_) => None,
            Stage::OnAir(_, since) => Some(*since),
        }
    }

    pub(super) const fn screen(&self) -> Option<&Screen> {
        match &self.stage {
            Stage::Booting => None,
            Stage::Working(screen) | Stage::OnAir(screen, _) => Some(screen),
        }
    }

    pub(super) const fn screen_mut(&mut self) -> Option<&mut Screen> {
        match &mut self.stage {
            Stage::Booting => None,
            Stage::Working(screen) | Stage::OnAir(screen, _) => Some(screen),
        }
    }

    /// It takes commands, and was configured with this picture, these outputs and encodings.
    pub(super) fn configured(
        &mut self,
        screen: Screen,
        outputs: Vec<WantedOutput>,
        ladder: Vec<Rendition>,
    ) {
        self.outputs = Some(outputs);
        self.ladder = Some(ladder);
        self.stage = Stage::Working(screen);
    }

    /// It delivered a segment. True for the first one.
    pub(super) fn delivered(&mut self, now: Instant) -> bool {
        let Stage::Working(screen) = &mut self.stage else {
            return false;
        };
        screen.proven();
        self.stage = Stage::OnAir(screen.clone(), now);
        true
    }

    /// Tells it to end in good order.
    pub(super) fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
        self.worker.stop();
    }

    /// Asks it for a picture, in the file at `path`.
    pub(super) fn take_snapshot(
        &mut self,
        path: PathBuf,
        request: SnapshotRequest,
        preview: &PreviewConfig,
    ) {
        if !matches!(self.stage, Stage::OnAir(..)) {
            return request.answer(Err(SnapshotError::NotOnAir));
        }
        self.snapshot = self.snapshot.saturating_add(1);
        let (id, to) = (self.snapshot, path.clone());
        let command = match request.motif {
            Motif::Program => Command::Snapshot { id, path },
            Motif::Preview if self.previewed == Previewed::Told(None) => {
                return request.answer(Err(SnapshotError::NothingInPreview));
            }
            Motif::Preview => Command::PreviewPicture {
                id,
                path,
                width_max: preview.width_max,
                watched_ms: preview.watched_ms,
            },
        };
        match self.worker.send(command) {
            Ok(()) => {
                self.snapshots.insert(id, (request, to));
            }
            Err(Busy) => request.answer(Err(SnapshotError::TooLate)),
        }
        while self.snapshots.len() > SNAPSHOTS_MAX {
            self.snapshots.pop_first();
        }
    }

    /// It answered.
    pub(super) fn snapshot_taken(&mut self, id: u64, error: Option<String>) {
        if let Some((request, path)) = self.snapshots.remove(&id) {
            request.answer(error.map_or(Ok(path), |why| Err(SnapshotError::Refused(why))));
        }
    }
}
