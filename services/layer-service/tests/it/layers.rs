use reqwest::Method;
use serde_json::{Value, json};
use sm_bus::{Commit, keys};
use sm_common::id::{LayerId, StreamId};

use crate::app::{App, color, path_of, tag_of};

/// An upright layer that fills its box, as large as the canvas.
fn transform_at(x: i32) -> serde_json::Value {
    json!({"x": x, "y": 0, "width": 1280, "height": 720, "fit": "stretch", "anchor": "center",
        "crop": {"left": 0.0, "top": 0.0, "right": 0.0, "bottom": 0.0},
        "rotation": 0.0, "corner_radius": 0.0})
}

#[tokio::test]
async fn a_layer_is_created_read_changed_and_deleted() {
    let app = App::start().await;
    let created = app
        .api
        .post("/api/layers", &color("Background"))
        .await
        .expect(201);
    let layer = created.body.clone();
    let place = path_of(&layer);
    assert_eq!(created.header("etag"), "\"1\"");
    let scene = layer["scene"].as_str().unwrap();
    assert_eq!(
        created.header("location"),
        format!("{place}?stream=main&scene={scene}")
    );
    assert_eq!(layer["transform"], transform_at(0));

    let read = app.api.get(&place).await.expect(200);
    assert_eq!((&read.body, read.header("etag")), (&layer, "\"1\""));

    let patch = json!({"opacity": 0.25, "transform": {"x": -40}, "source": {"color": "#ff0000"}});
    let patched = app.api.patch(&place, "\"1\"", &patch).await.expect(200);
    assert_eq!(patched.header("etag"), "\"2\"");
    assert_eq!(patched.body["opacity"], 0.25);
    assert_eq!(patched.body["transform"], transform_at(-40));
    assert_eq!(patched.body["created_at"], layer["created_at"]);

    let list = app.api.get("/api/layers").await.expect(200);
    assert_eq!(list.header("etag"), "\"2\"");
    assert_eq!(list.body["layers"], json!([patched.body]));
    assert_eq!(list.body["scene"]["revision"], 2);
    let scenes = app.api.get("/api/scenes").await.expect(200);
    assert_eq!(scenes.body["scenes"][0]["layer_count"], 1);
    assert_eq!(scenes.body["scenes"][0]["id"], list.body["scene"]["id"]);

    let _gone = app.api.delete(&place, "\"2\"").await.expect(204);
    let _missing = app
        .api
        .get(&place)
        .await
        .expect_problem(404, "layer.not-found");
    assert_eq!(app.names().await, [""; 0]);
}

#[tokio::test]
async fn a_new_layer_goes_in_front_or_where_it_is_told() {
    let app = App::start().await;
    app.create("a").await;
    app.create("b").await;
    let mut middle = color("middle");
    middle["index"] = json!(1);
    let _created = app.api.post("/api/layers", &middle).await.expect(201);
    assert_eq!(app.names().await, ["a", "middle", "b"]);
    middle["index"] = json!(4);
    let refused = app.api.post("/api/layers", &middle).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(refused.body["errors"][0]["pointer"], "/index");
}

#[tokio::test]
async fn a_stale_revision_is_answered_with_the_current_one() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let place = path_of(&layer);
    let patch = json!({"opacity": 0.5});
    let _changed = app.api.patch(&place, "\"1\"", &patch).await.expect(200);
    for stale in [
        app.api.patch(&place, "\"1\"", &patch).await,
        app.api.patch(&place, "\"abc\"", &patch).await,
        app.api.delete(&place, "\"1\"").await,
    ] {
        let stale = stale.expect_problem(412, "revision.stale");
        assert_eq!(stale.header("etag"), "\"2\"");
    }
    let request = app.api.request(Method::POST, "/api/layers");
    let request = request.header("if-match", "\"1\"").json(&color("b"));
    let stale = app
        .api
        .send(request)
        .await
        .expect_problem(412, "revision.stale");
    assert_eq!(stale.header("etag"), "\"2\"");
}

