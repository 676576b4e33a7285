use sm_bus::redis;
use sm_bus::{Bus, BusError, Commit, CommitOutcome, Guard, keys};

use sm_common::auth::{Revocation, Revoked};

use super::{Change, Directory, Person, Refusal, Username};
use crate::audit::{Entry, Trail};

/// How often a change is tried again when somebody else changes people at the same moment.
const ATTEMPTS_MAX: usize = 8;

/// People could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsersError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the record of {name} cannot be read or written")]
    Record {
        name: String,
        #[source]
        source: serde_json::Error,
    },
    /// Others were faster, [`ATTEMPTS_MAX`] times.
    #[error("too many changes at the same time")]
    Contended,
}

/// People in Redis: one JSON document each, and a revision that every change raises.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    bus: Bus,
    trail: Trail,
}

impl Users {
    pub(crate) const fn new(bus: Bus, trail: Trail) -> Self {
        Self { bus, trail }
    }

    /// The person with this name.
    pub(crate) async fn find(&self, name: &Username) -> Result<Option<Person>, BusError> {
        self.bus.hash_document(keys::USERS, &name.key()).await
    }

    /// Everybody.
    pub(crate) async fn all(&self) -> Result<Directory, UsersError> {
        let (directory, _revision) = self.read().await?;
        Ok(directory)
    }

    /// Makes a change that `decide` allows for everybody as they are. When others change people
    /// meanwhile it decides anew. In the same step what `entry` says of it is noted, and every
    /// service is told what is over by it.
    pub(crate) async fn change(
        &self,
        decide: impl Fn(&Directory) -> Result<Change, Refusal>,
        entry: impl Fn(&Change) -> Option<Entry>,
    ) -> Result<Change, UsersError> {
        for _attempt in 0..ATTEMPTS_MAX {
            let (directory, revision) = self.read().await?;
            let change = decide(&directory)?;
            let over = revocation(directory.get(&change.person().name), &change);
            let mut commit = Commit::new();
            if let Some(entry) = entry(&change) {
                commit = self.trail.add_to(commit, &entry)?;
            }
            if let Some(over) = over {
                commit = commit.revoke(&over)?;
            }
            if self.write(&change, revision.as_deref(), commit).await? {
                return Ok(change);
            }
        }
        Err(UsersError::Contended)
    }

    async fn read(&self) -> Result<(Directory, Option<String>), UsersError> {
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("HVALS")
            .arg(keys::USERS)
            .cmd("GET")
            .arg(keys::USERS_REVISION);
        let (texts, revision): (Vec<String>, Option<String>) = self.bus.pipeline(&pipeline).await?;
        let directory = texts
            .iter()
            .map(|text| read_person(text))
            .collect::<Result<Directory, _>>()?;
        Ok((directory, revision))
    }

    /// False when the revision is another by now.
    async fn write(
        &self,
        change: &Change,
        revision: Option<&str>,
        commit: Commit,
    ) -> Result<bool, UsersError> {
        let person = change.person();
        let key = person.name.key();
        let people = keys::USERS.to_owned();
        let counter = keys::USERS_REVISION.to_owned();
        let commit = commit.guard(Guard::value(counter.clone(), revision));
        let commit = match change {
            Change::Put(person) => {
                let text = serde_json::to_string(person).map_err(|source| UsersError::Record {
                    name: key.clone(),
                    source,
                })?;
                commit.hash_set(people, &key, text)
            }
            Change::Remove(_) => commit.hash_delete(people, &key),
        };
        let commit = commit.write("INCR", counter, Vec::new());
        match self.bus.commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_) | CommitOutcome::Replayed(_) => Ok(true),
            CommitOutcome::Refused { .. } => Ok(false),
        }
    }
}

/// What holds no more after a change of somebody who was `before`.
fn revocation(before: Option<&Person>, change: &Change) -> Option<Revocation> {
    let before = before?;
    let (below, signed_out) = match change {
        Change::Remove(_) => (u64::MAX, true),
        Change::Put(after) if after.standing > before.standing => {
            (after.standing, after.generation > before.generation)
        }
        Change::Put(_) => return None,
    };
    Some(Revocation {
        user: before.id,
        what: Revoked::Standing { below, signed_out },
    })
}

fn read_person(text: &str) -> Result<Person, UsersError> {
    serde_json::from_str(text).map_err(|source| UsersError::Record {
        name: "a user".to_owned(),
        source,
    })
}
