//! A web page. What draws it is a process of its own; here it is started, watched and replaced.

mod keeper;
mod process;
mod usage;

use std::sync::Arc;

use sm_common::address::{SourceScheme, SourceUrl};
use sm_common::clock::SharedClock;
use sm_common::layer::{OnLoss, WebSource as Page};
use sm_media_protocol::{LayerContent, RenderOrder, SceneLayer, WebSettings};

use super::failure::Failure;
use super::network::Refused;
use super::{Health, News, Source, Surroundings};
use crate::pipeline::{PictureSlot, Surface};
use keeper::Keeper;

/// What a worker may do with web pages, and what it does.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    settings: WebSettings,
    /// Held by every page that is open.
    open: Arc<()>,
}

impl Pages {
    /// No page yet.
    pub(super) fn new(settings: WebSettings) -> Self {
        Self {
            settings,
            open: Arc::new(()),
        }
    }

    /// Room for one more page, if there is any.
    fn take(&self) -> Option<Arc<()>> {
        // The count includes this one.
        let open = Arc::strong_count(&self.open) - 1;
        let most = crate::number::to_usize(self.settings.pages_max.into());
        (open < most).then(|| Arc::clone(&self.open))
    }
}

/// Opens the page. It goes on while its layer is hidden, so that it shows at once and where it would be.
pub(super) fn open(
    page: &Page,
    layer: &SceneLayer,
    surroundings: &Surroundings,
) -> Box<dyn Source> {
    match WebSource::open(page, layer, surroundings) {
        Ok(source) => Box::new(source),
        Err(failure) => Box::new(Refused(failure)),
    }
}

struct WebSource {
    slot: Arc<PictureSlot>,
    #[expect(dead_code, reason = "its thread and process end when it is dropped")]
    keeper: Keeper,
    on_loss: OnLoss,
    health: Health,
}

impl WebSource {
    fn open(page: &Page, layer: &SceneLayer, surroundings: &Surroundings) -> Result<Self, Failure> {
        let pages = surroundings
            .web
            .as_ref()
            .ok_or_else(Failure::web_disabled)?;
        let url = SourceUrl::parse(&page.url).map_err(Failure::address)?;
        match url.scheme() {
            SourceScheme::Http | SourceScheme::Https => {}
            SourceScheme::Rtmp
            | SourceScheme::Rtmps
            | SourceScheme::Rtsp
            | SourceScheme::Rtsps
            | SourceScheme::Srt => return Err(Failure::web_address()),
        }
        let place = pages.take().ok_or_else(Failure::web_too_many)?;
        let slot = Arc::<PictureSlot>::default();
        let task = keeper::Task {
            order: RenderOrder {
                page: page.clone(),
                program_height: surroundings.program_height,
            },
            url,
            policy: surroundings.network.clone(),
            settings: pages.settings,
            retry: surroundings.retry,
            slot: Arc::clone(&slot),
            mailbox: surroundings.mailbox(layer.id),
            wall: SharedClock::clone(&surroundings.wall),
            place,
        };
        Ok(Self {
            slot,
            keeper: Keeper::start(task),
            on_loss: page.on_loss,
            health: Health::Loading,
        })
    }
}

impl Source for WebSource {
    fn update(&mut self, layer: &SceneLayer) {
        if let LayerContent::Web { source } = &layer.content {
            self.on_loss = source.on_loss;
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
                // Nothing of before shows when it comes back.
                if self.on_loss == OnLoss::Hide {
                    self.slot.put(None);
                }
                Health::Failing(failure)
            }
        };
    }

    fn surface(&self) -> Surface {
        match (&self.health, self.on_loss) {
            (Health::Fine | Health::Flawed(_), _)
            | (Health::Loading | Health::Waiting(_) | Health::Failing(_), OnLoss::Hold) => {
                Surface::Changing(Arc::clone(&self.slot))
            }
            (Health::Loading | Health::Waiting(_) | Health::Failing(_), OnLoss::Hide) => {
                Surface::Empty
            }
        }
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}
