//! Taking messages away.

use sm_bus::{BusError, Commit, keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::{ChatLog, ChatMessage, ChatMessageDeleted, ChatPerson, ModerationAction};
use sm_common::event::Channel;
use sm_common::id::{MessageId, StreamId, UserId};

use super::stored::{Pins, Stored, message_guard};
use super::{ATTEMPTS_MAX, Chat, ChatError};

/// Most messages that one commit takes away.
const DELETED_AT_ONCE: usize = 100;

impl Chat {
    /// Takes a message away: when this returns, no list of messages holds it, and everybody who
    /// follows the chat is told.
    pub(crate) async fn delete(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        id: MessageId,
        traceparent: Option<String>,
    ) -> Result<(), ChatError> {
        self.require_stream(stream).await?;
        for _ in 0..ATTEMPTS_MAX {
            let (known, pins) = self.message_and_pins(stream, id).await?;
            let message = match &known {
                Some(known) => known.value.clone(),
                None => self.find_in_history(stream, id).await?,
            };
            let mut commit = Commit::new().guard(pins.guard(stream));
            if let Some(known) = &known {
                commit = commit.guard(message_guard(stream, known));
            }
            let commit = Self::drop_message(stream, id, commit);
            let deed = self.deed(moderator, ModerationAction::MessageDeleted);
            let entry = sm_common::chat::ModerationEntry {
                person: Some(writer(&message)),
                message: Some(id),
                text: Some(message.text),
                ..deed
            };
            let commit = self.log_deed(stream, &entry, commit)?;
            let told = self.tell_deleted(stream, &[id], &pins, commit, traceparent.as_ref())?;
            if self.committed(told.0, told.1).await? {
                self.metrics.chat("deleted");
                return Ok(());
            }
        }
        Err(ChatError::Contended)
    }

    /// Takes away what a person wrote lately. Returns how many messages that were.
    pub(super) async fn delete_written(
        &self,
        stream: &StreamId,
        user: UserId,
        traceparent: Option<&String>,
    ) -> Result<usize, ChatError> {
        let written = self.written(stream, user).await?;
        let mut deleted = 0_usize;
        for some in written.chunks(DELETED_AT_ONCE) {
            let ids: Vec<MessageId> = some.iter().map(|message| message.id).collect();
            let mut attempts = 0;
            loop {
                let pins = self.pins_now(stream).await?;
                let mut commit = Commit::new().guard(pins.guard(stream));
                for id in &ids {
                    commit = Self::drop_message(stream, *id, commit);
                }
                let told = self.tell_deleted(stream, &ids, &pins, commit, traceparent)?;
                if self.committed(told.0, told.1).await? {
                    break;
                }
                attempts += 1;
                if attempts >= ATTEMPTS_MAX {
                    return Err(ChatError::Contended);
                }
            }
            deleted = deleted.saturating_add(ids.len());
            for _ in &ids {
                self.metrics.chat("deleted");
            }
        }
        Ok(deleted)
    }

    /// What is kept of a person's newest messages, the newest first.
    pub(super) async fn written(
        &self,
        stream: &StreamId,
        user: UserId,
    ) -> Result<Vec<ChatMessage>, ChatError> {
        let mut command = redis::cmd("LRANGE");
        command.arg(keys::chat_written(stream, user)).arg(0).arg(-1);
        let ids: Vec<String> = self.bus.query(&command).await?;
        self.read_messages(stream, &ids).await
    }

    /// Adds to a change that messages are gone.
    fn tell_deleted(
        &self,
        stream: &StreamId,
        ids: &[MessageId],
        pins: &Pins,
        mut commit: Commit,
        traceparent: Option<&String>,
    ) -> Result<(Commit, Vec<sm_bus::OutgoingEvent>), ChatError> {
        let told = ids.iter().map(|id| {
            let deleted = ChatMessageDeleted { id: *id };
            self.bus.event(stream, &deleted, traceparent.cloned())
        });
        let mut events = told.collect::<Result<Vec<_>, BusError>>()?;
        let mut left = pins.messages.clone();
        left.retain(|pin| !ids.contains(&pin.id));
        if left.len() < pins.messages.len() {
            let (with_pins, event) = self.write_pins(stream, left, commit, traceparent.cloned())?;
            commit = with_pins;
            events.push(event);
        }
        Ok((commit, events))
    }

    pub(super) async fn message_and_pins(
        &self,
        stream: &StreamId,
        id: MessageId,
    ) -> Result<(Option<Stored<ChatMessage>>, Pins), ChatError> {
        let messages = keys::chat_messages(stream);
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGET").arg(&messages).arg(id.to_string());
        pipeline.cmd("GET").arg(keys::chat_pins(stream));
        let (message, pins): (Option<String>, Option<String>) =
            self.bus.pipeline(&pipeline).await?;
        Ok((
            Stored::read(&messages, message)?,
            Pins::read(stream, pins.unwrap_or_default())?,
        ))
    }

    /// A message that only the channel's history knows: a version before this one posted it.
    async fn find_in_history(
        &self,
        stream: &StreamId,
        id: MessageId,
    ) -> Result<ChatMessage, ChatError> {
        let newest = self.bus.history_max();
        let newest = self.bus.newest(stream, Channel::Chat, newest).await?;
        let mut log = ChatLog::new(newest.len());
        for published in &newest {
            let taken = log.take(&published.event);
            taken.map_err(|error| ChatError::Bus(BusError::Payload(error)))?;
        }
        let mut messages = log.messages();
        let found = messages.find(|message| message.id == id).cloned();
        found.ok_or(ChatError::UnknownMessage(id))
    }
}

pub(super) fn writer(message: &ChatMessage) -> ChatPerson {
    ChatPerson {
        user: message.user,
        name: Some(message.name.clone()),
    }
}
