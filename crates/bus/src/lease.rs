use std::sync::LazyLock;
use std::time::Duration;

use deadpool_redis::redis::{self, Script};
use sm_common::id::{InstanceId, StreamId};

use crate::connection::Bus;
use crate::error::BusError;
use crate::keys;

static LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/lease.lua")));
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
}

/// What became of an attempt to hold a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// This process holds it.
    Held(Lease),
    /// Somebody else does.
    Taken(LeaseHolder),
}

impl Bus {
    /// Takes the stream's lease, or renews `held`, for as long as `ttl`. `url` is where siblings
    /// reach this process: a process that listens on the holder's own address takes over at once,
    /// because the holder must be dead.
    pub async fn hold(
        &self,
        stream: &StreamId,
        held: Option<Lease>,
        host: &str,
        url: &str,
        ttl: Duration,
    ) -> Result<LeaseOutcome, BusError> {
        let malformed = || BusError::ScriptAnswer { script: "lease" };
        let mut invocation = LEASE.prepare_invoke();
        invocation
            .key(keys::lease(stream))
            .key(keys::fence(stream))
            .arg(self.instance().as_str())
            .arg(host)
            .arg(url)
            .arg(held.map_or(0, |lease| lease.token))
            .arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        let answer: Vec<String> = self.script(&invocation).await?;
        let words: Vec<&str> = answer.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["held", token] => Ok(LeaseOutcome::Held(Lease {
                token: token.parse().map_err(|_not_a_number| malformed())?,
            })),
            ["taken", instance, url, token] => Ok(LeaseOutcome::Taken(LeaseHolder {
                instance: instance.parse().map_err(|_not_an_id| malformed())?,
                url: (*url).to_owned(),
                token: token.parse().map_err(|_not_a_number| malformed())?,
            })),
            _ => Err(malformed()),
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
            .arg("token");
        let (instance, url, token): (Option<String>, Option<String>, Option<u64>) =
            self.query(&command).await?;
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
        }))
    }
}
