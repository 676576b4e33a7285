//! What the stream's task has to tell, on its way to Redis. While Redis is away the newest
//! document waits, and a bounded number of events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sm_bus::{Bus, BusError, Commit, CommitOutcome, Guard, OutgoingEvent, keys};
use sm_common::event::{
    SceneTakeStarted, SceneTaken, StreamErrorCleared, StreamErrorRaised, StreamInterrupted,
    StreamOutputAdapted, StreamOutputStatusChanged, StreamStateChanged,
};
use sm_common::id::StreamId;
use sm_common::output::OutputState;
use sm_common::performance::MetricsSample;
use sm_common::stream::{DesiredState, Interruption, LayerStatus, ObservedState, StreamState};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::errors::ErrorNews;
use crate::lease::LeaseView;
use crate::metrics::StreamMetrics;

/// Events that wait at most; older ones are dropped and counted.
const NEWS_MAX: usize = 256;
/// Wait before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(300);

/// An event to be published with the document.
#[derive(Clone, Debug)]
pub(super) enum News {
    Error(ErrorNews),
    Interrupted(Interruption),
    Layer(LayerStatus),
    Output(Box<OutputState>),
    Adapted(Box<OutputState>),
    TakeStarted(SceneTakeStarted),
    Taken(SceneTaken),
}

/// A document on its way.
#[derive(Clone, Debug)]
struct Letter {
    observed: ObservedState,
    desired: Option<Arc<DesiredState>>,
    /// Whether it tells more than counters.
    changed: bool,
    sample: Option<MetricsSample>,
    news: VecDeque<News>,
}

/// Where the stream's task puts what it has to tell.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// A std lock: it is held to put something in or take it out, never across an await.
    slot: Mutex<Slot>,
    filled: Notify,
    emptied: Notify,
    metrics: StreamMetrics,
}

#[derive(Debug, Default)]
struct Slot {
    letter: Option<Letter>,
    writing: bool,
}

impl Outbox {
    pub(super) fn new(metrics: StreamMetrics) -> Self {
        Self {
            shared: Arc::new(Shared {
                slot: Mutex::default(),
                filled: Notify::new(),
                emptied: Notify::new(),
                metrics,
            }),
        }
    }

    /// Puts a document in; it replaces one that still waits, whose news are kept.
    pub(super) fn put(
        &self,
        observed: ObservedState,
        desired: Option<Arc<DesiredState>>,
        changed: bool,
        sample: Option<MetricsSample>,
        news: Vec<News>,
    ) {
        let letter = Letter {
            observed,
            desired,
            changed,
            sample,
            news: news.into(),
        };
        self.merge(letter, Place::Newer);
        self.shared.filled.notify_one();
    }

    /// Forgets what waits: somebody else holds the stream.
    pub(super) fn discard(&self) {
        self.slot().letter = None;
    }

    /// Waits until everything is written, at most for `limit`.
    pub(super) async fn flush(&self, limit: Duration) {
        let emptied = async {
            loop {
                let notified = self.shared.emptied.notified();
                if self.is_empty() {
                    return;
                }
                notified.await;
            }
        };
        // What Redis did not take in time, the next holder finds out by itself.
        let _late = tokio::time::timeout(limit, emptied).await;
    }

    fn is_empty(&self) -> bool {
        let slot = self.slot();
        slot.letter.is_none() && !slot.writing
    }

    fn take(&self) -> Option<Letter> {
        let mut slot = self.slot();
        let letter = slot.letter.take();
        slot.writing = letter.is_some();
        letter
    }

    fn merge(&self, letter: Letter, place: Place) {
        let mut slot = self.slot();
        let (older, newer) = match (slot.letter.take(), place) {
            (None, _) => (None, letter),
            (Some(waiting), Place::Newer) => (Some(waiting), letter),
            (Some(waiting), Place::Older) => (Some(letter), waiting),
        };
        slot.letter = Some(match older {
            None => newer,
            Some(older) => self.join(older, newer),
        });
    }

    fn join(&self, older: Letter, newer: Letter) -> Letter {
        let mut news = older.news;
        news.extend(newer.news);
        while news.len() > NEWS_MAX {
            news.pop_front();
            self.shared.metrics.event_dropped();
        }
        Letter {
            observed: newer.observed,
            desired: newer.desired,
            changed: older.changed || newer.changed,
            sample: newer.sample.or(older.sample),
            news,
        }
    }

