//! Messages that wait for a moderator.

use sm_bus::{Commit, Guard, OutgoingEvent, keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::{
    ChatHeldChanged, ChatMessage, ChatPerson, HeldMessage, ModerationAction, ModerationEntry,
};
use sm_common::id::{MessageId, StreamId, UserId};

use super::stored::{Stored, read};
use super::{ATTEMPTS_MAX, Chat, ChatError};

impl Chat {
    /// The messages that wait, oldest first.
    pub(crate) async fn held(&self, stream: &StreamId) -> Result<Vec<HeldMessage>, ChatError> {
        self.require_stream(stream).await?;
        let key = keys::chat_held(stream);
        let mut command = redis::cmd("HVALS");
        command.arg(&key);
        let stored: Vec<String> = self.bus.query(&command).await?;
        let mut held = Vec::with_capacity(stored.len());
        for text in &stored {
            held.push(read::<HeldMessage>(&key, text)?);
        }
        held.sort_by_key(|message| (message.held_at, message.id));
        Ok(held)
    }

    /// Posts a message that waits.
    pub(crate) async fn approve(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        id: MessageId,
        traceparent: Option<String>,
    ) -> Result<ChatMessage, ChatError> {
        self.require_stream(stream).await?;
        for _ in 0..ATTEMPTS_MAX {
            let held = self.waiting(stream, id).await?;
            let message = self.released(&held.value);
            let commit =
                self.decide(stream, moderator, &held, ModerationAction::MessageApproved)?;
            let commit = self.write_message(stream, &message, commit)?;
            let events = vec![
                self.bus.event(stream, &message, traceparent.clone())?,
                self.went(stream, id, traceparent.clone())?,
            ];
            if self.committed(commit, events).await? {
                self.metrics.chat("posted");
                return Ok(message);
            }
        }
        Err(ChatError::Contended)
    }

    /// Throws a message away that waits.
    pub(crate) async fn reject(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        id: MessageId,
        traceparent: Option<String>,
    ) -> Result<(), ChatError> {
        self.require_stream(stream).await?;
        for _ in 0..ATTEMPTS_MAX {
            let held = self.waiting(stream, id).await?;
            let commit =
                self.decide(stream, moderator, &held, ModerationAction::MessageRejected)?;
            let event = self.went(stream, id, traceparent.clone())?;
            if self.committed(commit, vec![event]).await? {
                return Ok(());
            }
        }
        Err(ChatError::Contended)
    }

    /// Throws away what waits of a person.
    pub(super) async fn delete_held_of(
        &self,
        stream: &StreamId,
        user: UserId,
        traceparent: Option<&String>,
    ) -> Result<(), ChatError> {
        let held = self.held(stream).await?;
        let theirs = held.into_iter().filter(|message| message.user == user);
        let mut commit = Commit::new();
        let mut events = Vec::new();
        for message in theirs {
            commit = commit.hash_delete(keys::chat_held(stream), &message.id.to_string());
            events.push(self.went(stream, message.id, traceparent.cloned())?);
        }
        if !events.is_empty() {
            self.committed(commit, events).await?;
        }
        Ok(())
    }

    async fn waiting(
        &self,
        stream: &StreamId,
        id: MessageId,
    ) -> Result<Stored<HeldMessage>, ChatError> {
        let key = keys::chat_held(stream);
        let mut command = redis::cmd("HGET");
        command.arg(&key).arg(id.to_string());
        let text: Option<String> = self.bus.query(&command).await?;
        Stored::read(&key, text)?.ok_or(ChatError::UnknownHeld(id))
    }

    /// Takes a message from those that wait, and says who decided it.
    fn decide(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        held: &Stored<HeldMessage>,
        action: ModerationAction,
    ) -> Result<Commit, ChatError> {
        let key = keys::chat_held(stream);
        let field = held.value.id.to_string();
        let commit = Commit::new()
            .guard(Guard::field(key.clone(), &field, Some(&held.text)))
            .hash_delete(key, &field);
        let entry = ModerationEntry {
            person: Some(ChatPerson {
                user: held.value.user,
                name: Some(held.value.name.clone()),
            }),
            message: Some(held.value.id),
            text: Some(held.value.text.clone()),
            ..self.deed(moderator, action)
        };
        self.log_deed(stream, &entry, commit)
    }

    fn went(
        &self,
        stream: &StreamId,
        id: MessageId,
        traceparent: Option<String>,
    ) -> Result<OutgoingEvent, ChatError> {
        let told = ChatHeldChanged { id, waits: false };
        Ok(self.bus.event(stream, &told, traceparent)?)
    }

    /// The message as it is posted: now.
    fn released(&self, held: &HeldMessage) -> ChatMessage {
        let HeldMessage {
            id,
            user,
            name,
            role,
            text,
            guest,
            color,
            reply_to,
            cause: _,
            held_at: _,
        } = held.clone();
        ChatMessage {
            id,
            guest,
            color,
            reply_to,
            ..ChatMessage::new(user, name, role, text, self.bus.clock().now())
        }
    }
}
