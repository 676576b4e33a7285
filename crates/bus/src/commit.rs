use std::sync::LazyLock;
use std::time::Duration;

use deadpool_redis::redis::{FromRedisValue, Script, ScriptInvocation, Value};
use serde::Serialize;
use sm_common::event::{Epoch, Event, Payload, Position};
use sm_common::id::StreamId;

use crate::connection::{Bus, write_document};
use crate::error::BusError;
use crate::keys;
use crate::link::Link;
use crate::request::Request;
use crate::server::Server;

static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/commit.lua")));

/// A change that happens whole or not at all: its guards, its writes and the events that tell of
/// it. All keys must share a hash tag.
///
/// ```text
/// let outcome = bus.commit(
///     Commit::new()
///         .guard(Guard::field(keys::desired(&stream), "revision", Some("6")))
///         .hash_set(keys::desired(&stream), "revision", "7")
///         .event(bus.event(&stream, &LayerDeleted { .. }, traceparent)?),
/// ).await?;
/// ```
#[derive(Debug, Default)]
pub struct Commit {
    keys: Vec<String>,
    plan: Plan,
}

#[derive(Debug, Default, Serialize)]
struct Plan {
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency: Option<PlannedAnswer>,
    guards: Vec<PlannedGuard>,
    writes: Vec<PlannedWrite>,
    pushes: Vec<PlannedPush>,
    entries: Vec<PlannedEntry>,
    events: Vec<PlannedEvent>,
}

#[derive(Debug, Serialize)]
struct PlannedAnswer {
    key: usize,
    ttl_ms: String,
    answer: String,
}

#[derive(Debug, Serialize)]
struct PlannedGuard {
    key: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    equals: String,
}

#[derive(Debug, Serialize)]
struct PlannedWrite {
    command: &'static str,
    key: usize,
    args: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PlannedPush {
    key: usize,
    document: String,
    entries_max: usize,
    bytes_max: usize,
    keep_ms: String,
}

#[derive(Debug, Serialize)]
struct PlannedEntry {
    documents: usize,
    order: usize,
    id: String,
    document: String,
    entries_max: usize,
}

#[derive(Debug, Serialize)]
struct PlannedEvent {
    history: usize,
    position: usize,
    epoch: String,
    run: String,
    history_max: String,
    channel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<String>,
    also: &'static str,
    stream: String,
    event: String,
}

/// Something that must hold for a commit to happen.
#[derive(Clone, Debug)]
pub struct Guard {
    key: String,
    field: Option<String>,
    equals: String,
}

impl Guard {
    /// The field of the hash at `key` has this value; `None` means that it is absent.
    pub fn field(key: String, field: &str, equals: Option<&str>) -> Self {
        Self {
            key,
            field: Some(field.to_owned()),
            equals: equals.unwrap_or_default().to_owned(),
        }
    }

    /// The string at `key` has this value; `None` means that it is absent.
    pub fn value(key: String, equals: Option<&str>) -> Self {
        Self {
            key,
            field: None,
            equals: equals.unwrap_or_default().to_owned(),
        }
    }
}

/// What a list may hold. The oldest entries go first.
#[derive(Clone, Copy, Debug)]
pub struct ListBounds {
    /// Entries.
    pub entries_max: usize,
    /// Bytes of all entries together.
    pub bytes_max: usize,
    /// How long the list is kept after the last entry was added.
    pub keep: Duration,
}

/// Documents in an order: a hash of them by identifier, and a sorted set of the identifiers by the
/// number of each, which rises.
#[derive(Clone, Debug)]
pub struct Collection {
    /// The hash.
    pub documents: String,
    /// The sorted set.
    pub order: String,
    /// Most documents; the oldest go first.
    pub entries_max: usize,
}

/// An event that is ready to be committed.
#[derive(Debug)]
pub struct OutgoingEvent {
    stream: StreamId,
    event: Event,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It happened; the positions of its events, in order.
    Committed(Vec<Position>),
    /// Its idempotency key had been used; the answer kept then.
    Replayed(String),
    /// A guard did not hold; nothing happened.
    Refused {
        /// Which guard, in the order they were given, from 0.
        guard: usize,
        /// The value found; empty when absent.
        actual: String,
    },
}

impl Commit {
    /// An empty commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a guard.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Self {
        let Guard { key, field, equals } = guard;
        let key = self.key(key);
        self.plan.guards.push(PlannedGuard { key, field, equals });
        self
    }

