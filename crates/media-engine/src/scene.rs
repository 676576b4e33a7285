//! From what is wanted to what must be done. Pure.

use std::collections::{BTreeMap, BTreeSet};

use sm_common::id::LayerId;
use sm_common::layer::{Transition, WebSource};
use sm_media_protocol::{Cover, LayerContent, SceneLayer, WantedScene};

/// What to do with the sources of layers so that they show a wanted scene.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Sources to end: their layers are gone, or show something that needs another source.
    pub(crate) close: Vec<LayerId>,
    /// Sources to begin, after those that end.
    pub(crate) open: Vec<LayerId>,
    /// Sources that go on and learn how their layer changed.
    pub(crate) update: Vec<LayerId>,
}

/// A scene that cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scene holds layer {0} twice")]
pub(crate) struct DuplicateLayer(pub(crate) LayerId);

/// A scene of all layers that are there, in which those are visible that are seen: what a cover
/// hides waits as any hidden layer does. The cover comes and goes from one frame to the next: what
/// it hides is not seen or heard for a moment longer. `was_covered` is the scene before.
pub(crate) fn uncovered(wanted: WantedScene, was_covered: bool) -> WantedScene {
    let turns = wanted.cover.is_some() != was_covered;
    let mut scene = without_cover(wanted);
    if turns {
        for layer in &mut scene.layers {
            layer.transition = Transition::default();
        }
    }
    scene
}

fn without_cover(mut wanted: WantedScene) -> WantedScene {
    let Some(Cover { layers: cover, .. }) = wanted.cover.take() else {
        return wanted;
    };
    for layer in &mut wanted.layers {
        let on_cover = cover.iter().find(|over| over.id == layer.id);
        layer.visible = on_cover.is_some_and(|over| over.visible);
    }
    let covered: BTreeSet<LayerId> = wanted.layers.iter().map(|layer| layer.id).collect();
    let new = cover
        .into_iter()
        .filter(|layer| !covered.contains(&layer.id));
    wanted.layers.extend(new);
    wanted
}

/// The difference between the layers on air and the wanted ones. Layers that did not change are
/// in no list.
pub(crate) fn difference(
    actual: &[SceneLayer],
    wanted: &[SceneLayer],
) -> Result<Difference, DuplicateLayer> {
    let actual: BTreeMap<LayerId, &SceneLayer> =
        actual.iter().map(|layer| (layer.id, layer)).collect();
    let mut seen = BTreeSet::new();
    let mut difference = Difference::default();
    for layer in wanted {
        if !seen.insert(layer.id) {
            return Err(DuplicateLayer(layer.id));
        }
        match actual.get(&layer.id) {
            None => difference.open.push(layer.id),
            Some(before) if *before == layer => {}
            Some(before) if same_source(&before.content, &layer.content) => {
                difference.update.push(layer.id);
            }
            Some(_) => {
                difference.close.push(layer.id);
                difference.open.push(layer.id);
            }
        }
    }
    let gone = actual.into_keys().filter(|id| !seen.contains(id));
    difference.close.extend(gone);
    Ok(difference)
}

