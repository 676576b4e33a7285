//! The settings of analytics.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_bus::BusConfig;
use sm_common::address::NetworkPolicy;
use sm_common::id::StreamId;
use sm_service_kit::config::{
    AuthConfig, EventHandlerConfig, HttpConfig, KitConfig, OpsConfig, ServiceConfig,
    TelemetryConfig,
};
use url::Url;

use crate::remote_write::Labels;
use crate::rollup::Tier;

use crate::delivery::Patience;
use crate::incidents::Limits;

/// All settings; `config/default.toml` says what each is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    http: HttpConfig,
    ops: OpsConfig,
    auth: AuthConfig,
    telemetry: TelemetryConfig,
    event_handler: EventHandlerConfig,
    /// `[redis]`
    pub(crate) redis: BusConfig,
    /// `[ingest]`
    pub(crate) ingest: IngestConfig,
    /// `[retention]`
    pub(crate) retention: RetentionConfig,
    /// `[packing]`
    pub(crate) packing: PackingConfig,
    /// `[query]`
    pub(crate) query: QueryConfig,
    /// `[alerts]`
    pub(crate) alerts: AlertsConfig,
    /// `[incidents]`
    pub(crate) incidents: IncidentsConfig,
    /// `[delivery]`
    pub(crate) delivery: DeliveryConfig,
    /// `[alertmanager]`
    pub(crate) alertmanager: AlertmanagerConfig,
    /// `[remote_write]`
    pub(crate) remote_write: RemoteWriteConfig,
}

/// `[ingest]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IngestConfig {
    pub(crate) stream: StreamId,
    pub(crate) page_max: usize,
    pub(crate) poll_interval_ms: u64,
    pub(crate) retry_ms: u64,
}

impl IngestConfig {
    pub(crate) const fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms)
    }

    pub(crate) const fn retry(&self) -> Duration {
        Duration::from_millis(self.retry_ms)
    }
}

/// `[retention]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionConfig {
    pub(crate) seconds_s: u32,
    pub(crate) tens_s: u32,
    pub(crate) minutes_s: u32,
    pub(crate) hours_s: u32,
    pub(crate) timeline_max: u32,
}

impl RetentionConfig {
    /// How long a resolution is kept, in seconds.
    pub(crate) fn of(&self, tier: Tier) -> i64 {
        i64::from(match tier {
            Tier::Seconds => self.seconds_s,
            Tier::Tens => self.tens_s,
            Tier::Minutes => self.minutes_s,
            Tier::Hours => self.hours_s,
        })
    }
}

/// `[packing]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackingConfig {
    pub(crate) interval_ms: u64,
    pub(crate) grace_s: u32,
}

impl PackingConfig {
    pub(crate) const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }
}

/// `[remote_write]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoteWriteConfig {
    pub(crate) url: Target,
    pub(crate) bearer_token_file: PathBuf,
    pub(crate) labels: Labels,
    pub(crate) timeout_ms: u64,
    pub(crate) interval_ms: u64,
    pub(crate) delay_s: u32,
    pub(crate) backfill_s: u32,
    pub(crate) span_max_s: u32,
    pub(crate) retry_min_ms: u64,
    pub(crate) retry_max_ms: u64,
}

impl RemoteWriteConfig {
    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    pub(crate) const fn retry_min(&self) -> Duration {
        Duration::from_millis(self.retry_min_ms)
    }

    pub(crate) const fn retry_max(&self) -> Duration {
        Duration::from_millis(self.retry_max_ms)
    }

    /// How long a replica that says nothing is still the one that sends: longer than it is silent.
    pub(crate) const fn sender_ms(&self) -> u64 {
        2 * (self.timeout_ms + self.interval_ms)
    }
}

/// Where something is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Target {
    /// Nowhere.
    Off,
    /// To this address.
    At(Url),
}

/// A text is no address.
#[derive(Debug, thiserror::Error)]
#[error("an address begins with http:// or https://, or is empty for none")]
pub(crate) struct ParseTargetError;

