//! Copies of layers: in their scene, in another one, or of a whole scene.

use std::collections::BTreeMap;

use serde_json::Value;
use sm_common::group::Group;
use sm_common::id::{GroupId, LayerId, SceneId};
use sm_common::layer::{AtEnd, AudioSource, Layer, LayerSource, PlaylistSource, VideoSource};
use sm_common::scene::Scene;

use super::fault::{Fault, Faults};
use super::field::{Members, integer, parsed};

/// What the name of a copy ends with.
const COPY: &str = " copy";

/// What is to be copied, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyOrder {
    pub(crate) layers: Vec<LayerId>,
    /// The scene that gets the copies.
    pub(crate) to: SceneId,
    /// Their place from the back; the front when absent.
    pub(crate) index: Option<usize>,
}

impl CopyOrder {
    /// Reads `{"layers": […], "to": …, "index": …}`, of at most `layers_max` layers.
    pub(crate) fn read(body: &Value, layers_max: usize) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let order = Self::read_members(body, layers_max, &mut faults);
        order.filter(|_| faults.is_empty()).ok_or(faults)
    }

    fn read_members(body: &Value, layers_max: usize, faults: &mut Faults) -> Option<Self> {
        let mut fields = Members::of(body, "", faults)?;
        let items = fields.required("layers", faults, |value| {
            let items = value
                .as_array()
                .ok_or_else(|| Fault::Shape("must be a list of layer identifiers".to_owned()))?;
            if items.is_empty() || items.len() > layers_max {
                return Err(Fault::Value(format!("must name 1 to {layers_max} layers")));
            }
            Ok(items.clone())
        });
        let to = fields.required("to", faults, parsed);
        let last = i64::try_from(layers_max).unwrap_or(i64::MAX);
        let index = fields.or("index", None, faults, |value| {
            integer(0, last)(value).map(Some)
        });
        fields.finish(faults);
        let mut layers = Vec::new();
        for (place, item) in items?.iter().enumerate() {
            let pointer = format!("/layers/{place}");
            match parsed::<LayerId>(item) {
                Ok(id) if layers.contains(&id) => faults.value(pointer, "is named twice"),
                Ok(id) => layers.push(id),
                Err(fault) => faults.note(pointer, fault),
            }
        }
        Some(Self {
            layers,
            to: to?,
            index: index?,
        })
    }

    /// The layers of `scene` that are wanted, from the back of the picture to the front.
    pub(crate) fn of(&self, scene: &Scene) -> Result<Vec<Layer>, Faults> {
        let mut faults = Faults::default();
        for (place, id) in self.layers.iter().enumerate() {
            if !scene.layers.iter().any(|layer| layer.id == *id) {
                faults.value(format!("/layers/{place}"), "is no layer of this scene");
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let layers = scene.layers.iter();
        let wanted = layers.filter(|layer| self.layers.contains(&layer.id));
        Ok(wanted.cloned().collect())
    }
}

/// Layers with the groups that they belong to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Copies {
    pub(crate) layers: Vec<Layer>,
    pub(crate) groups: Vec<Group>,
}

/// Copies of layers of `scene`, and of the groups that all layers of are copied. What is left of other
/// groups is how their layers look in them. The groups have not been in a scene yet.
pub(crate) fn copies_with_groups(
    scene: &Scene,
    originals: &[Layer],
    draw: impl FnMut() -> LayerId,
    mut draw_group: impl FnMut() -> GroupId,
    adapt: impl Fn(&mut Layer),
) -> Copies {
    let is_copied = |layer: &Layer| originals.iter().any(|known| known.id == layer.id);
    let mut layers = originals.to_vec();
    let mut groups = Vec::new();
    for group in &scene.groups {
        let belongs = |layer: &&Layer| layer.group == Some(group.id);
        let is_whole = scene.layers.iter().filter(belongs).all(is_copied);
        let copy = Group {
            id: draw_group(),
            revision: 0,
            ..group.clone()
        };
        for layer in layers
            .iter_mut()
            .filter(|layer| layer.group == Some(group.id))
        {
            if is_whole {
                layer.group = Some(copy.id);
            } else {
                *layer = group.applied_to(layer);
            }
        }
        if is_whole {
            groups.push(copy);
        }
    }
    Copies {
        layers: copies(&layers, draw, adapt),
        groups,
    }
}

