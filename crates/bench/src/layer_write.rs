#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark of a system that does not run fails by panicking, as a test does"
)]

use std::time::{Duration, Instant};

use serde_json::json;
use sm_bus::{Bus, Commit, CommitOutcome, Guard, ListBounds, keys};
use sm_common::event::LayerUpdated;
use sm_common::id::{LayerId, SceneId, StreamId, UserId};
use sm_common::layer::Layer;
use sm_e2e::{Stack, StackOptions};
use sm_test_kit::Api;

use crate::measurement::Measurement;

/// The group's name: `B=layer-write` runs every case.
pub(crate) const GROUP: &str = "layer-write";

const NET: &str = "127.83";
const CLIENTS: usize = 8;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);

/// Changes of layers by eight clients at once, each of a layer of its own in one scene, through Traefik;
/// against the commit script that such a change ends in, called by eight clients on the same Redis with
/// documents of that size. Nothing is on air, so that the service is measured and not the encoder.
pub(crate) fn run() -> anyhow::Result<Vec<Measurement>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut options = StackOptions::at(NET);
    // One client address asks here for what many would.
    options.environment = vec![
        ("RATE_LIMIT_AVERAGE", "100000"),
        ("RATE_LIMIT_BURST", "100000"),
    ];
    let stack = Stack::start(options);
    runtime.block_on(async {
        let admin = stack.admin().await;
        let stop = json!({"action": "stop"});
        let stopped = admin.post("/api/stream/control", &stop).await;
        anyhow::ensure!(stopped.status.is_success(), "{}", stopped.text);
        stack
            .until_state("nothing is on air", |state| state["status"] == "offline")
            .await;
        let layers = make_layers(&admin).await;
        let bus = stack.bus("bench");
        let (mut rates, mut tails) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let ours = changes(&admin, &layers).await;
            let bare = scripts(&bus, &layers).await?;
            rates.push((per_second(&ours), per_second(&bare)));
            tails.push((p99_ms(ours), p99_ms(bare)));
        }
        let peer = "the commit script alone";
        let all = [
            ("layer-write-rate", "writes/s", rates),
            ("layer-write-p99", "ms", tails),
        ];
        let all = all.map(|(name, unit, pairs)| {
            let mut measurement = Measurement::compare(name, unit, peer, f64::NAN, &pairs);
            measurement.goal = None;
            measurement.note = format!("{CLIENTS} clients; one scene; the load shares the cores");
            measurement
        });
        Ok(all.into())
    })
}

async fn make_layers(admin: &Api) -> Vec<Layer> {
    let name = json!({"name": "Written"});
    let scene = admin.post("/api/scenes", &name).await.expect(201).body["id"].clone();
    let path = format!(
        "/api/layers?scene={}",
        scene.as_str().expect("an identifier")
    );
    let mut layers = Vec::new();
    for number in 0..CLIENTS {
        let layer = json!({"name": format!("Client {number}"), "kind": "text",
            "source": {"text": "Written to"}, "transform": {"width": 320, "height": 90}});
        let made = admin.post(&path, &layer).await.expect(201);
        layers.push(serde_json::from_value(made.body).expect("a layer"));
    }
    layers
}

/// How long each change took.
async fn changes(admin: &Api, layers: &[Layer]) -> Vec<Duration> {
    let until = Instant::now() + ROUND;
    let clients = layers.iter().map(|layer| {
        let path = format!("/api/layers/{}?scene={}", layer.id, layer.scene);
        let api = admin.clone();
        async move {
            let mut etag = api.get(&path).await.expect(200).header("etag").to_owned();
            let (mut took, mut x) = (Vec::new(), 0);
            while Instant::now() < until {
                x = (x + 1) % 1000;
                let begin = Instant::now();
                let change = json!({"transform": {"x": x}});
                let changed = api.patch(&path, &etag, &change).await.expect(200);
                took.push(begin.elapsed());
                changed.header("etag").clone_into(&mut etag);
            }
            took
        }
    });
    let clients = clients.map(tokio::spawn);
    let mut all = Vec::new();
    for took in futures_util::future::join_all(clients).await {
        all.extend(took.expect("a client does not fail"));
    }
    all
}

/// How long each call of the script took that a change ends in. Each client has a scene of its own, so that
/// none is refused.
async fn scripts(bus: &Bus, layers: &[Layer]) -> anyhow::Result<Vec<Duration>> {
    let until = Instant::now() + ROUND;
    let clients = layers.iter().map(|layer| {
        let (bus, mut layer) = (bus.clone(), layer.clone());
        let (scene, user) = (SceneId::generate(), UserId::generate());
        async move {
            let mut took = Vec::new();
            for revision in 1.. {
                if Instant::now() >= until {
                    break;
                }
                layer.transform.x = i32::try_from(revision % 1000)?;
                let begin = Instant::now();
                write(&bus, scene, user, (&layer, revision)).await?;
                took.push(begin.elapsed());
            }
            anyhow::Ok(took)
        }
    });
    let clients = clients.map(tokio::spawn);
    let mut all = Vec::new();
    for took in futures_util::future::join_all(clients).await {
        all.extend(took??);
    }
    Ok(all)
}

async fn write(
    bus: &Bus,
    scene: SceneId,
    user: UserId,
    (layer, revision): (&Layer, u64),
) -> anyhow::Result<()> {
    let stream: StreamId = "bench".parse()?;
    let scenes = keys::scenes(&stream);
    let field = keys::scene_revision_field(scene);
    let former = (revision > 1).then(|| (revision - 1).to_string());
    let document = json!({"id": scene, "name": "Written", "order": vec![LayerId::generate(); CLIENTS],
        "updated_at": layer.updated_at});
    let step = json!({"name": "move Client 1", "at": layer.updated_at, "revision": revision,
        "changed": [{"layer": layer.id, "name": layer.name,
            "fields": [{"pointer": "/transform/x", "before": 1, "after": 2}]}]});
    let note = json!({"user": {"id": user, "name": "admin"}, "deed": "change",
        "name": "move Client 1", "at": layer.updated_at, "scene_revision": revision});
    let bounds = ListBounds {
        entries_max: 200,
        bytes_max: 1 << 20,
        keep: Duration::from_hours(168),
    };
    let commit = Commit::new()
        .guard(Guard::field(scenes.clone(), &field, former.as_deref()))
        .hash_set(scenes.clone(), &field, revision.to_string())
        .hash_set(
            scenes,
            &keys::scene_document_field(scene),
            document.to_string(),
        )
        .hash_set(
            keys::layers(&stream),
            &keys::layer_field(layer.id),
            serde_json::to_string(layer)?,
        )
        .push(
            keys::layer_undo(&stream, scene, user),
            step.to_string(),
            bounds,
        )
        .append(keys::layer_history(&stream, scene), &note.to_string(), 1000);
    let updated = LayerUpdated {
        layer: layer.clone(),
        changed: vec!["/transform/x".to_owned()],
        scene_revision: revision,
    };
    let event = bus.event(&stream, &updated, None)?;
    let outcome = bus.commit(commit, vec![event]).await?;
    anyhow::ensure!(
        matches!(outcome, CommitOutcome::Committed(_)),
        "{outcome:?}"
    );
    Ok(())
}

fn per_second(took: &[Duration]) -> f64 {
    let count = u32::try_from(took.len()).unwrap_or(u32::MAX);
    f64::from(count) / ROUND.as_secs_f64()
}

fn p99_ms(mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    let place = took.len() * 99 / 100;
    took.get(place)
        .map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
}
