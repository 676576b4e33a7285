//! Layers: what each shows and sounds like, and how it does.
//!
//! A layer kind is one file here with a [`Source`], and one arm in [`open`]. Whatever may block,
//! fail or take long runs on the source's own thread and pipeline; the worker's loop only hears
//! its [`News`].

mod backoff;
mod clock;
mod color;
mod failure;
mod file;
mod image;
mod player;
mod sink;
mod test_pattern;
mod text;
mod text_renderer;
mod video;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::LayerId;
use sm_common::stream::LayerState;
use sm_media_protocol::{LayerContent, LayerReport, SceneLayer, WantedScene};

use crate::event::{Event, Events};
use crate::number::to_f32;
use crate::picture::{Bitmap, Matrix, Opacity, Rectangle};
use crate::pipeline::{Item, ProgramClock, Stage, Surface, Voice};
use crate::scene::{DuplicateLayer, difference, uncovered};
use crate::sound::SoundQueue;
use crate::timeline::Timeline;
use failure::Failure;
use text_renderer::TextRenderer;

/// Where a layer's picture and sound come from.
trait Source {
    /// The layer changed in a way that this source can follow. Done before the change shows.
    fn update(&mut self, layer: &SceneLayer);

    /// The source's own thread has something to tell.
    fn hear(&mut self, _news: News) {}

    /// When the source next changes by itself.
    fn changes_at(&self) -> Option<Timestamp> {
        None
    }

    /// That moment has come.
    fn change(&mut self, _now: Timestamp) {}

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
        LayerContent::Clock { format, style } => {
            Box::new(clock::open(format, style, layer, surroundings))
        }
    }
}

/// What the thread of a source tells the worker.
#[derive(Debug)]
pub(crate) enum News {
    /// The picture of a still.
    Picture(Bitmap),
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
    text: std::rc::Rc<RefCell<TextRenderer>>,
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
    sources: BTreeMap<LayerId, Opened>,
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
        events: Events,
    ) -> Self {
        let (alive, ended) = sync_channel(0);
        Self {
            surroundings: Surroundings {
                program,
                timeline,
                matrix: Matrix::for_height(height),
                wall,
                text: std::rc::Rc::default(),
                events,
                alive,
                opening: 0,
            },
            scene: None,
            sources: BTreeMap::new(),
            ended,
        }
    }

    /// Makes `wanted` the scene, unless it cannot be one.
    pub(crate) fn apply(&mut self, wanted: WantedScene) -> Result<(), DuplicateLayer> {
        let actual = self.scene.as_ref().map_or(&[][..], |scene| &scene.layers);
        let wanted = uncovered(wanted);
        let difference = difference(actual, &wanted.layers)?;
        for id in &difference.close {
            self.sources.remove(id);
        }
        for layer in &wanted.layers {
            if difference.open.contains(&layer.id) {
                self.open(layer);
            } else if difference.update.contains(&layer.id)
                && let Some(opened) = self.sources.get_mut(&layer.id)
            {
                opened.source.update(layer);
            }
        }
        self.scene = Some(wanted);
        Ok(())
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
        moments.flatten().min()
    }

    /// Lets the sources change whose moment has come; whether there were any.
    pub(crate) fn change(&mut self, now: Timestamp) -> bool {
        let mut changed = false;
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
        let visible = scene.layers.iter().filter(|layer| layer.visible);
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

fn item(layer: &SceneLayer, source: &dyn Source) -> Item {
    Item {
        place: Rectangle {
            x: layer.transform.x,
            y: layer.transform.y,
            width: layer.transform.width,
            height: layer.transform.height,
        },
        opacity: Opacity::new(layer.opacity),
        surface: source.surface(),
        voice: source.sound().map(|queue| Voice {
            queue: Arc::clone(queue),
            gain: if layer.muted {
                0.0
            } else {
                to_f32(layer.volume)
            },
        }),
    }
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
    }
}
