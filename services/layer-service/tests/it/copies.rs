//! Copies of layers, in their scene and in another one.

use reqwest::Method;
use serde_json::{Value, json};
use sm_common::event::{EventType, LayerCreated};
use sm_test_kit::{Answer, Api};

use crate::app::{App, Upload, color, path_of, png, pointers};
use crate::events::{listen, next};

async fn post(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::POST, path)).await
}

async fn remove(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::DELETE, path)).await
}

fn names(layers: &Value) -> Vec<&str> {
    let layers = layers.as_array().unwrap().iter();
    layers
        .map(|layer| layer["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_copy_is_in_front_of_its_original_and_free_to_be_changed() {
    let app = App::start().await;
    let asset = app
        .upload(&Upload::new("a.png", "image/png", &png(4, 4, b"a")))
        .await
        .expect(201)
        .body;
    let body = json!({"name": "Logo", "kind": "image", "source": {"asset": asset["id"]},
        "transform": {"x": 5, "rotation": 90}, "opacity": 0.5, "locked": true});
    let logo = app.api.post("/api/layers", &body).await.expect(201).body;
    let _front = app.create("front").await;
    let mut events = listen(&app).await;
    let copied = post(&app.api, &format!("{}/duplicate", path_of(&logo)))
        .await
        .expect(201);
    let copy = &copied.body;
    assert_eq!(
        (&copy["name"], &copy["locked"]),
        (&json!("Logo copy"), &json!(false))
    );
    for same in ["source", "transform", "opacity"] {
        assert_eq!(copy[same], logo[same]);
    }
    assert_eq!(app.names().await, ["Logo", "Logo copy", "front"]);
    let told = next(&mut events).await;
    assert_eq!(told.event.kind, EventType::LayerCreated);
    assert_eq!(told.event.payload::<LayerCreated>().unwrap().index, 1);
    // The copy alone keeps the file.
    let unlock = json!({"locked": false});
    let _free = app
        .api
        .patch(&path_of(&logo), "\"1\"", &unlock)
        .await
        .expect(200);
    let _gone = app.api.delete(&path_of(&logo), "\"2\"").await.expect(204);
    let kept = format!("/api/assets/{}", asset["id"].as_str().unwrap());
    let _used = remove(&app.api, &kept)
        .await
        .expect_problem(409, "asset.in-use");
    for _ in 0..3 {
        let _undone = post(&app.api, "/api/layers/undo").await.expect(200);
    }
    assert_eq!(app.names().await, ["Logo", "front"]);
    let _redone = post(&app.api, "/api/layers/redo").await.expect(200);
    assert_eq!(app.names().await, ["Logo", "Logo copy", "front"]);
}

#[tokio::test]
async fn layers_are_copied_into_another_scene_all_or_none() {
    let app = App::with(&[("scene.layers_max", "3")]).await;
    let [a, b] = [app.create("a").await, app.create("b").await];
    let other = app
        .api
        .post("/api/scenes", &json!({"name": "Other"}))
        .await
        .expect(201)
        .body;
    let there = format!("/api/layers?scene={}", other["id"].as_str().unwrap());
    let _c = app.api.post(&there, &color("c")).await.expect(201);
    let body = json!({"layers": [b["id"], a["id"]], "to": other["id"], "index": 0});
    let copied = app.api.post("/api/layers/copy", &body).await.expect(201);
    assert_eq!(names(&copied.body["layers"]), ["a", "b"]);
    assert_eq!(copied.body["scene"]["revision"], 2);
    let list = app.api.get(&there).await.expect(200).body;
    assert_eq!(names(&list["layers"]), ["a", "b", "c"]);
    assert_eq!(app.names().await, ["a", "b"]);

    // One step takes back both.
    let undo = format!("/api/layers/undo?scene={}", other["id"].as_str().unwrap());
    let undone = post(&app.api, &undo).await.expect(200).body;
    assert_eq!(undone["step"]["name"], "create 2 layers");

    let _full = {
        let _d = app.api.post(&there, &color("d")).await.expect(201);
        app.api
            .post("/api/layers/copy", &body)
            .await
            .expect_problem(409, "layer.limit-reached")
    };
    let list = app.api.get(&there).await.expect(200).body;
    assert_eq!(names(&list["layers"]), ["c", "d"]);
    let stranger = sm_common::id::LayerId::generate();
    let body = json!({"layers": [a["id"], stranger], "to": other["id"]});
    let refused = app
        .api
        .post("/api/layers/copy", &body)
        .await
        .expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/layers/1"]);
    let body = json!({"layers": [a["id"]], "to": sm_common::id::SceneId::generate()});
    let _nowhere = app
        .api
        .post("/api/layers/copy", &body)
        .await
        .expect_problem(404, "scene.not-found");
}
