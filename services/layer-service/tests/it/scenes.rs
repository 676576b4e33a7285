//! Several scenes: made, named, copied, moved, refused and removed.

use reqwest::Method;
use serde_json::{Value, json};
use sm_bus::{Commit, CommitOutcome, Guard, keys};
use sm_common::event::EventType;
use sm_common::id::StreamId;
use sm_test_kit::{Answer, Api};

use crate::app::{App, Upload, color, path_of, png, tag_of};
use crate::events::{listen, next};

/// Waiting for a busy machine is no failure here.
const PATIENT: [(&str, &str); 3] = [
    ("scene.write_timeout_ms", "20000"),
    ("scene.attempts_max", "1000"),
    ("redis.timeout_ms", "10000"),
];

async fn create(api: &Api, name: &str) -> Value {
    let answer = api.post("/api/scenes", &json!({"name": name})).await;
    answer.expect(201).body
}

fn scene_path(scene: &Value) -> String {
    format!("/api/scenes/{}", scene["id"].as_str().unwrap())
}

fn layers_path(scene: &Value) -> String {
    format!("/api/layers?scene={}", scene["id"].as_str().unwrap())
}

async fn duplicate(app: &App, scene: &Value) -> Answer {
    let path = format!("{}/duplicate", scene_path(scene));
    app.api.send(app.api.request(Method::POST, &path)).await
}

