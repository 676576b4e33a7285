//! Commands that wait to be given. Whatever ends one is a commit for the schedule as it was read, which
//! takes it away: so it ends once, whichever replica does it. layer-service adds them and notes when they
//! are due.

use sm_bus::{BusError, Commit, CommitOutcome, Guard, OutgoingEvent, keys, redis};
use sm_common::event::ScheduleEnded;
use sm_common::id::{ScheduleId, StreamId};
use sm_common::schedule::{EndedSchedule, ScheduleSummary, ScheduledCommand};
use sm_service_kit::http::RequestContext;

use super::{Store, read, write};
use crate::audit::AuditEntry;

/// A scheduled command and the text of it that is kept.
#[derive(Clone, Debug)]
pub(crate) struct KeptSchedule {
    pub(crate) summary: ScheduleSummary,
    pub(crate) command: ScheduledCommand,
    text: String,
}

impl Store {
    /// Every command of a stream that waits, oldest first.
    pub(crate) async fn scheduled_commands(
        &self,
        stream: &StreamId,
    ) -> Result<Vec<KeptSchedule>, BusError> {
        let key = keys::schedules(stream);
        let texts: Vec<String> = self.bus.query(redis::cmd("HVALS").arg(&key)).await?;
        let kept = texts.into_iter().filter_map(|text| {
            // One of a later version waits for a process that can read it, and holds up no other.
            let summary = read::<ScheduleSummary>(key.as_str(), &text)
                .inspect_err(|error| tracing::warn!(%error, "a schedule is not readable"))
                .ok()?;
            let command = summary.command?;
            Some(KeptSchedule {
                summary,
                command,
                text,
            })
        });
        let mut kept: Vec<KeptSchedule> = kept.collect();
        kept.sort_by_key(|kept| kept.summary.id);
        Ok(kept)
    }

    /// Whether a schedule still waits.
    pub(crate) async fn is_scheduled(
        &self,
        stream: &StreamId,
        id: ScheduleId,
    ) -> Result<bool, BusError> {
        let mut command = redis::cmd("HEXISTS");
        command.arg(keys::schedules(stream)).arg(id.to_string());
        self.bus.query(&command).await
    }

    /// Ends a schedule without its command, with the entry in the audit list where it was refused.
    /// `false` when it is another or gone.
    pub(crate) async fn end_schedule(
        &self,
        stream: &StreamId,
        kept: &KeptSchedule,
        ended: &EndedSchedule,
        audit: Option<&AuditEntry>,
    ) -> Result<bool, BusError> {
        let (mut commit, event) = self.with_ending(Commit::new(), stream, kept, ended)?;
        if let Some(audit) = audit {
            commit = commit.append(keys::audit(stream), &write(audit)?, self.config.audit_max);
        }
        let outcome = self.bus.commit(commit, vec![event]).await?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }

    /// Adds to `commit` that a schedule is over.
    pub(super) fn with_ending(
        &self,
        commit: Commit,
        stream: &StreamId,
        kept: &KeptSchedule,
        ended: &EndedSchedule,
    ) -> Result<(Commit, OutgoingEvent), BusError> {
        let key = keys::schedules(stream);
        let field = kept.summary.id.to_string();
        let commit = commit
            .guard(Guard::field(key.clone(), &field, Some(&kept.text)))
            .hash_delete(key, &field)
            .append(
                keys::schedules_ended(stream),
                &write(ended)?,
                self.schedules_ended_max,
            );
        let ended = ScheduleEnded(ended.clone());
        let trace = RequestContext::current_traceparent();
        Ok((commit, self.bus.event(stream, &ended, trace)?))
    }
}
