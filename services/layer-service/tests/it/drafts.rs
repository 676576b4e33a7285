//! Drafts of scenes: begun, edited beside the scene, applied at once, and discarded.

use reqwest::Method;
use serde_json::{Value, json};
use sm_bus::{keys, redis};
use sm_common::event::EventType;
use sm_common::id::StreamId;
use sm_test_kit::{Answer, Api};

use crate::app::{App, color, path_of, tag_of};
use crate::events::{listen, next};

async fn scene(app: &App) -> Value {
    app.api.get("/api/layers").await.expect(200).body["scene"]["id"].clone()
}

fn path(scene: &Value, of: &str) -> String {
    format!("/api/scenes/{}{of}", scene.as_str().unwrap())
}

async fn begin(api: &Api, scene: &Value) -> Value {
    let request = api.request(Method::POST, &path(scene, "/draft"));
    api.send(request).await.expect(201).body
}

async fn apply(api: &Api, scene: &Value, etag: &str, query: &str) -> Answer {
    let place = path(scene, "/draft/apply") + query;
    let request = api.request(Method::POST, &place).header("if-match", etag);
    api.send(request).await
}

/// Changes a layer of a draft, which is at the given place from the back.
async fn edit(api: &Api, draft: &Value, place: usize, patch: &Value) -> Value {
    let query = format!("?scene={}", draft.as_str().unwrap());
    let list = api.get(&format!("/api/layers{query}")).await.expect(200);
    let layer = &list.body["layers"][place];
    let place = path_of(layer) + &query;
    api.patch(&place, &tag_of(layer), patch)
        .await
        .expect(200)
        .body
}

