//! The settings of ws-fanout.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_bus::BusConfig;
use sm_common::event::Channel;
use sm_common::ws::ConnectionLimits;
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
    /// `[ws]`
    pub(crate) ws: WsConfig,
    /// `[fanout]`
    pub(crate) fanout: FanoutConfig,
    /// `[chat]`
    pub(crate) chat: ChatConfig,
    /// `[presence]`
    pub(crate) presence: PresenceConfig,
}

/// `[presence]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PresenceConfig {
    pub(crate) report_ms: u64,
    pub(crate) expiry_ms: u64,
    pub(crate) people_max: usize,
}

impl PresenceConfig {
    pub(crate) const fn expiry(&self) -> Duration {
        Duration::from_millis(self.expiry_ms)
    }

    pub(crate) fn report(&self) -> Duration {
        Duration::from_millis(self.report_ms.max(1))
    }
}

/// `[ws]`: connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WsConfig {
    pub(crate) port: u16,
    pub(crate) origins: Vec<String>,
    pub(crate) echo: bool,
    pub(crate) heartbeat_ms: u64,
    pub(crate) auth_deadline_ms: u64,
    pub(crate) frame_bytes_max: usize,
    pub(crate) subscriptions_max: usize,
    pub(crate) messages_per_second: u32,
    pub(crate) message_burst: u32,
    pub(crate) refusals_max: u32,
    pub(crate) unreadable_max: u32,
    pub(crate) connections_max: usize,
    pub(crate) connections_per_user_max: usize,
    pub(crate) connections_per_address_max: usize,
    pub(crate) connections_report_ms: u64,
    pub(crate) connections_expiry_ms: u64,
    pub(crate) deflate_from_bytes: usize,
    pub(crate) queue_bytes_max: usize,
    pub(crate) queue_age_max_ms: u64,
    pub(crate) conflate_above_bytes: usize,
    pub(crate) pongs_max: usize,
    pub(crate) close_timeout_ms: u64,
    pub(crate) send_buffer_bytes: usize,
    pub(crate) write_timeout_ms: u32,
    pub(crate) reconnect_spread_ms: u64,
}

impl WsConfig {
    pub(crate) const fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }

    pub(crate) fn connections_report(&self) -> Duration {
        Duration::from_millis(self.connections_report_ms.max(1))
    }

    pub(crate) const fn connections_expiry(&self) -> Duration {
        Duration::from_millis(self.connections_expiry_ms)
    }

    pub(crate) const fn auth_deadline(&self) -> Duration {
        Duration::from_millis(self.auth_deadline_ms)
    }

    pub(crate) const fn queue_age_max(&self) -> Duration {
        Duration::from_millis(self.queue_age_max_ms)
    }

    pub(crate) const fn close_timeout(&self) -> Duration {
        Duration::from_millis(self.close_timeout_ms)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms.into())
    }

    pub(crate) const fn reconnect_spread(&self) -> Duration {
        Duration::from_millis(self.reconnect_spread_ms)
    }

    /// What a client is told in `welcome`.
    pub(crate) const fn limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            frame_bytes_max: self.frame_bytes_max,
            subscriptions_max: self.subscriptions_max,
            messages_per_second: self.messages_per_second,
        }
    }
}

/// `[fanout]`: delivery and recovery.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FanoutConfig {
    pub(crate) batch_events_max: usize,
    pub(crate) batch_bytes_max: usize,
    pub(crate) batch_window_per_subscriber_us: u64,
    pub(crate) batch_window_max_ms: u64,
    pub(crate) recovery_events_max: usize,
    pub(crate) recovery_bytes_max: usize,
    pub(crate) position_check_ms: u64,
    pub(crate) reads_max: usize,
    pub(crate) reads_wait_max_ms: u64,
    pub(crate) stream_state: StateChannelConfig,
    pub(crate) layer_updates: LogChannelConfig,
    pub(crate) metrics: StateChannelConfig,
    pub(crate) chat: ChatChannelConfig,
    pub(crate) alerts: LogChannelConfig,
}

/// A channel whose newest value says all.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateChannelConfig {
    pub(crate) batch_window_ms: u64,
    pub(crate) conflate: Conflation,
}

