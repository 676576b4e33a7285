//! The layers of one scene with their sources.

use std::collections::BTreeMap;

use sm_common::clock::Timestamp;
use sm_common::id::{LayerId, SceneId};
use sm_common::transition::{SceneTransition, Take};
use sm_media_protocol::{SceneLayer, WantedScene};

use super::seat::{Role, Seat};
use super::sharing::begins_on_air;
use super::turns::Turns;
use super::{Health, Source, Surroundings, open};
use crate::pipeline::{Act, Item, Surface, Voice};
use crate::scene::Difference;
use crate::timeline::samples_in;

/// How much longer than its fading out takes a hidden layer's source goes on: longer than the
/// composer may be behind.
const FADE_MARGIN_MS: i64 = 3_000;

/// A scene with the sources of its layers.
pub(super) struct Cast {
    /// Raised with every scene.
    pub(super) number: u64,
    /// What is to be seen; what a cover hides is hidden here.
    pub(super) scene: WantedScene,
    /// The scene as it was told, with its cover.
    pub(super) told: Option<WantedScene>,
    /// Which of its layers have had their turn.
    pub(super) turns: Turns,
    /// Whether it is under a cover.
    pub(super) covered: bool,
    /// How it comes on air.
    pub(super) entrance: SceneTransition,
    /// The take that brings it on air, until its beginning is told.
    pub(super) take: Option<Take>,
    /// The scene that it replaced.
    pub(super) from: Option<SceneId>,
    role: Role,
    /// Whether anybody looks at it.
    watched: bool,
    seats: BTreeMap<LayerId, Seat>,
    /// Hidden layers that are still fading out, until when at the latest.
    fading: BTreeMap<LayerId, Timestamp>,
}

impl Cast {
    /// A scene without a layer so far; [`Self::change`] brings them.
    pub(super) fn new(number: u64, role: Role, wanted: &WantedScene, covered: bool) -> Self {
        Self {
            number,
            scene: WantedScene {
                layers: Vec::new(),
                ..wanted.clone()
            },
            told: None,
            turns: Turns::default(),
            covered,
            entrance: SceneTransition::default(),
            take: None,
            from: None,
            role,
            watched: true,
            seats: BTreeMap::new(),
            fading: BTreeMap::new(),
        }
    }

    /// Which scene it is; `None` for one that nobody made.
    pub(super) fn id(&self) -> Option<SceneId> {
        self.scene.scene.as_ref().map(|scene| scene.id)
    }

    /// A take brings it on air, where there is one.
    pub(super) fn be_taken(&mut self, take: Option<Take>) {
        if let Some(take) = take {
            self.entrance = take.transition;
            self.take = Some(take);
        }
    }

    /// Becomes `wanted`, which differs in this way. Sources of `others` that show the same are
    /// shared rather than opened.
    pub(super) fn change(
        &mut self,
        wanted: WantedScene,
        difference: &Difference,
        others: &[&Self],
        surroundings: &mut Surroundings,
    ) {
        for id in &difference.close {
            self.seats.remove(id);
            self.fading.remove(id);
        }
        for layer in &wanted.layers {
            if difference.open.contains(&layer.id) {
                self.seat(layer, others, surroundings);
            } else if difference.update.contains(&layer.id) {
                self.update(layer, surroundings.wall.now());
            }
        }
        self.scene = wanted;
    }

    /// Opens sources anew that follow a layer of another scene which shows something else now.
    pub(super) fn part_company(&mut self, others: &[&Self], surroundings: &mut Surroundings) {
        let strayed: Vec<SceneLayer> = self
            .scene
            .layers
            .iter()
            .filter(|layer| {
                let seat = self.seats.get(&layer.id);
                seat.is_some_and(|seat| !seat.suits(layer))
            })
            .cloned()
            .collect();
        for layer in strayed {
            self.seats.remove(&layer.id);
            self.seat(&layer, others, surroundings);
        }
    }

    /// Takes a part: files play while somebody sees them, and from their beginning on air.
    pub(super) fn set_role(&mut self, role: Role, watched: bool) {
        if (self.role, self.watched) == (role, watched) {
            return;
        }
        (self.role, self.watched) = (role, watched);
        for layer in &self.scene.layers {
            if let Some(seat) = self.seats.get(&layer.id) {
                seat.set(role, self.as_used(layer));
            }
        }
    }

    /// The layer as its source needs it.
    fn as_used(&self, layer: &SceneLayer) -> SceneLayer {
        let waits = match self.role {
            Role::Program | Role::Leaving => false,
            Role::Next => begins_on_air(&layer.content),
            Role::Preview => !self.watched || begins_on_air(&layer.content),
            Role::Gone => true,
        };
        let visible = layer.visible || self.fading.contains_key(&layer.id);
        SceneLayer {
            visible: visible && !waits,
            ..layer.clone()
        }
    }

    fn seat(&mut self, layer: &SceneLayer, others: &[&Self], surroundings: &mut Surroundings) {
        let used = self.as_used(layer);
        let free = |seat: &&Seat| !self.seats.values().any(|own| own.is_beside(seat));
        let suitable = || {
            let seats = others.iter().flat_map(|other| other.seats.values());
            seats.filter(free).filter(|seat| seat.suits(layer))
        };
        let known = suitable()
            .find(|seat| seat.is_of(layer))
            .or_else(|| suitable().next());
        let seat = if let Some(known) = known {
            known.share(self.number, self.role, used)
        } else {
            surroundings.opening += 1;
            let source = open(&used, surroundings);
            Seat::new((surroundings.opening, source), self.number, self.role, used)
        };
        self.seats.insert(layer.id, seat);
    }