#[tokio::test]
async fn a_patch_that_comes_too_late_is_answered_with_both_versions_and_the_rest_can_be_sent() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let place = path_of(&layer);
    let theirs = json!({"opacity": 0.5, "transform": {"x": 7}});
    let _theirs = app.api.patch(&place, "\"1\"", &theirs).await.expect(200);
    let mine = json!({"opacity": 0.2, "transform": {"x": 7, "y": 3}, "name": "a"});
    let stale = app.api.patch(&place, "\"1\"", &mine).await;
    let stale = stale.expect_problem(412, "revision.stale");
    let id = &layer["id"];
    assert_eq!(
        stale.body["conflicts"],
        json!([
            {"layer": id, "pointer": "/opacity", "wanted": 0.2, "current": 0.5},
            {"layer": id, "pointer": "/transform/y", "wanted": 3, "current": 0},
        ])
    );
    let rest = json!({"transform": {"y": 3}});
    let tag = stale.header("etag").to_owned();
    let merged = app.api.patch(&place, &tag, &rest).await.expect(200).body;
    assert_eq!(merged["opacity"], 0.5);
    assert_eq!(merged["transform"]["x"], 7);
    assert_eq!(merged["transform"]["y"], 3);
    let update = json!({"op": "update", "id": id, "if_match": 1, "patch": {"opacity": 0.2}});
    let body = json!({"operations": [update]});
    let refused = app.api.post("/api/layers/batch", &body).await;
    let refused = refused.expect_problem(412, "revision.stale");
    assert_eq!(refused.body["conflicts"][0]["current"], 0.5);
}

#[tokio::test]
async fn changes_need_the_revision_they_are_for() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let place = path_of(&layer);
    for (method, path) in [
        (Method::PATCH, place.as_str()),
        (Method::DELETE, place.as_str()),
        (Method::PUT, "/api/layers/order"),
    ] {
        let request = app.api.request(method.clone(), path).json(&json!({}));
        let answer = app.api.send(request).await;
        let _refused = answer.expect_problem(428, "revision.required");
        let request = app.api.request(method, path).header("if-match", "1");
        let answer = app.api.send(request.json(&json!({}))).await;
        let _refused = answer.expect_problem(400, "request.header.invalid");
    }
}

#[tokio::test]
async fn a_patch_that_changes_nothing_raises_no_revision() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let place = path_of(&layer);
    for patch in [json!({}), json!({"name": "a", "opacity": 1})] {
        let same = app.api.patch(&place, "\"1\"", &patch).await.expect(200);
        assert_eq!(same.body, layer);
    }
    let list = app.api.get("/api/layers").await.expect(200);
    assert_eq!(list.header("etag"), "\"1\"");
}

#[tokio::test]
async fn another_kind_starts_with_an_empty_source() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let place = path_of(&layer);
    let refused = app
        .api
        .patch(&place, "\"1\"", &json!({"kind": "text"}))
        .await
        .expect_problem(400, "request.body.invalid");
    assert_eq!(refused.body["errors"][0]["pointer"], "/source/text");
    let text = json!({"kind": "text", "source": {"text": "Hello"}});
    let changed = app.api.patch(&place, "\"1\"", &text).await.expect(200).body;
    assert_eq!(changed["source"]["style"]["size"], 48);
    let style = json!({"source": {"style": {"size": 60, "background": "#00000080"}}});
    let styled = app
        .api
        .patch(&place, "\"2\"", &style)
        .await
        .expect(200)
        .body;
    assert_eq!(styled["source"]["text"], "Hello");
    assert_eq!(styled["source"]["style"]["size"], 60);
    let clear = json!({"source": {"style": {"background": null}}});
    let cleared = app
        .api
        .patch(&place, "\"3\"", &clear)
        .await
        .expect(200)
        .body;
    assert_eq!(cleared["source"]["style"]["background"], Value::Null);
}

#[tokio::test]
async fn a_locked_layer_takes_nothing_but_its_key() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let place = path_of(&layer);
    let lock = json!({"locked": true});
    let locked = app.api.patch(&place, "\"1\"", &lock).await.expect(200).body;
    let tag = tag_of(&locked);
    for patch in [
        json!({"opacity": 0.5}),
        json!({"locked": false, "name": "b"}),
    ] {
        let answer = app.api.patch(&place, &tag, &patch).await;
        let _refused = answer.expect_problem(423, "layer.locked");
    }
    let answer = app.api.delete(&place, &tag).await;
    let _refused = answer.expect_problem(423, "layer.locked");
    let unlock = json!({"locked": false});
    let unlocked = app.api.patch(&place, &tag, &unlock).await.expect(200).body;
    let _deleted = app.api.delete(&place, &tag_of(&unlocked)).await.expect(204);
}

