//! A worker that runs beside the one of another host, so that it can follow on it. It shows what is
//! wanted, and is seen nowhere: it has no outputs, nothing of it is listed, and no lease lets it
//! send.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sm_common::id::LayerId;
use sm_common::ladder::Rendition;
use sm_common::program::{FormatChange, ProgramFormat};
use sm_common::stream::{DesiredState, DesiredStatus, LayerState};
use sm_media_protocol::{ChatFeed, Command, LeaseTerms, Report, TextValues};
use tokio::sync::watch;

use super::Surroundings;
use super::configuration::Brief;
use super::scenes::wanted_scene;
use super::screen::{Canvas, Screen, shot};
use super::values::{shows_values, text_values};
use crate::live::file_name::Run;
use crate::reconcile::{self, Shots};
use crate::store::Wanted;
use crate::supervisor::{Cause, Told, Worker, is_vacant};

/// A lease that is over before it begins, and older than any other.
const NOWHERE: LeaseTerms = LeaseTerms {
    token: 0,
    valid_until_ms: 0,
};

/// A worker is not, or no longer, as the stream needs one.
#[derive(Debug, thiserror::Error)]
pub(super) enum StandbyError {
    #[error("the stream is not to be on air")]
    NotWanted,
    #[error("another worker of the stream runs in worker.pid_directory")]
    Occupied,
    #[error("the worker cannot be launched")]
    Launch(#[source] std::io::Error),
    #[error("the worker ended: {0}")]
    Ended(Cause),
    #[error("the worker does not read its commands")]
    Busy,
    #[error("another program is wanted now")]
    Changed,
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    segments: u64,
    /// Layers that have not said how they do.
    loading: BTreeSet<LayerId>,
}

impl Progress {
    /// Whether players could have its picture.
    pub(super) const fn delivers(&self) -> bool {
        self.segments > 0
    }

    /// Whether there is nothing more to wait for.
    pub(super) fn is_complete(&self) -> bool {
        self.delivers() && self.loading.is_empty()
    }
}

/// The worker. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Standby {
    surroundings: Arc<Surroundings>,
    worker: Worker,
    run: Run,
    generation: u64,
    program: ProgramFormat,
    ladder: Vec<Rendition>,
    /// Whether the scene must not be seen now, as the holder has last said.
    lost: bool,
    /// What it was told to show, and the scenes of that; `None` before it takes commands.
    screen: Option<(Screen, Canvas)>,
    /// The chat that it was last told.
    chat: Option<Arc<ChatFeed>>,
    /// The values for texts that it was last told.
    values: Option<TextValues>,
    progress: watch::Sender<Progress>,
}

/// Whether there is a place for a worker: its socket would take that of another one's on this
/// machine.
pub(super) async fn look_for_place(surroundings: &Surroundings) -> Result<(), StandbyError> {
    let is_vacant = is_vacant(&surroundings.employ(NOWHERE)).await;
    is_vacant.then_some(()).ok_or(StandbyError::Occupied)
}

