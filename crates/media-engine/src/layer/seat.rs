//! A source, and the scenes that show it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use sm_common::layer::{PlaybackState, PlaybackStatus, Transform};
use sm_media_protocol::SceneLayer;

use super::sharing::can_share;
use super::{Health, News, Source};
use crate::pipeline::FrameSlot;

/// What a scene is to the picture. A source follows the first of the scenes that show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// It is on air.
    Program,
    /// It is to be on air as soon as it has something to show.
    Next,
    /// It is beside the program.
    Preview,
    /// It is still in the picture, under the one that replaces it.
    Leaving,
    /// It is not shown any more.
    Gone,
}

/// An open source. It ends with the last seat.
struct Opened {
    opening: u64,
    source: RefCell<Box<dyn Source>>,
    uses: RefCell<Vec<Use>>,
    /// What the source was told last.
    told: RefCell<SceneLayer>,
}

struct Use {
    scene: u64,
    role: Role,
    layer: SceneLayer,
}

impl Opened {
    /// The layer that the source follows.
    fn leader(&self) -> Option<SceneLayer> {
        let uses = self.uses.borrow();
        let first = uses.iter().min_by_key(|used| used.role)?;
        Some(SceneLayer {
            // What one of them hides goes on while another shows it.
            visible: uses.iter().any(|used| used.layer.visible),
            ..first.layer.clone()
        })
    }

    fn follow(&self) {
        if let Some(leader) = self.leader()
            && *self.told.borrow() != leader
        {
            self.source.borrow_mut().update(&leader);
            self.told.replace(leader);
        }
    }
}

/// The use that one layer of one scene makes of a source.
pub(super) struct Seat {
    opened: Rc<Opened>,
    scene: u64,
    /// Where frames are fitted to the layer's place.
    arranged: RefCell<Option<Arc<FrameSlot>>>,
}

impl Seat {
    /// The first use of a source that was just opened for `layer`.
    pub(super) fn new(
        (opening, source): (u64, Box<dyn Source>),
        scene: u64,
        role: Role,
        layer: SceneLayer,
    ) -> Self {
        let opened = Rc::new(Opened {
            opening,
            source: RefCell::new(source),
            uses: RefCell::default(),
            told: RefCell::new(layer.clone()),
        });
        Self::taken(opened, scene, role, layer)
    }

    /// Another use of the source by `layer` of another scene.
    pub(super) fn share(&self, scene: u64, role: Role, layer: SceneLayer) -> Self {
        Self::taken(Rc::clone(&self.opened), scene, role, layer)
    }

    fn taken(opened: Rc<Opened>, scene: u64, role: Role, layer: SceneLayer) -> Self {
        opened.uses.borrow_mut().push(Use { scene, role, layer });
        opened.follow();
        Self {
            opened,
            scene,
            arranged: RefCell::default(),
        }
    }

    /// The layer, or what its scene is, has changed.
    pub(super) fn set(&self, role: Role, layer: SceneLayer) {
        let mut uses = self.opened.uses.borrow_mut();
        if let Some(used) = uses.iter_mut().find(|used| used.scene == self.scene) {
            (used.role, used.layer) = (role, layer);
        }
        drop(uses);
        self.opened.follow();
    }

    /// Whether the source shows what `layer` is to show.
    pub(super) fn suits(&self, layer: &SceneLayer) -> bool {
        let leader = self.opened.leader();
        leader.is_some_and(|leader| can_share(layer, &leader))
    }

    /// Whether the source was opened for this layer.
    pub(super) fn is_of(&self, layer: &SceneLayer) -> bool {
        let uses = self.opened.uses.borrow();
        uses.iter().any(|used| used.layer.id == layer.id)
    }

    /// Whether both use one source.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.opened, &other.opened)
    }

    /// Passes news on, if they are about this opening. Where they are, says whether they tell that
    /// a file has come to its end.
    pub(super) fn hear(&self, opening: u64, news: &mut Option<News>) -> Option<bool> {
        if self.opened.opening != opening {
            return None;
        }
        let had_ended = self.has_ended();
        if let Some(news) = news.take() {
            self.opened.source.borrow_mut().hear(news);
        }
        Some(!had_ended && self.has_ended())
    }

    /// Whether it is about this opening.
    pub(super) fn is_opening(&self, opening: u64) -> bool {
        self.opened.opening == opening
    }

    /// Where the file is that the source plays.
    pub(super) fn playback(&self) -> Option<PlaybackStatus> {
        self.ask(Source::playback)
    }

    fn has_ended(&self) -> bool {
        let state = self.playback().map(|playback| playback.state);
        state == Some(PlaybackState::Ended)
    }

    /// What of the source is asked.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&(dyn Source + 'static)) -> T) -> T {
        question(&**self.opened.source.borrow())
    }

    /// What the source is told.
    pub(super) fn tell(&self, word: impl FnOnce(&mut (dyn Source + 'static))) {
        word(&mut **self.opened.source.borrow_mut());
    }

    /// Frames that come from now on are fitted to this place, or to none.
    pub(super) fn arrange(&self, frames: &Arc<FrameSlot>, place: Option<&Transform>) {
        match place {
            Some(place) => {
                frames.arrange(self.scene, place);
                self.arranged.replace(Some(Arc::clone(frames)));
            }
            None => frames.clear_away(self.scene),
        }
    }

    /// How the source does.
    pub(super) fn health(&self) -> Health {
        self.ask(Source::health)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(frames) = self.arranged.take() {
            frames.clear_away(self.scene);
        }
        let scene = self.scene;
        let mut uses = self.opened.uses.borrow_mut();
        uses.retain(|used| used.scene != scene);
        drop(uses);
        self.opened.follow();
    }
}