/// A channel of which nothing may be missed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogChannelConfig {
    pub(crate) batch_window_ms: u64,
}

/// `[fanout.chat]`: a channel of which nothing may be missed unless that was asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatChannelConfig {
    pub(crate) batch_window_ms: u64,
    pub(crate) sample_per_second: u32,
}

/// When the newest event of a type takes the place of older ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Conflation {
    /// Never.
    Never,
    /// Among what waits for a reader that is behind.
    Behind,
    /// Within a window too.
    Always,
}

/// How the events of a channel are put together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// What follows an event within this time waits for its end, where few subscribe; zero where
    /// nothing waits.
    pub(crate) window: Duration,
    /// It is so long for each subscriber, up to the longest that it becomes by that.
    pub(crate) per_subscriber: Duration,
    pub(crate) window_max: Duration,
    pub(crate) events_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) conflation: Conflation,
    /// Messages a second for those who asked for a sample; 0 for all.
    pub(crate) sample_per_second: u32,
}

impl FanoutConfig {
    /// How the events of a channel are put together.
    pub(crate) fn batching(&self, channel: Channel) -> Batching {
        let (window_ms, conflation) = match channel {
            Channel::StreamState => self.stream_state.lane(),
            Channel::LayerUpdates => self.layer_updates.lane(),
            Channel::Metrics => self.metrics.lane(),
            Channel::Chat => self.chat.lane(),
            Channel::Alerts => self.alerts.lane(),
        };
        let sample_per_second = match channel {
            Channel::Chat => self.chat.sample_per_second,
            Channel::StreamState | Channel::LayerUpdates | Channel::Metrics | Channel::Alerts => 0,
        };
        Batching {
            window: Duration::from_millis(window_ms),
            per_subscriber: Duration::from_micros(self.batch_window_per_subscriber_us),
            window_max: Duration::from_millis(self.batch_window_max_ms),
            events_max: self.batch_events_max.max(1),
            bytes_max: self.batch_bytes_max,
            conflation,
            sample_per_second,
        }
    }

    pub(crate) const fn reads_wait_max(&self) -> Duration {
        Duration::from_millis(self.reads_wait_max_ms)
    }

    pub(crate) const fn position_check(&self) -> Duration {
        Duration::from_millis(self.position_check_ms)
    }
}

impl Batching {
    /// How long what follows an event to so many subscribers waits.
    pub(crate) fn window_for(&self, subscribers: usize) -> Duration {
        if self.window.is_zero() {
            return Duration::ZERO;
        }
        let subscribers = u32::try_from(subscribers).unwrap_or(u32::MAX);
        let for_all = self.per_subscriber.saturating_mul(subscribers);
        self.window.max(for_all.min(self.window_max))
    }
}

impl StateChannelConfig {
    const fn lane(self) -> (u64, Conflation) {
        (self.batch_window_ms, self.conflate)
    }
}

impl LogChannelConfig {
    const fn lane(self) -> (u64, Conflation) {
        (self.batch_window_ms, Conflation::Never)
    }
}

impl ChatChannelConfig {
    const fn lane(self) -> (u64, Conflation) {
        (self.batch_window_ms, Conflation::Never)
    }
}

/// `[chat]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatConfig {
    pub(crate) burst: u32,
    pub(crate) interval_ms: u64,
    pub(crate) channel_per_second: u32,
    pub(crate) channel_burst: u32,
    pub(crate) snapshot_messages: usize,
    pub(crate) history_messages: usize,
    pub(crate) written_max: usize,
    pub(crate) written_keep_s: u64,
    pub(crate) edit_window_s: u64,
    pub(crate) pins_max: usize,
    pub(crate) held_max: usize,
    pub(crate) bans_max: usize,
    pub(crate) moderation_entries: usize,
    pub(crate) slow_mode_max_s: u32,
    pub(crate) banned_words_max: usize,
    pub(crate) allowed_hosts_max: usize,
    pub(crate) system_messages: bool,
    pub(crate) guest_s: u64,
    pub(crate) guests_per_address: u64,
    pub(crate) guest_window_s: u64,
}

impl ChatConfig {
    pub(crate) const fn edit_window(&self) -> Duration {
        Duration::from_secs(self.edit_window_s)
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
