use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::samples::{THEN, scene};
use super::super::{Action, Applied, Canvas, Operation, Proposal, Surroundings, Vault, apply};
use super::*;

const USERS: usize = 3;

fn surroundings() -> Surroundings {
    Surroundings {
        canvas: Canvas {
            width: 1280,
            height: 720,
        },
        layers_max: 50,
        groups_max: 9,
        assets: BTreeMap::new(),
        network: sm_common::address::NetworkPolicy::default(),
        playing: BTreeMap::new(),
        vault: Vault::default(),
        now: THEN,
    }
}

fn made(scene: &Scene, operations: Vec<Operation>) -> Applied {
    let proposal = Proposal {
        operations,
        ..Proposal::default()
    };
    apply(scene.clone(), &proposal, &surroundings()).unwrap()
}

/// What people see of a scene: everything but revisions and times.
fn seen(scene: &Scene) -> Vec<(LayerId, Value)> {
    let layers = scene.layers.iter();
    layers.map(|layer| (layer.id, document(layer))).collect()
}

/// A step as it is stored, and the values that were in the scene after it.
struct Kept {
    entry: String,
    values: BTreeSet<String>,
}

/// A scene that several people edit, each with steps of their own, kept as they are stored.
struct Studio {
    scene: Scene,
    undo: [VecDeque<Kept>; USERS],
    redo: [VecDeque<Kept>; USERS],
    /// No value is written twice.
    counter: u32,
}

impl Studio {
    fn open() -> Self {
        Self {
            scene: scene(&["a", "b", "c"]),
            undo: Default::default(),
            redo: Default::default(),
            counter: 0,
        }
    }

    fn keep(&self, before: &Scene, name: Option<&str>) -> Option<Kept> {
        let author = Author {
            id: UserId::generate(),
            name: "a".to_owned(),
        };
        let record = Record::of(before, &self.scene, &author, Deed::Change, name)?;
        Some(Kept {
            entry: serde_json::to_string(&record.entry).unwrap(),
            values: values(&self.scene),
        })
    }

    fn edit(&mut self, user: usize, kinds: &[(u8, u8)]) {
        let before = self.scene.clone();
        for (kind, place) in kinds {
            let operation = self.operation(*kind, usize::from(*place));
            self.scene = made(&self.scene, operation).scene;
        }
        if let Some(entry) = self.keep(&before, None) {
            self.undo[user].push_front(entry);
            self.redo[user].clear();
        }
    }

    fn operation(&mut self, kind: u8, place: usize) -> Vec<Operation> {
        let count = self.scene.layers.len();
        let id = (count > 0).then(|| self.scene.layers[place % count].id);
        self.counter += 1;
        let value = self.counter;
        let update = |id, patch| Action::Update {
            id,
            expected: None,
            patch,
        };
        let action = match (kind % 6, id) {
            (0, _) => Action::Create {
                id: LayerId::generate(),
                layer: json!({"name": format!("layer {value}"), "kind": "color",
                    "source": {"color": "#102030"}, "index": place % (count + 1)}),
            },
            (1, Some(id)) => Action::Delete { id, expected: None },
            (2, Some(id)) => update(id, json!({"transform": {"x": value}})),
            (3, Some(id)) => update(id, json!({"transform": {"y": value}})),
            (4, Some(id)) => update(id, json!({"name": format!("layer {value}")})),
            (5, Some(_)) => {
                let mut order = order_of(&self.scene);
                let moved = order.remove(place % count);
                order.insert((place / 7) % count, moved);
                Action::Reorder {
                    order: json!(order),
                }
            }
            _ => return Vec::new(),
        };
        vec![Operation::alone(action)]
    }

    /// Whether it was done, and not refused for what others have changed.
    fn step(&mut self, user: usize, direction: Direction) -> bool {
        let steps = match direction {
            Direction::Undo => &self.undo[user],
            Direction::Redo => &self.redo[user],
        };
        let Some(step) = steps.front() else {
            return false;
        };
        let entry: Entry = serde_json::from_str(&step.entry).unwrap();
        let (operations, clashes) = take_back(&entry.difference, &self.scene);
        if !clashes.is_empty() {
            return false;
        }
        let before = self.scene.clone();
        self.scene = made(&before, operations).scene;
        let now = values(&self.scene);
        let mut gone = values(&before)
            .into_iter()
            .filter(|value| !now.contains(value));
        assert!(
            gone.all(|value| step.values.contains(&value)),
            "others have put it there since"
        );
        let kept = self.keep(&before, Some(&entry.name));
        let (from, to) = match direction {
            Direction::Undo => (&mut self.undo[user], &mut self.redo[user]),
            Direction::Redo => (&mut self.redo[user], &mut self.undo[user]),
        };
        from.pop_front();
        if let Some(kept) = kept {
            to.push_front(kept);
        }
        true
    }
}

