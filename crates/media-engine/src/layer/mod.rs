//! Layers: what each shows and sounds like, and how it does.
//!
//! A layer kind is one file here with a [`Source`], and one arm in [`open`]. Whatever may block,
//! fail or take long runs on the source's own thread and pipeline; the worker's loop only hears
//! its [`News`].

mod audio;
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
mod flipbook;
mod gradient;
mod image;
mod layers;
mod live_text;
mod network;
mod player;
mod playlist;
mod seat;
mod sharing;
mod sink;
mod tape;
mod test_pattern;
mod text;
mod text_fonts;
mod text_ink;
mod text_painter;
mod text_renderer;
mod ticker;
mod turns;
mod vector;
mod video;
mod web;

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use sm_common::address::NetworkPolicy;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::LayerId;
use sm_common::layer::PlaybackStatus;
use sm_common::performance::FeedPerformance;
use sm_media_protocol::{ChatFeed, LayerContent, RetryTerms, SceneLayer, TextValues, WebSettings};

use crate::event::{Event, Events};
use crate::picture::{Bitmap, Matrix};
use crate::pipeline::{ProgramClock, Surface};
use crate::sound::SoundQueue;
use crate::timeline::Timeline;
use failure::Failure;
pub(crate) use layers::Layers;
use player::Playing;
pub(crate) use text_renderer::Drawing;
use text_renderer::TextRenderer;

/// Where a layer's picture and sound come from.
trait Source {
    /// The layer changed in a way that this source can follow. Done before the change shows.
    fn update(&mut self, layer: &SceneLayer);

    /// The program goes on with another frame rate. Sources that deliver frames at times of their
    /// own need not care.
    fn retime(&mut self, _timeline: Timeline) {}

    /// Plays from its beginning: its layer takes the turn of another.
    fn begin(&mut self) {}

    /// The stream's chat changed.
    fn converse(&mut self, _chat: &ChatFeed) {}

    /// The values that texts show changed.
    fn inform(&mut self, _values: &Arc<TextValues>) {}

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

    /// What is being pushed to it.
    fn feed(&self) -> Option<FeedPerformance> {
        None
    }

    /// Where the file is that it plays.
    fn playback(&self) -> Option<PlaybackStatus> {
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
        LayerContent::Video {
            path,
            looping,
            clip,
        } => Box::new(video::open(path, (*looping, *clip), layer, surroundings)),
        LayerContent::Audio {
            path,
            looping,
            clip,
        } => Box::new(audio::open(path, (*looping, *clip), layer, surroundings)),
        LayerContent::Playlist {
            items,
            looping,
            shuffle,
            ..
        } => {
            let order = (items.as_slice(), *looping, *shuffle);
            Box::new(playlist::open(order, layer, surroundings))
        }
        LayerContent::Text { text, style, .. } => {
            Box::new(text::open(text, style, layer, surroundings))
        }
        LayerContent::Clock {
            format,
            timezone,
            style,
            ..
        } => {
            let reading = (format.as_str(), timezone.as_deref());
            Box::new(clock::open(reading, style, layer, surroundings))
        }
        LayerContent::Gradient {
            stops,
            angle,
            shape,
        } => Box::new(gradient::open(stops, (*shape, *angle), layer, surroundings)),
        LayerContent::Countdown(countdown) => {
            Box::new(countdown::open(countdown, layer, surroundings))
        }
        LayerContent::Ticker {
            text,
            speed,
            direction,
            style,
            ..
        } => {
            let motion = (*speed, *direction);
            Box::new(ticker::open(text, motion, style, layer, surroundings))
        }
        LayerContent::Network { source, secret } => {
            network::open(source, secret.as_ref(), layer, surroundings)
        }
        LayerContent::Web { source } => web::open(source, layer, surroundings),
        LayerContent::Ingest {
            feed,
            latency_ms,
            on_loss,
        } => network::open_ingest(*feed, (*latency_ms, *on_loss), layer, surroundings),
        LayerContent::Chat { source, .. } => Box::new(chat::open(source, layer, surroundings)),
    }
}

/// What the thread of a source tells the worker.
#[derive(Debug)]
pub(crate) enum News {
    /// The picture of a still.
    Picture(Bitmap),
    /// A drawing, not drawn yet.
    Outline(sm_media_files::Drawing),
    /// A drawing in a size that was ordered.
    Sheet(vector::Sheet),
    /// An animation.
    Animation(flipbook::Flipbook),
    /// A text that was ordered.
    Drawn(Drawing),
    /// Frames arrive.
    Flowing,
    /// Where a file is.
    Playback(Playing),
    /// What one of several players of a layer says.
    Part(u64, Box<News>),
    /// Nothing arrives, and why.
    Failed(Failure),
}

/// How a source does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Health {
    /// Being opened.
    Loading,
    /// Open, and in want of something that comes from elsewhere in its own time.
    Waiting(Failure),
    /// In the picture, or ready to be.
    Fine,
    /// The same, but for a part of it.
    Flawed(Failure),
    /// Delivers nothing.
    Failing(Failure),
}

/// What the host says of sources that deliver from elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceSettings {
    /// Where network sources may be.
    pub(crate) network: NetworkPolicy,
    /// How long a source that failed waits.
    pub(crate) retry: RetryTerms,
    /// The directory where sources take what others push; `None`: nobody can.
    pub(crate) feeds: Option<PathBuf>,
    /// How web pages are shown; `None` where they are not.
    pub(crate) web: Option<WebSettings>,
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
    /// What texts show where they name a value, as the host last told it.
    values: Option<Arc<TextValues>>,
    /// Where network sources may be.
    network: NetworkPolicy,
    /// How long a source that failed waits.
    retry: RetryTerms,
    /// The directory where sources take what others push; `None`: nobody can.
    feeds: Option<PathBuf>,
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
            part: None,
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
    /// Which of several players of the layer it is of.
    part: Option<u64>,
    _alive: SyncSender<()>,
}

impl Mailbox {
    /// The same for one of several players of the layer.
    fn part(&self, part: u64) -> Self {
        Self {
            part: Some(part),
            ..self.clone()
        }
    }

    fn tell(&self, news: News) {
        let news = match self.part {
            Some(part) => News::Part(part, Box::new(news)),
            None => news,
        };
        // When the worker is gone, so is everybody who would care.
        let _ = self.events.send(Event::Layer {
            opening: self.opening,
            news,
        });
    }
}
