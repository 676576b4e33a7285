//! A video file: decoded on its own pipeline, a part of it or all, looping without a gap or to its
//! end, with its sound.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use sm_common::layer::PlaybackStatus;
use sm_media_protocol::{Clip, LayerContent, SceneLayer};

use super::failure::Failure;
use super::file::{FileKind, kind_of};
use super::player::{Cut, DECODED, Ending, Knife, Media, Recipe, Reel, Watcher};
use super::sink::{frame_sink, sound_sink};
use super::tape::Tape;
use super::{Health, News, Source, Surroundings};
use crate::pipeline::{FrameSlot, ProgramClock, Surface};
use crate::sound::SoundQueue;

/// What may wait between the parts of a file and their decoders.
const QUEUE_TIME: gst::ClockTime = gst::ClockTime::from_seconds(3);
const QUEUE_BYTES: u32 = 32 * 1024 * 1024;

/// Decoded frames that may wait, and their memory.
const DECODED_FRAMES: u32 = 12;
const DECODED_BYTES: u32 = 48 * 1024 * 1024;

pub(super) fn open(
    path: &Path,
    (looping, clip): (bool, Clip),
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> VideoSource {
    let frames = Arc::new(FrameSlot::new(
        surroundings.timeline,
        surroundings.matrix,
        layer.transform.width,
        layer.transform.height,
    ));
    let sound = Arc::<Mutex<SoundQueue>>::default();
    let outlets = Outlets {
        program: Arc::clone(&surroundings.program),
        frames: Arc::clone(&frames),
        sound: Arc::clone(&sound),
    };
    let path = path.to_owned();
    let recipe = Recipe {
        name: "video",
        ending: Ending::File,
        cut: Cut::of(&clip, looping),
        build: Box::new(move |watcher| build(&path, &outlets, watcher)),
    };
    VideoSource {
        frames,
        sound,
        tape: Tape::start(recipe, clip.at_end, layer, surroundings),
        health: Health::Loading,
    }
}

#[derive(Debug)]
pub(super) struct VideoSource {
    frames: Arc<FrameSlot>,
    sound: Arc<Mutex<SoundQueue>>,
    tape: Tape,
    health: Health,
}

impl Source for VideoSource {
    fn update(&mut self, layer: &SceneLayer) {
        self.frames
            .resize(layer.transform.width, layer.transform.height);
        if let LayerContent::Video { looping, clip, .. } = layer.content {
            self.tape.update(layer, (looping, clip));
        }
    }

    fn begin(&mut self) {
        self.tape.begin();
    }

    fn hear(&mut self, news: News) {
        self.health = match news {
            News::Flowing
            | News::Picture(_)
            | News::Outline(_)
            | News::Sheet(_)
            | News::Animation(_)
            | News::Part(..)
            | News::Drawn(_) => Health::Fine,
            News::Playback(playback) => {
                self.tape.hear(playback);
                return;
            }
            News::Failed(failure) => Health::Failing(failure),
        };
    }

    fn surface(&self) -> Surface {
        Surface::Moving(Arc::clone(&self.frames))
    }

    fn sound(&self) -> Option<&Arc<Mutex<SoundQueue>>> {
        Some(&self.sound)
    }

    fn playback(&self) -> Option<PlaybackStatus> {
        self.tape.playback()
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

/// Where frames and samples go.
#[derive(Clone, Debug)]
pub(super) struct Outlets {
    pub(super) program: Arc<ProgramClock>,
    pub(super) frames: Arc<FrameSlot>,
    pub(super) sound: Arc<Mutex<SoundQueue>>,
}

pub(super) fn build(path: &Path, outlets: &Outlets, watcher: &Watcher) -> Result<Media, Failure> {
    let demuxer = match kind_of(path)? {
        Some(FileKind::Mp4) => make("qtdemux")?,
        Some(FileKind::Matroska) => make("matroskademux")?,
        Some(
            FileKind::Png
            | FileKind::Jpeg
            | FileKind::Webp
            | FileKind::Animation(_)
            | FileKind::Svg
            | FileKind::Audio,
        )
        | None => {
            let reason = "the file is no MP4, QuickTime, WebM or Matroska video";
            return Err(Failure::unsupported(reason));
        }
    };
    let source = gst::ElementFactory::make("filesrc")
        .property("location", path)
        .build()
        .map_err(Failure::engine)?;
    let pipeline = gst::Pipeline::new();
    pipeline
        .add_many([&source, &demuxer])
        .map_err(Failure::engine)?;
    source.link(&demuxer).map_err(Failure::engine)?;

    // The picture's branch is there from the start, so that the pipeline waits for a frame; the
    // one of the sound only appears where there is sound, which not every file has.
    let sink = frame_sink(&outlets.program, &outlets.frames, watcher).upcast::<gst::Element>();
    let picture = Branch::add(&pipeline, vec![decoded_ahead()?, sink.clone()])?;
    let knife = Knife::default();
    if let (Some(entrance), Some(exit)) = (picture.queue.static_pad("src"), sink.static_pad("sink"))
    {
        Knife::hide_end(&entrance);
        knife.cut(&exit);
    }
    let (queue, watcher) = (picture.queue.clone(), watcher.clone());
    demuxer.connect_no_more_pads(move |_demuxer| {
        let taken = queue
            .static_pad("sink")
            .is_some_and(|sink| sink.is_linked());
        if !taken {
            watcher.fail(Failure::no_picture());
        }
    });
    let sound = Mutex::new(Some(outlets.clone()));
    let weak = pipeline.downgrade();
    demuxer.connect_pad_added(move |_demuxer, pad| {
        let linked = match kind_of_pad(pad) {
            PadKind::Picture => picture.take(pad),
            PadKind::Sound => {
                let outlets = sound.lock().unwrap_or_else(PoisonError::into_inner).take();
                match (outlets, weak.upgrade()) {
                    (Some(outlets), Some(pipeline)) => add_sound(&pipeline, &outlets, pad),
                    // Only the first of several sounds is heard.
                    _ => Ok(()),
                }
            }
            PadKind::Other => Ok(()),
        };
        if let Err(failure) = linked {
            tracing::warn!(code = failure.code, "{failure}");
        }
    });
    Ok(Media {
        pipeline,
        reel: Some(Reel {
            element: sink,
            frames: Some(Arc::clone(&outlets.frames)),
            knife,
        }),
        length: None,
    })
}

/// Where decoded frames wait: before a part begins again, its decoder must pass what comes from the
/// keyframe before it.
fn decoded_ahead() -> Result<gst::Element, Failure> {
    gst::ElementFactory::make("queue")
        .name(DECODED)
        .property("max-size-buffers", DECODED_FRAMES)
        .property("max-size-time", 0_u64)
        .property("max-size-bytes", DECODED_BYTES)
        .build()
        .map_err(Failure::engine)
}

fn add_sound(pipeline: &gst::Pipeline, outlets: &Outlets, pad: &gst::Pad) -> Result<(), Failure> {
    let sink = sound_sink(&outlets.program, &outlets.sound, None).upcast();
    let rest = vec![make("audioconvert")?, make("audioresample")?, sink];
    let branch = Branch::add(pipeline, rest)?;
    branch.start()?;
    branch.take(pad)
}

#[derive(Clone, Copy, Debug)]
pub(super) enum PadKind {
    Picture,
    Sound,
    Other,
}

pub(super) fn kind_of_pad(pad: &gst::Pad) -> PadKind {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    match caps.structure(0).map(|caps| caps.name().as_str()) {
        Some(name) if name.starts_with("video/") => PadKind::Picture,
        Some(name) if name.starts_with("audio/") => PadKind::Sound,
        Some(_) | None => PadKind::Other,
    }
}

/// A queue, a decoder, and what takes the decoded.
#[derive(Debug)]
pub(super) struct Branch {
    queue: gst::Element,
    decoder: gst::Element,
    rest: Vec<gst::Element>,
}

impl Branch {
    pub(super) fn add(pipeline: &gst::Pipeline, rest: Vec<gst::Element>) -> Result<Self, Failure> {
        let queue = gst::ElementFactory::make("queue")
            .property("max-size-buffers", 0_u32)
            .property("max-size-time", QUEUE_TIME.nseconds())
            .property("max-size-bytes", QUEUE_BYTES)
            .build()
            .map_err(Failure::engine)?;
        let decoder = make("decodebin")?;
        pipeline
            .add_many([&queue, &decoder])
            .and_then(|()| pipeline.add_many(&rest))
            .and_then(|()| queue.link(&decoder))
            .and_then(|()| gst::Element::link_many(&rest))
            .map_err(Failure::engine)?;
        let first = rest.first().cloned();
        decoder.connect_pad_added(move |_decoder, pad| {
            let sink = first.as_ref().and_then(|first| first.static_pad("sink"));
            if let Some(sink) = sink
                && !sink.is_linked()
                && let Err(error) = pad.link(&sink)
            {
                tracing::warn!(?error, "what was decoded cannot be used");
            }
        });
        Ok(Self {
            queue,
            decoder,
            rest,
        })
    }

    /// Throws away what waits for too long.
    pub(super) fn leak(&self) {
        self.queue.set_property_from_str("leaky", "downstream");
    }

    /// Brings the branch to the state of its pipeline, from its end, so that nothing is pushed
    /// into what does not run yet.
    pub(super) fn start(&self) -> Result<(), Failure> {
        for element in self.rest.iter().rev().chain([&self.decoder, &self.queue]) {
            element.sync_state_with_parent().map_err(Failure::engine)?;
        }
        Ok(())
    }

    /// Takes what comes from this pad, unless it takes from another already.
    pub(super) fn take(&self, pad: &gst::Pad) -> Result<(), Failure> {
        match self.queue.static_pad("sink") {
            Some(sink) if !sink.is_linked() => {
                pad.link(&sink).map(|_linked| ()).map_err(Failure::engine)
            }
            Some(_) | None => Ok(()),
        }
    }
}

pub(super) fn make(element: &str) -> Result<gst::Element, Failure> {
    gst::ElementFactory::make(element)
        .build()
        .map_err(Failure::engine)
}
