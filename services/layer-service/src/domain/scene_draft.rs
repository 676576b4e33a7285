//! Drafts: changes of a scene that are prepared beside it and made all at once.
//!
//! A draft is a copy of its scene, with layers of its own. What it has changed since it began is a
//! difference as undo knows it, and applying it is taking back its reverse: what others have made of the
//! same in the scene meanwhile is found the same way, and is left as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::{GroupId, LayerId, SceneId};
use sm_common::scene::Scene;
use utoipa::ToSchema;

use super::history::{Clash, Difference, take_back};
use super::proposal::Operation;
use super::scene_list;

/// What is done where others have changed in the scene what the draft changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnDraftConflict {
    /// Nothing: the answer says what they have changed.
    #[default]
    Refuse,
    /// The rest of the draft; what they have changed stays.
    Keep,
    /// All of the draft; what it changes of layers that are gone is left out.
    Replace,
}

/// What a draft began with, and which layer of the scene each of its layers stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Base {
    /// The draft as it began.
    scene: Scene,
    layers: BTreeMap<LayerId, LayerId>,
    groups: BTreeMap<GroupId, GroupId>,
}

/// A draft of `scene` under the identifier `id`, in which nothing is changed yet.
pub(crate) fn begin(scene: &Scene, id: SceneId, now: Timestamp) -> (Scene, Base) {
    let mut draft = scene_list::copy(scene, id, now, LayerId::generate);
    draft.name.clone_from(&scene.name);
    let ids = |scene: &Scene| -> Vec<LayerId> { scene.layers.iter().map(|l| l.id).collect() };
    let groups = |scene: &Scene| -> Vec<GroupId> { scene.groups.iter().map(|g| g.id).collect() };
    let base = Base {
        layers: ids(&draft).into_iter().zip(ids(scene)).collect(),
        groups: groups(&draft).into_iter().zip(groups(scene)).collect(),
        scene: draft.clone(),
    };
    (draft, base)
}

/// What makes of `scene` what `draft` has changed since it began; and what others have made of the same
/// meanwhile, which stays unless `on_conflict` says otherwise.
pub(crate) fn changes(
    base: &Base,
    draft: &Scene,
    scene: &Scene,
    on_conflict: OnDraftConflict,
) -> (Vec<Operation>, Vec<Clash>) {
    let [began, became] = [&base.scene, draft].map(|version| base.in_terms_of(scene, version));
    // As if the draft had been there first, and somebody had made of it what it began with.
    let mut reverse = Difference::between(&became, &began);
    if on_conflict == OnDraftConflict::Replace {
        reverse = reverse.insisting(scene);
    }
    take_back(&reverse, scene)
}