    /// Makes the commit happen once per `key`: later ones get `answer` back for as long as `ttl`.
    #[must_use]
    pub fn once(mut self, key: String, answer: String, ttl: Duration) -> Self {
        let key = self.key(key);
        let ttl_ms = ttl.as_millis().to_string();
        self.plan.idempotency = Some(PlannedAnswer {
            key,
            ttl_ms,
            answer,
        });
        self
    }

    /// Sets the string at `key`.
    #[must_use]
    pub fn set(self, key: String, value: String) -> Self {
        self.write("SET", key, vec![value])
    }

    /// Sets the string at `key` for as long as `ttl`.
    #[must_use]
    pub fn set_for(self, key: String, value: String, ttl: Duration) -> Self {
        self.write(
            "SET",
            key,
            vec![value, "PX".to_owned(), ttl.as_millis().to_string()],
        )
    }

    /// Sets a field of the hash at `key`.
    #[must_use]
    pub fn hash_set(self, key: String, field: &str, value: impl Into<String>) -> Self {
        self.write("HSET", key, vec![field.to_owned(), value.into()])
    }

    /// Removes a field of the hash at `key`.
    #[must_use]
    pub fn hash_delete(self, key: String, field: &str) -> Self {
        self.write("HDEL", key, vec![field.to_owned()])
    }

    /// Appends a document to the stream at `key`, which keeps about `max` entries.
    #[must_use]
    pub fn append(self, key: String, document: &str, max: usize) -> Self {
        let args = ["MAXLEN", "~", &max.to_string(), "*", "doc", document];
        let args = args.into_iter().map(str::to_owned).collect();
        self.write("XADD", key, args)
    }

    /// Puts a document in front of the list at `key`, after all other writes. An entry that alone
    /// is above the bounds leaves nothing of the list: what is older cannot be reached past it.
    #[must_use]
    pub fn push(mut self, key: String, document: String, bounds: ListBounds) -> Self {
        let ListBounds {
            entries_max,
            bytes_max,
            keep,
        } = bounds;
        let key = self.key(key);
        let keep_ms = keep.as_millis().to_string();
        self.plan.pushes.push(PlannedPush {
            key,
            document,
            entries_max,
            bytes_max,
            keep_ms,
        });
        self
    }

    /// Puts a document at the end of a collection, after all other writes.
    #[must_use]
    pub fn add(mut self, collection: Collection, id: String, document: String) -> Self {
        let Collection {
            documents,
            order,
            entries_max,
        } = collection;
        let documents = self.key(documents);
        let order = self.key(order);
        self.plan.entries.push(PlannedEntry {
            documents,
            order,
            id,
            document,
            entries_max,
        });
        self
    }

    /// Runs another write command on `key`.
    #[must_use]
    pub fn write(mut self, command: &'static str, key: String, args: Vec<String>) -> Self {
        let key = self.key(key);
        self.plan.writes.push(PlannedWrite { command, key, args });
        self
    }

    /// The call of the script, in a Redis process with this identity.
    fn invocation(&mut self, run: &str) -> Result<ScriptInvocation<'static>, BusError> {
        for event in &mut self.plan.events {
            run.clone_into(&mut event.run);
        }
        let mut invocation = COMMIT.prepare_invoke();
        for key in &self.keys {
            invocation.key(key);
        }
        invocation.arg(write_document(&self.plan)?);
        Ok(invocation)
    }

    /// The place of `key` among the script's keys, from 1.
    fn key(&mut self, key: String) -> usize {
        if let Some(index) = self.keys.iter().position(|known| *known == key) {
            return index.saturating_add(1);
        }
        self.keys.push(key);
        self.keys.len()
    }
}

impl Bus {
    /// An event from this process about `stream`, to be added to a commit. `traceparent` is the
    /// W3C trace context of the request that causes it.
    pub fn event<P: Payload>(
        &self,
        stream: &StreamId,
        payload: &P,
        traceparent: Option<String>,
    ) -> Result<OutgoingEvent, BusError> {
        let now = self.shared.clock.now();
        let event = Event::new(payload, &self.shared.source, stream, now, traceparent)?;
        Ok(OutgoingEvent {
            stream: stream.clone(),
            event,
        })
    }

