use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_bus::redis;
use sm_bus::{Bus, BusError, Commit, keys};
use sm_common::clock::Timestamp;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::Entry;
use crate::config::AuditConfig;

/// Distance between two looks for entries that are too old.
const TRIM_EVERY: Duration = Duration::from_hours(1);

/// Which list an entry is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuditList {
    /// What people who had proven who they are did, and what was done to their sign-ins.
    #[default]
    Actions,
    /// Attempts that anybody can make.
    Attempts,
}

/// An entry that a script is to append.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    /// The stream.
    pub(crate) key: &'static str,
    /// The entry as JSON.
    pub(crate) document: String,
    /// Most entries.
    pub(crate) entries_max: usize,
}

/// An entry with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Recorded {
    /// Its place in the list: what is newer has a larger one.
    id: String,
    #[serde(flatten)]
    entry: Entry,
}

/// A part of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Page {
    /// The entries.
    entries: Vec<Recorded>,
    /// For `before`, where there are older ones.
    next: Option<String>,
}

/// The lists in Redis. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    bus: Bus,
    config: AuditConfig,
}

impl Trail {
    pub(crate) const fn new(bus: Bus, config: AuditConfig) -> Self {
        Self { bus, config }
    }

    /// What a script appends to the list of actions together with what it does.
    pub(crate) fn action(&self, entry: &Entry) -> Result<Note, BusError> {
        self.note(AuditList::Actions, entry)
    }

    /// The commit that appends the entry too.
    pub(crate) fn add_to(&self, commit: Commit, entry: &Entry) -> Result<Commit, BusError> {
        let Note {
            key,
            document,
            entries_max,
        } = self.note(AuditList::Actions, entry)?;
        Ok(commit.append(key.to_owned(), &document, entries_max))
    }

    /// Appends an entry by itself.
    pub(crate) async fn record(&self, list: AuditList, entry: &Entry) -> Result<(), BusError> {
        let Note {
            key,
            document,
            entries_max,
        } = self.note(list, entry)?;
        let commit = Commit::new().append(key.to_owned(), &document, entries_max);
        self.bus.commit(commit, Vec::new()).await.map(drop)
    }

    /// Entries of a list, newest first, from before a place on.
    pub(crate) async fn page(
        &self,
        list: AuditList,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page, BusError> {
        let end = before.map_or_else(|| "+".to_owned(), |id| format!("({id}"));
        let mut command = redis::cmd("XREVRANGE");
        command
            .arg(key(list))
            .arg(end)
            .arg(self.oldest().as_unix_millis())
            .arg("COUNT")
            // One more, to know whether there are more.
            .arg(limit.saturating_add(1));
        let kept: Vec<(String, Vec<(String, String)>)> = self.bus.query(&command).await?;
        let has_more = kept.len() > limit;
        let mut entries = Vec::with_capacity(kept.len());
        for (id, fields) in kept.into_iter().take(limit) {
            let document = fields.iter().find(|(name, _)| name == "doc");
            let text = document.map_or("", |(_, text)| text.as_str());
            let entry = serde_json::from_str(text).map_err(|source| BusError::Document {
                key: key(list).to_owned(),
                source,
            })?;
            entries.push(Recorded { id, entry });
        }
        let next = entries.last().filter(|_| has_more);
        Ok(Page {
            next: next.map(|recorded| recorded.id.clone()),
            entries,
        })
    }

    /// Forgets what is too old, until `stop`.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            for list in [AuditList::Actions, AuditList::Attempts] {
                if let Err(error) = self.trim(list).await {
                    tracing::debug!(%error, "old entries of the audit trail were not removed");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TRIM_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn trim(&self, list: AuditList) -> Result<(), BusError> {
        let mut command = redis::cmd("XTRIM");
        command
            .arg(key(list))
            .arg("MINID")
            .arg("~")
            .arg(self.oldest().as_unix_millis());
        let _trimmed: u64 = self.bus.query(&command).await?;
        Ok(())
    }

    /// The moment before which nothing is kept.
    fn oldest(&self) -> Timestamp {
        let keep = i64::try_from(self.config.keep().as_millis()).unwrap_or(i64::MAX);
        let now = self.bus.clock().now().as_unix_millis();
        Timestamp::from_unix_millis(now.saturating_sub(keep).max(0))
    }

    fn note(&self, list: AuditList, entry: &Entry) -> Result<Note, BusError> {
        Ok(Note {
            key: key(list),
            document: serde_json::to_string(entry).map_err(BusError::Encode)?,
            entries_max: match list {
                AuditList::Actions => self.config.actions_max,
                AuditList::Attempts => self.config.attempts_max,
            },
        })
    }
}

const fn key(list: AuditList) -> &'static str {
    match list {
        AuditList::Actions => keys::SECURITY_AUDIT,
        AuditList::Attempts => keys::SECURITY_ATTEMPTS,
    }
}
