//! Posting messages.

use std::time::Duration;

use sm_bus::{Commit, CommitOutcome, Guard, keys};
use sm_common::auth::Identity;
use sm_common::chat::{
    ChatHeldChanged, ChatKind, ChatMessage, ChatReply, HeldMessage, HoldCause, parse_chat_text,
};
use sm_common::clock::Timestamp;
use sm_common::id::{MessageId, StreamId};

use super::admission::{Admission, Cost};
use super::judge::Verdict;
use super::stored::write;
use super::{ATTEMPTS_MAX, Chat, ChatError, is_above_rules};
use crate::limit::Limit;

/// A message that somebody wants to post.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) text: &'a str,
    /// The message that it answers.
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) kind: ChatKind,
    /// Whether its author has no account.
    pub(crate) guest: bool,
}

/// What became of a message that may be posted.
#[derive(Debug)]
pub(crate) enum Posted {
    /// Everybody sees it.
    Shown(ChatMessage),
    /// It waits for a moderator.
    Held(HeldMessage),
}

impl Chat {
    /// Posts a message. It is kept when this returns.
    pub(crate) async fn post(
        &self,
        stream: &StreamId,
        author: &Identity,
        draft: Draft<'_>,
        traceparent: Option<String>,
    ) -> Result<Posted, ChatError> {
        let posted = self.try_post(stream, author, draft, traceparent).await;
        self.metrics.chat(match &posted {
            Ok(Posted::Shown(_)) => "posted",
            Ok(Posted::Held(_)) => "held",
            Err(error) => error.outcome(),
        });
        posted
    }

    async fn try_post(
        &self,
        stream: &StreamId,
        author: &Identity,
        draft: Draft<'_>,
        traceparent: Option<String>,
    ) -> Result<Posted, ChatError> {
        let text = parse_chat_text(draft.text)?;
        let mut cost = Cost::One;
        for _ in 0..ATTEMPTS_MAX {
            let admission = self.admit(stream, author, draft.reply_to, cost).await?;
            cost = Cost::Nothing;
            let reply_to = reply(draft.reply_to, &admission)?;
            let message = ChatMessage {
                kind: draft.kind,
                guest: draft.guest,
                color: Some(admission.color),
                reply_to,
                ..ChatMessage::new(
                    author.user,
                    &author.name,
                    author.role,
                    &text,
                    self.bus.clock().now(),
                )
            };
            let attempt = self
                .attempt(stream, author, &admission, message, traceparent.clone())
                .await?;
            if let Some(posted) = attempt {
                return Ok(posted);
            }
        }
        Err(ChatError::Contended)
    }

    /// Posts what may be posted; `None` when what it was judged by has changed meanwhile.
    async fn attempt(
        &self,
        stream: &StreamId,
        author: &Identity,
        admission: &Admission,
        message: ChatMessage,
        traceparent: Option<String>,
    ) -> Result<Option<Posted>, ChatError> {
        let guards = admission.guards(stream, author);
        let after_them = guards.len();
        let mut commit = guards.into_iter().fold(Commit::new(), Commit::guard);
        let mut slow_guard = None;
        let mut verdict = Verdict::Fine;
        if !is_above_rules(author) {
            let judge = self.judge(stream, admission.rules_revision).await?;
            if message.guest && !judge.lets_guests_in() {
                return Err(ChatError::GuestsClosed);
            }
            verdict = judge.judge(&message.text);
            if let Some(pause) = judge.slow_mode() {
                let key = keys::chat_slow(stream, author.user);
                let until = message.sent_at.plus(pause).as_unix_millis();
                slow_guard = Some(after_them);
                commit = commit.guard(Guard::value(key.clone(), None)).set_for(
                    key,
                    until.to_string(),
                    pause,
                );
            }
        }
        let (posted, commit, event) = match verdict {
            Verdict::Refuse(cause) => return Err(ChatError::Forbidden(cause)),
            Verdict::Fine => {
                let commit = self.write_message(stream, &message, commit)?;
                let event = self.bus.event(stream, &message, traceparent)?;
                (Posted::Shown(message), commit, event)
            }
            Verdict::Hold(cause) => {
                if admission.held >= self.config.held_max {
                    self.metrics.limited(Limit::ChatHeld);
                    return Err(ChatError::HeldLimit(self.config.held_max));
                }
                let held = held(message, cause);
                let id = held.id.to_string();
                let commit = commit.hash_set(keys::chat_held(stream), &id, write(&held)?);
                let told = ChatHeldChanged {
                    id: held.id,
                    waits: true,
                };
                let event = self.bus.event(stream, &told, traceparent)?;
                (Posted::Held(held), commit, event)
            }
        };
        match self.bus.commit(commit, vec![event]).await? {
            CommitOutcome::Committed(_) => Ok(Some(posted)),
            CommitOutcome::Refused { guard, actual } if Some(guard) == slow_guard => {
                self.metrics.limited(Limit::ChatSlowMode);
                let wait = self.left_until(&actual);
                Err(ChatError::Slow { wait })
            }
            CommitOutcome::Refused { .. } | CommitOutcome::Replayed(_) => Ok(None),
        }
    }

    /// The time until a stored moment; at least a millisecond.
    fn left_until(&self, until_ms: &str) -> Duration {
        let until = Timestamp::from_unix_millis(until_ms.parse().unwrap_or_default());
        let left = until.since(self.bus.clock().now());
        left.max(Duration::from_millis(1))
    }
}

fn reply(wanted: Option<MessageId>, admission: &Admission) -> Result<Option<ChatReply>, ChatError> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    let answered = admission.message.as_ref();
    let answered = answered.ok_or(ChatError::UnknownParent(wanted))?;
    let ChatMessage { id, user, name, .. } = &answered.value;
    Ok(Some(ChatReply {
        id: *id,
        user: *user,
        name: name.clone(),
    }))
}

fn held(message: ChatMessage, cause: HoldCause) -> HeldMessage {
    let ChatMessage {
        id,
        user,
        name,
        role,
        text,
        sent_at,
        kind: _,
        guest,
        color,
        reply_to,
        edited_at: _,
        notice: _,
    } = message;
    HeldMessage {
        id,
        user,
        name,
        role,
        text,
        guest,
        color,
        reply_to,
        cause,
        held_at: sent_at,
    }
}
