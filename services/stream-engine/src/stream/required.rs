//! Whether the scene can be seen: layers that it must not be seen without are well, or fail for so
//! short a time that nobody shall notice. Pure.
//!
//! ```text
//!          a required layer fails for the grace
//! seen ───────────────────────────────────────────▶ lost
//!      ◀───────────────────────────────────────────
//!          every required layer is well for the grace
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sm_common::id::{LayerId, SceneId};
use sm_common::scene::Scene;
use sm_common::stream::LayerState;

/// Watches the required layers of the program's scene.
#[derive(Clone, Debug)]
pub(super) struct RequiredWatch {
    grace: Duration,
    scene: Option<SceneId>,
    /// What the worker has said of each layer. Those that it opens are not here.
    layers: BTreeMap<LayerId, Condition>,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Well,
    Failing { since: Instant },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Seen,
    /// Since when every required layer has been well again.
    Lost {
        well_since: Option<Instant>,
    },
}

/// What a look has found to be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The scene must not be seen without this layer, which fails.
    Lost(LayerId),
    /// The scene can be seen again.
    Back,
}

impl RequiredWatch {
    /// `lost` is the scene that could not be seen when another process last looked.
    pub(super) const fn new(grace: Duration, lost: Option<SceneId>) -> Self {
        Self {
            grace,
            scene: lost,
            layers: BTreeMap::new(),
            standing: match lost {
                Some(_) => Standing::Lost { well_since: None },
                None => Standing::Seen,
            },
        }
    }

    /// Whether the slate is to be seen instead.
    pub(super) const fn is_lost(&self) -> bool {
        matches!(self.standing, Standing::Lost { .. })
    }

    /// Another worker opens every layer anew.
    pub(super) fn begin(&mut self) {
        self.layers.clear();
    }

    /// The worker said how a layer does.
    pub(super) fn heard(&mut self, layer: LayerId, state: LayerState, now: Instant) {
        match (state, self.layers.get(&layer)) {
            // A source that is tried once more has not come back yet.
            (LayerState::Loading | LayerState::Failing, Some(Condition::Failing { .. })) => {}
            (LayerState::Loading, _) => {
                self.layers.remove(&layer);
            }
            (LayerState::Ok, _) => {
                self.layers.insert(layer, Condition::Well);
            }
            (LayerState::Failing, _) => {
                self.layers.insert(layer, Condition::Failing { since: now });
            }
        }
    }

    /// Looks at the scene of the program.
    pub(super) fn look(&mut self, scene: &Scene, now: Instant) -> Option<Turn> {
        self.layers
            .retain(|id, _| scene.layers.iter().any(|layer| layer.id == *id));
        let was_lost = self.is_lost();
        if self.scene.replace(scene.id) != Some(scene.id) {
            self.standing = Standing::Seen;
        }
        let turn = match self.standing {
            Standing::Seen => self.lose(scene, now),
            Standing::Lost { well_since } => self.recover(scene, well_since, now),
        };
        match (turn, was_lost && !self.is_lost()) {
            (None, true) => Some(Turn::Back),
            (turn, _) => turn,
        }
    }

    /// There is no scene, or nothing is to be on air.
    pub(super) fn rest(&mut self) {
        *self = Self::new(self.grace, None);
    }

    /// When the next look may find something new though nothing is heard.
    pub(super) fn looks_at(&self, scene: &Scene) -> Option<Instant> {
        let since = match self.standing {
            Standing::Lost { well_since } => well_since,
            Standing::Seen => self.failing(scene).map(|(_, since)| since).min(),
        };
        since.and_then(|since| since.checked_add(self.grace))
    }

    fn lose(&mut self, scene: &Scene, now: Instant) -> Option<Turn> {
        let (layer, _) = self
            .failing(scene)
            .find(|(_, since)| now.saturating_duration_since(*since) >= self.grace)?;
        self.standing = Standing::Lost { well_since: None };
        Some(Turn::Lost(layer))
    }

    fn recover(
        &mut self,
        scene: &Scene,
        well_since: Option<Instant>,
        now: Instant,
    ) -> Option<Turn> {
        let well = required(scene).all(|id| self.layers.get(&id) == Some(&Condition::Well));
        if !well {
            self.standing = Standing::Lost { well_since: None };
            return None;
        }
        let since = well_since.unwrap_or(now);
        if now.saturating_duration_since(since) >= self.grace {
            self.standing = Standing::Seen;
            return Some(Turn::Back);
        }
        self.standing = Standing::Lost {
            well_since: Some(since),
        };
        None
    }

    fn failing<'a>(&'a self, scene: &'a Scene) -> impl Iterator<Item = (LayerId, Instant)> + 'a {
        required(scene).filter_map(|id| match self.layers.get(&id) {
            Some(Condition::Failing { since }) => Some((id, *since)),
            Some(Condition::Well) | None => None,
        })
    }
}

