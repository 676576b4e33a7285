//! Reading messages.

use std::str::FromStr;

use sm_bus::{BusError, keys, redis};
use sm_common::chat::{ChatLog, ChatMessage};
use sm_common::event::Channel;
use sm_common::id::{MessageId, StreamId};

use super::stored::read;
use super::{Chat, ChatError};

/// A place in the kept messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before this message.
    Message(MessageId),
    /// Before the message of this number.
    Number(u64),
}

impl FromStr for Place {
    type Err = ChatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self::Number)
            .or_else(|_| text.parse().map(Self::Message))
            .map_err(|_neither| ChatError::UnknownPlace)
    }
}

/// Some messages.
#[derive(Debug)]
pub(crate) struct MessagePage {
    /// Oldest first.
    pub(crate) messages: Vec<ChatMessage>,
    /// Where older ones begin; `None` when there are none.
    pub(crate) next: Option<u64>,
}

impl Chat {
    /// The newest messages that nobody took away, oldest first.
    pub(crate) async fn newest(
        &self,
        stream: &StreamId,
        count: usize,
    ) -> Result<Vec<ChatMessage>, ChatError> {
        self.require_stream(stream).await?;
        let events = events_for(count);
        let newest = self.bus.newest(stream, Channel::Chat, events).await?;
        let mut log = ChatLog::new(events);
        for published in newest {
            let taken = log.take(&published.event);
            taken.map_err(|error| ChatError::Bus(BusError::Payload(error)))?;
        }
        let older = log.messages().len().saturating_sub(count);
        Ok(log.messages().skip(older).cloned().collect())
    }

    /// The newest `limit` messages before a place.
    pub(crate) async fn page(
        &self,
        stream: &StreamId,
        before: Option<Place>,
        limit: usize,
    ) -> Result<MessagePage, ChatError> {
        self.require_stream(stream).await?;
        let from = match before {
            None => "+inf".to_owned(),
            Some(Place::Number(number)) => format!("({number}"),
            Some(Place::Message(message)) => format!("({}", self.number_of(stream, message).await?),
        };
        let mut command = redis::cmd("ZREVRANGEBYSCORE");
        command.arg(keys::chat_order(stream)).arg(from).arg("-inf");
        command.arg("WITHSCORES").arg("LIMIT").arg(0);
        command.arg(limit.saturating_add(1));
        let mut found: Vec<(String, u64)> = self.bus.query(&command).await?;
        let has_older = found.len() > limit;
        found.truncate(limit);
        found.reverse();
        let next = found.first().map(|(_, number)| *number);
        let ids: Vec<String> = found.into_iter().map(|(id, _)| id).collect();
        Ok(MessagePage {
            messages: self.read_messages(stream, &ids).await?,
            next: next.filter(|_| has_older),
        })
    }

    async fn number_of(&self, stream: &StreamId, message: MessageId) -> Result<u64, ChatError> {
        let mut command = redis::cmd("ZSCORE");
        command.arg(keys::chat_order(stream));
        command.arg(message.to_string());
        let number: Option<f64> = self.bus.query(&command).await?;
        let number = number.ok_or(ChatError::UnknownPlace)?;
        format!("{number:.0}")
            .parse()
            .map_err(|_not_whole| ChatError::UnknownPlace)
    }

    /// Messages by identifier, in their order; those that are gone are left out.
    pub(super) async fn read_messages(
        &self,
        stream: &StreamId,
        ids: &[String],
    ) -> Result<Vec<ChatMessage>, ChatError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let key = keys::chat_messages(stream);
        let mut command = redis::cmd("HMGET");
        command.arg(&key).arg(ids);
        let found: Vec<Option<String>> = self.bus.query(&command).await?;
        let found = found.iter().flatten();
        Ok(found
            .map(|text| read(&key, text))
            .collect::<Result<_, _>>()?)
    }
}

/// How many events are read for so many messages: some tell of other things.
pub(crate) const fn events_for(messages: usize) -> usize {
    messages.saturating_mul(3)
}