    /// Tells a source how its layer changed. Of one that fades out it hears later: what is hidden
    /// may stand still.
    fn update(&mut self, layer: &SceneLayer, now: Timestamp) {
        let was_seen = self.fading.contains_key(&layer.id)
            || self
                .scene
                .layers
                .iter()
                .any(|known| known.id == layer.id && known.visible);
        if !layer.visible && was_seen && layer.transition.duration_ms > 0 {
            let longest = i64::from(layer.transition.duration_ms) + FADE_MARGIN_MS;
            let until = Timestamp::from_unix_millis(now.as_unix_millis() + longest);
            self.fading.insert(layer.id, until);
        } else {
            self.fading.remove(&layer.id);
        }
        if let Some(seat) = self.seats.get(&layer.id) {
            seat.set(self.role, self.as_used(layer));
        }
    }

    /// Takes hidden layers off the stage that have faded by now; whether there were any.
    fn end_fading(&mut self, now: Timestamp) -> bool {
        let before = self.fading.len();
        self.fading.retain(|_, until| *until > now);
        if self.fading.len() == before {
            return false;
        }
        for layer in &self.scene.layers {
            if let Some(seat) = self.seats.get(&layer.id) {
                seat.set(self.role, self.as_used(layer));
            }
        }
        true
    }

    /// When it next changes by itself.
    pub(super) fn changes_at(&self) -> Option<Timestamp> {
        let sources = self.seats.values();
        let moments = sources.filter_map(|seat| seat.ask(Source::changes_at));
        moments.chain(self.fading.values().copied()).min()
    }

    /// Lets what changes by itself change whose moment has come; whether there was any.
    pub(super) fn change_by_itself(&mut self, now: Timestamp) -> bool {
        let mut changed = self.end_fading(now);
        for seat in self.seats.values() {
            let moment = seat.ask(Source::changes_at);
            if moment.is_some_and(|moment| moment <= now) {
                seat.tell(|source| source.change(now));
                changed = true;
            }
        }
        changed
    }

    /// Whether what is to be seen of it is being drawn.
    pub(super) fn is_drawing(&self) -> bool {
        self.seats.values().any(|seat| seat.ask(Source::is_drawing))
    }

    /// Whether anything that is to be seen of it has nothing to show yet.
    pub(super) fn is_loading(&self) -> bool {
        let visible = self.scene.layers.iter().filter(|layer| layer.visible);
        let mut seats = visible.filter_map(|layer| self.seats.get(&layer.id));
        seats.any(|seat| seat.health() == Health::Loading || seat.ask(Source::is_drawing))
    }

    /// The layer whose source was opened so.
    pub(super) fn layer_of(&self, opening: u64) -> Option<LayerId> {
        let mut seats = self.seats();
        let found = seats.find(|(_, seat)| seat.is_opening(opening));
        found.map(|(layer, _)| layer)
    }

    /// Lets what a layer shows begin: it takes the turn of another.
    pub(super) fn begin(&self, layer: LayerId) {
        if let Some(seat) = self.seats.get(&layer) {
            seat.tell(Source::begin);
        }
    }

    /// The sources with their layers.
    pub(super) fn seats(&self) -> impl Iterator<Item = (LayerId, &Seat)> {
        self.seats.iter().map(|(layer, seat)| (*layer, seat))
    }

    /// The visible layers with their sources.
    pub(super) fn visible(&self) -> impl Iterator<Item = (&SceneLayer, &Seat)> {
        let visible = self.scene.layers.iter().filter(|layer| layer.visible);
        visible.filter_map(|layer| Some((layer, self.seats.get(&layer.id)?)))
    }

    /// What of it is on the stage.
    pub(super) fn act(&self) -> Act {
        let layers = self.scene.layers.iter();
        let seen = layers.filter(|layer| layer.visible || self.fading.contains_key(&layer.id));
        Act {
            number: self.number,
            entrance: self.entrance,
            items: seen
                .filter_map(|layer| Some(self.item(layer, self.seats.get(&layer.id)?)))
                .collect(),
        }
    }

    fn item(&self, layer: &SceneLayer, seat: &Seat) -> Item {
        let surface = seat.ask(Source::surface);
        if let Surface::Moving(frames) = &surface {
            // What is only looked at now and then is fitted when it is.
            let place = matches!(self.role, Role::Program | Role::Leaving);
            seat.arrange(frames, place.then_some(&layer.transform));
        }
        let silent = layer.muted || !layer.visible;
        Item {
            layer: layer.id,
            transform: layer.transform,
            opacity: if layer.visible { layer.opacity } else { 0.0 },
            blend: layer.blend,
            transition: layer.transition,
            surface,
            voice: seat
                .ask(|source| source.sound().cloned())
                .map(|queue| Voice {
                    queue,
                    gain: if silent { 0.0 } else { layer.volume },
                    delay: samples_in(layer.audio_delay_ms),
                }),
        }
    }
}
