use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_common::rate::Quota;

use super::Class;

/// `[http.limits]`: how much a caller may ask for, and how much a process takes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Whether requests are counted at all.
    pub enabled: bool,
    /// Longest wait for what all replicas share, in milliseconds. Who waits in vain is counted by
    /// this process alone.
    pub shared_timeout_ms: u64,
    /// How long nothing is asked there after such a wait, in milliseconds.
    pub shared_retry_ms: u64,
    /// How long a caller who asks often may use what was taken ahead for them, in milliseconds.
    pub ahead_ms: u64,
    /// Callers that are remembered; the least active are forgotten.
    pub callers_max: NonZeroUsize,
    /// Reads.
    pub read: ClassLimits,
    /// Changes.
    pub write: ClassLimits,
    /// Commands to what is on air.
    pub control: ClassLimits,
    /// Files.
    pub upload: ClassLimits,
    /// Attempts to sign in.
    pub login: ClassLimits,
    /// What players fetch.
    pub media: ClassLimits,
}

/// The limits of one class.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassLimits {
    /// Requests of one caller in a window.
    pub requests: NonZeroU32,
    /// The window, in seconds.
    pub window_s: NonZeroU32,
    /// Requests of all callers under way at a time, in this process.
    pub concurrent_max: NonZeroUsize,
}

impl ClassLimits {
    pub(super) const fn quota(self) -> Quota {
        Quota {
            requests: self.requests,
            window_s: self.window_s,
        }
    }
}

impl LimitsConfig {
    pub(super) const fn of(&self, class: Class) -> ClassLimits {
        match class {
            Class::Read => self.read,
            Class::Write => self.write,
            Class::Control => self.control,
            Class::Upload => self.upload,
            Class::Login => self.login,
            Class::Media => self.media,
        }
    }

    pub(super) const fn shared_timeout(&self) -> Duration {
        Duration::from_millis(self.shared_timeout_ms)
    }

    pub(super) const fn shared_retry(&self) -> Duration {
        Duration::from_millis(self.shared_retry_ms)
    }

    pub(super) const fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead_ms)
    }
}
