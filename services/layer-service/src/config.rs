//! The settings of layer-service.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sm_asset_store::ObjectStoreConfig;
use sm_bus::{BusConfig, ListBounds};
use sm_common::address::NetworkPolicy;
use sm_common::id::StreamId;
use sm_probe::Limits;
use sm_service_kit::config::{
    AuthConfig, EventHandlerConfig, HttpConfig, KitConfig, OpsConfig, ServiceConfig,
    TelemetryConfig,
};

use crate::domain::Canvas;
use crate::domain::upload::PixelLimits;

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
    /// `[scene]`
    pub(crate) scene: SceneConfig,
    /// `[assets]`
    pub(crate) assets: AssetsConfig,
    /// `[object_store]`
    pub(crate) object_store: ObjectStoreConfig,
    /// `[variables]`
    pub(crate) variables: VariablesConfig,
    /// `[templates]`
    pub(crate) templates: TemplatesConfig,
    /// `[probe]`
    pub(crate) probe: ProbeConfig,
    /// `[schedules]`
    pub(crate) schedules: SchedulesConfig,
    /// `[scene_files]`
    pub(crate) scene_files: SceneFilesConfig,
    /// `[demo]`
    pub(crate) demo: DemoConfig,
    /// `[sources]`
    pub(crate) sources: SourcesConfig,
    /// `[ingest]`
    pub(crate) ingest: IngestConfig,
}

/// `[stream]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamConfig {
    pub(crate) ids: Vec<StreamId>,
}

/// `[scene]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SceneConfig {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) scenes_max: usize,
    pub(crate) layers_max: usize,
    pub(crate) groups_max: usize,
    pub(crate) operations_max: usize,
    pub(crate) attempts_max: usize,
    pub(crate) write_timeout_ms: u64,
    pub(crate) kept_max: usize,
    pub(crate) history_max: usize,
    pub(crate) history_bytes_max: usize,
    pub(crate) history_keep_s: u64,
    pub(crate) history_listed_max: usize,
    pub(crate) history_join_ms: u64,
}

/// `[assets]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssetsConfig {
    pub(crate) directory: PathBuf,
    pub(crate) file_bytes_max: u64,
    pub(crate) total_bytes_max: u64,
    pub(crate) files_max: usize,
    pub(crate) image_side_max: u32,
    pub(crate) image_pixels_max: u64,
    pub(crate) svg_bytes_max: usize,
    pub(crate) svg_depth_max: usize,
    pub(crate) svg_parts_max: u64,
    pub(crate) font_bytes_max: u64,
    pub(crate) frames_max: u64,
    duration_s_max: u64,
    pub(crate) disk_free_bytes_min: u64,
    pub(crate) uploads_max: usize,
    pub(crate) upload_timeout_s: u64,
    pub(crate) idle_timeout_s: u64,
    pub(crate) claim_ms: u64,
    pub(crate) sweep_interval_s: u64,
    pub(crate) orphan_age_s: u64,
    unused_keep_s: u64,
    pub(crate) resumable_max: usize,
    resumable_keep_s: u64,
}

/// `[probe]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeConfig {
    pub(crate) picture_program: PathBuf,
    pub(crate) media_program: PathBuf,
    pub(crate) at_once_max: usize,
    timeout_ms: u64,
    memory_bytes_max: u64,
    cpu_s_max: u64,
    thumbnail_side: u32,
    pub(crate) thumbnail_bytes_max: u64,
}

/// `[variables]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariablesConfig {
    pub(crate) count_max: usize,
}

/// `[templates]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplatesConfig {
    pub(crate) own_max: usize,
    pub(crate) parameters_max: usize,
}

/// `[schedules]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchedulesConfig {
    pub(crate) waiting_max: usize,
    pub(crate) ended_max: usize,
    pub(crate) look_every_ms: u64,
    pub(crate) grace_s: u64,
    pub(crate) grace_max_s: u64,
    pub(crate) ahead_max_s: u64,
}

impl SchedulesConfig {
    pub(crate) const fn look_every(&self) -> Duration {
        Duration::from_millis(self.look_every_ms)
    }
}

/// `[scene_files]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "each is a limit, as in every section"
)]
pub(crate) struct SceneFilesConfig {
    pub(crate) bytes_max: u64,
    pub(crate) files_max: usize,
    pub(crate) scene_bytes_max: u64,
    pub(crate) ratio_max: u64,
    pub(crate) index_bytes_max: u64,
    pub(crate) transfers_max: usize,
}