/// The layers that the scene must not be seen without; a hidden one is not missed.
fn required(scene: &Scene) -> impl Iterator<Item = LayerId> + '_ {
    let layers = scene.layers.iter();
    layers
        .filter(|layer| layer.required && layer.visible)
        .map(|layer| layer.id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sm_common::clock::Timestamp;
    use sm_common::id::StreamId;

    use super::*;

    fn scene(layers: &[(LayerId, bool, bool)]) -> Scene {
        let id = SceneId::generate();
        let layers = layers.iter().map(|(layer, required, visible)| {
            serde_json::from_value(json!({
                "id": layer, "stream": "main", "scene": id, "name": "a",
                "kind": "color", "source": {"color": "#102030"},
                "transform": {"x": 0, "y": 0, "width": 3, "height": 4}, "opacity": 1.0,
                "visible": visible, "locked": false, "volume": 1.0, "muted": false,
                "required": required, "revision": 1,
                "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
            }))
            .unwrap()
        });
        Scene {
            id,
            stream: StreamId::default(),
            name: "Main".to_owned(),
            revision: 1,
            updated_at: Timestamp::from_unix_millis(0),
            layers: layers.collect(),
            groups: Vec::new(),
        }
    }

    const GRACE: Duration = Duration::from_secs(2);

    #[test]
    fn a_required_layer_is_lost_and_comes_back_after_the_grace() {
        use LayerState::{Failing, Loading, Ok as Well};
        let (camera, logo) = (LayerId::generate(), LayerId::generate());
        let scene = scene(&[(camera, true, true), (logo, false, true)]);
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        // when, what is heard, what is new, whether it is lost, when to look again
        let steps = [
            (0, Some((logo, Failing)), None, false, None),
            (9_000, Some((camera, Failing)), None, false, Some(11_000)),
            (10_000, Some((camera, Loading)), None, false, Some(11_000)),
            (10_500, Some((camera, Well)), None, false, None),
            (11_500, Some((camera, Failing)), None, false, Some(13_500)),
            (13_499, None, None, false, Some(13_500)),
            (13_500, None, Some(Turn::Lost(camera)), true, None),
            (14_000, Some((camera, Loading)), None, true, None),
            (15_000, Some((camera, Well)), None, true, Some(17_000)),
            (16_000, Some((camera, Failing)), None, true, None),
            (20_000, Some((camera, Well)), None, true, Some(22_000)),
            (22_000, None, Some(Turn::Back), false, None),
        ];
        let mut watch = RequiredWatch::new(GRACE, None);
        for (ms, heard, turn, lost, look) in steps {
            if let Some((layer, state)) = heard {
                watch.heard(layer, state, at(ms));
            }
            assert_eq!(watch.look(&scene, at(ms)), turn, "at {ms}");
            assert_eq!(watch.is_lost(), lost, "at {ms}");
            assert_eq!(watch.looks_at(&scene), look.map(at), "at {ms}");
        }
    }

    #[test]
    fn what_is_hidden_or_not_required_is_not_missed() {
        let now = Instant::now();
        let (hidden, other) = (LayerId::generate(), LayerId::generate());
        let scene = scene(&[(hidden, true, false), (other, false, true)]);
        let mut watch = RequiredWatch::new(GRACE, None);
        for layer in [hidden, other] {
            watch.heard(layer, LayerState::Failing, now);
        }
        assert_eq!(watch.look(&scene, now + GRACE), None);
    }

    #[test]
    fn another_scene_can_be_seen_at_once() {
        let now = Instant::now();
        let camera = LayerId::generate();
        let first = scene(&[(camera, true, true)]);
        let second = scene(&[]);
        let mut watch = RequiredWatch::new(GRACE, None);
        watch.heard(camera, LayerState::Failing, now);
        assert_eq!(watch.look(&first, now), None);
        assert!(watch.look(&first, now + GRACE).is_some());
        assert_eq!(watch.look(&second, now + GRACE), Some(Turn::Back));
        assert!(!watch.is_lost());
    }

    #[test]
    fn what_another_process_or_worker_lost_stays_lost_until_it_is_well() {
        let now = Instant::now();
        let camera = LayerId::generate();
        let scene = scene(&[(camera, true, true)]);
        let mut watch = RequiredWatch::new(GRACE, Some(scene.id));
        assert_eq!(watch.look(&scene, now), None);
        assert!(watch.is_lost(), "nothing is known of the layer yet");
        watch.heard(camera, LayerState::Ok, now);
        assert_eq!(watch.look(&scene, now), None);
        watch.begin();
        assert_eq!(watch.look(&scene, now + GRACE), None, "another worker");
        watch.heard(camera, LayerState::Ok, now + GRACE);
        assert_eq!(watch.look(&scene, now + GRACE), None);
        assert_eq!(watch.look(&scene, now + GRACE * 2), Some(Turn::Back));
    }
}
