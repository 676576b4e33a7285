//! Uploaded files.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::AssetId;

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
    /// Width in pixels, where the header says it.
    pub width: Option<u32>,
    /// Height in pixels, where the header says it.
    pub height: Option<u32>,
    /// When it was first uploaded.
    pub created_at: Timestamp,
}
