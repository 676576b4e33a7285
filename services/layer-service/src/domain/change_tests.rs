use serde_json::json;

use super::super::samples::{layer, scene};
use super::*;
use crate::domain::history::Clash;

fn surroundings() -> Surroundings {
    Surroundings {
        canvas: Canvas {
            width: 1280,
            height: 720,
        },
        layers_max: 5,
        groups_max: 2,
        assets: BTreeMap::from([
            (asset('a'), AssetKind::Image),
            (asset('b'), AssetKind::Video),
        ]),
        network: NetworkPolicy::default(),
        playing: std::collections::BTreeMap::new(),
        vault: Vault::default(),
        now: Timestamp::from_unix_millis(2_000),
    }
}

fn asset(digit: char) -> AssetId {
    digit.to_string().repeat(64).parse().unwrap()
}

fn create(layer: Value) -> Action {
    Action::Create {
        id: LayerId::generate(),
        layer,
    }
}

pub(super) fn update(id: LayerId, patch: Value) -> Action {
    Action::Update {
        id,
        expected: None,
        patch,
    }
}

fn delete(id: LayerId) -> Action {
    Action::Delete { id, expected: None }
}

pub(super) fn batch(actions: Vec<Action>) -> Proposal {
    let operations = actions.into_iter().enumerate();
    Proposal {
        operations: operations
            .map(|(index, action)| Operation {
                at: format!("/operations/{index}"),
                action,
            })
            .collect(),
        ..Proposal::default()
    }
}

pub(super) fn done(scene: &Scene, proposal: &Proposal) -> Applied {
    apply(scene.clone(), proposal, &surroundings()).unwrap()
}

