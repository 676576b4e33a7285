use std::collections::BTreeMap;

use serde_json::json;
use sm_bus::{Bus, Commit, SceneQuery, StoredScenes, Which, keys};
use sm_common::event::LayerDeleted;
use sm_common::id::{LayerId, SceneId, StreamId};
use sm_test_kit::Redis;

/// A scene with this many layers, of which the store has one less.
struct Written {
    scene: SceneId,
    layers: usize,
}

fn document(scene: SceneId, order: &[LayerId]) -> String {
    json!({"id": scene, "name": "a", "order": order, "updated_at": "2026-01-01T00:00:00Z"})
        .to_string()
}

async fn write(bus: &Bus, counts: &[usize]) -> Vec<Written> {
    let stream = StreamId::default();
    let key = keys::scenes(&stream);
    let mut commit = Commit::new();
    let mut written = Vec::new();
    for count in counts {
        let scene = SceneId::generate();
        let order: Vec<LayerId> = (0..*count).map(|_| LayerId::generate()).collect();
        for layer in order.iter().skip(1) {
            commit = commit.hash_set(keys::layers(&stream), &keys::layer_field(*layer), "{}");
        }
        commit = commit
            .hash_set(key.clone(), &keys::scene_revision_field(scene), "7")
            .hash_set(
                key.clone(),
                &keys::scene_document_field(scene),
                document(scene, &order),
            );
        written.push(Written {
            scene,
            layers: count.saturating_sub(1),
        });
    }
    let order: Vec<SceneId> = written.iter().map(|one| one.scene).collect();
    let first = order.first().unwrap();
    commit = commit
        .hash_set(key.clone(), "revision", "3")
        .hash_set(key.clone(), "first", first.to_string())
        .hash_set(key, "order", json!(order).to_string());
    bus.commit(commit, Vec::new()).await.unwrap();
    written
}

async fn desire(bus: &Bus, desired: &serde_json::Value) {
    let key = keys::desired(&StreamId::default());
    let commit = Commit::new()
        .hash_set(key.clone(), "revision", "9")
        .hash_set(key, "doc", desired.to_string());
    bus.commit(commit, Vec::new()).await.unwrap();
}

async fn read(bus: &Bus, query: &SceneQuery) -> StoredScenes {
    bus.scenes(&StreamId::default(), query).await.unwrap()
}

fn wanted(wanted: &[Which]) -> SceneQuery {
    SceneQuery {
        wanted: wanted.to_vec(),
        ..SceneQuery::default()
    }
}

fn layers(stored: &StoredScenes, scene: SceneId) -> Option<usize> {
    let scene = stored.scenes.get(&scene).unwrap();
    scene.layers.as_ref().map(Vec::len)
}

