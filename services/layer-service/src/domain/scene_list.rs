//! The scenes of a stream as a list: what may be added, removed, moved and renamed.

use serde_json::Value;
use sm_common::clock::Timestamp;
use sm_common::id::{GroupId, LayerId, SceneId};
use sm_common::scene::Scene;

use super::copying;
use super::fault::Faults;
use super::field::{Members, text};
use super::ordering;

/// Longest name of a scene, in characters.
pub(super) const NAME_CHARS_MAX: usize = 100;

/// The scenes of a stream, and what they are wanted for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    /// Raised whenever a scene is added, removed or moved.
    pub(crate) revision: u64,
    pub(crate) order: Vec<SceneId>,
    /// The scene that was made first, of those that are left: it is on air while nobody has
    /// chosen another, and so must not change with the order.
    pub(crate) first: Option<SceneId>,
    pub(crate) on_air: Option<SceneId>,
    pub(crate) preview: Option<SceneId>,
    pub(crate) slate: Option<SceneId>,
}

/// Why a list is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ListRefusal {
    #[error("the stream has {max} scenes, which is the most it may")]
    Full { max: usize },
    #[error("scene {0} is on air; take another one first")]
    OnAir(SceneId),
    #[error("scene {0} is in preview; choose another one, or none, first")]
    InPreview(SceneId),
    #[error("scene {0} is the slate; choose another one, or none, first")]
    Slate(SceneId),
    #[error("scene {0} has a draft; apply or discard it first")]
    HasDraft(SceneId),
    #[error("a stream has at least one scene; create another one first")]
    Last,
}

impl List {
    /// Adds a scene at `index`, or at the end.
    pub(crate) fn add(
        mut self,
        scene: SceneId,
        index: Option<usize>,
        scenes_max: usize,
    ) -> Result<(Self, usize), ListRefusal> {
        let count = self.order.len();
        if count >= scenes_max {
            return Err(ListRefusal::Full { max: scenes_max });
        }
        let index = index.unwrap_or(count).min(count);
        self.order.insert(index, scene);
        self.first.get_or_insert(scene);
        Ok((self.raised(), index))
    }

    /// Removes a scene that nobody wants to see.
    pub(crate) fn remove(mut self, scene: SceneId) -> Result<Self, ListRefusal> {
        if self.order.len() <= 1 {
            return Err(ListRefusal::Last);
        }
        let named = |role: Option<SceneId>| role == Some(scene);
        if named(self.on_air) {
            return Err(ListRefusal::OnAir(scene));
        }
        if named(self.preview) {
            return Err(ListRefusal::InPreview(scene));
        }
        if named(self.slate) {
            return Err(ListRefusal::Slate(scene));
        }
        self.order.retain(|known| *known != scene);
        if named(self.first) {
            self.first = self.order.first().copied();
        }
        Ok(self.raised())
    }

    /// Puts the scenes into another order, which the body of a request names. `None` with the
    /// order that they are in already.
    pub(crate) fn reorder(mut self, body: &Value) -> Result<Option<Self>, Faults> {
        let mut faults = Faults::default();
        let order = Members::of(body, "", &mut faults).and_then(|mut fields| {
            let nothing = Value::Null;
            let order = fields.raw("order").unwrap_or(&nothing);
            let order = ordering::read(order, "/order", &self.order, ordering::SCENES, &mut faults);
            fields.finish(&mut faults);
            order
        });
        match order {
            Some(order) if faults.is_empty() => {
                if order == self.order {
                    return Ok(None);
                }
                self.order = order;
                Ok(Some(self.raised()))
            }
            Some(_) | None => Err(faults),
        }
    }

    fn raised(self) -> Self {
        Self {
            revision: self.revision.saturating_add(1),
            ..self
        }
    }
}

/// The name in the body of a new scene.
pub(crate) fn read_new(body: &Value) -> Result<String, Faults> {
    let mut faults = Faults::default();
    let name = Members::of(body, "", &mut faults).and_then(|mut fields| {
        let name = fields.required("name", &mut faults, text(1, NAME_CHARS_MAX, false));
        fields.finish(&mut faults);
        name
    });
    name.filter(|_| faults.is_empty()).ok_or(faults)
}

/// The name in a patch of a scene; `None` when it is left as it is.
pub(crate) fn read_patch(body: &Value) -> Result<Option<String>, Faults> {
    let mut faults = Faults::default();
    let name = Members::of(body, "", &mut faults).and_then(|mut fields| {
        let name = match body.get("name") {
            // A scene without a name is none.
            Some(Value::Null) => fields
                .required("name", &mut faults, text(1, NAME_CHARS_MAX, false))
                .map(Some),
            Some(_) | None => fields.or("name", None, &mut faults, |value| {
                text(1, NAME_CHARS_MAX, false)(value).map(Some)
            }),
        };
        fields.finish(&mut faults);
        name
    });
    name.filter(|_| faults.is_empty()).ok_or(faults)
}