    /// Commits a change and publishes `events`, in order and in one step.
    pub async fn commit(
        &self,
        mut commit: Commit,
        events: Vec<OutgoingEvent>,
    ) -> Result<CommitOutcome, BusError> {
        for event in events {
            self.plan_event(&mut commit, event)?;
        }
        // Boxed: the futures of all who commit hold these.
        let answer: Vec<Value> = match &self.shared.server {
            Server::One(one) => {
                let step = async |link: &mut Link| {
                    // Only a connection that is open says which Redis process it leads to.
                    let invocation = commit.invocation(&one.run())?;
                    let answer = invocation.invoke_async(link).await;
                    answer.map_err(BusError::Command)
                };
                self.within(Box::pin(one.lane.pass(&one.pool, step))).await
            }
            Server::Cluster(cluster) => {
                let key = commit.keys.first().cloned().unwrap_or_default();
                // There are several processes: the script asks the one that it runs in.
                let invocation = commit.invocation("")?;
                let sending = cluster.send_once(&key, Request::Script(&invocation));
                self.within(Box::pin(sending)).await
            }
        }?;
        read_answer(answer).ok_or(BusError::ScriptAnswer { script: "commit" })
    }

    fn plan_event(&self, commit: &mut Commit, event: OutgoingEvent) -> Result<(), BusError> {
        let OutgoingEvent { stream, event } = event;
        let channel = event.kind.channel();
        let also = if event.kind.is_about_stream() {
            keys::EVENTS_STREAM
        } else {
            keys::EVENTS_SYSTEM
        };
        let planned = PlannedEvent {
            history: commit.key(keys::history(&stream, channel)),
            position: commit.key(keys::position(&stream, channel)),
            epoch: Epoch::generate().as_str().to_owned(),
            run: String::new(),
            history_max: self.shared.config.history_max.to_string(),
            channel: channel.as_str(),
            shard: self.is_cluster().then(|| keys::live(&stream, channel)),
            also,
            stream: stream.to_string(),
            event: write_document(&event)?,
        };
        commit.plan.events.push(planned);
        Ok(())
    }

    /// Publishes one event that changes no document.
    pub async fn publish<P: Payload>(
        &self,
        stream: &StreamId,
        payload: &P,
        traceparent: Option<String>,
    ) -> Result<Position, BusError> {
        let event = self.event(stream, payload, traceparent)?;
        match self.commit(Commit::new(), vec![event]).await? {
            CommitOutcome::Committed(positions) => positions.into_iter().next(),
            CommitOutcome::Replayed(_) | CommitOutcome::Refused { .. } => None,
        }
        .ok_or(BusError::ScriptAnswer { script: "commit" })
    }

    /// The identity of the running Redis process, which is learned with the first connection; empty
    /// where there are several.
    pub(crate) async fn known_run(&self) -> Result<String, BusError> {
        if self.run().is_empty() && !self.is_cluster() {
            self.ping().await?;
        }
        Ok(self.run())
    }

    fn run(&self) -> String {
        match &self.shared.server {
            Server::One(one) => one.run(),
            Server::Cluster(_) => String::new(),
        }
    }

    fn is_cluster(&self) -> bool {
        matches!(self.shared.server, Server::Cluster(_))
    }
}

fn read_answer(answer: Vec<Value>) -> Option<CommitOutcome> {
    let mut words = Vec::with_capacity(answer.len());
    for value in answer {
        words.push(String::from_redis_value(value).ok()?);
    }
    let mut words = words.into_iter();
    match words.next()?.as_str() {
        "committed" => {
            let mut positions = Vec::new();
            while let (Some(epoch), Some(offset)) = (words.next(), words.next()) {
                positions.push(Position {
                    epoch: Epoch::from(epoch),
                    offset: offset.parse().ok()?,
                });
            }
            Some(CommitOutcome::Committed(positions))
        }
        "replayed" => Some(CommitOutcome::Replayed(words.next()?)),
        "refused" => Some(CommitOutcome::Refused {
            guard: words.next()?.parse().ok()?,
            actual: words.next()?,
        }),
        _ => None,
    }
}
