//! Editing one's own messages.

use sm_bus::{Commit, keys};
use sm_common::auth::Identity;
use sm_common::chat::{ChatKind, ChatMessage, ChatMessageEdited, parse_chat_text};
use sm_common::id::{MessageId, StreamId};

use super::admission::{Admission, Cost};
use super::judge::Verdict;
use super::stored::{Stored, message_guard, write};
use super::{ATTEMPTS_MAX, Chat, ChatError, is_above_rules};

impl Chat {
    /// Gives a message another text. Everybody has been told when this returns.
    pub(crate) async fn edit(
        &self,
        stream: &StreamId,
        author: &Identity,
        id: MessageId,
        text: &str,
        traceparent: Option<String>,
    ) -> Result<ChatMessage, ChatError> {
        let text = parse_chat_text(text)?;
        let mut cost = Cost::One;
        for _ in 0..ATTEMPTS_MAX {
            let admission = self.admit(stream, author, Some(id), cost).await?;
            cost = Cost::Nothing;
            let known = admission.message.as_ref();
            let known = known.ok_or(ChatError::UnknownMessage(id))?;
            self.require_editable(author, &known.value)?;
            if known.value.text == text {
                return Ok(known.value.clone());
            }
            self.require_allowed(stream, author, &admission, &text)
                .await?;
            let edited = ChatMessage {
                text: text.clone(),
                edited_at: Some(self.bus.clock().now()),
                ..known.value.clone()
            };
            let made = self.write_edit(
                stream,
                author,
                &admission,
                known,
                &edited,
                traceparent.as_ref(),
            );
            if made.await? {
                self.metrics.chat("edited");
                return Ok(edited);
            }
        }
        Err(ChatError::Contended)
    }

    fn require_editable(&self, author: &Identity, message: &ChatMessage) -> Result<(), ChatError> {
        if message.user != author.user || message.kind == ChatKind::System {
            return Err(ChatError::NotAuthor);
        }
        let window = self.config.edit_window();
        if self.bus.clock().now().since(message.sent_at) > window {
            return Err(ChatError::EditClosed { window });
        }
        Ok(())
    }

    /// What would wait for a moderator is refused: everybody would see the old text meanwhile.
    async fn require_allowed(
        &self,
        stream: &StreamId,
        author: &Identity,
        admission: &Admission,
        text: &str,
    ) -> Result<(), ChatError> {
        if is_above_rules(author) {
            return Ok(());
        }
        let judge = self.judge(stream, admission.rules_revision).await?;
        match judge.judge(text) {
            Verdict::Fine => Ok(()),
            Verdict::Hold(cause) | Verdict::Refuse(cause) => Err(ChatError::Forbidden(cause)),
        }
    }

    async fn write_edit(
        &self,
        stream: &StreamId,
        author: &Identity,
        admission: &Admission,
        known: &Stored<ChatMessage>,
        edited: &ChatMessage,
        traceparent: Option<&String>,
    ) -> Result<bool, ChatError> {
        let id = edited.id.to_string();
        let mut commit = Commit::new()
            .guard(message_guard(stream, known))
            .guard(admission.pins.guard(stream))
            .hash_set(keys::chat_messages(stream), &id, write(edited)?);
        for guard in admission.guards(stream, author) {
            commit = commit.guard(guard);
        }
        let told = ChatMessageEdited(edited.clone());
        let mut events = vec![self.bus.event(stream, &told, traceparent.cloned())?];
        let mut pins = admission.pins.messages.clone();
        if let Some(pin) = pins.iter_mut().find(|pin| pin.id == edited.id) {
            pin.clone_from(edited);
            let (with_pins, event) = self.write_pins(stream, pins, commit, traceparent.cloned())?;
            commit = with_pins;
            events.push(event);
        }
        self.committed(commit, events).await
    }
}
