//! Undo and redo: each takes back their own, and nobody loses what others have changed.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use sm_bus::{keys, redis};
use sm_common::auth::Role;
use sm_common::event::EventType;
use sm_common::id::{SecretId, StreamId};
use sm_test_kit::{Answer, Api, until};

use crate::app::{App, LIMIT, Upload, color, path_of, png, tag_of};
use crate::events::{listen, next};

async fn post(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::POST, path)).await
}

async fn undo(api: &Api) -> Answer {
    post(api, "/api/layers/undo").await
}

async fn redo(api: &Api) -> Answer {
    post(api, "/api/layers/redo").await
}

async fn history(api: &Api) -> Value {
    api.get("/api/layers/history").await.expect(200).body
}

/// What people see: everything of the layers but revisions and times.
async fn seen(app: &App) -> Vec<Value> {
    let list = app.api.get("/api/layers").await.expect(200).body;
    let mut layers = list["layers"].as_array().unwrap().clone();
    for layer in &mut layers {
        for member in ["revision", "updated_at"] {
            layer.as_object_mut().unwrap().remove(member);
        }
    }
    layers
}

/// Another person.
fn colleague(app: &App) -> Api {
    Api::new(app.service.url()).with_token(app.issuer.token(Role::Admin))
}

#[tokio::test]
async fn steps_are_taken_back_and_made_again() {
    let app = App::start().await;
    let _empty = undo(&app.api)
        .await
        .expect_problem(409, "layer.history.empty");
    let mut scenes = vec![seen(&app).await];
    let a = app.create("a").await;
    scenes.push(seen(&app).await);
    let b = app.create("b").await;
    scenes.push(seen(&app).await);
    let batch = json!({"operations": [
        {"op": "update", "id": a["id"], "patch": {"transform": {"x": 9}, "locked": true}},
        {"op": "reorder", "order": [b["id"], a["id"]]},
        {"op": "create", "layer": color("c")},
    ]});
    let _done = app.api.post("/api/layers/batch", &batch).await.expect(200);
    scenes.push(seen(&app).await);
    let _deleted = app.api.delete(&path_of(&b), "\"1\"").await.expect(204);
    scenes.push(seen(&app).await);

    let names = ["delete b", "change 2 layers", "create b", "create a"];
    for (step, name) in names.iter().enumerate() {
        let known = history(&app.api).await;
        assert_eq!(known["undo"]["name"], *name);
        let undone = undo(&app.api).await.expect(200);
        assert_eq!(undone.body["step"]["name"], *name);
        assert_eq!(undone.body["redo"]["name"], *name);
        assert_eq!(seen(&app).await, scenes[names.len() - 1 - step]);
    }
    let _empty = undo(&app.api)
        .await
        .expect_problem(409, "layer.history.empty");
    for (step, name) in names.iter().rev().enumerate() {
        let redone = redo(&app.api).await.expect(200);
        assert_eq!(redone.body["step"]["name"], *name);
        let list = app.api.get("/api/layers").await;
        assert_eq!(redone.header("etag"), list.header("etag"));
        assert_eq!(seen(&app).await, scenes[step + 1]);
    }
    let _empty = redo(&app.api)
        .await
        .expect_problem(409, "layer.history.empty");
}

#[tokio::test]
async fn a_new_change_forgets_what_was_taken_back_and_only_its_authors() {
    let app = App::start().await;
    let other = colleague(&app);
    let a = app.create("a").await;
    let patch = json!({"opacity": 0.5});
    let _patched = app
        .api
        .patch(&path_of(&a), "\"1\"", &patch)
        .await
        .expect(200);
    let _undone = undo(&app.api).await.expect(200);
    let _created = other.post("/api/layers", &color("b")).await.expect(201);
    assert_eq!(history(&app.api).await["redo"]["name"], "change a");
    let _created = app.create("c").await;
    assert_eq!(history(&app.api).await["redo"], Value::Null);
    assert_eq!(history(&other).await["undo"]["name"], "create b");
    let _empty = redo(&app.api)
        .await
        .expect_problem(409, "layer.history.empty");
}

