use std::sync::{Arc, Mutex};

use super::frame_slot::FrameSlot;
use super::strip::Strip;
use crate::picture::{Opacity, Picture, Rectangle, Yuv};
use crate::sound::SoundQueue;

/// What the composer draws and mixes: all visible layers, back to front. It never changes; a
/// change of the scene is another stage, and so shows on one frame as a whole.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// The scene's revision; `None` before the first scene.
    pub(crate) revision: Option<u64>,
    /// Back to front.
    pub(crate) items: Vec<Item>,
}

/// A layer on the stage.
#[derive(Debug)]
pub(crate) struct Item {
    /// Where it is.
    pub(crate) place: Rectangle,
    /// How much of it shows.
    pub(crate) opacity: Opacity,
    /// What it shows.
    pub(crate) surface: Surface,
    /// What it sounds like.
    pub(crate) voice: Option<Voice>,
}

/// What a layer shows.
#[derive(Clone, Debug)]
pub(crate) enum Surface {
    /// Nothing yet.
    Empty,
    /// One colour.
    Solid(Yuv, Opacity),
    /// A picture of the layer's size.
    Still(Arc<Picture>),
    /// Whatever frame is due.
    Moving(Arc<FrameSlot>),
    /// A strip that moves through the layer.
    Strip(Arc<Strip>),
}

/// What a layer sounds like.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    /// Where it leaves its samples.
    pub(crate) queue: Arc<Mutex<SoundQueue>>,
    /// Linear; 0 when muted.
    pub(crate) gain: f32,
}
