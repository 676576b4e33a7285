//! What moderators did.

use sm_bus::{Commit, keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::{ModerationAction, ModerationEntry};
use sm_common::id::StreamId;

use super::stored::{read, write};
use super::{Chat, ChatError, person};

/// Some entries, the newest first.
#[derive(Debug)]
pub(crate) struct LogPage {
    /// Each with its place.
    pub(crate) entries: Vec<(String, ModerationEntry)>,
    pub(crate) has_older: bool,
}

impl Chat {
    /// What `moderator` does now, to be filled in.
    pub(super) fn deed(&self, moderator: &Identity, action: ModerationAction) -> ModerationEntry {
        ModerationEntry {
            at: self.bus.clock().now(),
            by: person(moderator),
            action,
            person: None,
            message: None,
            text: None,
            until: None,
            reason: None,
        }
    }

    /// Adds an entry to the change that it is about.
    pub(super) fn log_deed(
        &self,
        stream: &StreamId,
        entry: &ModerationEntry,
        commit: Commit,
    ) -> Result<Commit, ChatError> {
        let document = write(entry)?;
        let key = keys::chat_moderation(stream);
        Ok(commit.append(key, &document, self.config.moderation_entries))
    }

    /// The newest entries before `before`, at most `limit`.
    pub(crate) async fn moderation(
        &self,
        stream: &StreamId,
        before: Option<&str>,
        limit: usize,
    ) -> Result<LogPage, ChatError> {
        self.require_stream(stream).await?;
        let key = keys::chat_moderation(stream);
        let from = before.map_or_else(|| "+".to_owned(), |before| format!("({before}"));
        let mut command = redis::cmd("XREVRANGE");
        command.arg(&key).arg(from).arg("-");
        command.arg("COUNT").arg(limit.saturating_add(1));
        let stored: Vec<(String, Vec<(String, String)>)> = self.bus.query(&command).await?;
        let has_older = stored.len() > limit;
        let mut entries = Vec::with_capacity(limit.min(stored.len()));
        for (place, fields) in stored.into_iter().take(limit) {
            for (_, text) in fields {
                entries.push((place.clone(), read(&key, &text)?));
            }
        }
        Ok(LogPage { entries, has_older })
    }
}