#[tokio::test]
async fn what_others_have_changed_is_told_with_both_versions_and_stays() {
    let app = App::start().await;
    let other = colleague(&app);
    let a = app.create("a").await;
    let place = path_of(&a);
    let patch = json!({"transform": {"x": 5, "y": 5}});
    let mine = app
        .api
        .patch(&place, "\"1\"", &patch)
        .await
        .expect(200)
        .body;
    let theirs = json!({"transform": {"x": 7}, "opacity": 0.5});
    let theirs = other
        .patch(&place, &tag_of(&mine), &theirs)
        .await
        .expect(200)
        .body;

    let refused = undo(&app.api)
        .await
        .expect_problem(409, "layer.history.conflict");
    let conflicts =
        json!([{"layer": a["id"], "pointer": "/transform/x", "wanted": 0, "current": 7}]);
    assert_eq!(refused.body["conflicts"], conflicts);
    assert_eq!(app.api.get(&place).await.body, theirs);

    let kept = post(&app.api, "/api/layers/undo?on_conflict=keep")
        .await
        .expect(200);
    let changed = &kept.body["results"][0]["changed"];
    assert_eq!(changed, &json!(["/transform/y"]));
    // The layer holds what others have put into it.
    let refused = undo(&app.api)
        .await
        .expect_problem(409, "layer.history.conflict");
    assert_eq!(refused.body["conflicts"].as_array().unwrap().len(), 2);
    let skipped = post(&app.api, "/api/layers/undo?on_conflict=skip")
        .await
        .expect(200);
    assert_eq!(skipped.body["results"], json!([]));
    assert_eq!(skipped.body["undo"], Value::Null);
    let bad = post(&app.api, "/api/layers/undo?on_conflict=win").await;
    let _refused = bad.expect_problem(400, "request.query.invalid");
}

#[tokio::test]
async fn what_a_slider_writes_is_one_step() {
    // Longer than a busy machine takes for a few changes.
    let app = App::with(&[("scene.history_join_ms", "600000")]).await;
    let a = app.create("a").await;
    for step in 1..=5_u32 {
        let patch = json!({"opacity": 1.0 - f64::from(step) / 10.0});
        let tag = format!("\"{step}\"");
        let _patched = app.api.patch(&path_of(&a), &tag, &patch).await.expect(200);
    }
    let known = history(&app.api).await;
    assert_eq!(known["entries"].as_array().unwrap().len(), 2);
    let undone = undo(&app.api).await.expect(200);
    assert_eq!(undone.body["results"][0]["layer"]["opacity"], 1.0);
    assert_eq!(undone.body["undo"]["name"], "create a");
    let redone = redo(&app.api).await.expect(200);
    assert_eq!(redone.body["results"][0]["layer"]["opacity"], 0.5);
}

#[tokio::test]
async fn an_undo_is_refused_as_any_change_would_be() {
    let app = App::with(&[("scene.layers_max", "2"), ("assets.claim_ms", "1")]).await;
    let other = colleague(&app);
    let content = png(8, 8, b"history");
    let picture = Upload::new("a.png", "image/png", &content);
    let asset = app.upload(&picture).await.expect(201).body;
    let image = json!({"name": "Picture", "kind": "image", "source": {"asset": asset["id"]}});
    let image = app.api.post("/api/layers", &image).await.expect(201).body;
    let _deleted = app.api.delete(&path_of(&image), "\"1\"").await.expect(204);
    // Full.
    let a = other
        .post("/api/layers", &color("a"))
        .await
        .expect(201)
        .body;
    let b = other
        .post("/api/layers", &color("b"))
        .await
        .expect(201)
        .body;
    let _full = undo(&app.api)
        .await
        .expect_problem(409, "layer.limit-reached");
    let _deleted = other.delete(&path_of(&b), "\"1\"").await.expect(204);
    // Stale.
    let request = app.api.request(Method::POST, "/api/layers/undo");
    let stale = app.api.send(request.header("if-match", "\"1\"")).await;
    let stale = stale.expect_problem(412, "revision.stale");
    assert_eq!(stale.header("etag"), "\"5\"");
    // Without its file.
    let file = format!("/api/assets/{}", asset["id"].as_str().unwrap());
    until("the file is deleted", LIMIT, || async {
        let request = app.api.request(Method::DELETE, &file);
        app.api.send(request).await.status == 204
    })
    .await;
    let refused = undo(&app.api)
        .await
        .expect_problem(422, "request.validation.failed");
    let pointer = refused.body["errors"][0]["pointer"].as_str().unwrap();
    assert!(pointer.ends_with("/source/asset"), "{pointer}");
    let _skipped = post(&app.api, "/api/layers/undo?on_conflict=skip")
        .await
        .expect(200);
    // Locked by somebody else.
    let patch = json!({"transform": {"x": 4}});
    let moved = app
        .api
        .patch(&path_of(&a), "\"1\"", &patch)
        .await
        .expect(200)
        .body;
    let lock = json!({"locked": true});
    let _locked = other
        .patch(&path_of(&a), &tag_of(&moved), &lock)
        .await
        .expect(200);
    let _refused = undo(&app.api).await.expect_problem(423, "layer.locked");
    let viewer = Api::new(app.service.url()).with_token(app.issuer.token(Role::Viewer));
    let _refused = undo(&viewer)
        .await
        .expect_problem(403, "auth.role.insufficient");
}

