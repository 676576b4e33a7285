//! Commands that are given later. Every replica looks for what is due; the commit that gives a command takes
//! its schedule away, so that one of them gives it.

use std::time::Duration;

use sm_bus::BusError;
use sm_common::auth::Role;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use sm_common::schedule::{Due, ScheduleOutcome};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::domain::Command;
use crate::metrics::Metrics;
use crate::operations::{self, Caller, CommandError};
use crate::store::{KeptSchedule, Occasion, Store};

/// Gives commands when they are due.
#[derive(Debug)]
pub(crate) struct Schedules {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    /// Distance between two looks.
    pub(crate) look_every: Duration,
}

impl Schedules {
    /// Gives what is due, until `stop`.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let next = match self.look().await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "scheduled commands cannot be looked at");
                    None
                }
            };
            let every = self.look_every;
            let now = self.store.bus().clock().now();
            let wait = next.map_or(every, |next| next.since(now).min(every));
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Looks at everything once. When the next is due, as far as that is known.
    async fn look(&self) -> Result<Option<Timestamp>, BusError> {
        let mut next: Option<Timestamp> = None;
        for stream in self.store.streams().await? {
            for kept in self.store.scheduled_commands(&stream).await? {
                match kept.summary.due(self.store.bus().clock().now()) {
                    Due::Later(at) => next = next.into_iter().chain(at).min(),
                    Due::Now => self.give(&stream, kept).await,
                    Due::Missed => self.skip(&stream, &kept).await?,
                }
            }
        }
        Ok(next)
    }

    /// Gives a command as its author's. One that cannot be given now holds up no other, and is tried again
    /// for as long as it may be late.
    async fn give(&self, stream: &StreamId, kept: KeptSchedule) {
        let summary = kept.summary.clone();
        let command = Command::from(kept.command);
        let caller = Caller {
            user: summary.user_id,
            name: &summary.user_name,
            // Only who may command the stream may ask for it earlier.
            role: Role::Operator,
        };
        let occasion = Occasion::Schedule(Box::new(kept));
        let given = operations::command(&self.store, stream, &command, (caller, false), &occasion);
        let outcome = Box::pin(given).await;
        let (schedule, action) = (summary.id, command.action().as_str());
        match &outcome {
            Ok(accepted) => {
                tracing::info!(
                    stream.id = %stream, schedule.id = %schedule, action, user.id = %summary.user_id,
                    operation.id = %accepted.operation.id, "scheduled command given"
                );
            }
            // Another replica was faster.
            Err(CommandError::Withdrawn(_)) => return,
            Err(CommandError::Refused(_) | CommandError::Capacity(_)) => {
                tracing::warn!(stream.id = %stream, schedule.id = %schedule, action, "scheduled command refused");
            }
            Err(
                error @ (CommandError::UnknownStream(_)
                | CommandError::ForceForbidden
                | CommandError::Format(_)
                | CommandError::IdempotencyConflict
                | CommandError::Contended(_)
                | CommandError::Bus(_)),
            ) => {
                tracing::warn!(stream.id = %stream, schedule.id = %schedule, action, %error, "scheduled command not given yet");
                return;
            }
        }
        self.metrics.count(action, operations::label(&outcome));
    }

    async fn skip(&self, stream: &StreamId, kept: &KeptSchedule) -> Result<(), BusError> {
        let detail = "nobody could give it in time".to_owned();
        let now = self.store.bus().clock().now();
        let ended = kept.summary.clone();
        let ended = ended.ended(ScheduleOutcome::Skipped, detail, now);
        self.store
            .end_schedule(stream, kept, &ended, None)
            .await
            .map(drop)
    }
}
