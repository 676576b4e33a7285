//! What a subscriber starts with: the events it missed, or a snapshot and its position.

mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use sm_bus::{Bus, BusError, History, keys, redis};
use sm_common::event::{Channel, Position};
use sm_common::id::StreamId;
use sm_common::ws::ServerMessage;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::config::{ChatConfig, FanoutConfig};
use crate::hub::{EncodedEvent, Opening};
use crate::topic::Topic;

/// How often a snapshot is read again because its history began, or went on, meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("there is no stream {0}")]
    UnknownStream(StreamId),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// The current value of a topic, and the position that it stands for.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) value: serde_json::Value,
    pub(crate) position: Position,
}

/// How a subscription begins.
#[derive(Debug)]
pub(crate) enum Start {
    /// Everything after the client's position.
    Recovered {
        since: Position,
        missed: Vec<Arc<EncodedEvent>>,
    },
    /// The current value.
    Fresh(Snapshot),
}

impl Start {
    /// Whether the client keeps what it has.
    pub(crate) const fn is_recovered(&self) -> bool {
        matches!(self, Self::Recovered { .. })
    }

    /// The same, ready to be sent as the answer to `request`.
    pub(crate) fn opening(self, request: u64, topic: &Topic) -> Opening {
        let recovered = self.is_recovered();
        let (start, missed, snapshot) = match self {
            Self::Recovered { since, missed } => (since, missed, None),
            Self::Fresh(Snapshot { value, position }) => (position, Vec::new(), Some(value)),
        };
        let subscribed = ServerMessage::Subscribed {
            id: request,
            channel: topic.channel,
            stream: topic.stream.clone(),
            recovered,
            epoch: start.epoch.clone(),
            offset: start.offset,
            snapshot,
        };
        let position = Position {
            offset: missed.last().map_or(start.offset, |last| last.offset),
            epoch: start.epoch,
        };
        Opening {
            subscribed,
            missed,
            position,
        }
    }
}

/// Reads histories and snapshots. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    bus: Bus,
    events_max: usize,
    bytes_max: usize,
    chat_messages: usize,
    /// A herd of clients that come back waits here, and not in Redis' time limit.
    reads: Arc<Semaphore>,
    wait_max: Duration,
}

impl Replay {
    pub(crate) fn new(bus: Bus, fanout: &FanoutConfig, chat: &ChatConfig) -> Self {
        Self {
            bus,
            events_max: fanout.recovery_events_max,
            bytes_max: fanout.recovery_bytes_max,
            chat_messages: chat.snapshot_messages,
            reads: Arc::new(Semaphore::new(fanout.reads_max.max(1))),
            wait_max: fanout.reads_wait_max(),
        }
    }

    /// Waits for its turn to read; `None` when that takes too long.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        timeout(self.wait_max, self.reads.acquire())
            .await
            .ok()?
            .ok()
    }

    /// What a subscriber starts with who last heard the event at `since`.
    pub(crate) async fn start(
        &self,
        topic: &Topic,
        since: Option<&Position>,
    ) -> Result<Start, ReplayError> {
        if let Some(since) = since
            && let Some(missed) = self.missed(topic, since).await?
        {
            let since = since.clone();
            return Ok(Start::Recovered { since, missed });
        }
        Ok(Start::Fresh(self.snapshot(topic).await?))
    }

    /// The current value of a topic.
    pub(crate) async fn snapshot(&self, topic: &Topic) -> Result<Snapshot, ReplayError> {
        let Topic { channel, stream } = topic;
        for _ in 0..ATTEMPTS_MAX {
            let (value, position) = match channel {
                Channel::StreamState => self.stream_state(stream).await?,
                Channel::LayerUpdates => self.scene(stream).await?,
                Channel::Metrics => self.latest_sample(stream).await?,
                Channel::Chat => self.latest_messages(stream).await?,
                Channel::Alerts => self.firing(stream).await?,
            };
            if let Some(position) = position {
                return Ok(Snapshot { value, position });
            }
            self.bus.begin_history(stream, *channel).await?;
        }
        Err(ReplayError::Bus(BusError::ScriptAnswer {
            script: "commit",
        }))
    }

    /// Everything after `since`; `None` when it is not known any more, or is too much.
    async fn missed(
        &self,
        Topic { channel, stream }: &Topic,
        since: &Position,
    ) -> Result<Option<Vec<Arc<EncodedEvent>>>, ReplayError> {
        let history = self
            .bus
            .history_since(stream, *channel, since, self.events_max)
            .await?;
        let missed: Vec<_> = match history {
            History::Complete(missed) => missed
                .into_iter()
                .filter_map(|published| EncodedEvent::new(Arc::new(published)))
                .collect(),
            History::Gap { .. } => return Ok(None),
        };
        let bytes = missed.iter().map(|event| event.len()).sum::<usize>();
        Ok((bytes <= self.bytes_max).then_some(missed))
    }

    /// Whether stream-control knows the stream.
    async fn require_stream(&self, stream: &StreamId) -> Result<(), ReplayError> {
        let exists: bool = self
            .bus
            .query(redis::cmd("EXISTS").arg(keys::desired(stream)))
            .await?;
        if exists {
            Ok(())
        } else {
            Err(ReplayError::UnknownStream(stream.clone()))
        }
    }
}