impl Standby {
    /// Launches a worker for what is wanted.
    pub(super) async fn launch(
        surroundings: &Arc<Surroundings>,
        wanted: &Wanted,
        lost: bool,
    ) -> Result<Self, StandbyError> {
        let desired = on_air(wanted).ok_or(StandbyError::NotWanted)?;
        let directory = surroundings.archive.directory().to_owned();
        let made = tokio::fs::create_dir_all(directory).await;
        made.map_err(StandbyError::Launch)?;
        let employment = surroundings.employ(NOWHERE);
        let segment = Duration::from_millis(desired.program.keyframe_interval_ms.into());
        let worker = Worker::launch(&employment, segment).map_err(StandbyError::Launch)?;
        Ok(Self {
            surroundings: Arc::clone(surroundings),
            worker,
            run: Run::generate(),
            generation: desired.generation,
            program: desired.program.clone(),
            ladder: desired.ladder.clone(),
            lost,
            screen: None,
            chat: None,
            values: None,
            progress: watch::Sender::new(Progress::default()),
        })
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// What the worker tells next. Cancel-safe.
    pub(super) async fn hear(&mut self) -> Option<Told> {
        self.worker.told().await
    }

    /// The worker told something.
    pub(super) fn heard(
        &mut self,
        told: Option<Told>,
        wanted: &Wanted,
    ) -> Result<(), StandbyError> {
        match told {
            Some(Told::Report(report)) => self.report(report, wanted),
            Some(Told::Ended(end)) => Err(StandbyError::Ended(end.cause)),
            None => Err(StandbyError::Ended(Cause::Stopped)),
        }
    }

    fn report(&mut self, report: Report, wanted: &Wanted) -> Result<(), StandbyError> {
        match report {
            Report::Ready { on_air: None, .. } => self.configure(wanted)?,
            Report::SegmentWritten(_) => self.progress.send_modify(|progress| {
                progress.segments = progress.segments.saturating_add(1);
            }),
            Report::Layer(layer) if layer.state != LayerState::Loading => {
                self.progress
                    .send_if_modified(|progress| progress.loading.remove(&layer.layer));
            }
            // The worker remembers what the stream's task is going to ask it.
            Report::Ready { .. }
            | Report::StateChanged { .. }
            | Report::TakeStarted { .. }
            | Report::SceneApplied { .. }
            | Report::Layer(_)
            | Report::Output(_)
            | Report::ProgramChanged { .. }
            | Report::ProgramRefused { .. }
            | Report::InitWritten { .. }
            | Report::PartWritten(_)
            | Report::Rendition(_)
            | Report::RenditionPart { .. }
            | Report::RenditionSegment { .. }
            | Report::Stats(_)
            | Report::Sprite(_)
            | Report::Snapshot { .. }
            | Report::Fault { .. }
            | Report::Finished { .. } => {}
        }
        Ok(())
    }

    fn configure(&mut self, wanted: &Wanted) -> Result<(), StandbyError> {
        let canvas = self.canvas(wanted);
        let command = self.surroundings.configuration(Brief {
            run: &self.run,
            generation: self.generation,
            program: &self.program,
            ladder: self.ladder.clone(),
            outputs: Vec::new(),
            canvas: &canvas,
        });
        self.send(command)?;
        self.expect(&canvas);
        self.screen = Some((Screen::new(canvas.clone()), canvas));
        Ok(())
    }

    /// Shows what is wanted now. A program of another format is another worker's.
    pub(super) fn follow(&mut self, wanted: &Wanted) -> Result<(), StandbyError> {
        let desired = on_air(wanted).ok_or(StandbyError::NotWanted)?;
        let is_other = desired.generation != self.generation
            || desired.ladder != self.ladder
            || self.program.change_to(&desired.program) != FormatChange::None;
        if is_other {
            return Err(StandbyError::Changed);
        }
        let canvas = self.canvas(wanted);
        let Some((screen, _)) = self.screen.as_ref().filter(|(_, told)| *told != canvas) else {
            return Ok(());
        };
        let scene = wanted_scene(&self.surroundings, &canvas, screen.next(), &self.program);
        self.send(Command::ApplyScene { scene })?;
        self.expect(&canvas);
        if let Some((screen, told)) = &mut self.screen {
            screen.send(canvas.clone());
            *told = canvas;
        }
        Ok(())
    }

    /// Tells it of the chat, where that is news and it takes commands already.
    pub(super) fn tell_chat(&mut self, chat: Option<&Arc<ChatFeed>>) -> Result<(), StandbyError> {
        let told = self.chat.as_ref();
        let is_told = |chat: &&Arc<ChatFeed>| told.is_some_and(|told| Arc::ptr_eq(told, chat));
        let news = chat.filter(|chat| self.screen.is_some() && !is_told(chat));
        if let Some(chat) = news.cloned() {
            self.send(Command::ApplyChat {
                chat: (*chat).clone(),
            })?;
            self.chat = Some(chat);
        }
        Ok(())
    }

    /// Tells it of the values that texts show, as far as they are known without the stream.
    pub(super) fn tell_values(&mut self, wanted: &Wanted) -> Result<(), StandbyError> {
        let values = text_values(wanted, None, None);
        if self.screen.is_some() && shows_values(wanted) && self.values.as_ref() != Some(&values) {
            self.send(Command::ApplyValues {
                values: values.clone(),
            })?;
            self.values = Some(values);
        }
        Ok(())
    }

    /// Leaves the worker to the stream's task, which finds it.
    pub(super) fn leave(self) {
        self.worker.leave();
    }

    fn send(&self, command: Command) -> Result<(), StandbyError> {
        self.worker
            .send(command)
            .map_err(|_busy| StandbyError::Busy)
    }

    fn expect(&self, canvas: &Canvas) {
        let layers = canvas.layers();
        self.progress
            .send_modify(|progress| progress.loading.extend(layers));
    }

    fn canvas(&self, wanted: &Wanted) -> Canvas {
        let status = on_air(wanted).map_or(DesiredStatus::Live, |desired| desired.status);
        let shots = Shots {
            program: wanted.scene.as_ref().map(shot),
            preview: None,
            slate: wanted.slate.as_ref().map(shot),
        };
        Canvas::of(reconcile::picture(status, shots, self.lost), wanted)
    }
}

/// What is wanted, where the stream is to be on air.
pub(super) fn on_air(wanted: &Wanted) -> Option<&DesiredState> {
    let desired = wanted.desired.as_deref();
    desired.filter(|desired| desired.status != DesiredStatus::Offline)
}
