use serde_json::{Value, json};
use sm_common::id::{GroupId, LayerId};
use sm_common::layer::Layer;
use sm_common::scene::Scene;

use super::super::tests::{batch, done, faults, refusal, update};
use super::super::{Applied, Refusal, Step};
use crate::domain::proposal::{Action, Proposal, Remains};
use crate::domain::samples::scene;

fn make(id: GroupId, layers: &[LayerId]) -> Proposal {
    let group = json!({"name": "g", "layers": layers});
    Proposal::of(Action::Group { id, group })
}

fn patch(id: GroupId, patch: Value) -> Action {
    Action::UpdateGroup {
        id,
        expected: None,
        patch,
    }
}

fn end(id: GroupId, remains: Remains) -> Proposal {
    Proposal::of(Action::Ungroup {
        id,
        expected: None,
        remains,
    })
}

/// A scene of `back`, the group of `b` and `c`, and `front`; with the group.
fn grouped() -> (Scene, GroupId, [LayerId; 4]) {
    let scene = scene(&["back", "b", "c", "front"]);
    let ids = [0, 1, 2, 3].map(|place| scene.layers[place].id);
    let id = GroupId::generate();
    (done(&scene, &make(id, &ids[1..3])).scene, id, ids)
}

fn names(scene: &Scene) -> Vec<&str> {
    scene
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect()
}

/// What is seen of a scene: its layers without what only the service knows.
fn seen(scene: &Scene) -> Vec<Layer> {
    let layers = scene.clone().applied().layers.into_iter();
    layers
        .map(|layer| Layer {
            revision: 0,
            updated_at: layer.created_at,
            ..layer
        })
        .collect()
}

fn operations(applied: &Applied) -> Vec<&'static str> {
    applied.changes().map(Step::operation).collect()
}

#[test]
fn making_and_ending_a_group_leaves_the_picture_as_it_is() {
    let mut before = scene(&["back", "b", "c", "front"]);
    before.layers[1].opacity = 0.3;
    before.layers[2].visible = false;
    before.layers[2].transform.rotation = 45.0;
    let ids: Vec<LayerId> = before.layers.iter().map(|layer| layer.id).collect();
    let id = GroupId::generate();
    let made = done(&before, &make(id, &ids[1..3]));
    assert_eq!(seen(&made.scene), seen(&before));
    assert_eq!(operations(&made), ["group", "update", "update"]);
    let look = json!({"transform": {"x": 7, "y": -9, "scale": 1.7}, "opacity": 0.4,
        "transition": {"duration_ms": 80}});
    let moved = done(&made.scene, &Proposal::of(patch(id, look)));
    assert_ne!(seen(&moved.scene), seen(&before));
    assert_eq!(operations(&moved), ["update-group"]);
    let ended = done(&moved.scene, &end(id, Remains::Layers));
    assert_eq!(seen(&ended.scene), seen(&moved.scene));
    assert!(ended.scene.groups.is_empty());
    assert_eq!(operations(&ended), ["ungroup", "update", "update"]);
    let gone = done(&moved.scene, &end(id, Remains::Nothing));
    assert_eq!(names(&gone.scene), ["back", "front"]);
    assert_eq!(operations(&gone), ["ungroup", "delete", "delete"]);
}

#[test]
fn only_neighbours_of_this_scene_become_a_group() {
    let (scene, _, [back, b, _, front]) = grouped();
    let stranger = LayerId::generate();
    for (layers, pointers) in [
        (json!([back, b]), vec!["/layers/1"]),
        (json!([back, front]), vec!["/layers"]),
        (
            json!([back, stranger, back]),
            vec!["/layers/1", "/layers/2"],
        ),
        (json!([]), vec!["/layers"]),
    ] {
        let action = Action::Group {
            id: GroupId::generate(),
            group: json!({"name": "h", "layers": layers}),
        };
        assert_eq!(faults(&scene, &Proposal::of(action)), pointers, "{layers}");
    }
    let action = Action::Group {
        id: GroupId::generate(),
        group: json!({"layers": [back], "opacity": 2, "transform": {"scale": 0}, "x": 1}),
    };
    assert_eq!(
        faults(&scene, &Proposal::of(action)),
        ["/name", "/transform/scale", "/opacity", "/x"]
    );
}

