//! Small pictures of the last minutes in one file, for the timeline of a player.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;

/// Where each small picture is in `sprite.jpg`, and when it was on air.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sprite {
    /// Width of a small picture in pixels.
    pub width: u32,
    /// Height of a small picture in pixels.
    pub height: u32,
    /// The pictures, oldest first.
    pub pictures: Vec<SpritePicture>,
}

/// A small picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpritePicture {
    /// When it was on air, on the clock of `EXT-X-PROGRAM-DATE-TIME`.
    pub at: Timestamp,
    /// Its left edge in the file, in pixels.
    pub x: u32,
    /// Its upper edge in the file, in pixels.
    pub y: u32,
}
