//! The settings of stream-engine.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sm_asset_store::ObjectStoreConfig;
use sm_bus::BusConfig;
use sm_common::address::NetworkPolicy;
use sm_common::capacity::Costs;
use sm_common::id::StreamId;
use sm_common::layer::Color;
use sm_common::target::TargetPolicy;
use sm_media_protocol::{AdaptiveTerms, RetryTerms, SpriteSettings, WebSettings};
use sm_service_kit::config::{
    AuthConfig, EventHandlerConfig, HttpConfig, KitConfig, OpsConfig, ServiceConfig,
    TelemetryConfig,
};

use crate::webrtc::{CandidateAddress, IceServer};

/// All settings; `config/default.toml` says what each is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Empty: found out by [`crate::advertise`].
    pub(crate) advertise: String,
    http: HttpConfig,
    ops: OpsConfig,
    auth: AuthConfig,
    telemetry: TelemetryConfig,
    event_handler: EventHandlerConfig,
    /// `[redis]`
    pub(crate) redis: BusConfig,
    /// `[engine]`
    pub(crate) engine: EngineConfig,
    /// `[lease]`
    pub(crate) lease: LeaseConfig,
    /// `[handover]`
    pub(crate) handover: HandoverConfig,
    /// `[worker]`
    pub(crate) worker: WorkerConfig,
    /// `[object_store]`
    pub(crate) object_store: ObjectStoreConfig,
    /// `[asset_copies]`
    pub(crate) asset_copies: AssetCopiesConfig,
    /// `[restart]`
    pub(crate) restart: RestartConfig,
    /// `[live]`
    pub(crate) live: LiveConfig,
    /// `[preview]`
    pub(crate) preview: PreviewConfig,
    /// `[recordings]`
    pub(crate) recordings: RecordingsConfig,
    /// `[slate]`
    pub(crate) slate: SlateConfig,
    /// `[watch]`
    pub(crate) watch: WatchConfig,
    /// `[sources]`
    pub(crate) sources: SourcesConfig,
    /// `[outputs]`
    pub(crate) outputs: OutputsConfig,
    /// `[web]`
    pub(crate) web: WebConfig,
    /// `[chat]`
    pub(crate) chat: ChatConfig,
    /// `[playback]`
    pub(crate) playback: PlaybackConfig,
    /// `[admission]`
    pub(crate) admission: AdmissionConfig,
    /// `[ingest]`
    pub(crate) ingest: IngestConfig,
    /// `[webrtc]`
    pub(crate) webrtc: WebrtcConfig,
}

/// `[outputs]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputsConfig {
    allow_private: bool,
    /// `[outputs.adaptive]`
    pub(crate) adaptive: AdaptiveTerms,
}

/// `[admission]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdmissionConfig {
    pub(crate) enforced: bool,
    pub(crate) cpu_max: f64,
    pub(crate) window_s: u64,
    settle_s: u64,
    pub(crate) hysteresis_cores: f64,
    pub(crate) costs: Costs,
}

/// `[engine]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineConfig {
    pub(crate) ids: Vec<StreamId>,
    pub(crate) streams_max: usize,
    look_interval_ms: u64,
    required_grace_ms: u64,
}

/// `[lease]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseConfig {
    ttl_ms: u64,
    renew_ms: u64,
    pub(crate) without_redis: WithoutRedis,
}

/// What the holder does once its lease cannot be renewed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WithoutRedis {
    /// The picture stays up.
    Keep,
    /// A gap is better than the chance of two senders.
    Stop,
}

/// `[handover]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandoverConfig {
    longest_ms: u64,
    claim_ms: u64,
    pub(crate) files_max: usize,
    pub(crate) bytes_max: u64,
}

/// `[worker]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerConfig {
    pub(crate) program: PathBuf,
    pub(crate) pid_directory: PathBuf,
    pub(crate) assets_directory: PathBuf,
    ready_timeout_ms: u64,
    first_segment_timeout_ms: u64,
    stall_timeout_ms: u64,
    stop_timeout_ms: u64,
    orphan_s: u64,
    adopt_timeout_ms: u64,
    pub(crate) keep_on_stop: bool,
}

/// `[asset_copies]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssetCopiesConfig {
    pub(crate) bytes_max: u64,
    pub(crate) at_once_max: usize,
    wait_ms: u64,
    retry_ms: u64,
    retry_max_ms: u64,
}

impl AssetCopiesConfig {
    pub(crate) const fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }

    pub(crate) const fn retry(&self) -> Duration {
        Duration::from_millis(self.retry_ms)
    }

    pub(crate) const fn retry_max(&self) -> Duration {
        Duration::from_millis(self.retry_max_ms)
    }
}

/// `[restart]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestartConfig {
    wait_ms: u64,
    wait_max_ms: u64,
    stable_s: u64,
    pub(crate) failures_max: usize,
    failures_window_s: u64,
}