#[tokio::test]
async fn an_undo_is_told_like_any_change() {
    let app = App::start().await;
    let a = app.create("a").await;
    let _b = app.create("b").await;
    let _deleted = app.api.delete(&path_of(&a), "\"1\"").await.expect(204);
    let mut listener = listen(&app).await;
    let _undone = undo(&app.api).await.expect(200);
    let heard = next(&mut listener).await;
    assert_eq!(heard.event.kind, EventType::LayerCreated);
    let data = &heard.event.data;
    assert_eq!(
        (&data["index"], &data["scene_revision"]),
        (&json!(0), &json!(4))
    );
    // Whoever has read the layer before it was deleted cannot take it for that.
    assert_eq!(
        (&data["layer"]["id"], &data["layer"]["revision"]),
        (&a["id"], &json!(2))
    );
    let stale = app.api.delete(&path_of(&a), "\"1\"").await;
    let _stale = stale.expect_problem(412, "revision.stale");
}

#[tokio::test]
async fn the_history_lists_everybodys_changes_in_pages() {
    let app = App::start().await;
    let other = colleague(&app);
    let a = app.create("a").await;
    let patch = json!({"transform": {"x": 1}});
    let _moved = other.patch(&path_of(&a), "\"1\"", &patch).await.expect(200);
    let _undone = undo(&other).await.expect(200);
    let _redone = redo(&other).await.expect(200);

    let first = app
        .api
        .get("/api/layers/history?limit=3")
        .await
        .expect(200)
        .body;
    let entries = first["entries"].as_array().unwrap();
    let told: Vec<(&str, &str, bool)> = entries
        .iter()
        .map(|entry| {
            let text = |member: &str| entry[member].as_str().unwrap();
            (text("deed"), text("name"), entry["own"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("redo", "redo of move a", false),
            ("undo", "undo of move a", false),
            ("change", "move a", false)
        ]
    );
    assert_eq!(
        entries[0]["user"]["id"],
        json!(app.issuer.user(Role::Admin))
    );
    assert_eq!(entries[0]["scene_revision"], 4);
    let before = first["next"].as_str().unwrap();
    let older = format!("/api/layers/history?limit=3&before={before}");
    let second = app.api.get(&older).await.expect(200).body;
    assert_eq!(second["entries"].as_array().unwrap().len(), 1);
    assert_eq!(second["entries"][0]["own"], true);
    assert_eq!(second["next"], Value::Null);
    for bad in ["limit=201", "before=x", "before=1", "by=me"] {
        let refused = app.api.get(&format!("/api/layers/history?{bad}")).await;
        let _refused = refused.expect_problem(400, "request.query.invalid");
    }
}

#[tokio::test]
async fn the_history_is_shared_bounded_and_goes_with_no_replica() {
    let settings = [("scene.history_max", "3")];
    let app = App::with(&settings).await;
    let (_second, replica) = app.replica(&settings).await;
    for name in ["a", "b", "c", "d", "e"] {
        app.create(name).await;
    }
    for name in ["create e", "create d", "create c"] {
        let undone = undo(&replica).await.expect(200);
        assert_eq!(undone.body["step"]["name"], name);
    }
    let _empty = undo(&replica)
        .await
        .expect_problem(409, "layer.history.empty");
    assert_eq!(app.names().await, ["a", "b"]);
    for _ in 0..3 {
        let _redone = redo(&app.api).await.expect(200);
    }
    assert_eq!(app.names().await, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_step_that_is_too_large_cannot_be_taken_back() {
    let app = App::with(&[("scene.history_bytes_max", "2000")]).await;
    let text = |length: usize| json!({"name": "t", "kind": "text", "source": {"text": "x".repeat(length)}});
    app.create("a").await;
    let _large = app.api.post("/api/layers", &text(2000)).await.expect(201);
    let _empty = undo(&app.api)
        .await
        .expect_problem(409, "layer.history.empty");
    let _small = app.api.post("/api/layers", &text(10)).await.expect(201);
    let _undone = undo(&app.api).await.expect(200);
    let _empty = undo(&app.api)
        .await
        .expect_problem(409, "layer.history.empty");
}

#[tokio::test]
async fn each_scene_has_a_history_of_its_own() {
    let app = App::start().await;
    app.create("a").await;
    let scene = app
        .api
        .post("/api/scenes", &json!({"name": "Second"}))
        .await;
    let scene = scene.expect(201).body;
    let id = scene["id"].as_str().unwrap();
    let path = format!("/api/layers/undo?scene={id}");
    let _empty = post(&app.api, &path)
        .await
        .expect_problem(409, "layer.history.empty");
    let create = format!("/api/layers?scene={id}");
    let _created = app.api.post(&create, &color("b")).await.expect(201);
    let undone = post(&app.api, &path).await.expect(200);
    assert_eq!(undone.body["scene"]["id"], scene["id"]);
    assert_eq!(app.names().await, ["a"]);
}

/// A secret in Redis that was given long ago.
async fn age(app: &App, id: &str, secret: &Value) {
    let mut old = secret.clone();
    old["created_at"] = json!("2020-01-01T00:00:00Z");
    let mut command = redis::cmd("HSET");
    let key = keys::layer_secrets(&StreamId::default());
    command.arg(key).arg(id).arg(old.to_string());
    let _added: i64 = app.redis.bus("test").query(&command).await.unwrap();
}

async fn secrets(app: &App) -> BTreeMap<String, String> {
    let key = keys::layer_secrets(&StreamId::default());
    let bus = app.redis.bus("test");
    bus.query(redis::cmd("HGETALL").arg(key)).await.unwrap()
}

#[tokio::test]
async fn a_secret_comes_back_with_its_layer_however_old_it_is() {
    let app = App::with(&[("assets.sweep_interval_s", "1")]).await;
    let source = json!({"url": "rtsp://camera.example.com/a", "user": "me",
        "password": "planted-password-4713"});
    let layer = json!({"name": "Camera", "kind": "network", "source": source});
    let layer = app.api.post("/api/layers", &layer).await.expect(201).body;
    let patch = json!({"source": {"password": "planted-password-4714"}});
    let patched = app
        .api
        .patch(&path_of(&layer), "\"1\"", &patch)
        .await
        .expect(200)
        .body;
    let _deleted = app.api.delete(&path_of(&layer), "\"2\"").await.expect(204);
    let mut kept = Value::Null;
    for (id, secret) in secrets(&app).await {
        kept = serde_json::from_str(&secret).unwrap();
        age(&app, &id, &kept).await;
    }
    let stranger = SecretId::generate().to_string();
    age(&app, &stranger, &kept).await;
    until("what nobody ever named is swept", LIMIT, || {
        Box::pin(async { !secrets(&app).await.contains_key(&stranger) })
    })
    .await;

    let undone = undo(&app.api).await.expect(200);
    let back = &undone.body["results"][0]["layer"];
    assert_eq!(back["source"], patched["source"]);
    let undone = undo(&app.api).await.expect(200);
    let back = &undone.body["results"][0]["layer"];
    assert_eq!(back["source"], layer["source"]);
    assert!(!history(&app.api).await.to_string().contains("planted"));
}
