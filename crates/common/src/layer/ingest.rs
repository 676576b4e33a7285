//! What others push to us.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::OnLoss;

/// How a feed is pushed to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IngestProtocol {
    /// RTMP with a stream key: OBS, ffmpeg, phones. H.264 with AAC.
    #[default]
    Rtmp,
    /// SRT, which gets over lossy networks: OBS, ffmpeg, hardware encoders. H.264 with AAC in a
    /// transport stream; the stream key is in the stream id.
    Srt,
}

/// Live sound and picture that somebody pushes to us, stretched over the layer. Where to and with
/// which key says `GET /api/layers/{id}/ingest`; neither is part of the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestSource {
    /// How it is pushed.
    #[serde(default)]
    pub protocol: IngestProtocol,
    /// Which of the layer's keys is valid: the first, the second, and so on. It is never lowered,
    /// so that a key that was replaced stays worthless.
    #[serde(default = "first_generation")]
    #[schema(minimum = 1)]
    pub generation: u32,
    /// How long frames wait for those that come late, in milliseconds, 20 to 8000.
    #[serde(default = "ingest_latency_ms")]
    #[schema(minimum = 20, maximum = 8000)]
    pub latency_ms: u32,
    /// What shows while nothing comes.
    #[serde(default)]
    pub on_loss: OnLoss,
}

impl IngestSource {
    /// [`Self::latency_ms`] unless said otherwise.
    pub const LATENCY_MS: u32 = 500;
    /// [`Self::generation`] of a new layer.
    pub const FIRST_GENERATION: u32 = 1;
}

impl Default for IngestSource {
    fn default() -> Self {
        Self {
            protocol: IngestProtocol::default(),
            generation: Self::FIRST_GENERATION,
            latency_ms: Self::LATENCY_MS,
            on_loss: OnLoss::default(),
        }
    }
}

const fn ingest_latency_ms() -> u32 {
    IngestSource::LATENCY_MS
}

const fn first_generation() -> u32 {
    IngestSource::FIRST_GENERATION
}
