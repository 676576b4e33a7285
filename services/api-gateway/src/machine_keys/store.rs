use std::time::Duration;

use sm_bus::redis;
use sm_bus::{Bus, BusError, Commit, CommitOutcome, Guard, keys};
use sm_common::auth::{Permission, Revocation, Revoked};
use sm_common::clock::Timestamp;
use sm_common::id::{SessionId, UserId};
use sm_service_kit::auth::KEY_PREFIX;

use super::{KeyName, MachineKey};
use crate::audit::{Entry, Party, Trail};
use crate::secret::{NoRandomness, digest, random_text};

/// A key was not made or taken back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("there is no such key")]
    Unknown,
    #[error("there are {0} keys, and no more may be")]
    Full(usize),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// A key to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewKey {
    pub(crate) name: KeyName,
    pub(crate) scopes: Vec<Permission>,
    pub(crate) lifetime: Duration,
    pub(crate) created_by: Party,
}

/// The keys in Redis. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct MachineKeys {
    bus: Bus,
    trail: Trail,
    count_max: usize,
}

impl MachineKeys {
    pub(crate) const fn new(bus: Bus, trail: Trail, count_max: usize) -> Self {
        Self {
            bus,
            trail,
            count_max,
        }
    }

    /// Makes a key. The text is given out once, and kept nowhere.
    pub(crate) async fn create(
        &self,
        new: NewKey,
        entry: impl FnOnce(&MachineKey) -> Entry,
    ) -> Result<(MachineKey, String), KeyError> {
        let count: usize = self
            .bus
            .query(redis::cmd("HLEN").arg(keys::MACHINE_KEYS))
            .await?;
        if count >= self.count_max {
            return Err(KeyError::Full(self.count_max));
        }
        let text = format!("{KEY_PREFIX}{}", random_text::<32>()?);
        let now = self.bus.clock().now();
        let NewKey {
            name,
            scopes,
            lifetime,
            created_by,
        } = new;
        let key = MachineKey {
            id: UserId::generate(),
            name,
            scopes,
            digest: digest(&text),
            created_at: now,
            created_by,
            expires_at: now.plus(lifetime),
        };
        let id = key.id.to_string();
        let document = serde_json::to_string(&key).map_err(BusError::Encode)?;
        let commit = Commit::new()
            .hash_set(keys::MACHINE_KEYS.to_owned(), &id, document)
            .hash_set(
                keys::MACHINE_KEY_DIGESTS.to_owned(),
                &key.digest,
                id.clone(),
            );
        let commit = self.trail.add_to(commit, &entry(&key))?;
        self.bus.commit(commit, Vec::new()).await?;
        Ok((key, text))
    }

    /// Every key, newest first, with the moment of its last exchange.
    pub(crate) async fn all(&self) -> Result<Vec<(MachineKey, Option<Timestamp>)>, BusError> {
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("HVALS")
            .arg(keys::MACHINE_KEYS)
            .cmd("HGETALL")
            .arg(keys::MACHINE_KEYS_USED);
        let (texts, used): (Vec<String>, std::collections::HashMap<String, i64>) =
            self.bus.pipeline(&pipeline).await?;
        let mut all = Vec::with_capacity(texts.len());
        for text in texts {
            let key = read(&text)?;
            let used_at = used.get(&key.id.to_string());
            let used_at = used_at.map(|millis| Timestamp::from_unix_millis(*millis));
            all.push((key, used_at));
        }
        all.sort_by_key(|(key, _)| std::cmp::Reverse(key.id));
        Ok(all)
    }

    /// Takes a key back: it is exchanged no more, and its tokens end within seconds.
    pub(crate) async fn revoke(
        &self,
        id: UserId,
        entry: impl FnOnce(&MachineKey) -> Entry,
    ) -> Result<(), KeyError> {
        let field = id.to_string();
        let mut command = redis::cmd("HGET");
        command.arg(keys::MACHINE_KEYS).arg(&field);
        let text: Option<String> = self.bus.query(&command).await?;
        let text = text.ok_or(KeyError::Unknown)?;
        let key = read(&text)?;
        let revocation = Revocation {
            user: id,
            what: Revoked::Session {
                session: SessionId::from_uuid(*id.as_uuid()),
            },
        };
        // Of two who take it back at the same time, one did.
        let guard = Guard::field(keys::MACHINE_KEYS.to_owned(), &field, Some(&text));
        let commit = Commit::new()
            .guard(guard)
            .hash_delete(keys::MACHINE_KEYS.to_owned(), &field)
            .hash_delete(keys::MACHINE_KEY_DIGESTS.to_owned(), &key.digest)
            .hash_delete(keys::MACHINE_KEYS_USED.to_owned(), &field)
            .revoke(&revocation)?;
        let commit = self.trail.add_to(commit, &entry(&key))?;
        match self.bus.commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_) | CommitOutcome::Replayed(_) => Ok(()),
            CommitOutcome::Refused { .. } => Err(KeyError::Unknown),
        }
    }

    /// The key of this text, if it is one that is valid now. Notes that it was used.
    pub(crate) async fn used(&self, text: &str) -> Result<Option<MachineKey>, BusError> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::MACHINE_KEY_DIGESTS).arg(digest(text));
        let id: Option<String> = self.bus.query(&command).await?;
        let Some(id) = id else { return Ok(None) };
        let key: Option<MachineKey> = self.bus.hash_document(keys::MACHINE_KEYS, &id).await?;
        let now = self.bus.clock().now();
        let Some(key) = key.filter(|key| key.expires_at > now) else {
            return Ok(None);
        };
        let mut command = redis::cmd("HSET");
        command
            .arg(keys::MACHINE_KEYS_USED)
            .arg(&id)
            .arg(now.as_unix_millis());
        let _added: u64 = self.bus.query(&command).await?;
        Ok(Some(key))
    }
}

fn read(text: &str) -> Result<MachineKey, BusError> {
    serde_json::from_str(text).map_err(|source| BusError::Document {
        key: keys::MACHINE_KEYS.to_owned(),
        source,
    })
}
