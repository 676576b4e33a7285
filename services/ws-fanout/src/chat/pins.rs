//! Pinned messages.

use sm_bus::{Commit, keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::{ChatMessage, ModerationAction, ModerationEntry};
use sm_common::id::{MessageId, StreamId};

use super::deleting::writer;
use super::stored::{Pins, message_guard};
use super::{ATTEMPTS_MAX, Chat, ChatError};

impl Chat {
    /// The pinned messages, the one that was pinned last first.
    pub(crate) async fn pins(&self, stream: &StreamId) -> Result<Vec<ChatMessage>, ChatError> {
        self.require_stream(stream).await?;
        Ok(self.pins_now(stream).await?.messages)
    }

    pub(super) async fn pins_now(&self, stream: &StreamId) -> Result<Pins, ChatError> {
        let mut command = redis::cmd("GET");
        command.arg(keys::chat_pins(stream));
        let text: Option<String> = self.bus.query(&command).await?;
        Ok(Pins::read(stream, text.unwrap_or_default())?)
    }

    /// Pins a message. Returns all that are pinned.
    pub(crate) async fn pin(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        id: MessageId,
        traceparent: Option<String>,
    ) -> Result<Vec<ChatMessage>, ChatError> {
        self.require_stream(stream).await?;
        for _ in 0..ATTEMPTS_MAX {
            let (known, pins) = self.message_and_pins(stream, id).await?;
            let known = known.ok_or(ChatError::UnknownMessage(id))?;
            if pins.messages.iter().any(|pin| pin.id == id) {
                return Ok(pins.messages);
            }
            if pins.messages.len() >= self.config.pins_max {
                return Err(ChatError::PinLimit(self.config.pins_max));
            }
            let commit = Commit::new()
                .guard(pins.guard(stream))
                .guard(message_guard(stream, &known));
            let entry = self.pin_deed(moderator, ModerationAction::MessagePinned, &known.value);
            let commit = self.log_deed(stream, &entry, commit)?;
            let mut wanted = vec![known.value];
            wanted.extend(pins.messages);
            let (commit, event) =
                self.write_pins(stream, wanted.clone(), commit, traceparent.clone())?;
            if self.committed(commit, vec![event]).await? {
                return Ok(wanted);
            }
        }
        Err(ChatError::Contended)
    }

    /// Unpins a message.
    pub(crate) async fn unpin(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        id: MessageId,
        traceparent: Option<String>,
    ) -> Result<(), ChatError> {
        self.require_stream(stream).await?;
        for _ in 0..ATTEMPTS_MAX {
            let pins = self.pins_now(stream).await?;
            let (gone, left): (Vec<_>, Vec<_>) =
                pins.messages.iter().cloned().partition(|pin| pin.id == id);
            let gone = gone.first().ok_or(ChatError::UnknownMessage(id))?;
            let commit = Commit::new().guard(pins.guard(stream));
            let entry = self.pin_deed(moderator, ModerationAction::MessageUnpinned, gone);
            let commit = self.log_deed(stream, &entry, commit)?;
            let (commit, event) = self.write_pins(stream, left, commit, traceparent.clone())?;
            if self.committed(commit, vec![event]).await? {
                return Ok(());
            }
        }
        Err(ChatError::Contended)
    }

    fn pin_deed(
        &self,
        moderator: &Identity,
        action: ModerationAction,
        message: &ChatMessage,
    ) -> ModerationEntry {
        ModerationEntry {
            person: Some(writer(message)),
            message: Some(message.id),
            text: Some(message.text.clone()),
            ..self.deed(moderator, action)
        }
    }
}