/// The values that are written once.
fn values(scene: &Scene) -> BTreeSet<String> {
    let layers = scene.layers.iter();
    let values = layers.flat_map(|layer| {
        let transform = layer.transform;
        [
            layer.name.clone(),
            transform.x.to_string(),
            transform.y.to_string(),
        ]
    });
    values.collect()
}

/// A user, and what they do in one change.
fn edits() -> impl Strategy<Value = Vec<(usize, Vec<(u8, u8)>)>> {
    let kinds = prop::collection::vec((any::<u8>(), any::<u8>()), 1..4);
    prop::collection::vec((0..USERS, kinds), 1..24)
}

proptest! {
    #[test]
    fn all_that_is_taken_back_and_made_again_returns_the_earlier_scenes(edits in edits()) {
        let mut studio = Studio::open();
        let mut earlier = vec![];
        for (user, kinds) in edits {
            let before = seen(&studio.scene);
            let count = studio.undo[user].len();
            studio.edit(user, &kinds);
            if studio.undo[user].len() > count {
                earlier.push((user, before));
            }
        }
        let mut later = vec![];
        while let Some((user, before)) = earlier.pop() {
            later.push((user, seen(&studio.scene)));
            prop_assert!(studio.step(user, Direction::Undo));
            prop_assert_eq!(seen(&studio.scene), before);
        }
        while let Some((user, after)) = later.pop() {
            prop_assert!(studio.step(user, Direction::Redo));
            prop_assert_eq!(seen(&studio.scene), after);
        }
    }

    #[test]
    fn what_others_have_changed_is_never_lost(
        edits in edits(), steps in prop::collection::vec((0..USERS, any::<bool>(), any::<u8>()), 0..60)
    ) {
        let mut studio = Studio::open();
        let mut edits = edits.into_iter();
        for (user, undo, pace) in steps {
            if pace % 2 == 0
                && let Some((author, kinds)) = edits.next()
            {
                studio.edit(author, &kinds);
            }
            let direction = if undo { Direction::Undo } else { Direction::Redo };
            studio.step(user, direction);
        }
    }
}

/// Two people, one layer: each takes back what is their own.
#[test]
fn each_takes_back_their_own_last_change() {
    let mut studio = Studio::open();
    let first = studio.scene.layers[0].id;
    let edit = |studio: &mut Studio, user: usize, patch: Value| {
        let before = studio.scene.clone();
        let action = Action::Update {
            id: first,
            expected: None,
            patch,
        };
        studio.scene = made(&before, vec![Operation::alone(action)]).scene;
        let entry = studio.keep(&before, None).unwrap();
        studio.undo[user].push_front(entry);
    };
    edit(
        &mut studio,
        0,
        json!({"transform": {"x": 5}, "opacity": 0.1}),
    );
    edit(&mut studio, 1, json!({"transform": {"y": 6}}));
    assert!(studio.step(0, Direction::Undo));
    let transform = studio.scene.layers[0].transform;
    assert_eq!((transform.x, transform.y), (0, 6));
    assert!(studio.step(0, Direction::Redo));
    edit(&mut studio, 1, json!({"transform": {"x": 7}}));
    let entry: Entry = serde_json::from_str(&studio.undo[0][0].entry).unwrap();
    let (operations, clashes) = take_back(&entry.difference, &studio.scene);
    let clash = Clash {
        layer: Some(first),
        pointer: "/transform/x".to_owned(),
        wanted: json!(0),
        current: json!(7),
    };
    assert_eq!(clashes, [clash]);
    // What is left of the step, for those who want it without the rest.
    let partly = made(&studio.scene, operations).scene;
    assert_eq!(
        (partly.layers[0].transform.x, partly.layers[0].opacity),
        (7, 1.0)
    );
}