pub(super) fn faults(scene: &Scene, proposal: &Proposal) -> Vec<String> {
    match apply(scene.clone(), proposal, &surroundings()) {
        Err(Rejected::Invalid(faults)) => {
            let errors = faults.into_errors().into_iter();
            errors.map(|error| error.pointer).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn refusal(scene: &Scene, proposal: &Proposal) -> Refusal {
    match apply(scene.clone(), proposal, &surroundings()) {
        Err(Rejected::Operation { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    }
}

fn plain() -> Value {
    json!({"name": "new", "kind": "color", "source": {"color": "#ff0000"}})
}

#[test]
fn a_new_layer_goes_to_the_front_or_where_it_is_told() {
    let scene = scene(&["a", "b"]);
    let front = done(&scene, &Proposal::of(create(plain())));
    assert_eq!(front.scene.layers[2].name, "new");
    assert_eq!(front.scene.revision, 8);
    let mut placed = plain();
    placed["index"] = json!(0);
    let back = done(&scene, &Proposal::of(create(placed.clone())));
    assert_eq!(back.scene.layers[0].name, "new");
    assert!(matches!(&back.steps[0], Step::Created { index: 0, layer } if layer.revision == 1));
    placed["index"] = json!(3);
    assert_eq!(faults(&scene, &Proposal::of(create(placed))), ["/index"]);
}

#[test]
fn a_scene_holds_only_so_many_layers() {
    let scene = scene(&["a", "b", "c", "d", "e"]);
    assert_eq!(
        refusal(&scene, &Proposal::of(create(plain()))),
        Refusal::Full { max: 5 }
    );
    let first = scene.layers[0].id;
    let swap = done(&scene, &batch(vec![delete(first), create(plain())]));
    assert_eq!(swap.scene.layers.len(), 5);
}

#[test]
fn a_change_raises_the_layers_revision_and_the_scenes_and_names_its_fields() {
    let scene = scene(&["a", "b"]);
    let id = scene.layers[0].id;
    let patch = json!({"opacity": 0.5, "transform": {"x": 9}, "visible": true});
    let applied = done(&scene, &Proposal::of(update(id, patch)));
    let [Step::Updated { layer, changed }] = applied.steps.as_slice() else {
        panic!("{:?}", applied.steps);
    };
    assert_eq!((layer.revision, layer.updated_at), (2, surroundings().now));
    assert_eq!(changed, &["/opacity", "/transform/x"]);
    assert_eq!(&applied.scene.layers[0], layer);
    assert_eq!(applied.scene.layers[1], scene.layers[1]);
}

#[test]
fn what_already_is_as_wanted_is_no_change() {
    let scene = scene(&["a", "b"]);
    let order = json!([scene.layers[0].id, scene.layers[1].id]);
    let proposal = batch(vec![
        update(scene.layers[0].id, json!({"name": "a"})),
        Action::Reorder { order },
    ]);
    let applied = done(&scene, &proposal);
    assert!(!applied.is_change());
    assert_eq!(applied.scene, scene);
}

#[test]
fn a_locked_layer_refuses_everything_but_unlocking() {
    let mut scene = scene(&["a", "b"]);
    scene.layers[0].locked = true;
    let id = scene.layers[0].id;
    let locked = Refusal::Locked(id);
    for patch in [
        json!({"opacity": 0.1}),
        json!({"locked": false, "opacity": 0.1}),
        json!({"name": "x"}),
    ] {
        assert_eq!(refusal(&scene, &Proposal::of(update(id, patch))), locked);
    }
    assert_eq!(refusal(&scene, &Proposal::of(delete(id))), locked);
    assert!(!done(&scene, &Proposal::of(update(id, json!({"name": "a"})))).is_change());
    let unlocked = done(&scene, &Proposal::of(update(id, json!({"locked": false}))));
    assert!(!unlocked.scene.layers[0].locked);
    let passed = Action::Reorder {
        order: json!([scene.layers[1].id, id]),
    };
    assert!(done(&scene, &Proposal::of(passed)).is_change());
    let both = batch(vec![
        update(id, json!({"locked": false})),
        update(id, json!({"opacity": 0.1})),
    ]);
    assert_eq!(done(&scene, &both).scene.layers[0].revision, 3);
}

#[test]
fn a_stale_revision_is_told_the_current_one() {
    let scene = scene(&["a"]);
    let id = scene.layers[0].id;
    let old = || Some(Expected::new("0".to_owned()));
    let stale = |clashes| Refusal::Stale {
        layer: id,
        current: 1,
        clashes,
    };
    let patch = json!({"opacity": "broken"});
    let both = vec![Clash {
        layer: Some(id),
        pointer: "/opacity".to_owned(),
        wanted: json!("broken"),
        current: json!(1.0),
    }];
    let action = Action::Update {
        id,
        expected: old(),
        patch,
    };
    assert_eq!(refusal(&scene, &Proposal::of(action)), stale(both));
    let action = Action::Delete {
        id,
        expected: old(),
    };
    assert_eq!(refusal(&scene, &Proposal::of(action)), stale(Vec::new()));
    let proposal = Proposal::of(delete(id)).expecting(old());
    assert!(matches!(
        apply(scene, &proposal, &surroundings()),
        Err(Rejected::SceneStale { current: 7 })
    ));
}

#[test]
fn a_file_must_exist_and_be_of_the_layers_kind() {
    let scene = scene(&["a"]);
    let id = scene.layers[0].id;
    let image = |digit| json!({"kind": "image", "source": {"asset": asset(digit)}});
    let applied = done(&scene, &Proposal::of(update(id, image('a'))));
    assert_eq!(applied.taken, [asset('a')]);
    for digit in ['b', 'c'] {
        assert_eq!(
            faults(&scene, &Proposal::of(update(id, image(digit)))),
            ["/source/asset"]
        );
    }
    // A layer whose file is gone can still be moved.
    let mut gone = applied.scene;
    gone.layers[0].source = serde_json::from_value(image('c')).unwrap();
    let moved = done(&gone, &Proposal::of(update(id, json!({"opacity": 0.2}))));
    assert_eq!(moved.taken, []);
}

#[test]
fn a_batch_is_one_step_of_the_scene_in_the_order_given() {
    let scene = scene(&["a", "b"]);
    let [a, b] = [scene.layers[0].id, scene.layers[1].id];
    let applied = done(
        &scene,
        &batch(vec![
            update(a, json!({"opacity": 0.5})),
            Action::Reorder {
                order: json!([b, a]),
            },
            create(plain()),
            delete(b),
            Action::Update {
                id: a,
                expected: Some(Expected::new("1".to_owned())),
                patch: json!({"opacity": 0.6}),
            },
        ]),
    );
    assert_eq!(applied.scene.revision, 8);
    let names: Vec<&str> = applied
        .scene
        .layers
        .iter()
        .map(|l| l.name.as_str())
        .collect();
    assert_eq!(names, ["a", "new"]);
    assert_eq!(applied.scene.layers[0].revision, 3);
    let operations: Vec<&str> = applied.steps.iter().map(Step::operation).collect();
    assert_eq!(
        operations,
        ["update", "reorder", "create", "delete", "update"]
    );
}

#[test]
fn every_fault_of_a_batch_is_named_before_any_other_refusal() {
    let scene = scene(&["a"]);
    let id = scene.layers[0].id;
    let stranger = layer("stranger").id;
    let proposal = batch(vec![
        delete(stranger),
        update(id, json!({"opacity": 7, "transform": {"width": 0}})),
        create(json!({"name": "", "kind": "color", "source": {"color": 3}, "index": -1})),
        Action::Reorder {
            order: json!([stranger]),
        },
        update(id, json!("not an object")),
    ]);
    assert_eq!(
        faults(&scene, &proposal),
        [
            "/operations/1/patch/transform/width",
            "/operations/1/patch/opacity",
            "/operations/2/layer/name",
            "/operations/2/layer/source/color",
            "/operations/2/layer/index",
            "/operations/3/order/0",
            "/operations/4/patch",
        ]
    );
    assert_eq!(
        refusal(
            &scene,
            &batch(vec![update(id, json!({"opacity": 0.1})), delete(stranger)])
        ),
        Refusal::NoSuchLayer(stranger)
    );
}