async fn listed(api: &Api) -> Vec<String> {
    let list = api.get("/api/scenes").await.expect(200).body;
    let scenes = list["scenes"].as_array().unwrap().iter();
    scenes
        .map(|scene| scene["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Writes what is wanted of the stream, as stream-control does; the first time creates it.
async fn want(app: &App, revision: u64, chosen: &Value) {
    let key = keys::desired(&StreamId::default());
    let mut desired = json!({
        "stream": "main", "status": "offline", "generation": 1, "revision": revision,
        "since": "2026-01-01T00:00:00Z", "changed_by": "test",
        "program": sm_common::program::ProgramFormat::default(),
    });
    let chosen = chosen.as_object().unwrap().clone();
    desired.as_object_mut().unwrap().extend(chosen);
    let commit = Commit::new()
        .hash_set(key.clone(), "revision", revision.to_string())
        .hash_set(key, "doc", desired.to_string());
    app.redis
        .bus("test")
        .commit(commit, Vec::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_scene_is_created_renamed_and_deleted_with_its_layers() {
    let app = App::start().await;
    let made = app
        .api
        .post("/api/scenes", &json!({"name": "Interview"}))
        .await
        .expect(201);
    assert_eq!(made.header("etag"), "\"0\"");
    let scene = made.body.clone();
    let place = made.header("location").to_owned();
    assert_eq!(app.api.get(&place).await.expect(200).body, scene);
    let there = layers_path(&scene);
    let layer = app.api.post(&there, &color("a")).await.expect(201);
    let located = app.api.get(layer.header("location")).await.expect(200);
    assert_eq!(located.body, layer.body);
    assert_eq!(layer.body["scene"], scene["id"]);
    assert_eq!(app.names().await, [""; 0], "the scene on air is another");
    let on_air = path_of(&layer.body);
    let elsewhere = app.api.get(&on_air).await;
    let _elsewhere = elsewhere.expect_problem(404, "layer.not-found");
    assert_eq!(listed(&app.api).await, ["Main", "Interview"]);

    let name = json!({"name": "Talk"});
    let stale = app.api.patch(&scene_path(&scene), "\"0\"", &name).await;
    assert_eq!(
        stale.expect_problem(412, "revision.stale").header("etag"),
        "\"1\""
    );
    let renamed = app.api.patch(&scene_path(&scene), "\"1\"", &name).await;
    let renamed = renamed.expect(200);
    assert_eq!(renamed.body["name"], "Talk");
    assert_eq!(renamed.body["layers"], json!([layer.body]));
    assert_eq!(renamed.header("etag"), "\"2\"");
    let same = app.api.patch(&scene_path(&scene), "\"2\"", &name).await;
    assert_eq!(same.expect(200).body, renamed.body);

    let stale = app.api.delete(&scene_path(&scene), "\"1\"").await;
    let _stale = stale.expect_problem(412, "revision.stale");
    let gone = app.api.delete(&scene_path(&scene), "\"2\"").await;
    let _gone = gone.expect(204);
    for path in [place, there] {
        let answer = app.api.get(&path).await;
        let _missing = answer.expect_problem(404, "scene.not-found");
    }
    let bus = app.redis.bus("test");
    let layers: Vec<(String, Value)> = bus
        .hash_documents(&keys::layers(&StreamId::default()))
        .await
        .unwrap();
    assert_eq!(layers, []);
}

#[tokio::test]
async fn layers_of_several_scenes_do_not_meet() {
    let app = App::start().await;
    let (one, two) = (create(&app.api, "one").await, create(&app.api, "two").await);
    for (scene, name) in [(&one, "a"), (&two, "b"), (&two, "c")] {
        let answer = app.api.post(&layers_path(scene), &color(name)).await;
        let _created = answer.expect(201);
    }
    let list = app.api.get(&layers_path(&two)).await.expect(200);
    assert_eq!(list.header("etag"), "\"2\"");
    let layers = list.body["layers"].as_array().unwrap().clone();
    let order = json!({"order": [layers[1]["id"], layers[0]["id"]]});
    let at = |path: &str| format!("{path}?scene={}", two["id"].as_str().unwrap());
    let moved = app.api.put(&at("/api/layers/order"), "\"2\"", &order).await;
    assert_eq!(moved.expect(200).body["layers"][0]["name"], "c");
    let patch = json!({"required": true});
    let place = at(&path_of(&layers[0]));
    let patched = app
        .api
        .patch(&place, "\"1\"", &patch)
        .await
        .expect(200)
        .body;
    assert_eq!(patched["required"], true);
    let batch = json!({"operations": [{"op": "delete", "id": layers[1]["id"]}]});
    let done = app.api.post(&at("/api/layers/batch"), &batch).await;
    assert_eq!(done.expect(200).body["scene"]["id"], two["id"]);
    let gone = app.api.delete(&place, &tag_of(&patched)).await;
    let _gone = gone.expect(204);
    let first = app.api.get(&layers_path(&one)).await.expect(200);
    assert_eq!(first.header("etag"), "\"1\"");
    assert_eq!(first.body["layers"][0]["name"], "a");
}

#[tokio::test]
async fn a_copy_comes_behind_its_original_and_shows_the_same() {
    let app = App::start().await;
    let image = png(4, 4, b"x");
    let asset = app.upload(&Upload::new("a.png", "image/png", &image)).await;
    let asset = asset.expect(201).body;
    let scene = create(&app.api, "Start").await;
    let _last = create(&app.api, "End").await;
    let mut body = color("Picture");
    body["kind"] = json!("image");
    body["source"] = json!({"asset": asset["id"]});
    let layer = app.api.post(&layers_path(&scene), &body).await.expect(201);
    let copy = duplicate(&app, &scene).await.expect(201);
    assert_eq!(copy.body["layers"][0]["source"], layer.body["source"]);
    assert_ne!(copy.body["layers"][0]["id"], layer.body["id"]);
    assert_eq!(
        listed(&app.api).await,
        ["Main", "Start", "Start copy", "End"]
    );
    let read = app.api.get(copy.header("location")).await.expect(200);
    assert_eq!(read.body, copy.body);
    // Neither is on air, and both show the file.
    for scene in [&scene, &copy.body] {
        let answer = app.api.get(&layers_path(scene)).await.expect(200);
        let place = format!("/api/assets/{}", asset["id"].as_str().unwrap());
        let refused = app.api.delete(&place, "\"x\"").await;
        let _refused = refused.expect_problem(409, "asset.in-use");
        let tag = answer.header("etag");
        let gone = app.api.delete(&scene_path(scene), tag).await;
        let _gone = gone.expect(204);
    }
}

#[tokio::test]
async fn the_order_is_made_for_the_list_that_was_read_and_moves_nothing_on_air() {
    let app = App::start().await;
    let _layer = app.create("on air").await;
    let (a, b) = (create(&app.api, "a").await, create(&app.api, "b").await);
    let list = app.api.get("/api/scenes").await.expect(200);
    assert_eq!(list.header("etag"), "\"3\"");
    let main = list.body["scenes"][0]["id"].clone();
    let order = json!({"order": [b["id"], a["id"], main]});
    let stale = app.api.put("/api/scenes/order", "\"2\"", &order).await;
    let stale = stale.expect_problem(412, "revision.stale");
    assert_eq!(stale.header("etag"), "\"3\"");
    let moved = app.api.put("/api/scenes/order", "\"3\"", &order).await;
    let moved = moved.expect(200);
    assert_eq!(moved.header("etag"), "\"4\"");
    assert_eq!(moved.body["first"], main);
    assert_eq!(listed(&app.api).await, ["b", "a", "Main"]);
    assert_eq!(app.names().await, ["on air"]);
    let short = json!({"order": [b["id"]]});
    let refused = app.api.put("/api/scenes/order", "\"4\"", &short).await;
    let _refused = refused.expect_problem(422, "request.validation.failed");
}

#[tokio::test]
async fn a_scene_that_somebody_wants_to_see_is_not_deleted() {
    let app = App::start().await;
    want(&app, 1, &json!({})).await;
    let list = app.api.get("/api/scenes").await.expect(200).body;
    let main = list["scenes"][0].clone();
    let delete = |scene: Value| {
        let api = app.api.clone();
        async move { api.delete(&scene_path(&scene), &tag_of(&scene)).await }
    };
    let _last = delete(main.clone()).await.expect_problem(409, "scene.last");
    let [a, b, c] = ["a", "b", "c"];
    let a = create(&app.api, a).await;
    let b = create(&app.api, b).await;
    let c = create(&app.api, c).await;
    // Nobody has chosen: the first is on air.
    let refused = delete(main.clone()).await;
    let refused = refused.expect_problem(409, "scene.in-use");
    assert!(refused.text.contains("take another one first"));
    let chosen = json!({"scene": a["id"], "preview": b["id"], "slate": c["id"]});
    want(&app, 2, &chosen).await;
    for scene in [&a, &b, &c] {
        let answer = delete(scene.clone()).await;
        let _refused = answer.expect_problem(409, "scene.in-use");
    }
    let _gone = delete(main).await.expect(204);
    assert_eq!(listed(&app.api).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn there_are_as_many_scenes_as_there_may_be_and_each_fault_is_named() {
    let app = App::with(&[("scene.scenes_max", "2")]).await;
    let scene = create(&app.api, "second").await;
    let full = app.api.post("/api/scenes", &json!({"name": "third"})).await;
    let _full = full.expect_problem(409, "scene.limit-reached");
    let full = duplicate(&app, &scene).await;
    let _full = full.expect_problem(409, "scene.limit-reached");
    let place = scene_path(&scene);
    for (body, code) in [
        (json!({"name": ""}), "request.validation.failed"),
        (json!({"name": "a", "slate": true}), "request.body.invalid"),
        (json!([]), "request.body.invalid"),
    ] {
        let status = if code == "request.body.invalid" {
            400
        } else {
            422
        };
        let answer = app.api.post("/api/scenes", &body).await;
        let _refused = answer.expect_problem(status, code);
        let answer = app.api.patch(&place, "\"0\"", &body).await;
        let _refused = answer.expect_problem(status, code);
    }
    let request = app.api.request(Method::DELETE, &place);
    let answer = app.api.send(request).await;
    let _refused = answer.expect_problem(428, "revision.required");
    let unknown = "/api/scenes/01900000-0000-7000-8000-000000000001";
    for answer in [
        app.api.get(unknown).await,
        app.api.delete(unknown, "\"0\"").await,
        app.api.patch(unknown, "\"0\"", &json!({"name": "a"})).await,
        app.api
            .post(
                "/api/layers?scene=01900000-0000-7000-8000-000000000001",
                &color("a"),
            )
            .await,
    ] {
        let _missing = answer.expect_problem(404, "scene.not-found");
    }
}

#[tokio::test]
async fn every_change_of_the_list_is_told() {
    let app = App::start().await;
    let mut listener = listen(&app).await;
    let scene = create(&app.api, "a").await;
    let place = scene_path(&scene);
    let renamed = app.api.patch(&place, "\"0\"", &json!({"name": "b"})).await;
    let renamed = renamed.expect(200).body;
    let list = app.api.get("/api/scenes").await.expect(200).body;
    let main = &list["scenes"][0]["id"];
    let order = json!({"order": [scene["id"], main]});
    let moved = app.api.put("/api/scenes/order", "\"2\"", &order).await;
    let _moved = moved.expect(200);
    let gone = app.api.delete(&place, "\"1\"").await;
    let _gone = gone.expect(204);
    let summary = |scene: &Value, name: &str, revision: u64| {
        json!({"id": scene["id"], "name": name, "revision": revision,
            "updated_at": scene["updated_at"]})
    };
    let wanted = [
        (
            EventType::SceneCreated,
            json!({"scene": summary(&scene, "a", 0), "index": 1, "scenes_revision": 2}),
        ),
        (
            EventType::SceneUpdated,
            json!({"scene": summary(&renamed, "b", 1), "changed": ["/name"]}),
        ),
        (
            EventType::SceneReordered,
            json!({"order": order["order"], "scenes_revision": 3}),
        ),
        (
            EventType::SceneDeleted,
            json!({"scene": scene["id"], "scenes_revision": 4}),
        ),
    ];
    for (offset, (kind, data)) in (1..).zip(wanted) {
        let heard = next(&mut listener).await;
        assert_eq!((heard.event.kind, heard.offset), (kind, offset));
        assert_eq!(heard.event.data, data);
    }
}

#[tokio::test]
async fn two_replicas_keep_the_limit_and_lose_no_scene() {
    let mut settings = PATIENT.to_vec();
    settings.push(("scene.scenes_max", "7"));
    let app = App::with(&settings).await;
    let (_second, other) = app.replica(&settings).await;
    let attempts = (0..12).map(|number| {
        let api = if number % 2 == 0 { &app.api } else { &other };
        let api = api.clone();
        async move {
            let name = json!({"name": format!("scene {number}")});
            let made = api.post("/api/scenes", &name).await;
            if made.status == 409 {
                return None;
            }
            let made = made.expect(201).body;
            if number % 3 == 0 {
                let gone = api.delete(&scene_path(&made), "\"0\"").await;
                let _gone = gone.expect(204);
                return None;
            }
            Some(made["name"].as_str().unwrap().to_owned())
        }
    });
    let kept = futures_util::future::join_all(attempts).await;
    let mut kept: Vec<String> = kept.into_iter().flatten().collect();
    kept.push("Main".to_owned());
    assert!(kept.len() <= 7, "{kept:?}");
    kept.sort_unstable();
    let mut there = listed(&other).await;
    there.sort_unstable();
    assert_eq!(there, kept);
}

/// Stores the one scene of a stream as versions with one scene did.
async fn store_as_before(app: &App, stream: &str) -> Value {
    let stream: StreamId = stream.parse().unwrap();
    let scene = "01900000-0000-7000-8000-00000000000a";
    let layer = "01900000-0000-7000-8000-00000000000b";
    let document = json!({
        "id": scene, "name": "Main", "order": [layer], "updated_at": "2026-01-01T00:00:00Z",
    });
    let layer = json!({
        "id": layer, "stream": stream, "scene": scene, "name": "Title",
        "kind": "text", "source": {"text": "On air"},
        "transform": {"x": 0, "y": 0, "width": 100, "height": 50}, "opacity": 1.0,
        "visible": true, "locked": false, "volume": 1.0, "muted": false, "revision": 3,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    let key = keys::former_scene(&stream);
    let commit = Commit::new()
        .hash_set(key.clone(), "revision", "41")
        .hash_set(key, "doc", document.to_string())
        .hash_set(
            keys::layers(&stream),
            layer["id"].as_str().unwrap(),
            layer.to_string(),
        );
    app.redis
        .bus("test")
        .commit(commit, Vec::new())
        .await
        .unwrap();
    layer
}

#[tokio::test]
async fn the_one_scene_of_former_versions_becomes_the_first_of_the_list() {
    let app = App::start().await;
    for path in [
        "/api/layers?stream=old",
        "/api/scenes?stream=old-list",
        "/api/layers/01900000-0000-7000-8000-00000000000b?stream=old-layer",
        "/api/scenes/01900000-0000-7000-8000-00000000000a?stream=old-scene",
    ] {
        let stream = path.split('=').next_back().unwrap();
        let layer = store_as_before(&app, stream).await;
        let _first_look = app.api.get(path).await.expect(200);
        let list = app.api.get(&format!("/api/layers?stream={stream}")).await;
        let list = list.expect(200);
        assert_eq!(list.header("etag"), "\"41\"");
        assert_eq!(list.body["scene"]["id"], layer["scene"]);
        assert_eq!(list.body["layers"][0]["source"]["text"], "On air");
        assert_eq!(list.body["layers"][0]["required"], false);
        let scenes = app.api.get(&format!("/api/scenes?stream={stream}")).await;
        let scenes = scenes.expect(200).body;
        assert_eq!(scenes["revision"], 1);
        assert_eq!(scenes["scenes"].as_array().unwrap().len(), 1);
    }
    // An unknown scene of an old stream is unknown, and changes go on where they were.
    let _layer = store_as_before(&app, "older").await;
    let unknown = "/api/layers?stream=older&scene=01900000-0000-7000-8000-000000000001";
    let answer = app.api.get(unknown).await;
    let _missing = answer.expect_problem(404, "scene.not-found");
    let path = "/api/layers/01900000-0000-7000-8000-00000000000b?stream=older";
    let news = json!({"source": {"text": "Still on air"}});
    let changed = app.api.patch(path, "\"3\"", &news).await.expect(200);
    assert_eq!(changed.body["revision"], 4);
    let list = app.api.get("/api/layers?stream=older").await.expect(200);
    assert_eq!(list.header("etag"), "\"42\"");
}

/// Takes a scene as stream-control does: for the list that was read, unless the scene is gone.
async fn take(app: &App, scene: &str) -> bool {
    let stream = StreamId::default();
    let (key, list_key) = (keys::desired(&stream), keys::scenes(&stream));
    let bus = app.redis.bus("test");
    loop {
        let listed: u64 = bus
            .hash_document(&list_key, "revision")
            .await
            .unwrap()
            .unwrap();
        let order: Vec<String> = bus
            .hash_document(&list_key, "order")
            .await
            .unwrap()
            .unwrap();
        if !order.iter().any(|known| known == scene) {
            return false;
        }
        let revision: u64 = bus.hash_document(&key, "revision").await.unwrap().unwrap();
        let next = revision + 1;
        let desired = json!({"stream": "main", "scene": scene});
        let commit = Commit::new()
            .guard(Guard::field(
                list_key.clone(),
                "revision",
                Some(&listed.to_string()),
            ))
            .guard(Guard::field(
                key.clone(),
                "revision",
                Some(&revision.to_string()),
            ))
            .hash_set(key.clone(), "revision", next.to_string())
            .hash_set(key.clone(), "doc", desired.to_string());
        if let CommitOutcome::Committed(_) = bus.commit(commit, Vec::new()).await.unwrap() {
            return true;
        }
    }
}

#[tokio::test]
async fn a_scene_that_is_taken_at_the_same_moment_is_not_deleted() {
    let app = App::with(&PATIENT).await;
    let (_second, other) = app.replica(&PATIENT).await;
    want(&app, 1, &json!({})).await;
    for round in 0..20 {
        let api = if round % 2 == 0 { &app.api } else { &other };
        let scene = create(api, "goes").await;
        let id = scene["id"].as_str().unwrap();
        let place = scene_path(&scene);
        let (deleted, taken) = tokio::join!(api.delete(&place, "\"0\""), take(&app, id));
        let gone = deleted.status == 204;
        if !gone {
            let _refused = deleted.expect_problem(409, "scene.in-use");
        }
        assert_ne!(gone, taken, "one of the two happens, in round {round}");
        let found = app.api.get(&place).await.status == 200;
        assert_eq!(found, taken);
    }
}