/// What people decide of the layers on air.
async fn seen(app: &App) -> Vec<Value> {
    let list = app.api.get("/api/layers").await.expect(200).body;
    let layers = list["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| json!([layer["id"], layer["name"], layer["opacity"], layer["muted"]]))
        .collect()
}

#[tokio::test]
async fn a_draft_is_made_beside_its_scene_and_becomes_one_change_of_it() {
    let app = App::start().await;
    let a = app.create("a").await;
    let b = app.create("b").await;
    let scene = scene(&app).await;
    let mut events = listen(&app).await;
    let draft = begin(&app.api, &scene).await;
    assert_eq!(draft["layers"].as_array().unwrap().len(), 2);
    assert_ne!(draft["layers"][0]["id"], a["id"]);
    let listed = app.api.get("/api/scenes").await.expect(200).body;
    assert_eq!(listed["scenes"].as_array().unwrap().len(), 1);
    let told = &listed["scenes"][0]["draft"];
    assert_eq!(
        (&told["id"], &told["base_revision"]),
        (&draft["id"], &json!(2))
    );
    assert!(told["user_name"].is_string());
    let begun = next(&mut events).await.event.clone();
    assert_eq!(begun.kind, EventType::SceneDraftBegun);
    assert_eq!(begun.data, json!({"scene": scene, "draft": told}));

    edit(&app.api, &draft["id"], 0, &json!({"opacity": 0.5})).await;
    let place = format!("/api/layers?scene={}", draft["id"].as_str().unwrap());
    let new = app.api.post(&place, &color("new")).await.expect(201).body;
    let before = seen(&app).await;
    assert_eq!(before.len(), 2, "the scene is as it was");
    for (place, kind) in [
        (&draft["id"], EventType::LayerUpdated),
        (&draft["id"], EventType::LayerCreated),
    ] {
        let heard = next(&mut events).await.event.clone();
        assert_eq!((&heard.data["layer"]["scene"], heard.kind), (place, kind));
    }
    // Somebody else changes something else on air.
    let muted = app
        .api
        .patch(&path_of(&a), &tag_of(&a), &json!({"muted": true}))
        .await;
    let _muted = muted.expect(200);
    let _muted = next(&mut events).await;
    let between = seen(&app).await;

    let state = app.api.get(&path(&scene, "/draft")).await.expect(200);
    assert_eq!(
        (state.header("etag"), &state.body["conflicts"]),
        ("\"2\"", &json!([]))
    );
    let unread = app.api.request(Method::POST, &path(&scene, "/draft/apply"));
    let _unread = app
        .api
        .send(unread)
        .await
        .expect_problem(428, "revision.required");
    let _stale = apply(&app.api, &scene, "\"1\"", "")
        .await
        .expect_problem(412, "revision.stale");
    let applied = apply(&app.api, &scene, "\"2\"", "").await.expect(200);
    assert_eq!(applied.body["scene"]["revision"], 4);
    assert_eq!(applied.header("etag"), "\"4\"");
    let after = seen(&app).await;
    assert_eq!(
        after,
        [
            json!([a["id"], "a", 0.5, true]),
            json!([b["id"], "b", 1.0, false]),
            json!([new["id"], "new", 1.0, false]),
        ]
    );
    for kind in [EventType::LayerCreated, EventType::LayerUpdated] {
        let heard = next(&mut events).await.event.clone();
        assert_eq!(
            (heard.kind, &heard.data["scene_revision"]),
            (kind, &json!(4))
        );
        assert_eq!(heard.data["layer"]["scene"], scene);
    }
    let ended = next(&mut events).await.event.clone();
    let wanted =
        json!({"scene": scene, "draft": draft["id"], "outcome": "applied", "scene_revision": 4});
    assert_eq!(
        (ended.kind, ended.data),
        (EventType::SceneDraftEnded, wanted)
    );

    let _gone = app
        .api
        .get(&path(&draft["id"], ""))
        .await
        .expect_problem(404, "scene.not-found");
    let _none = app
        .api
        .get(&path(&scene, "/draft"))
        .await
        .expect_problem(404, "scene.draft.not-found");
    for (way, wanted) in [("undo", &between), ("redo", &after)] {
        let request = app.api.request(Method::POST, &format!("/api/layers/{way}"));
        let step = app.api.send(request).await.expect(200).body;
        assert_eq!(step["step"]["name"], "apply draft");
        assert_eq!(seen(&app).await, *wanted);
    }
}

#[tokio::test]
async fn what_others_have_changed_too_is_answered_with_both_versions() {
    for (decision, expected) in [
        ("keep", json!([0.25, true])),
        ("replace", json!([0.5, true])),
    ] {
        let app = App::start().await;
        let a = app.create("a").await;
        let scene = scene(&app).await;
        let draft = begin(&app.api, &scene).await;
        let both = json!({"opacity": 0.5, "muted": true});
        edit(&app.api, &draft["id"], 0, &both).await;
        let theirs = app
            .api
            .patch(&path_of(&a), "\"1\"", &json!({"opacity": 0.25}))
            .await;
        let _theirs = theirs.expect(200);
        let conflicts =
            json!([{"layer": a["id"], "pointer": "/opacity", "wanted": 0.5, "current": 0.25}]);
        let state = app.api.get(&path(&scene, "/draft")).await.expect(200);
        assert_eq!(state.body["conflicts"], conflicts);
        let refused = apply(&app.api, &scene, "\"1\"", "").await;
        let refused = refused.expect_problem(409, "scene.draft.conflict");
        assert_eq!(refused.body["conflicts"], conflicts);
        let query = format!("?on_conflict={decision}");
        let _applied = apply(&app.api, &scene, "\"1\"", &query).await.expect(200);
        let layer = app.api.get(&path_of(&a)).await.expect(200).body;
        assert_eq!(json!([layer["opacity"], layer["muted"]]), expected);
    }
}

#[tokio::test]
async fn a_draft_is_no_scene_and_leaves_nothing_behind() {
    let app = App::start().await;
    let _a = app.create("a").await;
    let main = scene(&app).await;
    let body = json!({"name": "Other"});
    let other = app.api.post("/api/scenes", &body).await.expect(201).body["id"].clone();
    let draft = begin(&app.api, &other).await["id"].clone();
    let again = app.api.request(Method::POST, &path(&other, "/draft"));
    let exists = app
        .api
        .send(again)
        .await
        .expect_problem(409, "scene.draft.exists");
    let detail = exists.body["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(draft.as_str().unwrap()), "{detail}");
    let of_draft = app.api.request(Method::POST, &path(&draft, "/draft"));
    let _of_draft = app
        .api
        .send(of_draft)
        .await
        .expect_problem(409, "scene.draft.no-scene");
    let renamed = app
        .api
        .patch(&path(&draft, ""), "\"0\"", &json!({"name": "x"}))
        .await;
    let _renamed = renamed.expect_problem(409, "scene.draft.no-scene");
    let deleted = app.api.delete(&path(&draft, ""), "\"0\"").await;
    let _deleted = deleted.expect_problem(409, "scene.draft.no-scene");
    let in_use = app.api.delete(&path(&other, ""), "\"0\"").await;
    let _in_use = in_use.expect_problem(409, "scene.in-use");
    let nowhere = app.api.get(&path(&main, "/draft")).await;
    let _nowhere = nowhere.expect_problem(404, "scene.draft.not-found");

    let place = format!("/api/layers?scene={}", draft.as_str().unwrap());
    let _new = app.api.post(&place, &color("new")).await.expect(201);
    let stale = app.api.delete(&path(&other, "/draft"), "\"0\"").await;
    let _stale = stale.expect_problem(412, "revision.stale");
    let discarded = app.api.delete(&path(&other, "/draft"), "\"1\"").await;
    let _discarded = discarded.expect(204);
    let _gone = app
        .api
        .get(&place)
        .await
        .expect_problem(404, "scene.not-found");
    let stream = StreamId::default();
    for key in [keys::scenes(&stream), keys::layers(&stream)] {
        let all: Vec<String> = app
            .redis
            .bus("test")
            .query(redis::cmd("HGETALL").arg(&key))
            .await
            .unwrap();
        assert!(!all.concat().contains(draft.as_str().unwrap()), "{key}");
    }
    let _deleted = app.api.delete(&path(&other, ""), "\"0\"").await.expect(204);
}

#[tokio::test]
async fn of_many_who_apply_a_draft_at_once_one_does() {
    let app = App::with(&[
        ("scene.write_timeout_ms", "20000"),
        ("redis.timeout_ms", "10000"),
    ])
    .await;
    let (_second, other) = app.replica(&[("scene.write_timeout_ms", "20000")]).await;
    let a = app.create("a").await;
    let scene = scene(&app).await;
    let draft = begin(&app.api, &scene).await;
    edit(&app.api, &draft["id"], 0, &json!({"opacity": 0.5})).await;
    let attempts = (0..8).map(|number| {
        let api = if number % 2 == 0 { &app.api } else { &other };
        let scene = &scene;
        async move { apply(api, scene, "\"1\"", "").await.status.as_u16() }
    });
    let mut answers = futures_util::future::join_all(attempts).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 404, 404, 404, 404, 404, 404, 404]);
    let list = app.api.get("/api/layers").await.expect(200).body;
    assert_eq!(list["scene"]["revision"], 2);
    assert_eq!(
        (&list["layers"][0]["id"], &list["layers"][0]["opacity"]),
        (&a["id"], &json!(0.5))
    );
}