impl TryFrom<String> for Target {
    type Error = ParseTargetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            return Ok(Self::Off);
        }
        let url: Url = text.parse().map_err(|_no_url| ParseTargetError)?;
        if matches!(url.scheme(), "http" | "https") {
            Ok(Self::At(url))
        } else {
            Err(ParseTargetError)
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        match target {
            Target::Off => Self::new(),
            Target::At(mut url) => {
                // Shown to whoever asks for the effective settings.
                if url.password().is_some() {
                    let _ = url.set_password(Some("***"));
                }
                url.into()
            }
        }
    }
}

/// `[query]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryConfig {
    pub(crate) points_max: u32,
    pub(crate) points_auto: u32,
    pub(crate) exports_max: usize,
}

/// `[alerts]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertsConfig {
    pub(crate) interval_ms: u64,
    pub(crate) lease_ms: u64,
    pub(crate) settle_s: u64,
    pub(crate) page_max: usize,
    pub(crate) rules_max: usize,
    pub(crate) silences_max: usize,
    pub(crate) history_max: usize,
    pub(crate) error_groups_max: usize,
    pub(crate) dry_run_max_s: u32,
}

impl AlertsConfig {
    pub(crate) const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    pub(crate) const fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    pub(crate) const fn settle(&self) -> Duration {
        Duration::from_secs(self.settle_s)
    }
}

/// `[incidents]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentsConfig {
    pub(crate) kept_max: usize,
    pub(crate) together_ms: u64,
    pub(crate) siblings_ms: u64,
    pub(crate) settle_ms: u64,
    pub(crate) change_s: u64,
    pub(crate) wanted_s: u64,
    pub(crate) redis_away_ms: u64,
    pub(crate) silent_ms: u64,
    pub(crate) host_busy_lag_ms: f64,
}

impl IncidentsConfig {
    pub(crate) const fn limits(&self) -> Limits {
        Limits {
            together: Duration::from_millis(self.together_ms),
            siblings: Duration::from_millis(self.siblings_ms),
            settle: Duration::from_millis(self.settle_ms),
            change: Duration::from_secs(self.change_s),
            wanted: Duration::from_secs(self.wanted_s),
        }
    }

    pub(crate) const fn redis_away(&self) -> Duration {
        Duration::from_millis(self.redis_away_ms)
    }

    pub(crate) const fn silent(&self) -> Duration {
        Duration::from_millis(self.silent_ms)
    }
}

/// `[delivery]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryConfig {
    allow: Vec<ipnet::IpNet>,
    pub(crate) webhooks_max: usize,
    pub(crate) outbox_max: usize,
    pub(crate) dead_max: usize,
    pub(crate) parallel_max: usize,
    interval_ms: u64,
    timeout_ms: u64,
    attempts_max: u32,
    retry_first_ms: u64,
    retry_longest_ms: u64,
}

impl DeliveryConfig {
    /// Which networks messages may be sent to.
    pub(crate) fn policy(&self) -> NetworkPolicy {
        NetworkPolicy {
            allow: self.allow.clone(),
        }
    }

    pub(crate) const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) const fn patience(&self) -> Patience {
        Patience {
            attempts_max: self.attempts_max,
            first: Duration::from_millis(self.retry_first_ms),
            longest: Duration::from_millis(self.retry_longest_ms),
        }
    }
}

/// `[alertmanager]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertmanagerConfig {
    pub(crate) url: String,
    pub(crate) console_url: String,
    pub(crate) resend_ms: u64,
    pub(crate) resolved_keep_s: u64,
}

impl AlertmanagerConfig {
    pub(crate) const fn resend(&self) -> Duration {
        Duration::from_millis(self.resend_ms)
    }

    pub(crate) const fn resolved_keep(&self) -> Duration {
        Duration::from_secs(self.resolved_keep_s)
    }
}

impl ServiceConfig for Config {
    fn kit(&self) -> KitConfig {
        KitConfig {
            http: self.http.clone(),
            ops: self.ops.clone(),
            auth: self.auth.clone(),
            telemetry: self.telemetry.clone(),
            event_handler: self.event_handler.clone(),
        }
    }
}
