//! A generated test picture.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use sm_common::layer::Pattern;
use sm_media_protocol::SceneLayer;

use super::failure::Failure;
use super::player::{Cut, Ending, Media, Player, Recipe, Watcher};
use super::sink::frame_sink;
use super::{Health, News, Source, Surroundings};
use crate::picture::{Matrix, Picture};
use crate::pipeline::{FrameSlot, ProgramClock, Surface, bitmap_of};
use crate::timeline::Timeline;

/// Longest time to generate a still.
const STILL_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(5);

pub(super) fn open(
    pattern: Pattern,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> Box<dyn Source> {
    match pattern {
        Pattern::Smpte | Pattern::Bars | Pattern::Checkers | Pattern::Gradient => {
            Box::new(StillPattern::new(pattern, layer, surroundings.matrix))
        }
        Pattern::Ball | Pattern::Snow => Box::new(MovingPattern::new(pattern, layer, surroundings)),
    }
}

/// A pattern that stands still: generated anew for every size, so that it stays sharp.
#[derive(Debug)]
struct StillPattern {
    pattern: Pattern,
    matrix: Matrix,
    size: (u32, u32),
    picture: Result<Arc<Picture>, Failure>,
}

impl StillPattern {
    fn new(pattern: Pattern, layer: &SceneLayer, matrix: Matrix) -> Self {
        let size = size_of(layer);
        Self {
            pattern,
            matrix,
            size,
            picture: still(pattern, size, matrix),
        }
    }
}

impl Source for StillPattern {
    fn update(&mut self, layer: &SceneLayer) {
        let size = size_of(layer);
        if size != self.size {
            self.size = size;
            self.picture = still(self.pattern, size, self.matrix);
        }
    }

    fn surface(&self) -> Surface {
        match &self.picture {
            Ok(picture) => Surface::Still(Arc::clone(picture)),
            Err(_) => Surface::Empty,
        }
    }

    fn health(&self) -> Health {
        match &self.picture {
            Ok(_) => Health::Fine,
            Err(failure) => Health::Failing(failure.clone()),
        }
    }
}

/// A pattern that moves.
#[derive(Debug)]
struct MovingPattern {
    frames: Arc<FrameSlot>,
    player: Player,
    visible: bool,
    health: Health,
}

impl MovingPattern {
    fn new(pattern: Pattern, layer: &SceneLayer, surroundings: &Surroundings) -> Self {
        let (width, height) = size_of(layer);
        let timeline = surroundings.timeline;
        let frames = Arc::new(FrameSlot::new(timeline, surroundings.matrix, width, height));
        let program = Arc::clone(&surroundings.program);
        let slot = Arc::clone(&frames);
        let recipe = Recipe {
            name: "test-pattern",
            ending: Ending::Never,
            cut: Cut::default(),
            build: Box::new(move |watcher| {
                moving(pattern, (width, height), timeline, &program, &slot, watcher)
            }),
        };
        Self {
            frames,
            player: Player::start(recipe, surroundings, layer),
            visible: layer.visible,
            health: Health::Loading,
        }
    }
}

impl Source for MovingPattern {
    fn update(&mut self, layer: &SceneLayer) {
        let (width, height) = size_of(layer);
        self.frames.resize(width, height);
        if self.visible != layer.visible {
            self.visible = layer.visible;
            self.player.show(layer.visible);
        }
    }

    fn hear(&mut self, news: News) {
        self.health = match news {
            News::Flowing
            | News::Picture(_)
            | News::Outline(_)
            | News::Sheet(_)
            | News::Animation(_)
            | News::Part(..)
            | News::Drawn(_)
            | News::Playback(_) => Health::Fine,
            News::Failed(failure) => Health::Failing(failure),
        };
    }

    fn surface(&self) -> Surface {
        Surface::Moving(Arc::clone(&self.frames))
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

fn size_of(layer: &SceneLayer) -> (u32, u32) {
    (layer.transform.width.max(1), layer.transform.height.max(1))
}

fn generator(pattern: Pattern) -> Result<gst::Element, Failure> {
    let name = match pattern {
        Pattern::Smpte => "smpte",
        Pattern::Ball => "ball",
        Pattern::Bars => "smpte100",
        Pattern::Checkers => "checkers-1",
        Pattern::Gradient => "gradient",
        Pattern::Snow => "snow",
    };
    gst::ElementFactory::make("videotestsrc")
        .property_from_str("pattern", name)
        .build()
        .map_err(Failure::engine)
}

fn still(
    pattern: Pattern,
    (width, height): (u32, u32),
    matrix: Matrix,
) -> Result<Arc<Picture>, Failure> {
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Bgra, width, height)
        .fps(gst::Fraction::new(1, 1))
        .build()
        .map_err(Failure::engine)?;
    let generator = generator(pattern)?;
    generator.set_property("num-buffers", 1);
    let sink = gst_app::AppSink::builder()
        .caps(&info.to_caps().map_err(Failure::engine)?)
        .sync(false)
        .build();
    let pipeline = gst::Pipeline::new();
    let chain = [&generator, sink.upcast_ref()];
    pipeline.add_many(chain).map_err(Failure::engine)?;
    gst::Element::link_many(chain).map_err(Failure::engine)?;
    pipeline
        .set_state(gst::State::Playing)
        .map_err(Failure::engine)?;
    let bitmap = sink
        .try_pull_sample(STILL_TIMEOUT)
        .as_ref()
        .and_then(bitmap_of);
    // The frame is there or will never be.
    let _ = pipeline.set_state(gst::State::Null);
    bitmap
        .map(|bitmap| Arc::new(bitmap.to_picture(matrix)))
        .ok_or_else(|| Failure::engine("no picture was generated"))
}

fn moving(
    pattern: Pattern,
    (width, height): (u32, u32),
    timeline: Timeline,
    program: &Arc<ProgramClock>,
    frames: &Arc<FrameSlot>,
    watcher: &Watcher,
) -> Result<Media, Failure> {
    let framerate = i32::try_from(timeline.framerate()).unwrap_or(i32::MAX);
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
        .fps(gst::Fraction::new(framerate, 1))
        .build()
        .map_err(Failure::engine)?;
    let caps = gst::ElementFactory::make("capsfilter")
        .property("caps", info.to_caps().map_err(Failure::engine)?)
        .build()
        .map_err(Failure::engine)?;
    let sink = frame_sink(program, frames, watcher);
    let pipeline = gst::Pipeline::new();
    let generator = generator(pattern)?;
    let chain = [&generator, &caps, sink.upcast_ref()];
    pipeline.add_many(chain).map_err(Failure::engine)?;
    gst::Element::link_many(chain).map_err(Failure::engine)?;
    Ok(Media {
        pipeline,
        reel: None,
        length: None,
    })
}
