use std::collections::BTreeSet;

use sm_bus::BusError;
use sm_common::audience::Client;
use sm_common::event::Position;
use sm_common::id::{ConnectionId, StreamId};

use super::room::Joined;
use super::{Hub, Opening};
use crate::metrics::Metrics;
use crate::replay::{Replay, ReplayError, Start};
use crate::session::Outbox;
use crate::topic::Topic;

/// How often a snapshot is read again because the feed was interrupted meanwhile.
const ATTEMPTS_MAX: usize = 5;

/// Why a subscription did not come about. An earlier one to the same topic has ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubscribeError {
    #[error("there is no stream {0}")]
    UnknownStream(StreamId),
    #[error("too many subscriptions begin at this moment")]
    Busy,
    #[error("the feed of live events is interrupted again and again")]
    Unsettled,
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl From<ReplayError> for SubscribeError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::UnknownStream(stream) => Self::UnknownStream(stream),
            ReplayError::Bus(error) => Self::Bus(error),
        }
    }
}

/// One connection's place in the hub, with its subscriptions. Leaves when dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    hub: Hub,
    replay: Replay,
    metrics: Metrics,
    connection: ConnectionId,
    outbox: Outbox,
    topics: BTreeSet<Topic>,
}

impl Membership {
    pub(crate) fn new(
        hub: Hub,
        replay: Replay,
        metrics: Metrics,
        (connection, client): (ConnectionId, Client),
        outbox: Outbox,
    ) -> Self {
        hub.welcome(connection, client, &outbox);
        Self {
            hub,
            replay,
            metrics,
            connection,
            outbox,
            topics: BTreeSet::new(),
        }
    }

    /// The topics subscribed to.
    pub(crate) const fn topics(&self) -> &BTreeSet<Topic> {
        &self.topics
    }

    /// Subscribes: what was missed since `since`, or a snapshot, and then every event, or a
    /// `sample` of them where that is asked for. `request` is echoed.
    pub(crate) async fn subscribe(
        &mut self,
        request: u64,
        topic: &Topic,
        since: Option<&Position>,
        sample: bool,
    ) -> Result<(), SubscribeError> {
        let outbox = self.outbox.clone();
        let room = self.hub.enter(topic, self.connection, outbox);
        if sample {
            room.sample(self.connection);
        }
        if self.topics.insert(topic.clone()) {
            self.metrics.subscriptions(topic.channel).inc();
        }
        for _ in 0..ATTEMPTS_MAX {
            let start = match self.read(topic, since).await {
                Ok(start) => start,
                Err(error) => {
                    self.unsubscribe(topic);
                    return Err(error);
                }
            };
            let recovered = start.is_recovered();
            let opening: Opening = start.opening(request, topic);
            if room.join(self.connection, opening) == Joined::Following {
                if since.is_some() {
                    let outcome = if recovered { "recovered" } else { "snapshot" };
                    self.metrics.recovery(outcome);
                }
                return Ok(());
            }
        }
        self.unsubscribe(topic);
        Err(SubscribeError::Unsettled)
    }

    async fn read(&self, topic: &Topic, since: Option<&Position>) -> Result<Start, SubscribeError> {
        let _turn = self.replay.turn().await.ok_or(SubscribeError::Busy)?;
        Ok(self.replay.start(topic, since).await?)
    }

    /// Ends a subscription, if there is one.
    pub(crate) fn unsubscribe(&mut self, topic: &Topic) {
        if self.topics.remove(topic) {
            self.hub.leave(topic, self.connection);
            self.metrics.subscriptions(topic.channel).dec();
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        for topic in std::mem::take(&mut self.topics) {
            self.hub.leave(&topic, self.connection);
            self.metrics.subscriptions(topic.channel).dec();
        }
        self.hub.dismiss(self.connection);
    }
}