/// Copies that follow each other as the originals do. What else followed is to follow no more,
/// unless it is in the scene of the copies too. `adapt` makes each what it is to be in its scene.
pub(crate) fn copies(
    originals: &[Layer],
    mut draw: impl FnMut() -> LayerId,
    adapt: impl Fn(&mut Layer),
) -> Vec<Layer> {
    let ids: BTreeMap<LayerId, LayerId> =
        originals.iter().map(|layer| (layer.id, draw())).collect();
    let copies = originals.iter().map(|original| {
        let mut layer = original.clone();
        layer.id = ids.get(&original.id).copied().unwrap_or(original.id);
        layer.playback = None;
        layer.revision = 1;
        layer.status = None;
        adapt(&mut layer);
        if let Some(next) = layer.source.next_mut() {
            match ids.get(next) {
                Some(copied) => *next = *copied,
                None if layer.scene == original.scene => {}
                None => forget_next(&mut layer.source),
            }
        }
        layer
    });
    copies.collect()
}

/// Nothing follows; what was to be followed holds its last picture.
fn forget_next(source: &mut LayerSource) {
    let (LayerSource::Video(VideoSource { at_end, next, .. })
    | LayerSource::Audio(AudioSource { at_end, next, .. })
    | LayerSource::Playlist(PlaylistSource { at_end, next, .. })) = source
    else {
        return;
    };
    *next = None;
    if *at_end == AtEnd::Next {
        *at_end = AtEnd::default();
    }
}

/// The name of a copy, within `max` characters.
pub(crate) fn name_of_copy(name: &str, max: usize) -> String {
    let room = max.saturating_sub(COPY.chars().count());
    name.chars().take(room).chain(COPY.chars()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples::scene;
    use super::*;

    fn video(next: Option<LayerId>) -> LayerSource {
        let at_end = if next.is_some() { "next" } else { "hold" };
        serde_json::from_value(json!({"kind": "video", "source": {
            "asset": "ab".repeat(32), "loop": false, "at_end": at_end, "next": next}}))
        .unwrap()
    }

    #[test]
    fn copies_follow_each_other_and_nothing_of_another_scene() {
        let mut original = scene(&["a", "b", "c"]);
        let [a, b, c] = [0, 1, 2].map(|place| original.layers[place].id);
        for layer in &mut original.layers {
            layer.scene = original.id;
        }
        original.layers[0].source = video(Some(b));
        original.layers[1].source = video(Some(c));
        let two = &original.layers[..2];
        let elsewhere = SceneId::generate();
        for (to, after_b) in [(original.id, Some(c)), (elsewhere, None)] {
            let copies = copies(two, LayerId::generate, |layer| layer.scene = to);
            assert!(copies.iter().all(|copy| ![a, b, c].contains(&copy.id)));
            assert_eq!(copies[0].source, video(Some(copies[1].id)));
            assert_eq!(copies[1].source, video(after_b));
        }
    }

    #[test]
    fn an_order_names_each_layer_once_and_every_fault_is_told() {
        let original = scene(&["a", "b"]);
        let [a, b] = [0, 1].map(|place| original.layers[place].id);
        let to = SceneId::generate();
        let order = CopyOrder::read(&json!({"layers": [b, a], "to": to}), 9).unwrap();
        assert_eq!(order.of(&original).unwrap(), original.layers);
        let elsewhere = order.of(&scene(&["c"])).unwrap_err();
        assert_eq!(elsewhere.errors().len(), 2);
        for (body, pointers) in [
            (json!({}), vec!["/layers", "/to"]),
            (json!({"layers": [], "to": to}), vec!["/layers"]),
            (
                json!({"layers": [a, 7, a], "to": "x", "index": -1, "by": 1}),
                vec!["/to", "/index", "/by", "/layers/1", "/layers/2"],
            ),
        ] {
            let faults = CopyOrder::read(&body, 9).unwrap_err();
            let found: Vec<&str> = faults.errors().iter().map(|e| e.pointer.as_str()).collect();
            assert_eq!(found, pointers, "{body}");
        }
    }
}
