//! Schedules that wait. Whatever ends one is a commit for the schedule as it was read, which
//! takes it away: so it ends once, whichever replica does it.

use sm_bus::{BusError, Commit, Guard, OutgoingEvent, keys, redis};
use sm_common::event::{ScheduleCreated, ScheduleEnded};
use sm_common::id::{LayerId, ScheduleId, StreamId};
use sm_common::scene::Scene;
use sm_common::schedule::EndedSchedule;
use sm_service_kit::http::RequestContext;

use super::{SceneStore, read, write};
use crate::domain::Applied;
use crate::domain::history::Record;
use crate::domain::schedule::Schedule;

/// A schedule and the text of it that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) schedule: Schedule,
    text: String,
}

impl SceneStore {
    /// Every change of a stream that waits, oldest first.
    pub(crate) async fn schedules(&self, stream: &StreamId) -> Result<Vec<Kept>, BusError> {
        let key = keys::schedules(stream);
        let texts: Vec<String> = self.bus.query(redis::cmd("HVALS").arg(&key)).await?;
        // One of a later version waits for a process that can read it, and holds up no other.
        let kept = texts.into_iter().filter_map(|text| {
            let schedule = read(&key, &text)
                .inspect_err(|error| tracing::warn!(%error, "a schedule is not readable"))
                .ok()?;
            Some(Kept { schedule, text })
        });
        let mut kept: Vec<Kept> = kept.collect();
        kept.sort_by_key(|kept| kept.schedule.summary.id);
        Ok(kept)
    }

    /// How many wait, and the revision at which that is so.
    pub(crate) async fn count_schedules(
        &self,
        stream: &StreamId,
    ) -> Result<(usize, Option<String>), BusError> {
        let mut pipeline = redis::pipe();
        let (waiting, revision) = (keys::schedules(stream), keys::schedules_revision(stream));
        pipeline.atomic().cmd("HLEN").arg(waiting);
        pipeline.cmd("GET").arg(revision);
        self.bus.pipeline(&pipeline).await
    }

    /// Whether there is such a layer in any scene.
    pub(crate) async fn has_layer(
        &self,
        stream: &StreamId,
        layer: LayerId,
    ) -> Result<bool, BusError> {
        let mut command = redis::cmd("HEXISTS");
        command
            .arg(keys::layers(stream))
            .arg(keys::layer_field(layer));
        self.bus.query(&command).await
    }

    /// One of them.
    pub(crate) async fn schedule(
        &self,
        stream: &StreamId,
        id: ScheduleId,
    ) -> Result<Option<Kept>, BusError> {
        let key = keys::schedules(stream);
        let mut command = redis::cmd("HGET");
        command.arg(&key).arg(id.to_string());
        let text: Option<String> = self.bus.query(&command).await?;
        let kept = text.map(|text| {
            let schedule = read(&key, &text)?;
            Ok(Kept { schedule, text })
        });
        kept.transpose()
    }

    /// Adds a schedule. `false` when another was added since `revision`.
    pub(crate) async fn add_schedule(
        &self,
        stream: &StreamId,
        schedule: &Schedule,
        revision: Option<&str>,
    ) -> Result<bool, BusError> {
        let field = schedule.summary.id.to_string();
        let counter = keys::schedules_revision(stream);
        let commit = Commit::new()
            .guard(Guard::value(counter.clone(), revision))
            .write("INCR", counter, Vec::new())
            .hash_set(keys::schedules(stream), &field, write(schedule)?);
        let created = ScheduleCreated(schedule.summary.clone());
        let event = self.bus.event(stream, &created, trace())?;
        self.committed(commit, vec![event]).await
    }

    /// Writes when a schedule is due. `false` when it is another or gone.
    pub(crate) async fn note_due(
        &self,
        stream: &StreamId,
        kept: &Kept,
        due: &Schedule,
    ) -> Result<bool, BusError> {
        let field = due.summary.id.to_string();
        let commit = Commit::new().guard(guard(stream, kept)).hash_set(
            keys::schedules(stream),
            &field,
            write(due)?,
        );
        self.committed(commit, Vec::new()).await
    }

    /// Ends a schedule without a change. `false` when it is another or gone.
    pub(crate) async fn end_schedule(
        &self,
        stream: &StreamId,
        kept: &Kept,
        ended: &EndedSchedule,
        listed_max: usize,
    ) -> Result<bool, BusError> {
        let (commit, event) = self.end(stream, kept, ended, listed_max)?;
        self.committed(commit, vec![event]).await
    }

    /// Makes the change of a schedule and ends it, in one step. `false` when the scene has changed, or
    /// the schedule is another or gone.
    pub(crate) async fn write_scheduled(
        &self,
        before: &Scene,
        (applied, record): (&Applied, Option<&Record>),
        kept: &Kept,
        ended: &EndedSchedule,
        listed_max: usize,
    ) -> Result<bool, BusError> {
        let stream = &before.stream;
        let (commit, event) = self.end(stream, kept, ended, listed_max)?;
        let commit = self.plan(commit, before, applied, record)?;
        let mut events = self.events(applied)?;
        events.push(event);
        self.committed(commit, events).await
    }

    /// The newest schedules that are over, newest first, at most `limit`.
    pub(crate) async fn ended_schedules(
        &self,
        stream: &StreamId,
        limit: usize,
    ) -> Result<Vec<EndedSchedule>, BusError> {
        let key = keys::schedules_ended(stream);
        let mut command = redis::cmd("XREVRANGE");
        command.arg(&key).arg("+").arg("-").arg("COUNT").arg(limit);
        let stored: Vec<(String, Vec<(String, String)>)> = self.bus.query(&command).await?;
        let texts = stored.iter().flat_map(|(_, fields)| fields);
        texts.map(|(_, text)| read(&key, text)).collect()
    }

    fn end(
        &self,
        stream: &StreamId,
        kept: &Kept,
        ended: &EndedSchedule,
        listed_max: usize,
    ) -> Result<(Commit, OutgoingEvent), BusError> {
        let field = ended.schedule.id.to_string();
        let commit = Commit::new()
            .guard(guard(stream, kept))
            .hash_delete(keys::schedules(stream), &field)
            .append(keys::schedules_ended(stream), &write(ended)?, listed_max);
        let ended = ScheduleEnded(ended.clone());
        let event = self.bus.event(stream, &ended, trace())?;
        Ok((commit, event))
    }
}

fn trace() -> Option<String> {
    RequestContext::current_traceparent()
}

/// The schedule is as it was read.
fn guard(stream: &StreamId, kept: &Kept) -> Guard {
    let field = kept.schedule.summary.id.to_string();
    Guard::field(keys::schedules(stream), &field, Some(&kept.text))
}
