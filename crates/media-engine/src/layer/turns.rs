//! Layers that leave the picture at their end, and those that take their turn. Pure.

use std::collections::BTreeMap;

use sm_common::id::LayerId;
use sm_common::layer::AtEnd;
use sm_media_protocol::{Clip, LayerContent, SceneLayer, WantedScene};

/// Which layers are seen, or not, other than the scene says: because one has come to its end.
/// The scene's word counts again when it says another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    seen: BTreeMap<LayerId, bool>,
}

impl Turns {
    /// A layer has come to its end. Returns the one whose turn it is now.
    pub(super) fn end(&mut self, layer: LayerId, scene: &WantedScene) -> Option<LayerId> {
        let clip = clip(find(scene, layer)?)?;
        match clip.at_end {
            AtEnd::Hold => None,
            AtEnd::Hide => {
                self.seen.insert(layer, false);
                None
            }
            AtEnd::Next => {
                self.seen.insert(layer, false);
                let next = clip.next.filter(|next| find(scene, *next).is_some())?;
                self.seen.insert(next, true);
                Some(next)
            }
        }
    }

    /// The scene changed: a layer that was changed itself is as the scene says, and so are those
    /// that had its turn after it.
    pub(super) fn follow(&mut self, before: &WantedScene, after: &WantedScene) {
        let changed: Vec<&SceneLayer> = layers(before)
            .filter(|known| find(after, known.id).is_none_or(|now| is_another(known, now)))
            .collect();
        for layer in changed {
            self.seen.remove(&layer.id);
            let mut next = clip(layer).and_then(|clip| clip.next);
            while let Some(id) = next {
                // Only those that took a turn; the rest of the chain never had one.
                next = match self.seen.remove(&id) {
                    Some(_) => find(before, id).and_then(clip).and_then(|clip| clip.next),
                    None => None,
                };
            }
        }
    }

    /// The scene with every layer seen that has its turn, and none that had it.
    pub(super) fn taken(&self, scene: &WantedScene) -> WantedScene {
        let mut scene = scene.clone();
        let cover = scene.cover.iter_mut().flat_map(|cover| &mut cover.layers);
        for layer in scene.layers.iter_mut().chain(cover) {
            if let Some(&seen) = self.seen.get(&layer.id) {
                layer.visible = seen;
            }
        }
        scene
    }
}

fn layers(scene: &WantedScene) -> impl Iterator<Item = &SceneLayer> {
    let cover = scene.cover.iter().flat_map(|cover| &cover.layers);
    scene.layers.iter().chain(cover)
}

fn find(scene: &WantedScene, id: LayerId) -> Option<&SceneLayer> {
    layers(scene).find(|layer| layer.id == id)
}

/// Whether somebody has said what is to be seen or played.
fn is_another(before: &SceneLayer, after: &SceneLayer) -> bool {
    before.visible != after.visible
        || before.playback != after.playback
        || before.content != after.content
}

fn clip(layer: &SceneLayer) -> Option<Clip> {
    match &layer.content {
        LayerContent::Playlist { at_end, next, .. } => Some(Clip {
            at_end: *at_end,
            next: *next,
            ..Clip::default()
        }),
        LayerContent::Video { clip, .. } | LayerContent::Audio { clip, .. } => Some(*clip),
        LayerContent::Color { .. }
        | LayerContent::TestPattern { .. }
        | LayerContent::Image { .. }
        | LayerContent::Text { .. }
        | LayerContent::Clock { .. }
        | LayerContent::Gradient { .. }
        | LayerContent::Countdown(_)
        | LayerContent::Ticker { .. }
        | LayerContent::Chat { .. }
        | LayerContent::Network { .. }
        | LayerContent::Ingest { .. }
        | LayerContent::Web { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use sm_common::layer::{Blend, Playback, PlaybackAction, Transform, Transition};

    use super::*;

    fn video(at_end: AtEnd, next: Option<LayerId>, visible: bool) -> SceneLayer {
        SceneLayer {
            id: LayerId::generate(),
            content: LayerContent::Video {
                path: "a".into(),
                looping: false,
                clip: Clip {
                    at_end,
                    next,
                    ..Clip::default()
                },
            },
            transform: Transform::plain(0, 0, 10, 10),
            opacity: 1.0,
            blend: Blend::default(),
            transition: Transition::default(),
            visible,
            volume: 1.0,
            muted: false,
            audio_delay_ms: 0,
            playback: None,
        }
    }

    fn scene(layers: &[&SceneLayer]) -> WantedScene {
        WantedScene {
            layers: layers.iter().map(|layer| (*layer).clone()).collect(),
            ..WantedScene::default()
        }
    }

    fn seen(turns: &Turns, scene: &WantedScene) -> Vec<bool> {
        let taken = turns.taken(scene);
        taken.layers.iter().map(|layer| layer.visible).collect()
    }

    /// Three that follow each other, and whose last is the first again.
    fn round() -> [SceneLayer; 3] {
        let [mut a, mut b, mut c] = [true, false, false].map(|v| video(AtEnd::Next, None, v));
        for (layer, next) in [(&mut a, b.id), (&mut b, c.id)] {
            set_next(layer, next);
        }
        set_next(&mut c, a.id);
        [a, b, c]
    }

    fn set_next(layer: &mut SceneLayer, id: LayerId) {
        if let LayerContent::Video { clip, .. } = &mut layer.content {
            clip.next = Some(id);
        }
    }

    #[test]
    fn each_end_is_followed_by_what_it_says() {
        let other = video(AtEnd::Hold, None, false);
        for (at_end, next, expected, turn) in [
            (AtEnd::Hold, None, [true, false], None),
            (AtEnd::Hide, None, [false, false], None),
            (AtEnd::Next, Some(other.id), [false, true], Some(other.id)),
            (AtEnd::Next, Some(LayerId::generate()), [false, false], None),
        ] {
            let layer = video(at_end, next, true);
            let scene = scene(&[&layer, &other]);
            let mut turns = Turns::default();
            assert_eq!(turns.end(layer.id, &scene), turn, "{at_end:?}");
            assert_eq!(seen(&turns, &scene), expected, "{at_end:?}");
        }
    }

    #[test]
    fn turns_go_round() {
        let [a, b, c] = round();
        let scene = scene(&[&a, &b, &c]);
        let mut turns = Turns::default();
        for (ended, next, expected) in [
            (&a, &b, [false, true, false]),
            (&b, &c, [false, false, true]),
            (&c, &a, [true, false, false]),
            (&a, &b, [false, true, false]),
        ] {
            assert_eq!(turns.end(ended.id, &scene), Some(next.id));
            assert_eq!(seen(&turns, &scene), expected);
        }
    }

    #[test]
    fn what_somebody_says_counts_again() {
        let [a, b, c] = round();
        let before = scene(&[&a, &b, &c]);
        let mut ended = Turns::default();
        ended.end(a.id, &before);
        ended.end(b.id, &before);

        let mut restarted = a.clone();
        restarted.playback = Some(Playback {
            number: 2,
            action: PlaybackAction::Restart,
            paused: false,
            position_ms: None,
            item: None,
        });
        let mut hidden = a.clone();
        hidden.visible = false;
        let mut moved = a.clone();
        moved.opacity = 0.5;
        for (now, expected) in [
            (&restarted, [true, false, false]),
            (&hidden, [false, false, false]),
            (&moved, [false, false, true]),
        ] {
            let after = scene(&[now, &b, &c]);
            let mut turns = ended.clone();
            turns.follow(&before, &after);
            assert_eq!(seen(&turns, &after), expected);
        }
    }
}