impl Base {
    /// A version of the draft as one of `scene`: its layers and groups are called as those that they
    /// stand for. Those that are new in the draft keep their identifiers.
    fn in_terms_of(&self, scene: &Scene, version: &Scene) -> Scene {
        let mut version = version.clone();
        version.id = scene.id;
        let layer_of = |id: LayerId| self.layers.get(&id).copied().unwrap_or(id);
        let group_of = |id: GroupId| self.groups.get(&id).copied().unwrap_or(id);
        for layer in &mut version.layers {
            layer.id = layer_of(layer.id);
            layer.scene = scene.id;
            layer.group = layer.group.map(group_of);
            // Commands were for the layer in the draft.
            layer.playback = None;
            layer.status = None;
            if let Some(next) = layer.source.next_mut() {
                *next = layer_of(*next);
            }
        }
        for group in &mut version.groups {
            group.id = group_of(group.id);
            group.scene = scene.id;
        }
        version
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sm_common::layer::Layer;

    use super::super::change::{Surroundings, apply};
    use super::super::network::Vault;
    use super::super::proposal::Proposal;
    use super::super::samples::{self, THEN, group, scene};
    use super::super::{Canvas, Rejected};
    use super::*;

    fn surroundings() -> Surroundings {
        Surroundings {
            canvas: Canvas {
                width: 1280,
                height: 720,
            },
            layers_max: 20,
            groups_max: 5,
            assets: BTreeMap::new(),
            network: sm_common::address::NetworkPolicy::default(),
            playing: BTreeMap::new(),
            vault: Vault::default(),
            now: THEN,
        }
    }

    fn applied(operations: Vec<Operation>, scene: &Scene) -> Result<Scene, Rejected> {
        let proposal = Proposal {
            operations,
            ..Proposal::default()
        };
        apply(scene.clone(), &proposal, &surroundings()).map(|applied| applied.scene)
    }

    fn named<'a>(scene: &'a mut Scene, name: &str) -> &'a mut Layer {
        let mut layers = scene.layers.iter_mut();
        layers.find(|layer| layer.name == name).unwrap()
    }

    fn names(scene: &Scene) -> Vec<&str> {
        scene.layers.iter().map(|l| l.name.as_str()).collect()
    }

    fn begun(scene: &Scene) -> (Scene, Base) {
        let (draft, base) = begin(scene, SceneId::generate(), THEN);
        // As it is stored and read back.
        let base = serde_json::from_value(serde_json::to_value(base).unwrap()).unwrap();
        (draft, base)
    }

    #[test]
    fn a_draft_in_which_nothing_is_changed_changes_nothing() {
        let mut original = scene(&["a", "b", "c"]);
        let members = [original.layers[0].id, original.layers[1].id];
        group(&mut original, &members);
        let (draft, base) = begun(&original);
        assert_ne!(draft.layers[0].id, original.layers[0].id);
        assert_ne!(draft.groups[0].id, original.groups[0].id);
        let (operations, clashes) = changes(&base, &draft, &original, OnDraftConflict::Refuse);
        assert!(operations.is_empty() && clashes.is_empty());
    }

    #[test]
    fn what_a_draft_and_others_have_changed_comes_together() {
        let mut live = scene(&["a", "b", "c", "d"]);
        let (mut draft, base) = begun(&live);
        named(&mut draft, "a").opacity = 0.5;
        draft.layers.retain(|layer| layer.name != "b");
        let mut new = samples::layer("new");
        new.scene = draft.id;
        draft.layers.insert(1, new.clone());
        draft.layers.swap(2, 3);
        named(&mut live, "a").transform.x = 7;
        named(&mut live, "c").volume = 0.25;
        live.layers.push(samples::layer("theirs"));
        let (operations, clashes) = changes(&base, &draft, &live, OnDraftConflict::Refuse);
        assert_eq!(clashes, []);
        let mut merged = applied(operations, &live).unwrap();
        assert_eq!(names(&merged), ["a", "new", "d", "c", "theirs"]);
        let both = named(&mut merged, "a").clone();
        assert_eq!(
            (both.id, both.opacity, both.transform.x),
            (live.layers[0].id, 0.5, 7)
        );
        assert_eq!(json!(named(&mut merged, "c").volume), 0.25);
        let new_there = named(&mut merged, "new").clone();
        assert_eq!(
            (new_there.id, new_there.scene, new_there.revision),
            (new.id, live.id, 2)
        );
    }

    #[test]
    fn what_both_have_changed_is_told_and_decided_as_asked() {
        let mut live = scene(&["a", "gone", "changed"]);
        let (mut draft, base) = begun(&live);
        named(&mut draft, "a").opacity = 0.5;
        named(&mut draft, "a").muted = true;
        named(&mut draft, "gone").opacity = 0.5;
        draft.layers.retain(|layer| layer.name != "changed");
        named(&mut live, "a").opacity = 0.25;
        named(&mut live, "changed").opacity = 0.25;
        live.layers.retain(|layer| layer.name != "gone");
        let expected: [(Option<LayerId>, Value, Value); 3] = [
            (Some(live.layers[1].id), Value::Null, json!(0.25)),
            (Some(live.layers[0].id), json!(0.5), json!(0.25)),
            (
                Some(base.layers[&draft.layers[1].id]),
                json!(0.5),
                Value::Null,
            ),
        ];
        let told = |clashes: Vec<Clash>| -> Vec<(Option<LayerId>, Value, Value)> {
            assert!(clashes.iter().all(|clash| clash.pointer == "/opacity"));
            let clashes = clashes.into_iter();
            clashes.map(|c| (c.layer, c.wanted, c.current)).collect()
        };
        let (kept, clashes) = changes(&base, &draft, &live, OnDraftConflict::Keep);
        assert_eq!(told(clashes), expected);
        let kept = applied(kept, &live).unwrap();
        assert_eq!(names(&kept), ["a", "changed"]);
        assert_eq!((kept.layers[0].opacity, kept.layers[0].muted), (0.25, true));
        let (replaced, clashes) = changes(&base, &draft, &live, OnDraftConflict::Replace);
        assert_eq!(told(clashes), expected[2..]);
        let replaced = applied(replaced, &live).unwrap();
        assert_eq!(names(&replaced), ["a"]);
        assert_eq!(json!(replaced.layers[0].opacity), 0.5);
    }

    #[test]
    fn another_order_is_insisted_on() {
        let mut live = scene(&["a", "b", "c"]);
        let (mut draft, base) = begun(&live);
        // Here a came before b and c, there c behind a.
        draft.layers.rotate_left(1);
        live.layers.rotate_right(1);
        let (_, clashes) = changes(&base, &draft, &live, OnDraftConflict::Refuse);
        let pointers: Vec<&str> = clashes.iter().map(|c| c.pointer.as_str()).collect();
        assert_eq!(pointers, ["/order"]);
        let (operations, _) = changes(&base, &draft, &live, OnDraftConflict::Replace);
        let replaced = applied(operations, &live).unwrap();
        assert_eq!(names(&replaced), ["b", "c", "a"]);
    }

    #[test]
    fn groups_are_made_changed_and_locked_with_their_layers() {
        let mut live = scene(&["a", "b", "c", "d"]);
        let members = [live.layers[0].id, live.layers[1].id];
        let standing = group(&mut live, &members);
        let (mut draft, base) = begun(&live);
        draft.groups[0].opacity = 0.5;
        draft.groups[0].locked = true;
        named(&mut draft, "b").opacity = 0.5;
        let members = [draft.layers[2].id, draft.layers[3].id];
        let new = group(&mut draft, &members);
        draft.groups[1].locked = true;
        let (operations, clashes) = changes(&base, &draft, &live, OnDraftConflict::Refuse);
        assert_eq!(clashes, []);
        let merged = applied(operations, &live).unwrap();
        let found: Vec<(GroupId, f64, bool)> = merged
            .groups
            .iter()
            .map(|group| (group.id, group.opacity, group.locked))
            .collect();
        assert_eq!(found, [(standing, 0.5, true), (new, 1.0, true)]);
        let groups: Vec<Option<GroupId>> = merged.layers.iter().map(|l| l.group).collect();
        assert_eq!(groups, [standing, standing, new, new].map(Some));
        assert_eq!(json!(merged.layers[1].opacity), 0.5);
    }
}