/// `[sources]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourcesConfig {
    allow: Vec<IpNet>,
    secrets_keep_s: u64,
}

/// `[ingest]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IngestConfig {
    pub(crate) secret_file: PathBuf,
    pub(crate) rtmp_url: String,
    pub(crate) rtmp_port: u16,
    pub(crate) application: String,
    pub(crate) srt_url: String,
    pub(crate) srt_port: u16,
}

/// `[demo]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoConfig {
    pub(crate) seed: bool,
}

impl SourcesConfig {
    pub(crate) fn policy(&self) -> NetworkPolicy {
        NetworkPolicy {
            allow: self.allow.clone(),
        }
    }

    pub(crate) const fn secrets_keep(&self) -> Duration {
        Duration::from_secs(self.secrets_keep_s)
    }
}

impl SceneConfig {
    pub(crate) const fn canvas(&self) -> Canvas {
        Canvas {
            width: self.width,
            height: self.height,
        }
    }

    /// What is kept of the steps of one person in one scene.
    pub(crate) const fn history_bounds(&self) -> ListBounds {
        ListBounds {
            entries_max: self.history_max,
            bytes_max: self.history_bytes_max,
            keep: Duration::from_secs(self.history_keep_s),
        }
    }

    pub(crate) const fn history_join(&self) -> Duration {
        Duration::from_millis(self.history_join_ms)
    }

    pub(crate) const fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }
}

impl AssetsConfig {
    pub(crate) const fn pixel_limits(&self) -> PixelLimits {
        PixelLimits {
            side_max: self.image_side_max,
            pixels_max: self.image_pixels_max,
        }
    }

    /// What a file, and looking into it, may take.
    pub(crate) const fn probe_limits(&self, probe: &ProbeConfig) -> Limits {
        Limits {
            side_max: self.image_side_max,
            pixels_max: self.image_pixels_max,
            frames_max: self.frames_max,
            duration_ms_max: self.duration_s_max.saturating_mul(1000),
            svg_bytes_max: self.svg_bytes_max,
            svg_depth_max: self.svg_depth_max,
            svg_parts_max: self.svg_parts_max,
            font_bytes_max: self.font_bytes_max,
            thumbnail_side: probe.thumbnail_side,
            memory_bytes_max: probe.memory_bytes_max,
            cpu_s_max: probe.cpu_s_max,
        }
    }

    /// How long an upload waits for its next piece.
    pub(crate) const fn resumable_keep(&self) -> Duration {
        Duration::from_secs(self.resumable_keep_s)
    }

    /// How long files are kept that nobody uses; `None` for ever.
    pub(crate) fn unused_keep(&self) -> Option<Duration> {
        (self.unused_keep_s > 0).then(|| Duration::from_secs(self.unused_keep_s))
    }

    pub(crate) const fn upload_timeout(&self) -> Duration {
        Duration::from_secs(self.upload_timeout_s)
    }

    pub(crate) const fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_s)
    }

    pub(crate) const fn claim(&self) -> Duration {
        Duration::from_millis(self.claim_ms)
    }

    pub(crate) const fn sweep_interval(&self) -> Duration {
        Duration::from_secs(self.sweep_interval_s)
    }

    pub(crate) const fn orphan_age(&self) -> Duration {
        Duration::from_secs(self.orphan_age_s)
    }
}

impl ProbeConfig {
    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
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
    use sm_media_files::SvgLimits;

    use super::*;

    #[test]
    fn the_shipped_defaults_are_complete_and_consistent() {
        let nothing = std::collections::BTreeMap::new();
        let config: Config =
            sm_service_kit::config::load(crate::ABOUT.default_config, None, &nothing).unwrap();
        let AssetsConfig {
            file_bytes_max,
            total_bytes_max,
            ..
        } = config.assets;
        assert!(file_bytes_max <= total_bytes_max);
        // What is taken here must be shown by the worker.
        let shown = SvgLimits::default();
        let taken = config.assets.probe_limits(&config.probe);
        assert_eq!(
            (
                taken.svg_bytes_max,
                taken.svg_depth_max,
                taken.svg_parts_max
            ),
            (shown.bytes_max, shown.depth_max, shown.weight_max)
        );
        // A change must be over before its claim on a file is, and an upload before its file
        // counts as forgotten.
        assert!(config.assets.claim() > config.scene.write_timeout());
        assert!(config.assets.orphan_age() > config.assets.upload_timeout());
        // A secret must outlive the steps that may bring back its layer.
        assert!(config.sources.secrets_keep() >= config.scene.history_bounds().keep);
        assert!(!config.demo.seed);
    }
}
