//! Layers: what each shows and sounds like, and how it does.
//!
//! A layer kind is one file here with a [`Source`], and one arm in [`open`]. Whatever may block,
//! fail or take long runs on the source's own thread and pipeline; the worker's loop only hears
//! its [`News`].

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
mod network;
mod player;
mod sink;
mod test_pattern;
mod text;
mod text_ink;
mod text_painter;
mod text_renderer;
mod ticker;
mod video;
mod web;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sm_common::address::NetworkPolicy;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::LayerId;
use sm_common::performance::LayerPerformance;
use sm_common::stream::LayerState;
use sm_media_protocol::{
    CHAT_LINES_MAX, ChatFeed, LayerContent, LayerReport, SceneLayer, WantedScene, WebSettings,
};

use crate::event::{Event, Events};
use crate::number::{to_f64, to_i64};
use crate::picture::{Bitmap, Matrix};
use crate::pipeline::{Item, ProgramClock, Stage, Surface, Voice};
use crate::scene::{DuplicateLayer, difference, uncovered};
use crate::sound::SoundQueue;
use crate::timeline::{Timeline, samples_in};
use failure::Failure;
pub(crate) use text_renderer::Drawing;
use text_renderer::TextRenderer;

/// How much longer than its fading out takes a hidden layer's source goes on: longer than the
/// composer may be behind.
const FADE_MARGIN_MS: i64 = 3_000;
/// Longest time that a new scene waits for its text to be drawn, so that all of it shows on one
/// frame.
const DRAWING_PATIENCE: Duration = Duration::from_millis(250);

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
        LayerContent::Network { source } => network::open(source, layer, surroundings),
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
            layer: self.layer,
            opening: self.opening,
            news,
        });
    }
}

/// The layers of the scene and their sources.
pub(crate) struct Layers {
    surroundings: Surroundings,
    scene: Option<WantedScene>,
    /// Whether the scene is under a cover.
    covered: bool,
    sources: BTreeMap<LayerId, Opened>,
    /// Hidden layers that are still fading out, until when at the latest.
    fading: BTreeMap<LayerId, Timestamp>,
    /// Until when the scene waits for what is being drawn.
    settles_at: Option<Instant>,
    ended: Receiver<()>,
}

struct Opened {
    opening: u64,
    source: Box<dyn Source>,
    reported: Option<Health>,
}

impl Layers {
    /// No layers yet, for a program `height` pixels high.
    pub(crate) fn new(
        program: Arc<ProgramClock>,
        timeline: Timeline,
        height: u32,
        wall: SharedClock,
        (network, web): (NetworkPolicy, Option<WebSettings>),
        events: Events,
    ) -> Self {
        let (alive, ended) = sync_channel(0);
        Self {
            surroundings: Surroundings {
                program,
                timeline,
                matrix: Matrix::for_height(height),
                wall,
                text: std::rc::Rc::new(TextRenderer::start()),
                web: web.map(web::Pages::new),
                program_height: height,
                chat: None,
                network,
                events,
                alive,
                opening: 0,
            },
            scene: None,
            covered: false,
            sources: BTreeMap::new(),
            fading: BTreeMap::new(),
            settles_at: None,
            ended,
        }
    }

    /// Makes `wanted` the scene, unless it cannot be one.
    pub(crate) fn apply(&mut self, wanted: WantedScene) -> Result<(), DuplicateLayer> {
        let actual = self.scene.as_ref().map_or(&[][..], |scene| &scene.layers);
        let is_covered = wanted.cover.is_some();
        let wanted = uncovered(wanted, self.covered);
        let difference = difference(actual, &wanted.layers)?;
        for id in &difference.close {
            self.sources.remove(id);
            self.fading.remove(id);
        }
        for layer in &wanted.layers {
            if difference.open.contains(&layer.id) {
                self.open(layer);
            } else if difference.update.contains(&layer.id) {
                self.update(layer);
            }
        }
        if !wanted.layers.iter().any(shows_chat) {
            // Nobody goes on telling what is deleted.
            self.surroundings.chat = None;
        }
        self.scene = Some(wanted);
        self.covered = is_covered;
        self.settles_at = Some(Instant::now() + DRAWING_PATIENCE);
        Ok(())
    }

