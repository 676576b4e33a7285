use sm_bus::{Bus, BusError, Commit, CommitOutcome, Guard, keys};
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

use super::group::{ErrorGroup, GroupAction};

/// How often a change is tried again because the group went on meanwhile.
const ATTEMPTS_MAX: usize = 5;

/// Groups of errors, in Redis.
#[derive(Clone, Debug)]
pub(crate) struct ErrorStore {
    bus: Bus,
}

impl ErrorStore {
    pub(crate) const fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Every group of a stream, the one that was seen last coming first.
    pub(crate) async fn groups(&self, stream: &StreamId) -> Result<Vec<ErrorGroup>, BusError> {
        let key = keys::error_groups(stream);
        let stored = self.bus.hash_documents::<ErrorGroup>(&key).await?;
        let mut groups: Vec<ErrorGroup> = stored.into_iter().map(|(_, group)| group).collect();
        groups.sort_by(|a, b| (b.last_seen, &a.fingerprint).cmp(&(a.last_seen, &b.fingerprint)));
        Ok(groups)
    }

    pub(crate) async fn group(
        &self,
        stream: &StreamId,
        fingerprint: &str,
    ) -> Result<Option<ErrorGroup>, BusError> {
        self.bus
            .hash_document(&keys::error_groups(stream), fingerprint)
            .await
    }

    /// Changes what is thought of a group; `None` where there is none.
    pub(crate) async fn change(
        &self,
        stream: &StreamId,
        fingerprint: &str,
        (action, by): (GroupAction, &str),
        now: Timestamp,
    ) -> Result<Option<ErrorGroup>, BusError> {
        let key = keys::error_groups(stream);
        for _ in 0..ATTEMPTS_MAX {
            let Some(before) = self.group(stream, fingerprint).await? else {
                return Ok(None);
            };
            let mut group = before.clone();
            group.change(action, by, now);
            let commit = Commit::new()
                .guard(Guard::field(
                    key.clone(),
                    fingerprint,
                    Some(&write(&before)?),
                ))
                .hash_set(key.clone(), fingerprint, write(&group)?);
            match self.bus.commit(commit, Vec::new()).await? {
                CommitOutcome::Committed(_) | CommitOutcome::Replayed(_) => return Ok(Some(group)),
                // It was seen once more meanwhile.
                CommitOutcome::Refused { .. } => {}
            }
        }
        Err(BusError::ScriptAnswer { script: "commit" })
    }
}

fn write(group: &ErrorGroup) -> Result<String, BusError> {
    serde_json::to_string(group).map_err(BusError::Encode)
}