#[test]
fn a_layer_comes_back_with_its_place_and_a_revision_of_its_own() {
    let before = scene(&["a", "b", "c"]);
    let id = before.layers[1].id;
    let delete = Operation::alone(Action::Delete { id, expected: None });
    let after = made(&before, vec![delete]).scene;
    let entry = Entry::of(&before, &after).unwrap();
    assert_eq!(entry.name, "delete b");
    let (operations, clashes) = take_back(&entry.difference, &after);
    assert!(clashes.is_empty());
    let back = made(&after, operations).scene;
    assert_eq!(seen(&back), seen(&before));
    assert_eq!(
        (back.layers[1].revision, back.layers[1].created_at),
        (2, THEN)
    );
}

#[test]
fn a_layer_that_changed_on_its_way_out_comes_back_above_its_last_revision() {
    let before = scene(&["a"]);
    let author = Author {
        id: UserId::generate(),
        name: "a".to_owned(),
    };
    let record = |before: &Scene, applied: &Applied| {
        Record::of_change(before, applied, &author, Deed::Change, None).unwrap()
    };
    let layer =
        json!({"name": "b", "kind": "color", "source": {"color": "#102030"}, "locked": true});
    let id = LayerId::generate();
    let created = made(
        &before,
        vec![Operation::alone(Action::Create { id, layer })],
    );
    let step = record(&before, &created).entry;
    // It is unlocked before it goes, which is its second revision.
    let (operations, _) = take_back(&step.difference, &created.scene);
    let gone = made(&created.scene, operations);
    assert_eq!(seen(&gone.scene), seen(&before));
    let step = record(&created.scene, &gone).entry;
    let (operations, _) = take_back(&step.difference, &gone.scene);
    let back = made(&gone.scene, operations).scene;
    assert_eq!(seen(&back), seen(&created.scene));
    assert_eq!(back.layers[1].revision, 3);
}

#[test]
fn a_lock_that_others_set_keeps_the_layer() {
    let before = scene(&["a"]);
    let id = before.layers[0].id;
    let patched = |scene: &Scene, patch: Value| {
        let action = Action::Update {
            id,
            expected: None,
            patch,
        };
        made(scene, vec![Operation::alone(action)]).scene
    };
    let moved = patched(&before, json!({"transform": {"x": 3}}));
    let entry = Entry::of(&before, &moved).unwrap();
    let locked = patched(&moved, json!({"locked": true}));
    let (operations, _) = take_back(&entry.difference, &locked);
    let proposal = Proposal {
        operations,
        ..Proposal::default()
    };
    assert!(apply(locked, &proposal, &surroundings()).is_err());
    // A lock that is a part of the step itself goes first.
    let both = patched(&before, json!({"transform": {"x": 3}, "locked": true}));
    let entry = Entry::of(&before, &both).unwrap();
    let (operations, _) = take_back(&entry.difference, &both);
    assert_eq!(seen(&made(&both, operations).scene), seen(&before));
}

#[test]
fn a_slider_that_moves_makes_one_step() {
    let start = scene(&["a", "b"]);
    let [a, b] = [start.layers[0].id, start.layers[1].id];
    let change = |scene: &Scene, id: LayerId, patch: Value| {
        let action = Action::Update {
            id,
            expected: None,
            patch,
        };
        let after = made(scene, vec![Operation::alone(action)]).scene;
        let entry = Entry::of(scene, &after).unwrap();
        (after, entry)
    };
    let second = Duration::from_secs(1);
    let (faint, first) = change(&start, a, json!({"opacity": 0.9}));
    let (fainter, next) = change(&faint, a, json!({"opacity": 0.5}));
    let joined = next.joined(&first, second).unwrap();
    let (operations, _) = take_back(&joined.difference, &fainter);
    assert_eq!(seen(&made(&fainter, operations).scene), seen(&start));
    // Too late, back where it was, another field, another layer, or somebody in between.
    let mut late = next.clone();
    late.at = Timestamp::from_unix_millis(THEN.as_unix_millis() + 1_001);
    assert_eq!(late.joined(&first, second), None);
    let (_, back) = change(&faint, a, json!({"opacity": 1.0}));
    assert_eq!(back.joined(&first, second), None);
    let (_, other) = change(&faint, a, json!({"volume": 0.5}));
    assert_eq!(other.joined(&first, second), None);
    let (_, other) = change(&faint, b, json!({"opacity": 0.5}));
    assert_eq!(other.joined(&first, second), None);
    let (theirs, _) = change(&faint, a, json!({"opacity": 0.7}));
    let (_, other) = change(&theirs, a, json!({"opacity": 0.5}));
    assert_eq!(other.joined(&first, second), None);
}