#[tokio::test]
async fn what_is_asked_for_is_read_and_nothing_else() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    // More layers than one command of a script may name.
    let written = write(&bus, &[3, 1201, 0]).await;
    let [first, large, empty] = [0, 1, 2].map(|place: usize| written[place].scene);

    let stored = read(&bus, &wanted(&[Which::OnAir, Which::Preview, Which::Slate])).await;
    assert_eq!((stored.revision, stored.desired_revision), (Some(3), None));
    assert_eq!((stored.on_air, stored.preview), (Some(first), None));
    assert_eq!(stored.order, [first, large, empty]);
    assert_eq!(stored.scenes.len(), 1);
    assert_eq!(layers(&stored, first), Some(2));

    let chosen = json!({"scene": large, "preview": empty, "slate": null, "secret": "s"});
    desire(&bus, &chosen).await;
    let stored = read(&bus, &wanted(&[Which::OnAir, Which::Preview])).await;
    assert_eq!((stored.desired, stored.desired_revision), (None, Some(9)));
    assert_eq!((stored.first, stored.on_air), (Some(first), Some(large)));
    let query = SceneQuery {
        desired: true,
        documents: true,
        known: BTreeMap::from([(large, 7), (empty, 6)]),
        ..wanted(&[Which::OnAir, Which::Preview, Which::Scene(first)])
    };
    let stored = read(&bus, &query).await;
    assert!(stored.desired.is_some());
    assert_eq!(layers(&stored, large), None, "the caller has them");
    assert_eq!(layers(&stored, empty), Some(0), "the caller has older ones");
    assert_eq!(layers(&stored, first), Some(written[0].layers));
    let stored = read(&bus, &wanted(&[Which::Scene(large)])).await;
    assert_eq!(layers(&stored, large), Some(written[1].layers));
    let all = SceneQuery {
        documents: true,
        ..SceneQuery::default()
    };
    let stored = read(&bus, &all).await;
    assert_eq!(stored.scenes.len(), 3);
    assert!(stored.scenes.values().all(|scene| scene.layers.is_none()));

    let key = keys::layer_secrets(&StreamId::default());
    let commit = Commit::new().hash_set(key, "one", "planted");
    bus.commit(commit, Vec::new()).await.unwrap();
    assert!(read(&bus, &all).await.secrets.is_empty());
    let with_secrets = SceneQuery {
        secrets: true,
        ..SceneQuery::default()
    };
    let stored = read(&bus, &with_secrets).await;
    assert_eq!(stored.secrets.get("one").unwrap().expose(), "planted");
    assert!(!format!("{stored:?}").contains("planted"));

    // What is wanted and is not there is told, and not found.
    desire(&bus, &json!({"scene": SceneId::generate()})).await;
    let stored = read(&bus, &wanted(&[Which::OnAir, Which::Scene(empty)])).await;
    assert!(!stored.scenes.contains_key(&stored.on_air.unwrap()));
    assert_eq!(stored.scenes.len(), 1);
}

#[tokio::test]
async fn a_stamp_is_the_same_until_something_is_written() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    let scene = write(&bus, &[1]).await[0].scene;
    let deleted = LayerDeleted {
        layer: LayerId::generate(),
        scene,
        scene_revision: 8,
    };
    let mut stamps = Vec::new();
    for step in 0..4 {
        let commit = match step {
            1 => Commit::new().hash_set(keys::desired(&stream), "revision", "9"),
            2 => Commit::new().write("INCR", keys::layer_statuses_revision(&stream), Vec::new()),
            _ => Commit::new(),
        };
        let events = match step {
            3 => vec![bus.event(&stream, &deleted, None).unwrap()],
            _ => Vec::new(),
        };
        bus.commit(commit, events).await.unwrap();
        let stamp = read(&bus, &wanted(&[Which::OnAir])).await.stamp;
        assert_eq!(bus.scene_stamp(&stream).await.unwrap(), stamp);
        assert!(!stamps.contains(&stamp), "{step}");
        stamps.push(stamp);
    }
}

#[tokio::test]
async fn a_stream_without_a_list_has_nothing_or_the_scene_of_former_versions() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let all = SceneQuery {
        documents: true,
        ..wanted(&[Which::OnAir])
    };
    let stored = read(&bus, &all).await;
    assert_eq!((stored.revision, stored.on_air), (None, None));
    assert!(stored.scenes.is_empty() && stored.order.is_empty());

    let stream = StreamId::default();
    let (scene, layer) = (SceneId::generate(), LayerId::generate());
    let key = keys::former_scene(&stream);
    let commit = Commit::new()
        .hash_set(key.clone(), "revision", "41")
        .hash_set(key, "doc", document(scene, &[layer]))
        .hash_set(keys::layers(&stream), &keys::layer_field(layer), "{}");
    bus.commit(commit, Vec::new()).await.unwrap();
    let stored = read(&bus, &all).await;
    assert_eq!((stored.revision, stored.first), (None, Some(scene)));
    assert_eq!((stored.order, stored.on_air), (vec![scene], Some(scene)));
    assert_eq!(stored.scenes[&scene].revision, 41);
    let stored = read(&bus, &wanted(&[Which::OnAir])).await;
    assert_eq!(layers(&stored, scene), Some(1));
    // Whoever asks for another scene learns of it too.
    let stored = read(&bus, &wanted(&[Which::Scene(SceneId::generate())])).await;
    assert!(stored.scenes.contains_key(&scene));
}
