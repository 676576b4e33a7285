//! What is fetched from elsewhere.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a layer shows while its source delivers nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLoss {
    /// Nothing: what is behind it shows.
    #[default]
    Hide,
    /// The last frame.
    Hold,
}

/// Live sound and picture that are fetched from elsewhere, stretched over the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSource {
    /// `rtmp://host/app/stream`, `srt://host:port` (which we call), or the `http://` or `https://`
    /// address of an HLS playlist, a transport stream or a file. At most 2048 bytes, without user
    /// and password: everybody who sees the layer sees its address.
    #[schema(max_length = 2048, examples("rtmp://live.example.com/app/stream"))]
    pub url: String,
    /// The stream to ask an SRT listener for, at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub stream_id: Option<String>,
    /// How long frames wait for those that come late, in milliseconds, 20 to 8000.
    #[serde(default = "network_latency_ms")]
    #[schema(minimum = 20, maximum = 8000)]
    pub latency_ms: u32,
    /// What shows while nothing comes.
    #[serde(default)]
    pub on_loss: OnLoss,
}

impl NetworkSource {
    /// [`Self::latency_ms`] unless said otherwise.
    pub const LATENCY_MS: u32 = 500;
}

fn network_latency_ms() -> u32 {
    NetworkSource::LATENCY_MS
}