/// Whether the source of one content can go on with the other.
pub(crate) fn same_source(before: &LayerContent, after: &LayerContent) -> bool {
    use LayerContent as C;
    match (before, after) {
        (C::Color { .. }, C::Color { .. })
        | (C::Text { .. }, C::Text { .. })
        | (C::Clock { .. }, C::Clock { .. })
        | (C::Gradient { .. }, C::Gradient { .. })
        | (C::Countdown(_), C::Countdown(_))
        | (C::Ticker { .. }, C::Ticker { .. })
        | (C::Chat { .. }, C::Chat { .. }) => true,
        (
            C::Playlist {
                shuffle: before, ..
            },
            C::Playlist { shuffle: after, .. },
        ) => before == after,
        (C::TestPattern { pattern: before }, C::TestPattern { pattern: after }) => before == after,
        (C::Image { path: before }, C::Image { path: after })
        | (C::Video { path: before, .. }, C::Video { path: after, .. })
        | (C::Audio { path: before, .. }, C::Audio { path: after, .. }) => before == after,
        (
            C::Ingest {
                feed: before,
                latency_ms: known,
                ..
            },
            C::Ingest {
                feed, latency_ms, ..
            },
        ) => (before, known) == (feed, latency_ms),
        (
            C::Network {
                source: before,
                secret: known,
            },
            C::Network {
                source: after,
                secret,
            },
        ) => {
            // What shows while nothing comes changes nothing of what comes.
            let shown = sm_common::layer::NetworkSource {
                on_loss: after.on_loss,
                ..before.clone()
            };
            shown == *after && known == secret
        }
        (C::Web { source: before }, C::Web { source: after }) => {
            let on_loss = before.on_loss;
            *before
                == (WebSource {
                    on_loss,
                    ..after.clone()
                })
        }
        (
            C::Color { .. }
            | C::TestPattern { .. }
            | C::Image { .. }
            | C::Video { .. }
            | C::Audio { .. }
            | C::Playlist { .. }
            | C::Text { .. }
            | C::Clock { .. }
            | C::Gradient { .. }
            | C::Countdown(_)
            | C::Ticker { .. }
            | C::Network { .. }
            | C::Ingest { .. }
            | C::Chat { .. }
            | C::Web { .. },
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use sm_common::layer::{Color, Transform};
    use sm_media_protocol::CoverReason;

    use super::*;

    fn layer(id: LayerId, content: LayerContent) -> SceneLayer {
        SceneLayer {
            id,
            content,
            transform: Transform::plain(0, 0, 10, 10),
            opacity: 1.0,
            blend: sm_common::layer::Blend::default(),
            transition: sm_common::layer::Transition::default(),
            visible: true,
            volume: 1.0,
            muted: false,
            audio_delay_ms: 0,
            playback: None,
        }
    }

    fn video(path: &str, looping: bool) -> LayerContent {
        LayerContent::Video {
            path: path.into(),
            looping,
            clip: sm_media_protocol::Clip::default(),
        }
    }

    fn color() -> LayerContent {
        LayerContent::Color {
            color: Color::WHITE,
        }
    }

    #[test]
    fn what_did_not_change_is_left_alone() {
        let scene = [layer(LayerId::generate(), color())];
        assert_eq!(difference(&scene, &scene), Ok(Difference::default()));
    }

    #[test]
    fn new_and_gone_layers_are_opened_and_closed() {
        let (old, new) = (LayerId::generate(), LayerId::generate());
        let difference = difference(&[layer(old, color())], &[layer(new, color())]).unwrap();
        assert_eq!(difference.close, [old]);
        assert_eq!(difference.open, [new]);
        assert_eq!(difference.update, []);
    }

    #[test]
    fn a_source_goes_on_unless_it_needs_another_file_or_kind() {
        let id = LayerId::generate();
        let go_on = [(video("a", true), video("a", false)), (color(), color())];
        for (before, after) in go_on {
            let mut after = layer(id, after);
            after.opacity = 0.5;
            let difference = difference(&[layer(id, before)], &[after]).unwrap();
            assert_eq!(difference.update, [id]);
            assert_eq!((difference.close, difference.open), (vec![], vec![]));
        }
        let replace = [
            (video("a", true), video("b", true)),
            (video("a", true), color()),
        ];
        for (before, after) in replace {
            let difference = difference(&[layer(id, before)], &[layer(id, after)]).unwrap();
            assert_eq!(difference.close, [id]);
            assert_eq!(difference.open, [id]);
        }
    }

    #[test]
    fn order_alone_touches_no_source() {
        let (a, b) = (
            layer(LayerId::generate(), color()),
            layer(LayerId::generate(), color()),
        );
        let before = [a.clone(), b.clone()];
        assert_eq!(difference(&before, &[b, a]), Ok(Difference::default()));
    }

    #[test]
    fn a_cover_hides_what_is_not_on_it() {
        let [a, b, c] = [(); 3].map(|()| layer(LayerId::generate(), color()));
        let hidden = SceneLayer {
            visible: false,
            ..layer(LayerId::generate(), color())
        };
        let wanted = WantedScene {
            layers: vec![a.clone(), b.clone(), hidden.clone()],
            cover: Some(Cover {
                why: CoverReason::Paused,
                scene: None,
                layers: vec![b.clone(), c.clone()],
            }),
            ..WantedScene::default()
        };
        let seen = |scene: &WantedScene| -> Vec<(LayerId, bool)> {
            let layers = scene.layers.iter();
            layers.map(|layer| (layer.id, layer.visible)).collect()
        };
        let all = uncovered(wanted.clone(), false);
        assert_eq!(
            seen(&all),
            [
                (a.id, false),
                (b.id, true),
                (hidden.id, false),
                (c.id, true)
            ]
        );
        let again = uncovered(
            WantedScene {
                cover: None,
                ..wanted
            },
            true,
        );
        assert_eq!(
            seen(&again),
            [(a.id, true), (b.id, true), (hidden.id, false)]
        );
        let change = difference(&all.layers, &again.layers).unwrap();
        assert_eq!((change.close, change.open), (vec![c.id], vec![]));
    }

    #[test]
    fn a_cover_comes_and_goes_at_once_whatever_its_layers_do_else() {
        let slow = Transition {
            duration_ms: 1000,
            ..Transition::default()
        };
        let slowly = |content| SceneLayer {
            transition: slow,
            ..layer(LayerId::generate(), content)
        };
        let plain = WantedScene {
            layers: vec![slowly(color())],
            ..WantedScene::default()
        };
        let covered = WantedScene {
            cover: Some(Cover {
                why: CoverReason::Paused,
                scene: None,
                layers: vec![slowly(color())],
            }),
            ..plain.clone()
        };
        let cases = [
            (&plain, false, slow),
            (&covered, false, Transition::default()),
            (&covered, true, slow),
            (&plain, true, Transition::default()),
        ];
        for (wanted, was_covered, expected) in cases {
            let scene = uncovered(wanted.clone(), was_covered);
            let transitions = scene.layers.iter().map(|layer| layer.transition);
            assert!(transitions.into_iter().all(|one| one == expected));
        }
    }

    #[test]
    fn a_layer_twice_is_refused() {
        let layer = layer(LayerId::generate(), color());
        let twice = [layer.clone(), layer.clone()];
        assert_eq!(difference(&[], &twice), Err(DuplicateLayer(layer.id)));
    }
}
