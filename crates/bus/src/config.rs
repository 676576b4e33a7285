use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The `[redis]` section of a service's configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusConfig {
    /// `redis://host:port/db`; of a cluster any of its nodes, separated by commas. A password belongs
    /// into `password_file`.
    pub url: String,
    /// Whether that is a cluster (Redis 7 or newer, for its shard channels).
    pub cluster: bool,
    /// A file that holds the password, and nothing else; empty for none.
    pub password_file: PathBuf,
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
}

impl BusConfig {
    /// Defaults, with this address; for tests.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            cluster: false,
            password_file: PathBuf::new(),
            connections_max: 16,
            timeout_ms: 700,
            history_max: 1000,
            reconnect_ms: 100,
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
