//! The settings of stream-control.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_bus::BusConfig;
use sm_common::id::StreamId;
use sm_common::program::ProgramFormat;
use sm_common::target::TargetPolicy;
use sm_service_kit::config::{
    AuthConfig, EventHandlerConfig, HttpConfig, KitConfig, OpsConfig, ServiceConfig,
    TelemetryConfig,
};

use crate::domain::{ProgramLimits, Rules};

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
    /// `[stream]`
    pub(crate) stream: StreamConfig,
    /// `[outputs]`
    pub(crate) outputs: OutputsConfig,
    /// `[schedules]`
    pub(crate) schedules: SchedulesConfig,
    /// `[demo]`
    pub(crate) demo: DemoConfig,
    /// `[playback]`
    pub(crate) playback: PlaybackConfig,
}

/// `[stream]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamConfig {
    pub(crate) ids: Vec<StreamId>,
    pub(crate) operation_ttl_s: u64,
    pub(crate) idempotency_ttl_s: u64,
    pub(crate) wait_max_s: u64,
    pub(crate) audit_max: usize,
    pub(crate) decisions_max: usize,
    pub(crate) program: ProgramFormat,
    pub(crate) limits: ProgramLimits,
}

/// `[outputs]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputsConfig {
    max: usize,
    allow_private: bool,
}

/// `[schedules]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchedulesConfig {
    pub(crate) ended_max: usize,
    look_every_ms: u64,
}

impl SchedulesConfig {
    pub(crate) const fn look_every(&self) -> Duration {
        Duration::from_millis(self.look_every_ms)
    }
}

/// `[demo]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoConfig {
    pub(crate) start: bool,
}

/// `[playback]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaybackConfig {
    pub(crate) secret_file: PathBuf,
    pub(crate) lifetime_s: u64,
    pub(crate) lifetime_max_s: u64,
}

impl OutputsConfig {
    pub(crate) const fn rules(&self) -> Rules {
        Rules {
            outputs_max: self.max,
            targets: TargetPolicy {
                allow_private: self.allow_private,
            },
        }
    }
}

impl StreamConfig {
    pub(crate) const fn operation_ttl(&self) -> Duration {
        Duration::from_secs(self.operation_ttl_s)
    }

    pub(crate) const fn idempotency_ttl(&self) -> Duration {
        Duration::from_secs(self.idempotency_ttl_s)
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
