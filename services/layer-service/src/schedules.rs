//! What is done later. Every replica looks for what is due; the commit that makes a change takes its
//! schedule away, so that one of them makes it. Commands of the stream are given by stream-control, in a
//! commit of the same kind; here they are added, noted as due, and withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use sm_bus::{Bus, BusError, Which};
use sm_common::auth::{Permission, Role};
use sm_common::clock::Timestamp;
use sm_common::event::Channel;
use sm_common::id::{LayerId, SceneId, ScheduleId, StreamId};
use sm_common::schedule::{
    Due, EndedSchedule, ScheduleOutcome, ScheduleSummary, ScheduledCommand, Trigger,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, SchedulesConfig};
use crate::domain::history::Author;
use crate::domain::schedule::{self, Bounds, Deed, Schedule};
use crate::domain::{Faults, Rejected};
use crate::scenes::{SceneError, Scenes};
use crate::store::Kept;

/// How often a schedule is added or withdrawn again when somebody else was faster.
const ATTEMPTS_MAX: usize = 16;
/// Events that are read at a time.
const EVENTS_MAX: usize = 200;

/// Why a schedule is not made or withdrawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScheduleError {
    #[error("there is no schedule {0}, or it is over")]
    NotFound(ScheduleId),
    #[error("commands of the stream are for operators and admins")]
    Forbidden,
    #[error("the stream has {0} schedules, which is the most it may; withdraw one first")]
    Full(usize),
    #[error("the body is not valid")]
    Invalid(Faults),
    #[error("others changed the schedule all the time")]
    Contended,
    #[error(transparent)]
    Scenes(#[from] SceneError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// What waits, and what is over, newest first.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) waiting: Vec<Schedule>,
    pub(crate) ended: Vec<EndedSchedule>,
}

/// The schedules of all streams. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Schedules {
    config: SchedulesConfig,
    bounds: Bounds,
    streams: Vec<StreamId>,
    scenes: Scenes,
    bus: Bus,
}

impl Schedules {
    pub(crate) fn new(config: &Config, scenes: Scenes, bus: Bus) -> Self {
        let schedules = config.schedules;
        Self {
            config: schedules,
            bounds: Bounds {
                grace_s: schedules.grace_s,
                grace_max_s: schedules.grace_max_s,
                ahead_max: Duration::from_secs(schedules.ahead_max_s),
                operations_max: config.scene.operations_max,
            },
            streams: config.stream.ids.clone(),
            scenes,
            bus,
        }
    }

    /// Makes a schedule of what `body` asks for. The change is tried out now, so that what is wrong with
    /// it is said now.
    pub(crate) async fn create(
        &self,
        stream: &StreamId,
        body: &Value,
        (author, role): (&Author, Role),
    ) -> Result<ScheduleSummary, ScheduleError> {
        let now = self.bus.clock().now();
        let wanted = schedule::read(body, self.bounds, now, LayerId::generate);
        let wanted = wanted.map_err(ScheduleError::Invalid)?;
        if matches!(wanted.deed, Deed::Command(_)) && !Permission::ControlStream.allows(role) {
            return Err(ScheduleError::Forbidden);
        }
        let scene = self.try_out(stream, &wanted.deed).await?;
        self.check_trigger(stream, wanted.trigger).await?;
        let position = self.bus.current_position(stream, Channel::LayerUpdates);
        let since = position.await?.map_or(0, |position| position.offset);
        let id = ScheduleId::generate();
        let schedule = Schedule::new(id, wanted, scene, author, now, since);
        let store = self.scenes.store();
        for _ in 0..ATTEMPTS_MAX {
            let (waiting, revision) = store.count_schedules(stream).await?;
            if waiting >= self.config.waiting_max {
                return Err(ScheduleError::Full(self.config.waiting_max));
            }
            let added = store.add_schedule(stream, &schedule, revision.as_deref());
            if added.await.map_err(SceneError::Unconfirmed)? {
                return Ok(schedule.summary);
            }
        }
        Err(ScheduleError::Contended)
    }

