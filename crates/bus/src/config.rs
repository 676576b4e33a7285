use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::breaker::BreakerLimits;

/// The `[redis]` section of a service's configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusConfig {
    /// `redis://user@host:port/db`, or `rediss://` for TLS; of a cluster any of its nodes, separated by
    /// commas. A password belongs into `password_file`.
    pub url: String,
    /// Whether that is a cluster (Redis 7 or newer, for its shard channels).
    pub cluster: bool,
    /// A file that holds the password, and nothing else; empty for none.
    pub password_file: PathBuf,
    /// Certificates of the authorities that the server's is of, PEM; empty for those of the system.
    pub ca_file: PathBuf,
    /// Most connections of this process, besides one for commits and one for the live
    /// subscription.
    pub connections_max: usize,
    /// Longest wait for a connection and for an answer, in milliseconds; writes that take longer
    /// answer 503.
    pub timeout_ms: u64,
    /// Events kept in each channel's history.
    pub history_max: usize,
    /// First wait before the live subscription connects again, in milliseconds; doubles up to
    /// two seconds.
    pub reconnect_ms: u64,
    /// Calls in a row that Redis lets wait until `timeout_ms` before nothing is asked of it for
    /// `silence_ms`.
    pub silences_max: u32,
    /// How long nothing is asked then, in milliseconds; afterwards one call at a time tries.
    pub silence_ms: u64,
}

impl BusConfig {
    /// Defaults, with this address; for tests.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            cluster: false,
            password_file: PathBuf::new(),
            ca_file: PathBuf::new(),
            connections_max: 16,
            timeout_ms: 700,
            history_max: 1000,
            reconnect_ms: 100,
            silences_max: 5,
            silence_ms: 250,
        }
    }

    pub(crate) const fn breaker(&self) -> BreakerLimits {
        BreakerLimits {
            silences_max: self.silences_max,
            pause: Duration::from_millis(self.silence_ms),
        }
    }

    /// The addresses in `url`.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.url.split(',').map(str::trim)
    }

    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}
