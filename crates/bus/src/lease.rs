use std::sync::LazyLock;
use std::time::Duration;

use deadpool_redis::redis::{self, Script};
use secrecy::{ExposeSecret as _, SecretString};
use sm_common::id::{InstanceId, StreamId};
use uuid::Uuid;

use crate::connection::Bus;
use crate::error::BusError;
use crate::keys;

static LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/lease.lua")));
static HEIR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/heir.lua")));
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/release.lua")));

/// Proof that a process holds a stream. A newer token fences it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// The fencing token, raised with every new holder; written with every document.
    pub token: u64,
}

/// Who holds a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseHolder {
    /// The process.
    pub instance: InstanceId,
    /// Where its siblings reach it, such as `http://127.0.6.1:4200`.
    pub url: String,
    /// Its fencing token.
    pub token: u64,
    /// Whether it is about to end, and looks for an heir.
    pub leaving: bool,
}

/// How a process asks for a stream.
#[derive(Clone, Debug)]
pub enum Bid {
    /// Take it where nobody has it.
    Take,
    /// Renew what is held.
    Renew(Lease),
    /// The same, and say that it is to be had: this process is about to end.
    Leave(Lease),
    /// Take it from the holder that this process is the heir of.
    Inherit(HeirKey),
}

/// By which a holder that is about to end knows its heir: 256 random bits as text. Whoever reads
/// the lease knows it, and nobody else.
#[derive(Clone)]
pub struct HeirKey(SecretString);

impl HeirKey {
    /// A key that nobody else has.
    pub fn generate() -> Self {
        let [a, b] = [Uuid::new_v4(), Uuid::new_v4()];
        Self(format!("{}{}", a.simple(), b.simple()).into())
    }

    /// The text, for the one who is to be shown it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for HeirKey {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for HeirKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeirKey")
    }
}

/// Who prepares to take a stream over.
#[derive(Clone, Debug)]
pub struct Heir {
    /// The process.
    pub instance: InstanceId,
    /// How it is known.
    pub key: HeirKey,
}

/// What became of the wish to be the heir of a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This process is.
    Heir,
    /// The holder does not leave, is another one by now, or has another heir.
    Refused,
    /// Nobody holds the stream.
    Gone,
}

/// Where a process is, as it writes into a lease.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts<'a> {
    /// Name of its host.
    pub host: &'a str,
    /// Where its siblings reach it. A process that listens on the holder's own address takes over
    /// at once, because the holder must be dead.
    pub url: &'a str,
}

/// What became of an attempt to hold a stream.
#[derive(Clone, Debug)]
pub enum LeaseOutcome {
    /// This process holds it.
    Held {
        /// The proof.
        lease: Lease,
        /// Who is to have it next, where this process is about to end.
        heir: Option<Heir>,
    },
    /// Somebody else does.
    Taken(LeaseHolder),
}

impl Bus {
    /// Takes the stream's lease, or renews it, for as long as `ttl`.
    pub async fn hold(
        &self,
        stream: &StreamId,
        bid: &Bid,
        at: Whereabouts<'_>,
        ttl: Duration,
    ) -> Result<LeaseOutcome, BusError> {
        let (held, leaving, key) = match bid {
            Bid::Take => (0, "0", ""),
            Bid::Renew(lease) => (lease.token, "0", ""),
            Bid::Leave(lease) => (lease.token, "1", ""),
            Bid::Inherit(key) => (0, "0", key.expose()),
        };
        let mut invocation = LEASE.prepare_invoke();
        invocation
            .key(keys::lease(stream))
            .key(keys::fence(stream))
            .arg(self.instance().as_str())
            .arg(at.host)
            .arg(at.url)
            .arg(held)
            .arg(millis(ttl))
            .arg(leaving)
            .arg(key);
        let answer: Vec<String> = self.script(&invocation).await?;
        outcome(&answer).ok_or(BusError::ScriptAnswer { script: "lease" })
    }

    /// Makes this process the heir of the holder with this token for as long as `ttl`, or renews
    /// that.
    pub async fn become_heir(
        &self,
        stream: &StreamId,
        holder: u64,
        key: &HeirKey,
        ttl: Duration,
    ) -> Result<Claim, BusError> {
        let mut invocation = HEIR.prepare_invoke();
        invocation
            .key(keys::lease(stream))
            .arg(holder)
            .arg(self.instance().as_str())
            .arg(key.expose())
            .arg(millis(ttl));
        let answer: String = self.script(&invocation).await?;
        match answer.as_str() {
            "heir" => Ok(Claim::Heir),
            "refused" => Ok(Claim::Refused),
            "gone" => Ok(Claim::Gone),
            _ => Err(BusError::ScriptAnswer { script: "heir" }),
        }
    }

    /// Gives a lease back, if it is still this process's.
    pub async fn release(&self, stream: &StreamId, lease: Lease) -> Result<(), BusError> {
        let mut invocation = RELEASE.prepare_invoke();
        invocation
            .key(keys::lease(stream))
            .arg(self.instance().as_str())
            .arg(lease.token);
        let _released: i64 = self.script(&invocation).await?;
        Ok(())
    }

    /// Who holds the stream now.
    pub async fn lease_holder(&self, stream: &StreamId) -> Result<Option<LeaseHolder>, BusError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(keys::lease(stream))
            .arg("instance")
            .arg("url")
            .arg("token")
            .arg("leaving");
        let (instance, url, token, leaving): HolderFields = self.query(&command).await?;
        let (Some(instance), Some(url), Some(token)) = (instance, url, token) else {
            return Ok(None);
        };
        let instance = instance
            .parse()
            .map_err(|_not_an_id| BusError::ScriptAnswer { script: "lease" })?;
        Ok(Some(LeaseHolder {
            instance,
            url,
            token,
            leaving: leaving.is_some(),
        }))
    }
}

type HolderFields = (Option<String>, Option<String>, Option<u64>, Option<String>);

/// What the script answers, if it makes sense.
fn outcome(answer: &[String]) -> Option<LeaseOutcome> {
    let words: Vec<&str> = answer.iter().map(String::as_str).collect();
    Some(match words.as_slice() {
        ["held", token, heir, key] => LeaseOutcome::Held {
            lease: Lease {
                token: token.parse().ok()?,
            },
            heir: match *heir {
                "" => None,
                heir => Some(Heir {
                    instance: heir.parse().ok()?,
                    key: HeirKey::from(*key),
                }),
            },
        },
        ["taken", instance, url, token, leaving] => LeaseOutcome::Taken(LeaseHolder {
            instance: instance.parse().ok()?,
            url: (*url).to_owned(),
            token: token.parse().ok()?,
            leaving: *leaving == "1",
        }),
        _ => return None,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