/// A copy of `scene` with layers of its own. `layer_id` draws their identifiers.
pub(crate) fn copy(
    scene: &Scene,
    id: SceneId,
    now: Timestamp,
    mut layer_id: impl FnMut() -> LayerId,
) -> Scene {
    let mut copy = scene.clone();
    copy.id = id;
    copy.revision = 0;
    copy.updated_at = now;
    copy.name = copying::name_of_copy(&scene.name, NAME_CHARS_MAX);
    let copies = copying::copies_with_groups(
        scene,
        &scene.layers,
        &mut layer_id,
        GroupId::generate,
        |layer| {
            layer.scene = id;
            layer.created_at = now;
            layer.updated_at = now;
        },
    );
    copy.layers = copies.layers;
    copy.groups = copies.groups;
    for group in &mut copy.groups {
        group.scene = id;
        group.revision = 1;
        group.created_at = now;
        group.updated_at = now;
    }
    copy
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples::{THEN, scene};
    use super::*;

    /// A list of three, of which the first is on air because nobody has chosen another.
    fn list() -> (List, [SceneId; 3]) {
        let ids = [(); 3].map(|()| SceneId::generate());
        let list = List {
            revision: 4,
            order: ids.to_vec(),
            first: Some(ids[0]),
            on_air: Some(ids[0]),
            preview: None,
            slate: None,
        };
        (list, ids)
    }

    #[test]
    fn a_scene_is_added_where_it_is_wanted_until_the_list_is_full() {
        let (list, [a, b, c]) = list();
        let new = SceneId::generate();
        let (longer, index) = list.clone().add(new, Some(1), 4).unwrap();
        assert_eq!((longer.revision, index), (5, 1));
        assert_eq!(longer.order, [a, new, b, c]);
        assert_eq!(longer.first, Some(a));
        let full = longer.add(SceneId::generate(), None, 4);
        assert_eq!(full, Err(ListRefusal::Full { max: 4 }));
        let (begun, _) = List::default().add(new, None, 4).unwrap();
        assert_eq!((begun.first, begun.revision), (Some(new), 1));
        assert_eq!(list.add(new, Some(99), 4).unwrap().1, 3);
    }

    #[test]
    fn what_is_wanted_is_not_removed() {
        let (list, [a, b, c]) = list();
        let chosen = List {
            preview: Some(b),
            slate: Some(c),
            ..list.clone()
        };
        let cases = [
            (a, Err(ListRefusal::OnAir(a))),
            (b, Err(ListRefusal::InPreview(b))),
            (c, Err(ListRefusal::Slate(c))),
        ];
        for (scene, expected) in cases {
            assert_eq!(chosen.clone().remove(scene), expected);
        }
        let shorter = list.remove(b).unwrap();
        assert_eq!((shorter.revision, &shorter.order), (5, &vec![a, c]));
        let one = List {
            order: vec![a],
            on_air: Some(c),
            ..shorter.clone()
        };
        assert_eq!(one.remove(a), Err(ListRefusal::Last));
        let elsewhere = List {
            on_air: Some(c),
            ..shorter
        };
        assert_eq!(elsewhere.remove(a).unwrap().first, Some(c));
    }

    #[test]
    fn another_order_leaves_the_first_scene_what_it_is() {
        let (list, [a, b, c]) = list();
        let moved = list.clone().reorder(&json!({"order": [c, a, b]})).unwrap();
        let moved = moved.unwrap();
        assert_eq!((moved.first, moved.on_air), (Some(a), Some(a)));
        assert_eq!((moved.revision, &moved.order), (5, &vec![c, a, b]));
        let same = list.clone().reorder(&json!({"order": [a, b, c]})).unwrap();
        assert_eq!(same, None);
        for (body, pointer) in [
            (json!({"order": [a, b]}), "/order"),
            (json!({"order": [a, b, SceneId::generate()]}), "/order/2"),
            (json!({"order": [a, b, c], "by": 1}), "/by"),
            (json!({}), "/order"),
            (json!([]), ""),
        ] {
            let faults = list.clone().reorder(&body).unwrap_err();
            assert_eq!(faults.errors()[0].pointer, pointer, "{body}");
        }
    }

    #[test]
    fn a_name_has_its_bounds() {
        assert_eq!(read_new(&json!({"name": "Été"})).unwrap(), "Été");
        assert_eq!(read_patch(&json!({})).unwrap(), None);
        assert_eq!(read_patch(&json!({"name": "b"})).unwrap().unwrap(), "b");
        for bad in [
            json!({"name": ""}),
            json!({"name": "x".repeat(101)}),
            json!({"name": null}),
            json!({"name": "a", "layers": []}),
            json!("a"),
        ] {
            assert!(read_new(&bad).is_err(), "{bad}");
            assert!(read_patch(&bad).is_err(), "{bad}");
        }
        assert!(read_new(&json!({})).is_err());
    }

    #[test]
    fn a_copy_has_layers_of_its_own() {
        let mut original = scene(&["a", "b"]);
        original.name = "x".repeat(100);
        let id = SceneId::generate();
        let copy = copy(&original, id, THEN, LayerId::generate);
        assert_eq!(copy.name.chars().count(), 100);
        assert!(copy.name.ends_with("x copy"));
        for (layer, before) in copy.layers.iter().zip(&original.layers) {
            assert_ne!(layer.id, before.id);
            assert_eq!((layer.scene, &layer.name), (id, &before.name));
        }
    }
}