#[test]
fn nothing_comes_between_the_layers_of_a_group() {
    let (scene, id, [back, b, c, front]) = grouped();
    let new = |more: Value| {
        let mut layer = json!({"name": "new", "kind": "color", "source": {"color": "#000000"}});
        layer
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        Proposal::of(Action::Create {
            id: LayerId::generate(),
            layer,
        })
    };
    for (more, expected) in [
        (json!({"index": 2}), ["back", "b", "c", "new", "front"]),
        (json!({"index": 1}), ["back", "new", "b", "c", "front"]),
        (json!({"group": id}), ["back", "b", "c", "new", "front"]),
        (
            json!({"group": id, "index": 0}),
            ["back", "new", "b", "c", "front"],
        ),
    ] {
        assert_eq!(
            names(&done(&scene, &new(more.clone())).scene),
            expected,
            "{more}"
        );
    }
    let split = Action::Reorder {
        order: json!([b, back, c, front]),
    };
    assert_eq!(faults(&scene, &Proposal::of(split)), ["/order/2"]);
    let together = Action::Reorder {
        order: json!([c, b, front, back]),
    };
    assert_eq!(
        names(&done(&scene, &Proposal::of(together)).scene),
        ["c", "b", "front", "back"]
    );
}

#[test]
fn layers_join_and_leave_and_the_last_one_ends_the_group() {
    let (scene, id, [back, b, c, front]) = grouped();
    let joined = done(&scene, &Proposal::of(update(back, json!({"group": id}))));
    assert_eq!(names(&joined.scene), ["back", "b", "c", "front"]);
    let left = done(
        &joined.scene,
        &Proposal::of(update(b, json!({"group": null}))),
    );
    assert_eq!(names(&left.scene), ["back", "c", "b", "front"]);
    assert_eq!(operations(&left), ["update", "reorder"]);
    let front_joins = done(
        &left.scene,
        &Proposal::of(update(front, json!({"group": id}))),
    );
    assert_eq!(names(&front_joins.scene), ["back", "c", "front", "b"]);
    let empty = batch([b, c].map(|id| update(id, json!({"group": null}))).to_vec());
    let empty = done(&scene, &empty);
    assert!(empty.scene.groups.is_empty());
    assert_eq!(operations(&empty), ["update", "update", "ungroup"]);
    let nowhere = update(back, json!({"group": GroupId::generate()}));
    assert_eq!(faults(&scene, &Proposal::of(nowhere)), ["/group"]);
}

#[test]
fn a_locked_group_locks_its_layers() {
    let (scene, id, [back, b, ..]) = grouped();
    let scene = done(&scene, &Proposal::of(patch(id, json!({"locked": true})))).scene;
    let locked = Refusal::GroupLocked(id);
    for action in [
        patch(id, json!({"opacity": 0.5})),
        patch(id, json!({"locked": false, "name": "h"})),
        update(b, json!({"opacity": 0.5})),
        update(b, json!({"group": null})),
        update(back, json!({"group": id})),
        Action::Delete {
            id: b,
            expected: None,
        },
        Action::Duplicate {
            id: b,
            copy: LayerId::generate(),
            expected: None,
        },
        Action::Ungroup {
            id,
            expected: None,
            remains: Remains::Layers,
        },
    ] {
        assert_eq!(
            refusal(&scene, &Proposal::of(action.clone())),
            locked,
            "{action:?}"
        );
    }
    let unlocked = done(&scene, &Proposal::of(patch(id, json!({"locked": false}))));
    assert!(!unlocked.scene.groups[0].locked);
    let mut scene = unlocked.scene;
    scene.layers[1].locked = true;
    assert_eq!(
        refusal(&scene, &end(id, Remains::Layers)),
        Refusal::Locked(b)
    );
}
