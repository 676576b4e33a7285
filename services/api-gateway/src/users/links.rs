use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_bus::redis;
use sm_bus::{Bus, BusError, keys};
use sm_common::clock::Timestamp;
use sm_common::id::UserId;

use super::{Person, Username};
use crate::secret::{NoRandomness, digest, random_text};

/// Longest secret of a link that is looked at.
const SECRET_CHARS_MAX: usize = 64;

/// No link was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// Whom a link lets choose a password, once: choosing one raises the generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invited {
    pub(crate) user: UserId,
    pub(crate) name: Username,
    pub(crate) generation: u64,
}

/// A link, to be handed over by whoever asked for it. It is shown once.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) secret: String,
    pub(crate) expires_at: Timestamp,
}

/// Links in Redis, by the digests of their secrets. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    bus: Bus,
    lifetime: Duration,
}

impl Links {
    pub(crate) const fn new(bus: Bus, lifetime: Duration) -> Self {
        Self { bus, lifetime }
    }

    /// A link for `person`, valid until a password is chosen by it or another way.
    pub(crate) async fn make(&self, person: &Person) -> Result<Link, LinkError> {
        let secret = random_text::<32>()?;
        let invited = Invited {
            user: person.id,
            name: person.name.clone(),
            generation: person.generation,
        };
        let mut command = redis::cmd("SET");
        command
            .arg(keys::password_link(&digest(&secret)))
            .arg(serde_json::to_string(&invited).map_err(BusError::Encode)?)
            .arg("PX")
            .arg(u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX));
        let _kept: String = self.bus.query(&command).await?;
        Ok(Link {
            secret,
            expires_at: self.bus.clock().now().plus(self.lifetime),
        })
    }

    /// Whom a link is for; `None` when it is unknown or too old.
    pub(crate) async fn find(&self, secret: &str) -> Result<Option<Invited>, BusError> {
        if secret.is_empty() || secret.len() > SECRET_CHARS_MAX {
            return Ok(None);
        }
        self.bus
            .document(&keys::password_link(&digest(secret)))
            .await
    }

    /// Forgets a link that has been used.
    pub(crate) async fn forget(&self, secret: &str) -> Result<(), BusError> {
        let key = keys::password_link(&digest(secret));
        let _deleted: u64 = self.bus.query(redis::cmd("DEL").arg(key)).await?;
        Ok(())
    }
}
