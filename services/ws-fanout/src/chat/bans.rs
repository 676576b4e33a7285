//! Who may not write.

use std::time::Duration;

use sm_bus::{BusError, Commit, Guard, keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::{
    Ban, ChatPerson, ChatUserRestored, ChatUserSilenced, ModerationAction, ModerationEntry,
};
use sm_common::clock::Timestamp;
use sm_common::id::{StreamId, UserId};

use super::stored::{read, write};
use super::{ATTEMPTS_MAX, Chat, ChatError, person};

/// What a moderator decides about somebody.
#[derive(Clone, Debug)]
pub(crate) struct Silencing {
    pub(crate) user: UserId,
    /// For how long; `None` for ever.
    pub(crate) lasts: Option<Duration>,
    pub(crate) reason: Option<String>,
    /// Whether what they wrote lately is taken away too.
    pub(crate) delete_messages: bool,
}

impl Chat {
    /// Who may not write now, whom it met last first.
    pub(crate) async fn bans(&self, stream: &StreamId) -> Result<Vec<Ban>, ChatError> {
        self.require_stream(stream).await?;
        let now = self.bus.clock().now();
        let mut bans: Vec<Ban> = self
            .stored_bans(stream)
            .await?
            .into_iter()
            .map(|(_, _, ban)| ban)
            .filter(|ban| ban.holds(now))
            .collect();
        bans.sort_by_key(|ban| std::cmp::Reverse(ban.since));
        Ok(bans)
    }

    /// Silences somebody: from now on no replica lets them write. Returns how many of their messages
    /// were taken away, too.
    pub(crate) async fn silence(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        silencing: Silencing,
        traceparent: Option<String>,
    ) -> Result<(Ban, usize), ChatError> {
        self.require_stream(stream).await?;
        let user = silencing.user;
        for _ in 0..ATTEMPTS_MAX {
            let stored = self.stored_ban(stream, user).await?;
            if stored.is_none() {
                self.make_room(stream).await?;
            }
            let now = self.bus.clock().now();
            let ban = Ban {
                user,
                name: self.name_of(stream, user).await?,
                until: silencing.lasts.map(|lasts| now.plus(lasts)),
                reason: silencing.reason.clone(),
                by: person(moderator),
                since: now,
            };
            let key = keys::chat_bans(stream);
            let field = user.to_string();
            let commit = Commit::new()
                .guard(Guard::field(key.clone(), &field, stored.as_deref()))
                .hash_set(key, &field, write_ban(&ban)?);
            let entry = ModerationEntry {
                person: Some(ChatPerson {
                    user,
                    name: ban.name.clone(),
                }),
                until: ban.until,
                reason: ban.reason.clone(),
                ..self.deed(moderator, ModerationAction::UserSilenced)
            };
            let commit = self.log_deed(stream, &entry, commit)?;
            let told = ChatUserSilenced {
                user,
                name: ban.name.clone(),
                until: ban.until,
            };
            let event = self.bus.event(stream, &told, traceparent.clone())?;
            if self.committed(commit, vec![event]).await? {
                let deleted = if silencing.delete_messages {
                    self.delete_held_of(stream, user, traceparent.as_ref())
                        .await?;
                    self.delete_written(stream, user, traceparent.as_ref())
                        .await?
                } else {
                    0
                };
                return Ok((ban, deleted));
            }
        }
        Err(ChatError::Contended)
    }

    /// Lets somebody write again.
    pub(crate) async fn restore(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        user: UserId,
        traceparent: Option<String>,
    ) -> Result<(), ChatError> {
        self.require_stream(stream).await?;
        for _ in 0..ATTEMPTS_MAX {
            let stored = self.stored_ban(stream, user).await?;
            let stored = stored.ok_or(ChatError::UnknownBan(user))?;
            let ban = read_ban(stream, &stored)?;
            if !ban.holds(self.bus.clock().now()) {
                return Err(ChatError::UnknownBan(user));
            }
            let key = keys::chat_bans(stream);
            let field = user.to_string();
            let commit = Commit::new()
                .guard(Guard::field(key.clone(), &field, Some(&stored)))
                .hash_delete(key, &field);
            let entry = ModerationEntry {
                person: Some(ChatPerson {
                    user,
                    name: ban.name,
                }),
                ..self.deed(moderator, ModerationAction::UserRestored)
            };
            let commit = self.log_deed(stream, &entry, commit)?;
            let told = ChatUserRestored { user };
            let event = self.bus.event(stream, &told, traceparent.clone())?;
            if self.committed(commit, vec![event]).await? {
                return Ok(());
            }
        }
        Err(ChatError::Contended)
    }

    async fn stored_ban(
        &self,
        stream: &StreamId,
        user: UserId,
    ) -> Result<Option<String>, ChatError> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::chat_bans(stream)).arg(user.to_string());
        Ok(self.bus.query(&command).await?)
    }

    /// Every ban with its field and text, also those that are over.
    async fn stored_bans(
        &self,
        stream: &StreamId,
    ) -> Result<Vec<(String, String, Ban)>, ChatError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(keys::chat_bans(stream));
        let stored: Vec<(String, String)> = self.bus.query(&command).await?;
        let mut bans = Vec::with_capacity(stored.len());
        for (field, text) in stored {
            let ban = read_ban(stream, &text)?;
            bans.push((field, text, ban));
        }
        Ok(bans)
    }

    /// Forgets bans that are over, where there are as many as may be.
    async fn make_room(&self, stream: &StreamId) -> Result<(), ChatError> {
        let mut command = redis::cmd("HLEN");
        command.arg(keys::chat_bans(stream));
        let count: usize = self.bus.query(&command).await?;
        if count < self.config.bans_max {
            return Ok(());
        }
        let now = self.bus.clock().now();
        let mut commit = Commit::new();
        let mut over = 0_usize;
        for (field, text, ban) in self.stored_bans(stream).await? {
            if !ban.holds(now) {
                let key = keys::chat_bans(stream);
                commit = commit
                    .guard(Guard::field(key.clone(), &field, Some(&text)))
                    .hash_delete(key, &field);
                over = over.saturating_add(1);
            }
        }
        if over == 0 {
            return Err(ChatError::BanLimit(self.config.bans_max));
        }
        if self.committed(commit, Vec::new()).await? {
            Ok(())
        } else {
            Err(ChatError::Contended)
        }
    }

    /// The name under which a person wrote last.
    async fn name_of(&self, stream: &StreamId, user: UserId) -> Result<Option<String>, ChatError> {
        let newest = self.written(stream, user).await?;
        Ok(newest.into_iter().next().map(|message| message.name))
    }
}

/// A ban as it is stored: its end, which a script compares, and the document.
fn write_ban(ban: &Ban) -> Result<String, BusError> {
    let until = ban.until.map_or(0, Timestamp::as_unix_millis);
    Ok(format!("{until} {}", write(ban)?))
}

/// Reads a stored ban.
pub(super) fn read_ban(stream: &StreamId, text: &str) -> Result<Ban, BusError> {
    let document = text.split_once(' ').map_or(text, |(_, document)| document);
    read(&keys::chat_bans(stream), document)
}
