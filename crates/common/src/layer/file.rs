//! Uploaded pictures and videos.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::AssetId;

/// An uploaded picture, stretched over the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSource {
    /// The picture.
    pub asset: AssetId,
}

/// An uploaded video, stretched over the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VideoSource {
    /// The video.
    pub asset: AssetId,
    /// Starts again at its end; otherwise its last frame stays.
    #[serde(rename = "loop", default = "yes")]
    pub looping: bool,
}

fn yes() -> bool {
    true
}