#[tokio::test]
async fn a_scene_holds_only_so_many_layers() {
    let app = App::with(&[("scene.layers_max", "2")]).await;
    app.create("a").await;
    app.create("b").await;
    let answer = app.api.post("/api/layers", &color("c")).await;
    let _refused = answer.expect_problem(409, "layer.limit-reached");
    assert_eq!(app.names().await, ["a", "b"]);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let app = App::start().await;
    let stranger = format!("/api/layers/{}", LayerId::generate());
    for answer in [
        app.api.get(&stranger).await,
        app.api.patch(&stranger, "\"1\"", &json!({})).await,
        app.api.delete(&stranger, "\"1\"").await,
    ] {
        let _missing = answer.expect_problem(404, "layer.not-found");
    }
    for path in ["/api/layers?stream=studio-9", "/api/scenes?stream=studio-9"] {
        let answer = app.api.get(path).await;
        let _missing = answer.expect_problem(404, "stream.not-found");
    }
    let answer = app
        .api
        .post("/api/layers?stream=studio-9", &color("a"))
        .await;
    let _missing = answer.expect_problem(404, "stream.not-found");
    for (path, status, code) in [
        ("/api/layers/7", 400, "request.path.invalid"),
        ("/api/layers?stream=../etc", 400, "request.query.invalid"),
        ("/api/layers?scene=main", 400, "request.query.invalid"),
        ("/api/layers/a/b", 404, "route.not-found"),
        ("/api/assets/../../etc/passwd", 404, "route.not-found"),
    ] {
        let _refused = app.api.get(path).await.expect_problem(status, code);
    }
    let request = app.api.request(Method::DELETE, "/api/layers");
    let answer = app.api.send(request).await;
    let _refused = answer.expect_problem(405, "route.method-not-allowed");
}

#[tokio::test]
async fn a_stream_gets_a_scene_of_its_own_when_it_is_first_looked_at() {
    let app = App::start().await;
    let stream: StreamId = "studio-2".parse().unwrap();
    let bus = app.redis.bus("test");
    let desired = Commit::new().hash_set(keys::desired(&stream), "revision", "1");
    bus.commit(desired, Vec::new()).await.unwrap();
    let first = app.api.get("/api/layers?stream=studio-2").await.expect(200);
    let created = app
        .api
        .post("/api/layers?stream=studio-2", &color("there"))
        .await
        .expect(201);
    let location = created.header("location").to_owned();
    assert_eq!(created.body["scene"], first.body["scene"]["id"]);
    let _found = app.api.get(&location).await.expect(200);
    assert_eq!(app.names().await, [""; 0]);
}

#[tokio::test]
async fn the_engines_status_is_part_of_what_is_read() {
    let app = App::start().await;
    let layer = app.create("a").await;
    let other = app.create("b").await;
    let stream = StreamId::default();
    let status = json!({"layer": layer["id"], "state": "failing", "code": "layer.source.missing",
        "reason": "the file is gone", "since": layer["created_at"]});
    let bus = app.redis.bus("test");
    let id = layer["id"].as_str().unwrap();
    let written = Commit::new()
        .hash_set(keys::layer_statuses(&stream), id, status.to_string())
        .hash_set(
            keys::layer_statuses(&stream),
            other["id"].as_str().unwrap(),
            "of another version",
        );
    bus.commit(written, Vec::new()).await.unwrap();
    let list = app.api.get("/api/layers").await.expect(200);
    assert_eq!(list.body["layers"][0]["status"], status);
    assert_eq!(list.body["layers"][1].get("status"), None);
    let place = path_of(&layer);
    assert_eq!(app.api.get(&place).await.body["status"], status);
    let patch = json!({"opacity": 0.5});
    let patched = app.api.patch(&place, "\"1\"", &patch).await.expect(200);
    assert_eq!(patched.body["status"], status);
}