    /// Shows this chat in the layers that show the chat, now or with the next scene.
    pub(crate) fn converse(&mut self, mut chat: ChatFeed) {
        let too_many = chat.messages.len().saturating_sub(CHAT_LINES_MAX);
        chat.messages.drain(..too_many);
        for opened in self.sources.values_mut() {
            opened.source.converse(&chat);
        }
        self.surroundings.chat = Some(chat);
    }

    /// Until when the newest scene is not to be shown, because parts of it are being drawn.
    pub(crate) fn settles_at(&self) -> Option<Instant> {
        let mut sources = self.sources.values();
        self.settles_at
            .filter(|&moment| Instant::now() < moment)
            .filter(|_| sources.any(|opened| opened.source.is_drawing()))
    }

    /// The scene is shown: what is drawn from now on shows when it is there.
    pub(crate) fn settle(&mut self) {
        self.settles_at = None;
    }

    /// Passes news on to the source they are for.
    pub(crate) fn hear(&mut self, layer: LayerId, opening: u64, news: News) {
        if let Some(opened) = self.sources.get_mut(&layer)
            && opened.opening == opening
        {
            opened.source.hear(news);
        }
    }

    /// When a source next changes by itself.
    pub(crate) fn changes_at(&self) -> Option<Timestamp> {
        let moments = self
            .sources
            .values()
            .map(|opened| opened.source.changes_at());
        let faded = self.fading.values().copied();
        moments.flatten().chain(faded).min()
    }

    /// Lets the sources change whose moment has come; whether there were any.
    pub(crate) fn change(&mut self, now: Timestamp) -> bool {
        let mut changed = self.end_fading(now);
        for opened in self.sources.values_mut() {
            if opened
                .source
                .changes_at()
                .is_some_and(|moment| moment <= now)
            {
                opened.source.change(now);
                changed = true;
            }
        }
        changed
    }

    /// The scene for the composer.
    pub(crate) fn stage(&self) -> Stage {
        let Some(scene) = &self.scene else {
            return Stage::default();
        };
        let layers = scene.layers.iter();
        let visible = layers.filter(|layer| layer.visible || self.fading.contains_key(&layer.id));
        Stage {
            revision: Some(scene.revision),
            items: visible
                .filter_map(|layer| Some(item(layer, &*self.sources.get(&layer.id)?.source)))
                .collect(),
        }
    }

    /// How layers do, where that changed since the last call.
    pub(crate) fn reports(&mut self) -> Vec<LayerReport> {
        let mut reports = Vec::new();
        for (layer, opened) in &mut self.sources {
            let health = opened.source.health();
            if opened.reported.as_ref() != Some(&health) {
                reports.push(report(*layer, &health));
                opened.reported = Some(health);
            }
        }
        reports
    }

    /// What each visible layer delivered since the last call; layers that are still and silent are
    /// left out.
    pub(crate) fn performance(&self) -> Vec<LayerPerformance> {
        let layers = self.scene.iter().flat_map(|scene| &scene.layers);
        let now_ns = self.surroundings.program.now_ns().unwrap_or(0);
        layers
            .filter(|layer| layer.visible)
            .filter_map(|layer| {
                let source = &self.sources.get(&layer.id)?.source;
                performance(layer.id, &**source, to_i64(now_ns))
            })
            .collect()
    }

    /// Ends all sources and waits for their threads, but no longer than `patience`; whether all
    /// have ended.
    pub(crate) fn close(self, patience: Duration) -> bool {
        let Self {
            surroundings,
            sources,
            ended,
            ..
        } = self;
        drop(sources);
        drop(surroundings);
        ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }

