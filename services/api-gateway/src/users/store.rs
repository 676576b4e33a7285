use sm_bus::redis;
use sm_bus::{Bus, BusError, Commit, CommitOutcome, Guard, keys};

use super::{Change, Directory, Person, Refusal, Username};

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
}

impl Users {
    pub(crate) const fn new(bus: Bus) -> Self {
        Self { bus }
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
    /// meanwhile it decides anew.
    pub(crate) async fn change(
        &self,
        decide: impl Fn(&Directory) -> Result<Change, Refusal>,
    ) -> Result<Change, UsersError> {
        for _attempt in 0..ATTEMPTS_MAX {
            let (directory, revision) = self.read().await?;
            let change = decide(&directory)?;
            if self.write(&change, revision.as_deref()).await? {
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
    async fn write(&self, change: &Change, revision: Option<&str>) -> Result<bool, UsersError> {
        let person = change.person();
        let key = person.name.key();
        let people = keys::USERS.to_owned();
        let counter = keys::USERS_REVISION.to_owned();
        let commit = Commit::new().guard(Guard::value(counter.clone(), revision));
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

fn read_person(text: &str) -> Result<Person, UsersError> {
    serde_json::from_str(text).map_err(|source| UsersError::Record {
        name: "a user".to_owned(),
        source,
    })
}