/// `[live]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveConfig {
    pub(crate) directory: PathBuf,
    pub(crate) window_segments: usize,
    pub(crate) part_ms: u32,
    pub(crate) waiting_max: usize,
    wait_max_ms: u64,
    grace_s: u64,
    resume_within_s: u64,
    viewer_window_s: u64,
    pub(crate) viewers_max: usize,
    snapshot_max_age_ms: u64,
    snapshot_timeout_ms: u64,
    sprite_interval_ms: u64,
    sprite_pictures: u32,
    sprite_height: u32,
    forward_connect_timeout_ms: u64,
    forward_read_timeout_ms: u64,
}

/// `[preview]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewConfig {
    pub(crate) width_max: u32,
    framerate: NonZeroU32,
    pub(crate) watched_ms: u32,
}

/// `[recordings]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordingsConfig {
    pub(crate) directory: PathBuf,
    pub(crate) reserve_bytes: u64,
}

/// `[slate]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlateConfig {
    pub(crate) text: String,
    pub(crate) color: Color,
    pub(crate) text_color: Color,
    pub(crate) text_height: f64,
}

/// `[watch]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the unit is part of the name")]
pub(crate) struct WatchConfig {
    pub(crate) black_s: u64,
    pub(crate) frozen_s: u64,
    pub(crate) silent_s: u64,
}

/// `[sources]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourcesConfig {
    allow: Vec<IpNet>,
    retry_first_ms: u64,
    retry_longest_ms: u64,
}

/// `[web]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebConfig {
    enabled: bool,
    pages_max: u32,
    memory_mb_max: u64,
    start_timeout_ms: u64,
    stall_timeout_ms: u64,
}

/// `[chat]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatConfig {
    pub(crate) history_events: usize,
    tell_interval_ms: u64,
}

/// `[playback]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaybackConfig {
    pub(crate) secret_file: PathBuf,
}

impl AdmissionConfig {
    /// At least a second, so that a promise can fade.
    pub(crate) fn settle(&self) -> Duration {
        Duration::from_secs(self.settle_s.max(1))
    }
}

/// `[ingest]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IngestConfig {
    pub(crate) secret_file: PathBuf,
    pub(crate) rtmp_port: u16,
    pub(crate) application: String,
    pub(crate) srt_port: u16,
    srt_latency_ms: u64,
    pub(crate) srt_packets_max: usize,
    pub(crate) srt_handshakes_per_s_max: u32,
    pub(crate) srt_passphrase_file: PathBuf,
    pub(crate) connections_max: usize,
    open_timeout_ms: u64,
    silence_ms: u64,
    takeover_after_ms: u64,
    pub(crate) guesses_max: u32,
    guess_window_s: u64,
    guess_delay_ms: u64,
    pub(crate) message_bytes_max: usize,
    pub(crate) queue_bytes_max: usize,
}

impl IngestConfig {
    pub(crate) const fn srt_latency(&self) -> Duration {
        Duration::from_millis(self.srt_latency_ms)
    }

    pub(crate) const fn open_timeout(&self) -> Duration {
        Duration::from_millis(self.open_timeout_ms)
    }

    pub(crate) const fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }

    pub(crate) const fn takeover_after(&self) -> Duration {
        Duration::from_millis(self.takeover_after_ms)
    }

    pub(crate) const fn guess_window(&self) -> Duration {
        Duration::from_secs(self.guess_window_s)
    }

    pub(crate) const fn guess_delay(&self) -> Duration {
        Duration::from_millis(self.guess_delay_ms)
    }
}

/// `[webrtc]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebrtcConfig {
    pub(crate) enabled: bool,
    pub(crate) port: u16,
    pub(crate) candidates: Vec<CandidateAddress>,
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) sessions_max: usize,
    pub(crate) sessions_per_stream_max: usize,
    pub(crate) units_waiting_max: usize,
    first_picture_ms: u64,
    connect_max_ms: u64,
    silence_max_ms: u64,
    away_max_ms: u64,
    loss_max_percent: u8,
    loss_patience_ms: u64,
}

impl WebrtcConfig {
    pub(crate) const fn first_picture(&self) -> Duration {
        Duration::from_millis(self.first_picture_ms)
    }

    pub(crate) const fn connect_max(&self) -> Duration {
        Duration::from_millis(self.connect_max_ms)
    }

    pub(crate) const fn silence_max(&self) -> Duration {
        Duration::from_millis(self.silence_max_ms)
    }

    pub(crate) const fn away_max(&self) -> Duration {
        Duration::from_millis(self.away_max_ms)
    }

    pub(crate) fn loss_max(&self) -> f32 {
        f32::from(self.loss_max_percent) / 100.0
    }

    pub(crate) const fn loss_patience(&self) -> Duration {
        Duration::from_millis(self.loss_patience_ms)
    }
}

impl OutputsConfig {
    pub(crate) const fn targets(&self) -> TargetPolicy {
        TargetPolicy {
            allow_private: self.allow_private,
        }
    }
}

impl SourcesConfig {
    pub(crate) fn policy(&self) -> NetworkPolicy {
        NetworkPolicy {
            allow: self.allow.clone(),
        }
    }

    pub(crate) const fn retry(&self) -> RetryTerms {
        RetryTerms {
            first_ms: self.retry_first_ms,
            longest_ms: self.retry_longest_ms,
        }
    }
}

