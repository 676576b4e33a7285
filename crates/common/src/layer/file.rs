//! Uploaded pictures and videos.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AtEnd;
use crate::id::{AssetId, LayerId};

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
    /// Starts again at its end.
    #[serde(rename = "loop", default = "yes")]
    pub looping: bool,
    /// Where it begins, in milliseconds of the file.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(maximum = 604_800_000)]
    pub in_ms: u64,
    /// Where it ends, in milliseconds of the file, at least 100 after its beginning; the end of the
    /// file when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 604_800_000)]
    pub out_ms: Option<u64>,
    /// What follows its end where it does not loop.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_end: AtEnd,
    /// The layer of the same scene that is shown when it has ended, for `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<LayerId>,
}

/// An uploaded sound, without a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AudioSource {
    /// The sound.
    pub asset: AssetId,
    /// Starts again at its end.
    #[serde(rename = "loop", default = "yes")]
    pub looping: bool,
    /// Where it begins, in milliseconds of the file.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(maximum = 604_800_000)]
    pub in_ms: u64,
    /// Where it ends, in milliseconds of the file, at least 100 after its beginning; the end of the
    /// file when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 604_800_000)]
    pub out_ms: Option<u64>,
    /// What follows its end where it does not loop.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_end: AtEnd,
    /// The layer of the same scene that is shown when it has ended, for `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<LayerId>,
}

/// What older readers do not know is written only where it says something.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(super) fn yes() -> bool {
    true
}
