//! Chat: posting and reading messages.

use std::sync::LazyLock;
use std::time::Duration;

use sm_bus::{Bus, BusError, keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::{ChatLog, ChatMessage, ChatMessageDeleted, ChatTextError, parse_chat_text};
use sm_common::event::Channel;
use sm_common::id::{MessageId, StreamId};

use crate::config::ChatConfig;
use crate::limit::Limit;
use crate::metrics::Metrics;

static ALLOWANCE: LazyLock<redis::Script> =
    LazyLock::new(|| redis::Script::new(include_str!("allowance.lua")));
/// Who has no message left, as the script answers.
const NOBODY: i64 = 0;
const PERSON: i64 = 1;
const NO_STREAM: i64 = -1;
/// A second, in the script's unit.
const SECOND_MICROS: u64 = 1_000_000;

/// Why a message was not posted, or messages not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChatError {
    #[error(transparent)]
    Text(#[from] ChatTextError),
    #[error("there is no stream {0}")]
    UnknownStream(StreamId),
    #[error("there is no message {0}, or it is too old to be known")]
    UnknownMessage(MessageId),
    #[error("too many messages; the next may be posted in {} ms", .wait.as_millis())]
    TooFast { wait: Duration },
    #[error("everybody together posts too many messages; try again in {} ms", .wait.as_millis())]
    Crowded { wait: Duration },
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// The chat of every stream. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    bus: Bus,
    config: ChatConfig,
    metrics: Metrics,
}

impl Chat {
    pub(crate) const fn new(bus: Bus, config: ChatConfig, metrics: Metrics) -> Self {
        Self {
            bus,
            config,
            metrics,
        }
    }

    /// The settings of posting.
    pub(crate) const fn config(&self) -> &ChatConfig {
        &self.config
    }

    /// Posts a message. It is in the history when this returns.
    pub(crate) async fn post(
        &self,
        stream: &StreamId,
        author: &Identity,
        text: &str,
        traceparent: Option<String>,
    ) -> Result<ChatMessage, ChatError> {
        let posted = self.try_post(stream, author, text, traceparent).await;
        self.metrics.chat(match &posted {
            Ok(_) => "posted",
            Err(
                ChatError::Text(_) | ChatError::UnknownStream(_) | ChatError::UnknownMessage(_),
            ) => "refused",
            Err(ChatError::TooFast { .. } | ChatError::Crowded { .. }) => "limited",
            Err(ChatError::Bus(_)) => "failed",
        });
        posted
    }

    async fn try_post(
        &self,
        stream: &StreamId,
        author: &Identity,
        text: &str,
        traceparent: Option<String>,
    ) -> Result<ChatMessage, ChatError> {
        let text = parse_chat_text(text)?;
        self.take_allowance(stream, author).await?;
        let message = ChatMessage {
            id: MessageId::generate(),
            user: author.user,
            name: author.name.clone(),
            role: author.role,
            text,
            sent_at: self.bus.clock().now(),
        };
        self.bus.publish(stream, &message, traceparent).await?;
        Ok(message)
    }

    async fn take_allowance(&self, stream: &StreamId, author: &Identity) -> Result<(), ChatError> {
        let mut invocation = ALLOWANCE.prepare_invoke();
        invocation
            .key(keys::chat_allowance(stream, &author.user.to_string()))
            .key(keys::chat_pace(stream))
            .key(keys::desired(stream))
            .arg(self.config.interval_ms.saturating_mul(1000))
            .arg(self.config.burst.max(1))
            .arg(SECOND_MICROS / u64::from(self.config.channel_per_second.max(1)))
            .arg(self.config.channel_burst.max(1));
        let (who, wait_ms): (i64, u64) = self.bus.script(&invocation).await?;
        let wait = Duration::from_millis(wait_ms);
        match who {
            NOBODY => Ok(()),
            NO_STREAM => Err(ChatError::UnknownStream(stream.clone())),
            PERSON => {
                self.metrics.limited(Limit::ChatOfPerson);
                Err(ChatError::TooFast { wait })
            }
            _the_chat => {
                self.metrics.limited(Limit::ChatOfChannel);
                Err(ChatError::Crowded { wait })
            }
        }
    }

    /// Takes a message away: when this returns, no list of messages holds it, and everybody who
    /// follows the chat is told.
    pub(crate) async fn delete(
        &self,
        stream: &StreamId,
        message: MessageId,
        traceparent: Option<String>,
    ) -> Result<(), ChatError> {
        self.require_stream(stream).await?;
        let log = self.log(stream, self.bus.history_max()).await?;
        if !log.messages().any(|known| known.id == message) {
            return Err(ChatError::UnknownMessage(message));
        }
        let deleted = ChatMessageDeleted { id: message };
        self.bus.publish(stream, &deleted, traceparent).await?;
        self.metrics.chat("deleted");
        Ok(())
    }

    /// The newest messages that nobody took away, oldest first.
    pub(crate) async fn newest(
        &self,
        stream: &StreamId,
        count: usize,
    ) -> Result<Vec<ChatMessage>, ChatError> {
        self.require_stream(stream).await?;
        let log = self.log(stream, events_for(count)).await?;
        let older = log.messages().len().saturating_sub(count);
        Ok(log.messages().skip(older).cloned().collect())
    }

    /// What the newest events leave.
    async fn log(&self, stream: &StreamId, events: usize) -> Result<ChatLog, ChatError> {
        let newest = self.bus.newest(stream, Channel::Chat, events).await?;
        let mut log = ChatLog::new(events);
        for published in newest {
            let taken = log.take(&published.event);
            taken.map_err(|error| ChatError::Bus(BusError::Payload(error)))?;
        }
        Ok(log)
    }

    async fn require_stream(&self, stream: &StreamId) -> Result<(), ChatError> {
        let known: bool = self
            .bus
            .query(redis::cmd("EXISTS").arg(keys::desired(stream)))
            .await?;
        if known {
            Ok(())
        } else {
            Err(ChatError::UnknownStream(stream.clone()))
        }
    }
}

/// How many events are read for so many messages: some are about messages that were taken away.
pub(crate) const fn events_for(messages: usize) -> usize {
    messages.saturating_mul(2)
}
