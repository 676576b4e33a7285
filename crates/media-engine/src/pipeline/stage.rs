use std::sync::{Arc, Mutex};

use sm_common::id::LayerId;
use sm_common::layer::{Blend, Transform, Transition};
use sm_common::transition::SceneTransition;

use super::frame_slot::FrameSlot;
use super::picture_slot::PictureSlot;
use super::stack::Stack;
use super::strip::Strip;
use crate::picture::{Opacity, Picture, Yuv};
use crate::sound::SoundQueue;

/// What the composer draws and mixes. It never changes; a change of the scene is another stage, and
/// so shows on one frame as a whole.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// The scene's revision; `None` before the first scene.
    pub(crate) revision: Option<u64>,
    /// The scenes that leave, in the order in which they came, and the one that is on air, last.
    pub(crate) acts: Vec<Act>,
}

/// A scene on the stage: its visible layers.
#[derive(Debug, Default)]
pub(crate) struct Act {
    /// Raised with every scene that comes on the stage.
    pub(crate) number: u64,
    /// How it comes over those before it.
    pub(crate) entrance: SceneTransition,
    /// Back to front.
    pub(crate) items: Vec<Item>,
}

/// A layer on the stage.
#[derive(Debug)]
pub(crate) struct Item {
    /// The layer.
    pub(crate) layer: LayerId,
    /// Where it is to be.
    pub(crate) transform: Transform,
    /// How much of it is to show, 0 to 1.
    pub(crate) opacity: f64,
    /// How its colours join those behind it.
    pub(crate) blend: Blend,
    /// How it gets there.
    pub(crate) transition: Transition,
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
    /// A picture in the size in which the layer shows it at rest.
    Still(Arc<Picture>),
    /// Whatever frame is due.
    Moving(Arc<FrameSlot>),
    /// A picture that is replaced whenever it looks different.
    Changing(Arc<PictureSlot>),
    /// A strip that moves through the layer.
    Strip(Arc<Strip>),
    /// Pictures above each other that come and go.
    Stack(Arc<Stack>),
}

/// What a layer sounds like.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    /// Where it leaves its samples.
    pub(crate) queue: Arc<Mutex<SoundQueue>>,
    /// Linear; 0 when muted.
    pub(crate) gain: f64,
    /// How much later than the picture it sounds, in samples.
    pub(crate) delay: u64,
}
