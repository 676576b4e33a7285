//! Live sound and picture from elsewhere.

mod content;
mod facts;
mod fetch;
mod guard;
mod hls;
mod ingest;
mod pace;
mod pipeline;
mod relay;
mod rtsp;
mod wanted;

use std::sync::{Arc, Mutex};

use sm_common::address::SourceUrl;
use sm_common::clock::SharedClock;
use sm_common::id::LayerId;
use sm_common::layer::{NetworkSource as Described, OnLoss};
use sm_common::performance::FeedPerformance;
use sm_common::secret::Secret;
use sm_media_protocol::{LayerContent, SceneLayer};

use super::failure::Failure;
use super::player::{Cut, Ending, Player, Recipe};
use super::{Health, News, Source, Surroundings};
use crate::pipeline::{FrameSlot, Surface};
use crate::sound::SoundQueue;
use facts::Facts;
pub(super) use guard::resolve;
use ingest::Inlet;
use pipeline::{Outlets, build, build_fed};
use wanted::Wanted;

/// Opens the source. It stays connected and goes on being decoded while its layer is hidden, so
/// that it shows at once, and in the middle of a group of pictures.
pub(super) fn open(
    source: &Described,
    secret: Option<&Secret>,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> Box<dyn Source> {
    let url = match SourceUrl::parse(&source.url) {
        Ok(url) => url,
        Err(refused) => return Box::new(Refused(Failure::address(refused))),
    };
    if source.secret.is_some() && secret.is_none() {
        return Box::new(Refused(Failure::secret()));
    }
    let size = (layer.transform.width.max(1), layer.transform.height.max(1));
    let wanted = Wanted::new(url, source, secret, size);
    Box::new(NetworkSource::new(
        wanted,
        source.on_loss,
        layer,
        surroundings,
    ))
}

#[derive(Debug)]
struct NetworkSource {
    frames: Arc<FrameSlot>,
    sound: Arc<Mutex<SoundQueue>>,
    #[expect(dead_code, reason = "its thread ends when it is dropped")]
    player: Player,
    on_loss: OnLoss,
    health: Health,
    /// What is known of a feed that is pushed.
    facts: Option<Arc<Facts>>,
}

impl NetworkSource {
    fn new(
        wanted: Wanted,
        on_loss: OnLoss,
        layer: &SceneLayer,
        surroundings: &Surroundings,
    ) -> Self {
        let outlets = outlets(layer, surroundings);
        let (frames, sound) = (Arc::clone(&outlets.frames), Arc::clone(&outlets.sound));
        let ending = if wanted.url.scheme().is_live() {
            Ending::Live
        } else {
            Ending::Remote
        };
        let policy = surroundings.network.clone();
        let recipe = Recipe {
            name: "network",
            ending,
            cut: Cut::default(),
            build: Box::new(move |watcher| build(&wanted, &policy, &outlets, watcher)),
        };
        Self {
            frames,
            sound,
            player: Player::start(recipe, surroundings, layer),
            on_loss,
            health: Health::Loading,
            facts: None,
        }
    }
}

/// Opens a source that others push to. It listens for as long as its layer is there.
pub(super) fn open_ingest(
    feed: LayerId,
    (latency_ms, on_loss): (u32, OnLoss),
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> Box<dyn Source> {
    let feeds = surroundings.feeds.as_deref();
    let inlet = match Inlet::open(feeds, feed) {
        Ok(inlet) => inlet,
        Err(failure) => return Box::new(Refused(failure)),
    };
    let outlets = outlets(layer, surroundings);
    let (frames, sound) = (Arc::clone(&outlets.frames), Arc::clone(&outlets.sound));
    let facts = Arc::<Facts>::default();
    let known = Arc::clone(&facts);
    let wall = SharedClock::clone(&surroundings.wall);
    let recipe = Recipe {
        name: "ingest",
        ending: Ending::Pushed,
        cut: Cut::default(),
        build: Box::new(move |watcher| {
            known.forget();
            let (media, feed) = build_fed(latency_ms, &outlets, Some(&known), watcher)?;
            inlet.attach(feed, &known, &wall, watcher)?;
            Ok(media)
        }),
    };
    Box::new(NetworkSource {
        frames,
        sound,
        player: Player::start(recipe, surroundings, layer),
        on_loss,
        health: Health::Waiting(Failure::nobody_publishes()),
        facts: Some(facts),
    })
}

fn outlets(layer: &SceneLayer, surroundings: &Surroundings) -> Outlets {
    let (width, height) = (layer.transform.width.max(1), layer.transform.height.max(1));
    let frames = FrameSlot::new(surroundings.timeline, surroundings.matrix, width, height);
    Outlets {
        program: Arc::clone(&surroundings.program),
        frames: Arc::new(frames),
        sound: Arc::default(),
    }
}

impl Source for NetworkSource {
    fn update(&mut self, layer: &SceneLayer) {
        self.frames
            .resize(layer.transform.width, layer.transform.height);
        match &layer.content {
            LayerContent::Network { source, .. } => self.on_loss = source.on_loss,
            LayerContent::Ingest { on_loss, .. } => self.on_loss = *on_loss,
            LayerContent::Color { .. }
            | LayerContent::TestPattern { .. }
            | LayerContent::Image { .. }
            | LayerContent::Video { .. }
            | LayerContent::Audio { .. }
            | LayerContent::Playlist { .. }
            | LayerContent::Text { .. }
            | LayerContent::Clock { .. }
            | LayerContent::Gradient { .. }
            | LayerContent::Countdown(_)
            | LayerContent::Ticker { .. }
            | LayerContent::Web { .. }
            | LayerContent::Chat { .. } => {}
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
            News::Failed(failure) => {
                // The source has ended: nothing of before shows when it comes back.
                if self.on_loss == OnLoss::Hide {
                    self.frames.clear();
                }
                Health::Failing(failure)
            }
        };
    }

    fn surface(&self) -> Surface {
        match (&self.health, self.on_loss) {
            (Health::Fine | Health::Flawed(_), _)
            | (Health::Loading | Health::Waiting(_) | Health::Failing(_), OnLoss::Hold) => {
                Surface::Moving(Arc::clone(&self.frames))
            }
            (Health::Loading | Health::Waiting(_) | Health::Failing(_), OnLoss::Hide) => {
                Surface::Empty
            }
        }
    }

    fn sound(&self) -> Option<&Arc<Mutex<SoundQueue>>> {
        Some(&self.sound)
    }

    fn feed(&self) -> Option<FeedPerformance> {
        self.facts.as_ref()?.take()
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

/// A source that cannot even be asked for, or cannot listen.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Failure);

impl Source for Refused {
    fn update(&mut self, _layer: &SceneLayer) {}

    fn surface(&self) -> Surface {
        Surface::Empty
    }

    fn health(&self) -> Health {
        Health::Failing(self.0.clone())
    }
}