#[test]
fn a_replaced_key_is_not_taken_back() {
    let mut before = scene(&["a"]);
    let layer = &mut before.layers[0];
    layer.source = LayerSource::Ingest(sm_common::layer::IngestSource::default());
    let mut after = before.clone();
    if let LayerSource::Ingest(source) = &mut after.layers[0].source {
        source.generation += 1;
    }
    assert_eq!(Entry::of(&before, &after), None);
}

/// The order before and after a step, the order now, and what becomes of it.
type OrderCase<'a> = (&'a [usize], &'a [usize], &'a [usize], Option<&'a [usize]>);

#[test]
fn an_order_is_taken_back_as_far_as_others_left_it() {
    let ids: Vec<LayerId> = (0..5).map(|_| LayerId::generate()).collect();
    let order = |places: &[usize]| -> Vec<LayerId> { places.iter().map(|i| ids[*i]).collect() };
    let cases: [OrderCase; 7] = [
        (&[0, 1, 2], &[1, 2, 0], &[1, 2, 0], Some(&[0, 1, 2])),
        // Others have moved what the step did not.
        (&[0, 1, 2], &[1, 2, 0], &[2, 1, 0], Some(&[0, 2, 1])),
        (&[0, 1, 2], &[1, 0, 2], &[2, 1, 0], Some(&[2, 0, 1])),
        // Layers are gone, or new.
        (&[0, 1, 2], &[1, 2, 0], &[2, 0], Some(&[0, 2])),
        (
            &[0, 1, 2],
            &[1, 0, 2],
            &[3, 1, 0, 2, 4],
            Some(&[3, 0, 1, 2, 4]),
        ),
        // Others have done it already, or have moved the same layer elsewhere.
        (&[0, 1, 2], &[1, 0, 2], &[0, 1, 2], Some(&[0, 1, 2])),
        (&[0, 1, 2], &[1, 2, 0], &[1, 0, 2], None),
    ];
    for (before, after, now, wanted) in cases {
        let orders = Orders {
            before: order(before),
            after: order(after),
        };
        let turned = order::turn_back(&order(now), &orders);
        assert_eq!(turned, wanted.map(order), "{before:?} {after:?} {now:?}");
    }
}

#[test]
fn steps_are_called_by_what_they_did() {
    let before = scene(&["Camera", "Title"]);
    let [camera, title] = [before.layers[0].id, before.layers[1].id];
    let update = |id, patch| {
        Operation::alone(Action::Update {
            id,
            expected: None,
            patch,
        })
    };
    let delete = |id| Operation::alone(Action::Delete { id, expected: None });
    let cases = [
        (
            vec![update(camera, json!({"transform": {"x": 1}}))],
            "move Camera",
        ),
        (
            vec![update(camera, json!({"transform": {"width": 1, "y": 2}}))],
            "resize Camera",
        ),
        (
            vec![update(camera, json!({"name": "Stage"}))],
            "rename Camera to Stage",
        ),
        (
            vec![update(camera, json!({"visible": false}))],
            "hide Camera",
        ),
        (
            vec![update(camera, json!({"opacity": 0.5}))],
            "change Camera",
        ),
        (vec![update(camera, json!({"locked": true}))], "lock Camera"),
        (
            vec![
                update(camera, json!({"muted": true})),
                update(title, json!({"muted": true})),
            ],
            "mute 2 layers",
        ),
        (vec![delete(title)], "delete Title"),
        (vec![delete(title), delete(camera)], "delete 2 layers"),
        (
            vec![delete(title), update(camera, json!({"opacity": 0.5}))],
            "change 2 layers",
        ),
        (
            vec![Operation::alone(Action::Reorder {
                order: json!([title, camera]),
            })],
            "reorder layers",
        ),
    ];
    for (operations, name) in cases {
        let after = made(&before, operations).scene;
        assert_eq!(Entry::of(&before, &after).unwrap().name, name);
    }
    assert_eq!(Entry::of(&before, &before), None);
}
