//! Live sound and picture from elsewhere.

mod content;
mod fetch;
mod guard;
mod hls;
mod pace;
mod pipeline;
mod relay;
mod rtsp;
mod wanted;

use std::sync::{Arc, Mutex};

use sm_common::address::SourceUrl;
use sm_common::layer::{NetworkSource as Described, OnLoss};
use sm_common::secret::Secret;
use sm_media_protocol::{LayerContent, SceneLayer};

use super::failure::Failure;
use super::player::{Ending, Player, Recipe};
use super::{Health, News, Source, Surroundings};
use crate::pipeline::{FrameSlot, Surface};
use crate::sound::SoundQueue;
pub(super) use guard::resolve;
use pipeline::{Outlets, build};
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
}

impl NetworkSource {
    fn new(
        wanted: Wanted,
        on_loss: OnLoss,
        layer: &SceneLayer,
        surroundings: &Surroundings,
    ) -> Self {
        let (width, height) = wanted.size;
        let timeline = surroundings.timeline;
        let frames = Arc::new(FrameSlot::new(timeline, surroundings.matrix, width, height));
        let sound = Arc::<Mutex<SoundQueue>>::default();
        let outlets = Outlets {
            program: Arc::clone(&surroundings.program),
            frames: Arc::clone(&frames),
            sound: Arc::clone(&sound),
        };
        let ending = if wanted.url.scheme().is_live() {
            Ending::Live
        } else {
            Ending::Remote
        };
        let policy = surroundings.network.clone();
        let recipe = Recipe {
            name: "network",
            ending,
            build: Box::new(move |watcher| build(&wanted, &policy, &outlets, watcher)),
        };
        Self {
            frames,
            sound,
            player: Player::start(recipe, surroundings, layer),
            on_loss,
            health: Health::Loading,
        }
    }
}

impl Source for NetworkSource {
    fn update(&mut self, layer: &SceneLayer) {
        self.frames
            .resize(layer.transform.width, layer.transform.height);
        if let LayerContent::Network { source, .. } = &layer.content {
            self.on_loss = source.on_loss;
        }
    }

    fn hear(&mut self, news: News) {
        self.health = match news {
            News::Flowing | News::Picture(_) | News::Drawn(_) => Health::Fine,
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
            (Health::Fine, _) | (Health::Loading | Health::Failing(_), OnLoss::Hold) => {
                Surface::Moving(Arc::clone(&self.frames))
            }
            (Health::Loading | Health::Failing(_), OnLoss::Hide) => Surface::Empty,
        }
    }

    fn sound(&self) -> Option<&Arc<Mutex<SoundQueue>>> {
        Some(&self.sound)
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

/// A source that cannot even be asked for.
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