    /// Tries out what is to be done, as far as that can be known before. The scene whose layers are
    /// changed, where they are.
    async fn try_out(
        &self,
        stream: &StreamId,
        deed: &Deed,
    ) -> Result<Option<SceneId>, ScheduleError> {
        match deed {
            Deed::Change {
                scene, proposal, ..
            } => {
                let which = scene.map_or(Which::OnAir, Which::Scene);
                let (scene, applied) = self.scenes.try_out(stream, which, proposal).await?;
                if !applied.sealed.is_empty() {
                    let mut faults = Faults::default();
                    let detail = "secrets are not kept for later; set them now, or by hand";
                    faults.value("/operations", detail);
                    return Err(SceneError::Rejected(Rejected::Invalid(faults)).into());
                }
                Ok(Some(scene))
            }
            // In which status the stream is then, nobody knows now.
            Deed::Command(command) => {
                let list = self.scenes.list(stream).await?;
                let taken = match command {
                    ScheduledCommand::Take { scene, .. } => *scene,
                    ScheduledCommand::Start
                    | ScheduledCommand::Stop
                    | ScheduledCommand::RecordStart
                    | ScheduledCommand::RecordStop => None,
                };
                let known = |id| list.scenes.iter().any(|listed| listed.scene.id == id);
                if taken.is_none_or(known) {
                    return Ok(None);
                }
                let mut faults = Faults::default();
                faults.value("/command/scene", "there is no such scene");
                Err(ScheduleError::Invalid(faults))
            }
        }
    }

