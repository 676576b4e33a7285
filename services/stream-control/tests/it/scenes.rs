//! Takes, previews and the slate.

use serde_json::{Value, json};
use sm_bus::{Bus, Commit, CommitOutcome, Guard, keys};
use sm_common::auth::Role;
use sm_common::event::{Channel, EventType};
use sm_common::id::{LayerId, SceneId, StreamId, UserId};
use sm_common::stream::{DesiredState, StreamStatus};
use sm_test_kit::{Answer, Api, tell_capacity};

use crate::harness::Harness;

/// Writes a list of scenes as layer-service does.
async fn write_list(bus: &Bus, revision: u64, order: &[SceneId]) {
    let key = keys::scenes(&StreamId::default());
    let first = order.first().unwrap();
    let commit = Commit::new()
        .hash_set(key.clone(), "revision", revision.to_string())
        .hash_set(key.clone(), "first", first.to_string())
        .hash_set(key, "order", json!(order).to_string());
    bus.commit(commit, Vec::new()).await.unwrap();
}

/// Writes a scene with as many network sources as layer-service does.
async fn write_scene(bus: &Bus, scene: SceneId, sources: usize) {
    let stream = StreamId::default();
    let now = bus.clock().now();
    let layers: Vec<LayerId> = (0..sources).map(|_| LayerId::generate()).collect();
    let document = json!({"id": scene, "name": "Many", "order": layers, "updated_at": now});
    let mut commit = Commit::new()
        .hash_set(
            keys::scenes(&stream),
            &keys::scene_revision_field(scene),
            "1",
        )
        .hash_set(
            keys::scenes(&stream),
            &keys::scene_document_field(scene),
            document.to_string(),
        );
    for id in layers {
        let layer = json!({"id": id, "stream": stream, "scene": scene, "name": "Camera",
            "kind": "network", "source": {"url": "rtmp://example.com/a/b"},
            "transform": {"x": 0, "y": 0, "width": 320, "height": 180}, "opacity": 1.0,
            "visible": true, "locked": false, "volume": 1.0, "muted": false, "revision": 1,
            "created_at": now, "updated_at": now});
        let key = keys::layers(&stream);
        commit = commit.hash_set(key, &keys::layer_field(id), layer.to_string());
    }
    bus.commit(commit, Vec::new()).await.unwrap();
}

async fn steer(api: &Api, body: Value) -> Answer {
    api.post("/api/stream/control", &body).await
}

