//! Chat: what people write, and what moderators make of it.
//!
//! Every change is one commit: what it was judged by is guarded, so that a ban or a rule that came
//! in between makes it be judged again.

mod admission;
mod bans;
mod color;
mod deleting;
mod editing;
mod error;
mod guests;
mod held;
mod judge;
mod list;
mod moderation_log;
mod notices;
mod pins;
mod posting;
mod rules;
mod skeleton;
mod stored;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sm_bus::{Bus, Commit, CommitOutcome, OutgoingEvent, keys, redis};
use sm_common::auth::{Identity, Permission};
use sm_common::chat::ChatPerson;
use sm_common::id::StreamId;

use crate::config::ChatConfig;
use crate::metrics::Metrics;
use judge::Judge;

pub(crate) use bans::Silencing;
pub(crate) use error::ChatError;
pub(crate) use guests::{Guest, is_guest_token};
pub(crate) use list::{MessagePage, Place, events_for};
pub(crate) use moderation_log::LogPage;
pub(crate) use notices::Notices;
pub(crate) use posting::{Draft, Posted};

/// How often something is judged again because others changed what it depends on.
const ATTEMPTS_MAX: usize = 5;

/// The rules of streams by their revision, as they were read last.
type Judges = HashMap<StreamId, (u64, Arc<Judge>)>;

/// The chat of every stream. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    bus: Bus,
    config: ChatConfig,
    metrics: Metrics,
    judges: Arc<Mutex<Judges>>,
}

impl Chat {
    pub(crate) fn new(bus: Bus, config: ChatConfig, metrics: Metrics) -> Self {
        Self {
            bus,
            config,
            metrics,
            judges: Arc::default(),
        }
    }

    /// The settings of posting.
    pub(crate) const fn config(&self) -> &ChatConfig {
        &self.config
    }

    async fn require_stream(&self, stream: &StreamId) -> Result<(), ChatError> {
        let known: bool = self
            .bus
            .query(redis::cmd("EXISTS").arg(keys::desired(stream)))
            .await?;
        if known {
            Ok(())
        } else {
            Err(ChatError::UnknownStream(stream.clone()))
        }
    }

    /// Whether a change was made; `false` when something that it was judged by has changed.
    async fn committed(
        &self,
        commit: Commit,
        events: Vec<OutgoingEvent>,
    ) -> Result<bool, ChatError> {
        match self.bus.commit(commit, events).await? {
            CommitOutcome::Committed(_) => Ok(true),
            CommitOutcome::Replayed(_) | CommitOutcome::Refused { .. } => Ok(false),
        }
    }
}

/// Whether the rules do not hold for somebody, because they may moderate.
fn is_above_rules(author: &Identity) -> bool {
    author.may(Permission::ModerateChat)
}

fn person(identity: &Identity) -> ChatPerson {
    ChatPerson {
        user: identity.user,
        name: Some(identity.name.clone()),
    }
}