    /// What a schedule waits for must be there to happen.
    async fn check_trigger(
        &self,
        stream: &StreamId,
        trigger: Trigger,
    ) -> Result<(), ScheduleError> {
        let mut faults = Faults::default();
        match trigger {
            Trigger::At { .. } => {}
            Trigger::AfterTake { scene, .. } => {
                let list = self.scenes.list(stream).await?;
                if !list.scenes.iter().any(|listed| listed.scene.id == scene) {
                    faults.value("/trigger/scene", "there is no such scene");
                }
            }
            Trigger::AtEnd { layer, .. } => {
                if !self.scenes.store().has_layer(stream, layer).await? {
                    faults.value("/trigger/layer", "there is no such layer");
                }
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(ScheduleError::Invalid(faults))
        }
    }

    pub(crate) async fn list(
        &self,
        stream: &StreamId,
        limit: usize,
    ) -> Result<Listed, ScheduleError> {
        let store = self.scenes.store();
        let waiting = store.schedules(stream).await?;
        Ok(Listed {
            waiting: waiting.into_iter().map(|kept| kept.schedule).collect(),
            ended: store.ended_schedules(stream, limit).await?,
        })
    }

    /// Withdraws a schedule.
    pub(crate) async fn cancel(
        &self,
        stream: &StreamId,
        id: ScheduleId,
        author: &Author,
    ) -> Result<(), ScheduleError> {
        for _ in 0..ATTEMPTS_MAX {
            let kept = self.scenes.store().schedule(stream, id).await?;
            let kept = kept.ok_or(ScheduleError::NotFound(id))?;
            let detail = format!("withdrawn by {}", author.name);
            if self
                .end(stream, &kept, ScheduleOutcome::Cancelled, detail)
                .await?
            {
                return Ok(());
            }
        }
        Err(ScheduleError::Contended)
    }

    /// Makes what is due, until `stop`.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        let mut read = BTreeMap::new();
        while !stop.is_cancelled() {
            let next = match self.look(&mut read).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "schedules cannot be looked at");
                    None
                }
            };
            let every = self.config.look_every();
            let wait = next.map_or(every, |next| next.since(self.bus.clock().now()).min(every));
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Looks at everything once. When the next is due, as far as that is known. `read` is how far events
    /// have been compared with each schedule that waits for one.
    async fn look(
        &self,
        read: &mut BTreeMap<ScheduleId, u64>,
    ) -> Result<Option<Timestamp>, ScheduleError> {
        let mut streams: BTreeSet<StreamId> = self.streams.iter().cloned().collect();
        streams.extend(self.scenes.store().streams().await?);
        let former = std::mem::take(read);
        let mut next: Option<Timestamp> = None;
        for stream in &streams {
            let kept = self.scenes.store().schedules(stream).await?;
            let (waiting, known): (Vec<&Kept>, Vec<&Kept>) = kept
                .iter()
                .partition(|kept| kept.schedule.summary.due_at.is_none());
            if !waiting.is_empty() {
                let offset = self.hear(stream, &waiting, &former).await?;
                read.extend(
                    waiting
                        .iter()
                        .map(|kept| (kept.schedule.summary.id, offset)),
                );
            }
            for kept in known {
                if kept.schedule.summary.command.is_some() {
                    continue;
                }
                match kept.schedule.summary.due(self.bus.clock().now()) {
                    Due::Later(at) => next = next.into_iter().chain(at).min(),
                    due @ (Due::Now | Due::Missed) => {
                        // One that cannot be made now holds up no other.
                        if let Err(error) = self.settle(stream, kept, due).await {
                            let id = kept.schedule.summary.id;
                            tracing::warn!(schedule.id = %id, %error, "a scheduled change is not made yet");
                        }
                    }
                }
            }
        }
        Ok(next)
    }

    async fn settle(&self, stream: &StreamId, kept: &Kept, due: Due) -> Result<(), ScheduleError> {
        if due != Due::Missed {
            return self.make(stream, kept).await;
        }
        let detail = "nobody could make it in time".to_owned();
        self.end(stream, kept, ScheduleOutcome::Skipped, detail)
            .await?;
        Ok(())
    }

    /// Reads what has happened since each of them was made, or compared last, and notes which are due by
    /// it. How far it has read.
    async fn hear(
        &self,
        stream: &StreamId,
        waiting: &[&Kept],
        former: &BTreeMap<ScheduleId, u64>,
    ) -> Result<u64, ScheduleError> {
        let from = waiting.iter().map(|kept| {
            let Schedule { summary, since, .. } = &kept.schedule;
            former.get(&summary.id).copied().unwrap_or(*since)
        });
        let mut offset = from.min().unwrap_or_default();
        let mut due: BTreeMap<ScheduleId, Timestamp> = BTreeMap::new();
        loop {
            let page = self
                .bus
                .log_after(stream, Channel::LayerUpdates, offset, EVENTS_MAX);
            let page = page.await?;
            let Some(last) = page.entries.last() else {
                break;
            };
            let first = page
                .entries
                .first()
                .map_or(0, |first| first.position.offset);
            if first > offset.saturating_add(1) {
                // After a start this is so for every schedule that was made long ago; another process may
                // have compared it with what is gone.
                tracing::info!(
                    stream.id = %stream, from = offset, to = first,
                    "events that schedules wait for may have gone unheard: the history is shorter"
                );
            }
            offset = last.position.offset;
            for entry in &page.entries {
                let Ok(event) = &entry.event else { continue };
                for kept in waiting {
                    if let Some(at) = kept.schedule.due_by(entry.position.offset, event) {
                        due.entry(kept.schedule.summary.id).or_insert(at);
                    }
                }
            }
        }
        for kept in waiting {
            if let Some(at) = due.get(&kept.schedule.summary.id) {
                let mut schedule = kept.schedule.clone();
                schedule.summary.due_at = Some(*at);
                // Another replica that was faster has noted the same.
                let _noted = self
                    .scenes
                    .store()
                    .note_due(stream, kept, &schedule)
                    .await?;
            }
        }
        Ok(offset)
    }

    /// Makes a change that is due, and says what became of it.
    async fn make(&self, stream: &StreamId, kept: &Kept) -> Result<(), ScheduleError> {
        let summary = &kept.schedule.summary;
        match self.scenes.make_scheduled(stream, kept).await {
            Ok(Some(ended)) => {
                tracing::info!(
                    stream.id = %stream, schedule.id = %summary.id, user.id = %summary.user_id,
                    scene.revision = ended.scene_revision, "scheduled change made"
                );
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(
                error @ (SceneError::NoStream(_)
                | SceneError::NoScene(_)
                | SceneError::Rejected(_)
                | SceneError::List(_)
                | SceneError::Stale { .. }
                | SceneError::Invalid(_)
                | SceneError::NoStep(_)
                | SceneError::Clashes { .. }
                | SceneError::Template(_)
                | SceneError::Draft(_)
                | SceneError::DraftClashes { .. }
                | SceneError::Capacity(_)),
            ) => {
                let detail = reason(&error);
                tracing::warn!(stream.id = %stream, schedule.id = %summary.id, detail, "scheduled change refused");
                self.end(stream, kept, ScheduleOutcome::Failed, detail)
                    .await?;
                Ok(())
            }
            // Tried again for as long as it may be late.
            Err(
                error @ (SceneError::Contended
                | SceneError::Slow
                | SceneError::Unconfirmed(_)
                | SceneError::Bus(_)),
            ) => Err(error.into()),
        }
    }

    /// Ends a schedule without its change. `false` when somebody else was faster.
    async fn end(
        &self,
        stream: &StreamId,
        kept: &Kept,
        outcome: ScheduleOutcome,
        detail: String,
    ) -> Result<bool, BusError> {
        let summary = kept.schedule.summary.clone();
        let ended = summary.ended(outcome, detail, self.bus.clock().now());
        let listed_max = self.config.ended_max;
        let store = self.scenes.store();
        store.end_schedule(stream, kept, &ended, listed_max).await
    }
}

/// Why a change was refused, in one line.
fn reason(error: &SceneError) -> String {
    if let SceneError::Rejected(rejected) = error {
        return match rejected {
            Rejected::Operation { at, refusal } => format!("{at}: {refusal}"),
            Rejected::SceneStale { current } => format!("the scene is at revision {current}"),
            Rejected::Invalid(faults) => faults
                .errors()
                .iter()
                .map(|fault| format!("{} {}", fault.pointer, fault.detail))
                .collect::<Vec<String>>()
                .join("; "),
        };
    }
    error.to_string()
}
