//! The settings of analytics.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_bus::BusConfig;
use sm_common::id::StreamId;
use sm_service_kit::config::{
    AuthConfig, EventHandlerConfig, HttpConfig, KitConfig, OpsConfig, ServiceConfig,
    TelemetryConfig,
};

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
    /// `[query]`
    pub(crate) query: QueryConfig,
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
    pub(crate) minutes_s: u32,
    pub(crate) timeline_max: u32,
}

/// `[query]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryConfig {
    pub(crate) points_max: u32,
    pub(crate) points_auto: u32,
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
