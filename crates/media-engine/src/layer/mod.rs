//! Layers: what each shows and sounds like, and how it does.
//!
//! A layer kind is one file here with a [`Source`], and one arm in [`open`]. Whatever may block,
//! fail or take long runs on the source's own thread and pipeline; the worker's loop only hears
//! its [`News`].

mod cast;
mod chat;
mod chat_board;
mod chat_painter;
mod chat_text;
mod clock;
mod color;
mod countdown;
mod failure;
mod file;
mod gradient;
mod image;
mod layers;
mod network;
mod player;
mod seat;
mod sharing;
mod sink;
mod test_pattern;
mod text;
mod text_ink;
mod text_painter;
mod text_renderer;
mod ticker;
mod video;
mod web;

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use sm_common::address::NetworkPolicy;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::LayerId;
use sm_media_protocol::{ChatFeed, LayerContent, RetryTerms, SceneLayer};

use crate::event::{Event, Events};
use crate::picture::{Bitmap, Matrix};
use crate::pipeline::{ProgramClock, Surface};
use crate::sound::SoundQueue;
use crate::timeline::Timeline;
use failure::Failure;
pub(crate) use layers::{Layers, Rules};
pub(crate) use text_renderer::Drawing;
use text_renderer::TextRenderer;

/// Where a layer's picture and sound come from.
trait Source {
    /// The layer changed in a way that this source can follow. Done before the change shows.
    fn update(&mut self, layer: &SceneLayer);

    /// The stream's chat changed.
    fn converse(&mut self, _chat: &ChatFeed) {}

    /// The source's own thread has something to tell.
    fn hear(&mut self, _news: News) {}

    /// When the source next changes by itself.
    fn changes_at(&self) -> Option<Timestamp> {
        None
    }

    /// That moment has come.
    fn change(&mut self, _now: Timestamp) {}

    /// Whether what it shows is being drawn, and there within moments.
    fn is_drawing(&self) -> bool {
        false
    }

    /// What it shows.
    fn surface(&self) -> Surface;

    /// Where it leaves its sound.
    fn sound(&self) -> Option<&Arc<Mutex<SoundQueue>>> {
        None
    }

    /// How it does.
    fn health(&self) -> Health;
}

/// The source of a layer, by what it shows. The one place to add a kind.
fn open(layer: &SceneLayer, surroundings: &Surroundings) -> Box<dyn Source> {
    match &layer.content {
        LayerContent::Color { color } => Box::new(color::open(*color, surroundings)),
        LayerContent::TestPattern { pattern } => test_pattern::open(*pattern, layer, surroundings),
        LayerContent::Image { path } => Box::new(image::open(path, layer, surroundings)),
        LayerContent::Video { path, looping } => {
            Box::new(video::open(path, *looping, layer, surroundings))
        }
        LayerContent::Text { text, style } => {
            Box::new(text::open(text, style, layer, surroundings))
        }
        LayerContent::Clock {
            format,
            timezone,
            style,
        } => {
            let reading = (format.as_str(), timezone.as_deref());
            Box::new(clock::open(reading, style, layer, surroundings))
        }
        LayerContent::Gradient { stops, angle } => {
            Box::new(gradient::open(stops, *angle, layer, surroundings))
        }
        LayerContent::Countdown(countdown) => {
            Box::new(countdown::open(countdown, layer, surroundings))
        }
        LayerContent::Ticker {
            text,
            speed,
            direction,
            style,
        } => {
            let motion = (*speed, *direction);
            Box::new(ticker::open(text, motion, style, layer, surroundings))
        }
        LayerContent::Network { source, secret } => {
            network::open(source, secret.as_ref(), layer, surroundings)
        }
        LayerContent::Web { source } => web::open(source, layer, surroundings),
        LayerContent::Chat { source } => Box::new(chat::open(source, layer, surroundings)),
    }
}

/// What the thread of a source tells the worker.
#[derive(Debug)]
pub(crate) enum News {
    /// The picture of a still.
    Picture(Bitmap),
    /// A text that was ordered.
    Drawn(Drawing),
    /// Frames arrive.
    Flowing,
    /// Nothing arrives, and why.
    Failed(Failure),
}

/// How a source does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Health {
    /// Being opened.
    Loading,
    /// In the picture, or ready to be.
    Fine,
    /// Delivers nothing.
    Failing(Failure),
}

/// What every source may use.
struct Surroundings {
    program: Arc<ProgramClock>,
    timeline: Timeline,
    matrix: Matrix,
    wall: SharedClock,
    text: std::rc::Rc<TextRenderer>,
    /// Web pages, where they are shown.
    web: Option<web::Pages>,
    /// Height of the program.
    program_height: u32,
    /// The stream's chat, as the host last told it.
    chat: Option<ChatFeed>,
    /// Where network sources may be.
    network: NetworkPolicy,
    /// How long a source that failed waits.
    retry: RetryTerms,
    events: Events,
    /// Held by every thread of a source: nobody holds it when all have ended.
    alive: SyncSender<()>,
    opening: u64,
}

impl Surroundings {
    /// Where the threads of `layer`'s source, as it is opened now, tell their news.
    fn mailbox(&self, layer: LayerId) -> Mailbox {
        Mailbox {
            events: self.events.clone(),
            layer,
            opening: self.opening,
            _alive: self.alive.clone(),
        }
    }
}

/// Where the thread of a source tells its news.
#[derive(Clone, Debug)]
struct Mailbox {
    events: Events,
    layer: LayerId,
    opening: u64,
    _alive: SyncSender<()>,
}

impl Mailbox {
    fn tell(&self, news: News) {
        // When the worker is gone, so is everybody who would care.
        let _ = self.events.send(Event::Layer {
            opening: self.opening,
            news,
        });
    }
}