    /// The slot holds one value at a time and stays whole whatever a panicking thread did.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.shared
            .slot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a letter relates to the one that waits.
#[derive(Clone, Copy, Debug)]
enum Place {
    Newer,
    Older,
}

/// Takes letters to Redis.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) bus: Bus,
    pub(super) stream: StreamId,
    pub(super) outbox: Outbox,
    pub(super) lease: watch::Receiver<LeaseView>,
    /// Notified when a write was refused because the lease is not ours.
    pub(super) doubt: Arc<Notify>,
    /// Revision of the newest document that was written or read.
    pub(super) revision: u64,
}

impl Courier {
    /// Writes what is put into the outbox, until `end`.
    pub(super) async fn run(mut self, end: CancellationToken) {
        let outbox = self.outbox.clone();
        loop {
            let filled = outbox.shared.filled.notified();
            let wait = match outbox.take() {
                None => None,
                Some(letter) => match self.deliver(&letter).await {
                    Ok(true) => Some(Duration::ZERO),
                    Ok(false) => {
                        outbox.merge(letter, Place::Older);
                        Some(RETRY)
                    }
                    Err(error) => {
                        tracing::debug!(stream.id = %self.stream, %error, "state not written");
                        // What Redis will never take must not come back for ever.
                        if error.is_unavailable() {
                            outbox.merge(letter, Place::Older);
                        }
                        Some(RETRY)
                    }
                },
            };
            outbox.slot().writing = false;
            outbox.shared.emptied.notify_waiters();
            tokio::select! {
                () = filled, if wait.is_none() => {}
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
                () = end.cancelled() => return,
            }
        }
    }

    /// Writes one letter. False when the lease is not ours, or not any more.
    async fn deliver(&mut self, letter: &Letter) -> Result<bool, BusError> {
        let token = {
            let lease = self.lease.borrow();
            let Some(holding) = lease.holding() else {
                return Ok(false);
            };
            let previous = (*holding.previous).as_ref();
            let known = previous.map_or(0, |observed| observed.revision);
            self.revision = self.revision.max(known);
            holding.lease.token.to_string()
        };
        let observed = ObservedState {
            revision: self.revision.saturating_add(1),
            ..letter.observed.clone()
        };
        let statuses = keys::layer_statuses(&self.stream);
        let mut commit = Commit::new()
            .guard(Guard::field(
                keys::lease(&self.stream),
                "token",
                Some(&token),
            ))
            .set(keys::observed(&self.stream), write(&observed)?);
        if letter.changed {
            let revision = keys::layer_statuses_revision(&self.stream);
            commit = commit.write("INCR", revision, Vec::new()).write(
                "DEL",
                statuses.clone(),
                Vec::new(),
            );
            for status in &observed.layers {
                let field = keys::layer_field(status.layer);
                commit = commit.hash_set(statuses.clone(), &field, write(status)?);
            }
        }
        let events = self.events(letter, &observed)?;
        match self.bus.commit(commit, events).await? {
            CommitOutcome::Committed(_) | CommitOutcome::Replayed(_) => {
                self.revision = observed.revision;
                Ok(true)
            }
            CommitOutcome::Refused { actual, .. } => {
                tracing::warn!(
                    stream.id = %self.stream, token, actual, "state refused: the lease is not ours"
                );
                self.doubt.notify_one();
                Ok(false)
            }
        }
    }

    fn events(
        &self,
        letter: &Letter,
        observed: &ObservedState,
    ) -> Result<Vec<OutgoingEvent>, BusError> {
        let (bus, stream) = (&self.bus, &self.stream);
        let mut events = Vec::new();
        for news in &letter.news {
            events.push(match news {
                News::Error(ErrorNews::Raised(error)) => {
                    bus.event(stream, &StreamErrorRaised(error.clone()), None)?
                }
                News::Error(ErrorNews::Cleared(error)) => {
                    bus.event(stream, &StreamErrorCleared(error.clone()), None)?
                }
                News::Interrupted(interruption) => {
                    bus.event(stream, &StreamInterrupted(interruption.clone()), None)?
                }
                News::Layer(status) => bus.event(stream, status, None)?,
                News::Output(state) => {
                    bus.event(stream, &StreamOutputStatusChanged((**state).clone()), None)?
                }
                News::Adapted(state) => {
                    bus.event(stream, &StreamOutputAdapted((**state).clone()), None)?
                }
                News::TakeStarted(started) => bus.event(stream, started, None)?,
                News::Taken(taken) => bus.event(stream, taken, None)?,
            });
        }
        if let (true, Some(desired)) = (letter.changed, &letter.desired) {
            let state = StreamState::join(desired, observed.clone());
            events.push(bus.event(stream, &StreamStateChanged(state), None)?);
        }
        if let Some(sample) = &letter.sample {
            events.push(bus.event(stream, sample, None)?);
        }
        Ok(events)
    }
}

fn write<T: serde::Serialize>(value: &T) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(BusError::Encode)
}