impl WebConfig {
    /// What workers are told; `None` while web pages are switched off.
    pub(crate) fn settings(&self) -> Option<WebSettings> {
        self.enabled.then(|| WebSettings {
            pages_max: self.pages_max,
            memory_bytes_max: self.memory_mb_max.saturating_mul(1024 * 1024),
            start_ms: self.start_timeout_ms,
            stall_ms: self.stall_timeout_ms,
        })
    }
}

impl ChatConfig {
    pub(crate) const fn tell_every(&self) -> Duration {
        Duration::from_millis(self.tell_interval_ms)
    }
}

impl EngineConfig {
    pub(crate) const fn look_interval(&self) -> Duration {
        Duration::from_millis(self.look_interval_ms)
    }

    pub(crate) const fn required_grace(&self) -> Duration {
        Duration::from_millis(self.required_grace_ms)
    }
}

impl LeaseConfig {
    pub(crate) const fn ttl(&self) -> Duration {
        Duration::from_millis(self.ttl_ms)
    }

    pub(crate) const fn renew(&self) -> Duration {
        Duration::from_millis(self.renew_ms)
    }
}

impl HandoverConfig {
    pub(crate) const fn longest(&self) -> Duration {
        Duration::from_millis(self.longest_ms)
    }

    pub(crate) const fn claim(&self) -> Duration {
        Duration::from_millis(self.claim_ms)
    }
}

impl WorkerConfig {
    pub(crate) const fn ready_timeout(&self) -> Duration {
        Duration::from_millis(self.ready_timeout_ms)
    }

    pub(crate) const fn first_segment_timeout(&self) -> Duration {
        Duration::from_millis(self.first_segment_timeout_ms)
    }

    pub(crate) const fn stall_timeout(&self) -> Duration {
        Duration::from_millis(self.stall_timeout_ms)
    }

    pub(crate) const fn stop_timeout(&self) -> Duration {
        Duration::from_millis(self.stop_timeout_ms)
    }

    pub(crate) const fn orphan(&self) -> Duration {
        Duration::from_secs(self.orphan_s)
    }

    pub(crate) const fn adopt_timeout(&self) -> Duration {
        Duration::from_millis(self.adopt_timeout_ms)
    }
}

impl RestartConfig {
    pub(crate) const fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }

    pub(crate) const fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_max_ms)
    }

    pub(crate) const fn stable(&self) -> Duration {
        Duration::from_secs(self.stable_s)
    }

    pub(crate) const fn failures_window(&self) -> Duration {
        Duration::from_secs(self.failures_window_s)
    }
}

impl LiveConfig {
    pub(crate) const fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_max_ms)
    }

    /// How small pictures of the last minutes are made; `None`: not at all.
    pub(crate) fn sprite(&self) -> Option<SpriteSettings> {
        (self.sprite_interval_ms > 0 && self.sprite_pictures > 0).then_some(SpriteSettings {
            interval_ms: self.sprite_interval_ms,
            pictures: self.sprite_pictures,
            height: self.sprite_height,
        })
    }

    pub(crate) const fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_s)
    }

    pub(crate) const fn resume_within(&self) -> Duration {
        Duration::from_secs(self.resume_within_s)
    }

    pub(crate) const fn viewer_window(&self) -> Duration {
        Duration::from_secs(self.viewer_window_s)
    }

    pub(crate) const fn snapshot_max_age(&self) -> Duration {
        Duration::from_millis(self.snapshot_max_age_ms)
    }

    pub(crate) const fn snapshot_timeout(&self) -> Duration {
        Duration::from_millis(self.snapshot_timeout_ms)
    }

    pub(crate) const fn forward_connect_timeout(&self) -> Duration {
        Duration::from_millis(self.forward_connect_timeout_ms)
    }

    pub(crate) const fn forward_read_timeout(&self) -> Duration {
        Duration::from_millis(self.forward_read_timeout_ms)
    }
}

impl PreviewConfig {
    /// How old a picture of the preview may be.
    pub(crate) fn max_age(&self) -> Duration {
        Duration::from_secs(1) / self.framerate.get()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ABOUT;

    #[test]
    fn the_defaults_are_a_configuration_and_the_environment_changes_them() {
        let environment = [
            ("SM__ADVERTISE", "http://engine-1:4200"),
            ("SM__LEASE__WITHOUT_REDIS", "stop"),
            ("SM__SLATE__COLOR", "#00000080"),
            ("SM__ENGINE__IDS", "main,second"),
            ("PORT", "4300"),
            ("WS_PORT", "4301"),
        ];
        let environment: BTreeMap<String, String> = environment
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let read: Config =
            sm_service_kit::config::load(ABOUT.default_config, None, &environment).unwrap();
        assert_eq!(read.advertise, "http://engine-1:4200");
        assert_eq!(read.lease.without_redis, WithoutRedis::Stop);
        assert_eq!(read.lease.ttl(), Duration::from_secs(3));
        assert_eq!(read.slate.color.alpha, 0x80);
        assert_eq!(
            read.web.settings(),
            None,
            "only who wants web pages has them"
        );
        assert_eq!((read.http.port, read.engine.ids.len()), (4300, 2));
    }
}