    /// Tells a source how its layer changed. Of one that fades out it hears later: what is
    /// hidden may stand still.
    fn update(&mut self, layer: &SceneLayer) {
        let actual = self.scene.as_ref().map_or(&[][..], |scene| &scene.layers);
        let was_seen = self.fading.contains_key(&layer.id)
            || actual
                .iter()
                .any(|known| known.id == layer.id && known.visible);
        let fades = !layer.visible && was_seen && layer.transition.duration_ms > 0;
        let Some(opened) = self.sources.get_mut(&layer.id) else {
            return;
        };
        if fades {
            let longest = i64::from(layer.transition.duration_ms) + FADE_MARGIN_MS;
            let until = self.surroundings.wall.now().as_unix_millis() + longest;
            self.fading
                .insert(layer.id, Timestamp::from_unix_millis(until));
            opened.source.update(&SceneLayer {
                visible: true,
                ..layer.clone()
            });
        } else {
            self.fading.remove(&layer.id);
            opened.source.update(layer);
        }
    }

    /// Takes hidden layers off the stage that have faded by now; whether there were any.
    fn end_fading(&mut self, now: Timestamp) -> bool {
        let faded: Vec<LayerId> = self
            .fading
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(layer, _)| *layer)
            .collect();
        for id in &faded {
            self.fading.remove(id);
            let layers = self.scene.iter().flat_map(|scene| &scene.layers);
            if let Some(layer) = layers.into_iter().find(|layer| layer.id == *id)
                && let Some(opened) = self.sources.get_mut(id)
            {
                opened.source.update(layer);
            }
        }
        !faded.is_empty()
    }

    fn open(&mut self, layer: &SceneLayer) {
        self.surroundings.opening += 1;
        let opened = Opened {
            opening: self.surroundings.opening,
            source: open(layer, &self.surroundings),
            reported: None,
        };
        self.sources.insert(layer.id, opened);
    }
}

fn shows_chat(layer: &SceneLayer) -> bool {
    matches!(layer.content, LayerContent::Chat { .. })
}

fn item(layer: &SceneLayer, source: &dyn Source) -> Item {
    let surface = source.surface();
    if let Surface::Moving(frames) = &surface {
        frames.arrange(&layer.transform);
    }
    let silent = layer.muted || !layer.visible;
    Item {
        layer: layer.id,
        transform: layer.transform,
        opacity: if layer.visible { layer.opacity } else { 0.0 },
        blend: layer.blend,
        transition: layer.transition,
        surface,
        voice: source.sound().map(|queue| Voice {
            queue: Arc::clone(queue),
            gain: if silent { 0.0 } else { layer.volume },
            delay: samples_in(layer.audio_delay_ms),
        }),
    }
}

fn performance(layer: LayerId, source: &dyn Source, now_ns: i64) -> Option<LayerPerformance> {
    let counts = match source.surface() {
        Surface::Moving(frames) => Some(frames.counts()),
        Surface::Empty
        | Surface::Solid(..)
        | Surface::Still(_)
        | Surface::Strip(_)
        | Surface::Stack(_)
        | Surface::Changing(_) => None,
    };
    let sound = source.sound();
    if counts.is_none() && sound.is_none() {
        return None;
    }
    let level = sound.and_then(|queue| {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.take_level()
    });
    let shown_due_ns = counts.and_then(|counts| counts.shown_due_ns);
    Some(LayerPerformance {
        layer,
        frame_age_ms: shown_due_ns.map(|due_ns| milliseconds(now_ns - due_ns)),
        frames_total: counts.map(|counts| counts.came),
        frames_dropped: counts.map(|counts| counts.left_out),
        audio_peak_dbfs: level.map(|level| level.peak_dbfs),
        audio_rms_dbfs: level.map(|level| level.rms_dbfs),
    })
}

fn milliseconds(ns: i64) -> f64 {
    to_f64(u64::try_from(ns).unwrap_or(0)) / 1e6
}

fn report(layer: LayerId, health: &Health) -> LayerReport {
    let (state, failure) = match health {
        Health::Loading => (LayerState::Loading, None),
        Health::Fine => (LayerState::Ok, None),
        Health::Failing(failure) => (LayerState::Failing, Some(failure)),
    };
    LayerReport {
        layer,
        state,
        code: failure.map(|failure| failure.code.to_owned()),
        reason: failure.map(|failure| failure.reason.clone()),
        attempts: failure.and_then(|failure| Some(failure.retry?.attempts)),
        next_attempt_at: failure.and_then(|failure| Some(failure.retry?.at)),
    }
}
