//! Documents as they are in Redis.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sm_bus::{BusError, Collection, Commit, Guard, OutgoingEvent, keys};
use sm_common::chat::{ChatMessage, ChatPinsChanged};
use sm_common::id::{MessageId, StreamId};

use super::{Chat, ChatError};

/// A document, and the text that it was read from: a change is made only while that is still there.
#[derive(Clone, Debug)]
pub(super) struct Stored<T> {
    pub(super) text: String,
    pub(super) value: T,
}

impl<T: DeserializeOwned> Stored<T> {
    /// Reads what is at `key`; `None` where nothing is.
    pub(super) fn read(key: &str, text: Option<String>) -> Result<Option<Self>, BusError> {
        text.filter(|text| !text.is_empty())
            .map(|text| {
                Ok(Self {
                    value: read(key, &text)?,
                    text,
                })
            })
            .transpose()
    }
}

pub(super) fn read<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, BusError> {
    serde_json::from_str(text).map_err(|source| BusError::Document {
        key: key.to_owned(),
        source,
    })
}

pub(super) fn write<T: Serialize>(value: &T) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(BusError::Encode)
}

/// The pinned messages, as they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Pins {
    text: String,
    pub(super) messages: Vec<ChatMessage>,
}

impl Pins {
    pub(super) fn read(stream: &StreamId, text: String) -> Result<Self, BusError> {
        let messages = if text.is_empty() {
            Vec::new()
        } else {
            read(&keys::chat_pins(stream), &text)?
        };
        Ok(Self { text, messages })
    }

    /// That they are still the same.
    pub(super) fn guard(&self, stream: &StreamId) -> Guard {
        let text = Some(self.text.as_str()).filter(|text| !text.is_empty());
        Guard::value(keys::chat_pins(stream), text)
    }
}

impl Chat {
    /// Adds other pinned messages to a change.
    pub(super) fn write_pins(
        &self,
        stream: &StreamId,
        pins: Vec<ChatMessage>,
        commit: Commit,
        traceparent: Option<String>,
    ) -> Result<(Commit, OutgoingEvent), ChatError> {
        let commit = commit.set(keys::chat_pins(stream), write(&pins)?);
        let changed = ChatPinsChanged { pins };
        Ok((commit, self.bus.event(stream, &changed, traceparent)?))
    }

    /// Adds a message to a change that posts it.
    pub(super) fn write_message(
        &self,
        stream: &StreamId,
        message: &ChatMessage,
        commit: Commit,
    ) -> Result<Commit, ChatError> {
        let id = message.id.to_string();
        let written = keys::chat_written(stream, message.user);
        let last = self.config.written_max.saturating_sub(1).to_string();
        let keep = self.config.written_keep_s.saturating_mul(1000).to_string();
        Ok(commit
            .write("LPUSH", written.clone(), vec![id.clone()])
            .write("LTRIM", written.clone(), vec!["0".to_owned(), last])
            .write("PEXPIRE", written, vec![keep])
            .add(self.messages(stream), id, write(message)?))
    }

    /// Adds to a change that a message is not kept any more.
    pub(super) fn drop_message(stream: &StreamId, id: MessageId, commit: Commit) -> Commit {
        let id = id.to_string();
        commit.hash_delete(keys::chat_messages(stream), &id).write(
            "ZREM",
            keys::chat_order(stream),
            vec![id],
        )
    }

    /// The kept messages.
    pub(super) fn messages(&self, stream: &StreamId) -> Collection {
        Collection {
            documents: keys::chat_messages(stream),
            order: keys::chat_order(stream),
            entries_max: self.config.history_messages,
        }
    }
}

/// That a message is still as it was read.
pub(super) fn message_guard(stream: &StreamId, message: &Stored<ChatMessage>) -> Guard {
    Guard::field(
        keys::chat_messages(stream),
        &message.value.id.to_string(),
        Some(&message.text),
    )
}