#[tokio::test]
async fn a_take_is_wanted_at_any_time_and_over_when_the_engine_shows_it() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let [a, b] = [(); 2].map(|()| SceneId::generate());
    write_list(&harness.engine, 2, &[a, b]).await;
    harness.observe(StreamStatus::Offline).await;
    let take = |scene: SceneId| json!({"action": "take", "scene": scene});

    let off = steer(&api, take(b)).await.expect(202).body;
    assert_eq!(off["scene"], json!(b));
    assert_eq!(harness.desired().await.chosen.scene, Some(b));
    harness.observe(StreamStatus::Offline).await;
    let path = format!("/api/stream/operations/{}", off["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.expect(200).body["status"], "succeeded");

    for status in [StreamStatus::Live, StreamStatus::Paused] {
        for scene in [a, b] {
            let body = json!({"action": "take", "scene": scene, "transition": "slide",
                "direction": "down", "duration_ms": 250});
            let taken = steer(&api, body).await.expect(202).body;
            let path = format!("/api/stream/operations/{}", taken["id"].as_str().unwrap());
            harness.observe(status).await;
            let seen = api.get(&path).await.expect(200).body;
            assert_eq!(seen["status"], "pending", "another scene is in the picture");
            harness.show(status, scene).await;
            let seen = api.get(&path).await.expect(200).body;
            assert_eq!(seen["status"], "succeeded");
        }
    }
    let state = api.get("/api/stream/state").await.expect(200).body;
    assert_eq!(state["wanted_scene"], json!(b));
    assert_eq!(
        state["take"],
        json!({"scene": b, "number": 5, "transition":
            {"kind": "slide", "direction": "down", "duration_ms": 250, "easing": "linear"}})
    );
    let admin = harness.as_role(Role::Admin);
    let list = admin.get("/api/stream/audit").await.expect(200).body;
    assert_eq!(list["entries"][0]["action"], "take");
    assert_eq!(list["entries"][0]["scene"], json!(b));
}

#[tokio::test]
async fn preview_and_program_change_places() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let [a, b] = [(); 2].map(|()| SceneId::generate());
    write_list(&harness.engine, 2, &[a, b]).await;
    let empty = steer(&api, json!({"action": "take"})).await;
    let _empty = empty.expect_problem(409, "stream.preview.empty");
    let preview = steer(&api, json!({"action": "preview", "scene": b})).await;
    let _accepted = preview.expect(202);
    for (program, preview) in [(b, a), (a, b), (b, a)] {
        let _accepted = steer(&api, json!({"action": "take"})).await.expect(202);
        let chosen = harness.desired().await.chosen;
        assert_eq!(
            (chosen.scene, chosen.preview),
            (Some(program), Some(preview))
        );
    }
    let none = steer(&api, json!({"action": "preview", "scene": null})).await;
    let _accepted = none.expect(202);
    let slate = steer(&api, json!({"action": "configure", "slate": a})).await;
    let _accepted = slate.expect(202);
    let chosen = harness.desired().await.chosen;
    assert_eq!((chosen.preview, chosen.slate), (None, Some(a)));
    let stream = StreamId::default();
    let events = harness
        .engine
        .newest(&stream, Channel::LayerUpdates, 100)
        .await
        .unwrap();
    let previews: Vec<&Value> = events
        .iter()
        .filter(|one| one.event.kind == EventType::ScenePreviewChanged)
        .map(|one| &one.event.data["preview"])
        .collect();
    let expected = [json!(b), json!(a), json!(b), json!(a), Value::Null];
    assert_eq!(previews, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_scene_that_is_not_there_is_not_chosen() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let gone = SceneId::generate();
    for body in [
        json!({"action": "take", "scene": gone}),
        json!({"action": "preview", "scene": gone}),
        json!({"action": "configure", "slate": gone}),
    ] {
        // Before the stream has a scene, and after.
        let answer = steer(&api, body.clone()).await;
        let missing = answer.expect_problem(404, "scene.not-found");
        assert!(missing.text.contains(&gone.to_string()));
    }
    write_list(&harness.engine, 1, &[SceneId::generate()]).await;
    let answer = steer(&api, json!({"action": "take", "scene": gone})).await;
    let _missing = answer.expect_problem(404, "scene.not-found");
    for (body, status, pointer) in [
        (json!({"action": "preview"}), 422, "/scene"),
        (json!({"action": "start", "scene": gone}), 422, "/scene"),
        (
            json!({"action": "take", "duration_ms": 10_001}),
            422,
            "/duration_ms",
        ),
        (
            json!({"action": "take", "transition": "star"}),
            400,
            "/transition",
        ),
        (
            json!({"action": "take", "duration_ms": -1}),
            400,
            "/duration_ms",
        ),
    ] {
        let code = if status == 400 {
            "request.body.invalid"
        } else {
            "request.validation.failed"
        };
        let answer = steer(&api, body).await.expect_problem(status, code);
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn a_draft_is_looked_at_and_not_taken() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let [scene, draft] = [(); 2].map(|()| SceneId::generate());
    write_list(&harness.engine, 1, &[scene]).await;
    let drafts = json!({scene.to_string(): {"id": draft, "base_revision": 1,
        "user_id": UserId::generate(), "user_name": "ana", "created_at": "2026-01-01T00:00:00Z"}});
    let key = keys::scenes(&StreamId::default());
    let commit = Commit::new().hash_set(key, "drafts", drafts.to_string());
    harness.engine.commit(commit, Vec::new()).await.unwrap();
    let preview = steer(&api, json!({"action": "preview", "scene": draft})).await;
    assert!(preview.status.is_success(), "{}", preview.text);
    for body in [
        json!({"action": "take"}),
        json!({"action": "take", "scene": draft}),
        json!({"action": "configure", "slate": draft}),
    ] {
        let refused = steer(&api, body).await;
        let refused = refused.expect_problem(409, "scene.draft.no-scene");
        assert!(refused.text.contains(&draft.to_string()));
    }
}

#[tokio::test]
async fn the_one_scene_of_former_versions_can_be_taken() {
    let harness = Harness::start().await;
    let scene = SceneId::generate();
    let key = keys::former_scene(&StreamId::default());
    let document = json!({"id": scene, "name": "Main", "order": [],
        "updated_at": "2026-01-01T00:00:00Z"});
    let commit = Commit::new()
        .hash_set(key.clone(), "revision", "41")
        .hash_set(key, "doc", document.to_string());
    harness.engine.commit(commit, Vec::new()).await.unwrap();
    let taken = steer(
        &harness.operator(),
        json!({"action": "take", "scene": scene}),
    )
    .await;
    let _accepted = taken.expect(202);
}

/// Deletes a scene as layer-service does: for the revisions that were read, unless it is wanted.
/// False when it is wanted.
async fn delete(bus: &Bus, scene: SceneId) -> bool {
    let stream = StreamId::default();
    let (desired_key, key) = (keys::desired(&stream), keys::scenes(&stream));
    loop {
        let desired: DesiredState = bus
            .hash_document(&desired_key, "doc")
            .await
            .unwrap()
            .unwrap();
        if desired.chosen.scene == Some(scene) {
            return false;
        }
        let revision: u64 = bus.hash_document(&key, "revision").await.unwrap().unwrap();
        let mut order: Vec<SceneId> = bus.hash_document(&key, "order").await.unwrap().unwrap();
        order.retain(|known| *known != scene);
        let (wanted, listed) = (desired.revision.to_string(), revision.to_string());
        let commit = Commit::new()
            .guard(Guard::field(key.clone(), "revision", Some(&listed)))
            .guard(Guard::field(desired_key.clone(), "revision", Some(&wanted)))
            .hash_set(key.clone(), "revision", (revision + 1).to_string())
            .hash_set(key.clone(), "order", json!(order).to_string());
        if let CommitOutcome::Committed(_) = bus.commit(commit, Vec::new()).await.unwrap() {
            return true;
        }
    }
}

#[tokio::test]
async fn no_take_of_a_deleted_scene_is_acknowledged() {
    let harness = Harness::start().await;
    let second = Harness::replica(&harness.redis, &harness.issuer, &[]);
    let there = Api::new(second.url()).with_token(harness.issuer.token(Role::Admin));
    let here = harness.operator();
    let mut outcomes = [0, 0];
    for round in 0..30 {
        let [stays, goes] = [(); 2].map(|()| SceneId::generate());
        write_list(&harness.engine, 1000 * (round + 1), &[stays, goes]).await;
        let api = if round % 2 == 0 { &here } else { &there };
        let take = steer(api, json!({"action": "take", "scene": goes}));
        let (taken, deleted) = tokio::join!(take, delete(&harness.engine, goes));
        let accepted = taken.status == 202;
        if !accepted {
            let _missing = taken.expect_problem(404, "scene.not-found");
        }
        assert_ne!(
            accepted, deleted,
            "one of the two happens, in round {round}"
        );
        let wanted = harness.desired().await.chosen.scene == Some(goes);
        assert_eq!(wanted, accepted);
        outcomes[usize::from(accepted)] += 1;
    }
    assert_eq!(outcomes.iter().sum::<i32>(), 30);
}

#[tokio::test]
async fn a_scene_that_the_host_cannot_carry_is_not_taken_and_not_started_with() {
    let harness = Harness::start().await;
    let api = harness.operator();
    let [light, heavy] = [(); 2].map(|()| SceneId::generate());
    write_list(&harness.engine, 2, &[light, heavy]).await;
    write_scene(&harness.engine, light, 1).await;
    write_scene(&harness.engine, heavy, 3).await;
    harness.observe(StreamStatus::Live).await;
    let take = |scene: SceneId| json!({"action": "take", "scene": scene});
    // Two sources more need 0.6 cores.
    let used = |used| tell_capacity(&harness.engine, "stream-engine-1", 2.0, used);
    used(1.5).await;
    let refused = steer(&api, take(heavy)).await;
    let problem = refused.expect_problem(503, "stream.capacity.exceeded");
    let detail = problem.body["detail"].as_str().unwrap();
    assert!(detail.contains("about 0.60 cores more"), "{detail}");
    assert_ne!(harness.desired().await.chosen.scene, Some(heavy));
    steer(&api, take(light)).await.expect(202);

    used(1.3).await;
    steer(&api, take(heavy)).await.expect(202);
    harness.show(StreamStatus::Live, heavy).await;
    used(2.0).await;
    steer(&api, take(light)).await.expect(202);

    harness.observe(StreamStatus::Offline).await;
    steer(&api, take(heavy)).await.expect(202);
    // 0.1 and 0.28 for the program, 0.9 for its layers.
    used(0.9).await;
    let refused = steer(&api, json!({"action": "start"})).await;
    let problem = refused.expect_problem(503, "stream.capacity.exceeded");
    let detail = problem.body["detail"].as_str().unwrap();
    assert!(detail.contains("about 1.28 cores more"), "{detail}");
    used(0.5).await;
    steer(&api, json!({"action": "start"})).await.expect(202);
}
