//! A sound file: played like a video, without a picture.

use std::path::Path;
use std::sync::{Arc, Mutex};

use gstreamer as gst;
use gstreamer::prelude::*;
use sm_common::layer::PlaybackStatus;
use sm_media_protocol::{Clip, LayerContent, SceneLayer};

use super::failure::Failure;
use super::file::{FileKind, kind_of};
use super::player::{Cut, Ending, Knife, Media, Recipe, Reel, Watcher};
use super::sink::sound_sink;
use super::tape::Tape;
use super::video::{PadKind, kind_of_pad, make};
use super::{Health, News, Source, Surroundings};
use crate::pipeline::{ProgramClock, Surface};
use crate::sound::SoundQueue;

pub(super) fn open(
    path: &Path,
    (looping, clip): (bool, Clip),
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> AudioSource {
    let sound = Arc::<Mutex<SoundQueue>>::default();
    let (queue, program) = (Arc::clone(&sound), Arc::clone(&surroundings.program));
    let path = path.to_owned();
    let recipe = Recipe {
        name: "audio",
        ending: Ending::File,
        cut: Cut::of(&clip, looping),
        build: Box::new(move |watcher| build(&path, &program, &queue, watcher)),
    };
    AudioSource {
        sound,
        tape: Tape::start(recipe, clip.at_end, layer, surroundings),
        health: Health::Loading,
    }
}

#[derive(Debug)]
pub(super) struct AudioSource {
    sound: Arc<Mutex<SoundQueue>>,
    tape: Tape,
    health: Health,
}

impl Source for AudioSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Audio { looping, clip, .. } = layer.content {
            self.tape.update(layer, (looping, clip));
        }
    }

    fn begin(&mut self) {
        self.tape.begin();
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Flowing => self.health = Health::Fine,
            News::Failed(failure) => self.health = Health::Failing(failure),
            News::Playback(playback) => self.tape.hear(playback),
            News::Picture(_)
            | News::Outline(_)
            | News::Sheet(_)
            | News::Animation(_)
            | News::Part(..)
            | News::Drawn(_) => {}
        }
    }

    fn surface(&self) -> Surface {
        Surface::Empty
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

pub(super) fn build(
    path: &Path,
    program: &Arc<ProgramClock>,
    sound: &Arc<Mutex<SoundQueue>>,
    watcher: &Watcher,
) -> Result<Media, Failure> {
    match kind_of(path)? {
        Some(FileKind::Audio | FileKind::Mp4 | FileKind::Matroska) => {}
        Some(
            FileKind::Png
            | FileKind::Jpeg
            | FileKind::Webp
            | FileKind::Animation(_)
            | FileKind::Svg,
        )
        | None => {
            let reason = "the file is no MP3, AAC, Ogg, FLAC or WAV sound";
            return Err(Failure::unsupported(reason));
        }
    }
    let source = gst::ElementFactory::make("filesrc")
        .property("location", path)
        .build()
        .map_err(Failure::engine)?;
    let decoder = make("decodebin")?;
    let sink = sound_sink(program, sound, Some(watcher)).upcast::<gst::Element>();
    let rest = [
        make("queue")?,
        make("audioconvert")?,
        make("audioresample")?,
        sink.clone(),
    ];
    let pipeline = gst::Pipeline::new();
    pipeline
        .add_many([&source, &decoder])
        .and_then(|()| pipeline.add_many(&rest))
        .and_then(|()| source.link(&decoder))
        .and_then(|()| gst::Element::link_many(&rest))
        .map_err(Failure::engine)?;
    let entrance = rest.first().and_then(|queue| queue.static_pad("sink"));
    let taken = entrance.clone();
    decoder.connect_pad_added(move |_decoder, pad| {
        if let (PadKind::Sound, Some(entrance)) = (kind_of_pad(pad), &entrance)
            && !entrance.is_linked()
            && let Err(error) = pad.link(entrance)
        {
            tracing::warn!(?error, "what was decoded cannot be used");
        }
    });
    let watcher = watcher.clone();
    decoder.connect_no_more_pads(move |_decoder| {
        if !taken.as_ref().is_some_and(gst::Pad::is_linked) {
            watcher.fail(Failure::no_sound());
        }
    });
    Ok(Media {
        pipeline,
        reel: Some(Reel {
            element: sink,
            frames: None,
            knife: Knife::default(),
        }),
        length: None,
    })
}
