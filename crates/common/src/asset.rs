//! Uploaded files.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{AssetId, LayerId, SceneId, StreamId};

/// What an uploaded file holds, decided by its bytes and never by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AssetKind {
    /// A picture: PNG, JPEG, WebP, GIF or SVG, still or animated.
    Image,
    /// A moving picture: MP4, `QuickTime`, `WebM` or Matroska.
    Video,
    /// A sound: MP3, AAC, Ogg (Vorbis, Opus), FLAC or WAV.
    Audio,
    /// A font: TrueType or `OpenType`.
    Font,
}

/// An uploaded file. Its content never changes: the identifier is its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    /// SHA-256 of the content.
    pub id: AssetId,
    /// The name it was uploaded under.
    pub name: String,
    /// What it holds.
    pub kind: AssetKind,
    /// The sniffed media type, such as `image/png`.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Width in pixels, of what can be seen.
    pub width: Option<u32>,
    /// Height in pixels, of what can be seen.
    pub height: Option<u32>,
    /// Length in milliseconds, of what moves or sounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Frames of an animated picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// The codec of a video's picture, such as `H.264`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<String>,
    /// The codec of the sound, such as `MPEG-4 AAC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<String>,
    /// The name of a font's family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The media type of its thumbnail; absent where there is none to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
    /// When it was first uploaded.
    pub created_at: Timestamp,
}

/// A layer that shows an uploaded file, plays it, or is written in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetUse {
    /// The stream.
    pub stream: StreamId,
    /// The scene of the stream.
    pub scene: SceneId,
    /// Its name.
    pub scene_name: String,
    /// The layer of the scene.
    pub layer: LayerId,
    /// Its name.
    pub layer_name: String,
    /// Whether the scene is the one that is wanted on air.
    pub on_air: bool,
}

/// An uploaded file, and where it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsedAsset {
    /// The file.
    #[serde(flatten)]
    pub asset: Asset,
    /// Every layer that uses it. While there is one, the file is not deleted.
    pub uses: Vec<AssetUse>,
}
