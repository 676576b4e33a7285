//! Groups of layers: made, changed, ended, copied, and each taken back in one step.

use reqwest::Method;
use serde_json::{Value, json};
use sm_common::event::EventType;
use sm_common::id::StreamId;
use sm_common::scene::Scene;
use sm_test_kit::{Answer, Api};

use crate::app::{App, path_of, pointers, tag_of};
use crate::events::{listen, next};

async fn post(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::POST, path)).await
}

async fn undo(app: &App) -> Value {
    let undone = post(&app.api, "/api/layers/undo").await.expect(200).body;
    undone["step"]["name"].clone()
}

async fn redo(app: &App) {
    let _redone = post(&app.api, "/api/layers/redo").await.expect(200);
}

fn group_path(group: &Value) -> String {
    format!("/api/groups/{}", group["id"].as_str().unwrap())
}

/// The scene as the engine reads it.
async fn scene(app: &App) -> Scene {
    let list = app.api.get("/api/layers").await.expect(200).body;
    let mut scene = list["scene"].clone();
    scene["stream"] = json!(StreamId::default());
    scene["layers"] = list["layers"].clone();
    scene["groups"] = list["groups"].clone();
    serde_json::from_value(scene).unwrap()
}

/// What is seen, apart from revisions and times.
async fn seen(app: &App) -> Vec<Value> {
    let layers = scene(app).await.applied().layers.into_iter();
    layers
        .map(|layer| {
            let mut layer = serde_json::to_value(layer).unwrap();
            for member in ["revision", "updated_at"] {
                layer.as_object_mut().unwrap().remove(member);
            }
            layer
        })
        .collect()
}

/// Four layers, of which the middle two are a group.
async fn grouped(app: &App) -> (Vec<Value>, Value) {
    let mut layers = Vec::new();
    for (place, name) in ["back", "b", "c", "front"].iter().enumerate() {
        let body = json!({"name": name, "kind": "color", "source": {"color": "#102030"},
            "transform": {"x": place * 10, "y": 20, "width": 30, "height": 40}});
        layers.push(app.api.post("/api/layers", &body).await.expect(201).body);
    }
    let body = json!({"name": "Pair", "layers": [layers[1]["id"], layers[2]["id"]]});
    let group = app.api.post("/api/groups", &body).await.expect(201).body;
    (layers, group)
}

#[tokio::test]
async fn a_group_is_made_changed_and_ended_and_each_is_one_step() {
    let app = App::start().await;
    let mut events = listen(&app).await;
    let (_, group) = grouped(&app).await;
    let mut kinds = Vec::new();
    while kinds.last() != Some(&EventType::GroupCreated) {
        kinds.push(next(&mut events).await.event.kind);
    }
    assert_eq!(next(&mut events).await.event.kind, EventType::LayerUpdated);
    let ungrouped = seen(&app).await;
    let look = json!({"opacity": 0.5, "transform": {"x": 100, "scale": 2}});
    let moved = app
        .api
        .patch(&group_path(&group), "\"1\"", &look)
        .await
        .expect(200);
    assert_eq!(moved.header("etag"), "\"2\"");
    let in_group = seen(&app).await;
    assert_ne!(in_group, ungrouped);
    let _stale = app
        .api
        .patch(&group_path(&group), "\"1\"", &look)
        .await
        .expect_problem(412, "revision.stale");
    let list = app.api.get("/api/groups").await.expect(200).body;
    assert_eq!(list["groups"], json!([moved.body]));
    let _ended = app
        .api
        .delete(&group_path(&group), "\"2\"")
        .await
        .expect(204);
    assert_eq!(seen(&app).await, in_group);
    let _none = app
        .api
        .get(&group_path(&group))
        .await
        .expect_problem(404, "group.not-found");

    assert_eq!(undo(&app).await, "ungroup Pair");
    assert_eq!(seen(&app).await, in_group);
    assert_eq!(scene(&app).await.groups[0].name, "Pair");
    assert_eq!(undo(&app).await, "change Pair");
    assert_eq!(seen(&app).await, ungrouped);
    assert_eq!(undo(&app).await, "group Pair");
    assert!(scene(&app).await.groups.is_empty());
    for expected in [&ungrouped, &in_group, &in_group] {
        redo(&app).await;
        assert_eq!(seen(&app).await, *expected);
    }
    assert!(scene(&app).await.groups.is_empty());
}

#[tokio::test]
async fn a_group_goes_with_its_layers_and_comes_back_with_them() {
    let app = App::start().await;
    let (layers, group) = grouped(&app).await;
    let before = scene(&app).await;
    let path = format!("{}?remains=nothing", group_path(&group));
    let _gone = app.api.delete(&path, "\"1\"").await.expect(204);
    assert_eq!(app.names().await, ["back", "front"]);
    assert_eq!(undo(&app).await, "delete Pair");
    let back = scene(&app).await;
    assert_eq!(app.names().await, ["back", "b", "c", "front"]);
    assert_eq!(back.groups[0].id, before.groups[0].id);
    assert_eq!(back.layers[1].group, Some(back.groups[0].id));
    // A layer that leaves from the middle is taken back to where it was.
    let join = json!({"group": group["id"]});
    let place = path_of(&layers[0]);
    let _joined = app.api.patch(&place, "\"1\"", &join).await.expect(200);
    let in_order = app.names().await;
    let current = app.api.get(&path_of(&layers[1])).await.expect(200).body;
    let leave = json!({"group": null});
    let left = app
        .api
        .patch(&path_of(&current), &tag_of(&current), &leave)
        .await
        .expect(200);
    assert_eq!(left.body["group"], Value::Null);
    assert_eq!(app.names().await, ["back", "c", "b", "front"]);
    undo(&app).await;
    assert_eq!(app.names().await, in_order);
    assert_eq!(scene(&app).await.layers[1].group, Some(back.groups[0].id));
}

#[tokio::test]
async fn what_others_made_of_a_group_is_not_taken_back_with_it() {
    let app = App::start().await;
    let (_, group) = grouped(&app).await;
    let colleague =
        Api::new(app.service.url()).with_token(app.issuer.token(sm_common::auth::Role::Admin));
    let patch = json!({"opacity": 0.5});
    let _theirs = colleague
        .patch(&group_path(&group), "\"1\"", &patch)
        .await
        .expect(200);
    let refused = post(&app.api, "/api/layers/undo")
        .await
        .expect_problem(409, "layer.history.conflict");
    let pointer = format!("/groups/{}/opacity", group["id"].as_str().unwrap());
    assert_eq!(refused.body["conflicts"][0]["pointer"], pointer);
    let _kept = post(&app.api, "/api/layers/undo?on_conflict=keep")
        .await
        .expect(200);
    assert_eq!(scene(&app).await.groups.len(), 1);
}

#[tokio::test]
async fn a_locked_group_is_a_423_and_a_scene_holds_only_so_many() {
    let app = App::with(&[("scene.groups_max", "1")]).await;
    let (layers, group) = grouped(&app).await;
    let lock = json!({"locked": true});
    let _locked = app
        .api
        .patch(&group_path(&group), "\"1\"", &lock)
        .await
        .expect(200);
    let patch = json!({"opacity": 0.5});
    let refused = app.api.patch(&path_of(&layers[1]), "\"2\"", &patch).await;
    let refused = refused.expect_problem(423, "group.locked");
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("`locked` to false")
    );
    let _ended = app
        .api
        .delete(&group_path(&group), "\"2\"")
        .await
        .expect_problem(423, "group.locked");
    let another = json!({"name": "h", "layers": [layers[0]["id"]]});
    let _full = app
        .api
        .post("/api/groups", &another)
        .await
        .expect_problem(409, "group.limit-reached");
    let apart = json!({"name": "h", "layers": [layers[0]["id"], layers[3]["id"]]});
    let refused = app
        .api
        .post("/api/groups", &apart)
        .await
        .expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/layers"]);
}

#[tokio::test]
async fn a_group_is_copied_whole_and_a_part_of_it_as_it_looks() {
    let app = App::start().await;
    let (layers, group) = grouped(&app).await;
    let look = json!({"opacity": 0.5, "transform": {"x": 5}, "locked": true});
    let _moved = app
        .api
        .patch(&group_path(&group), "\"1\"", &look)
        .await
        .expect(200);
    let copied = post(&app.api, &format!("{}/duplicate", group_path(&group)))
        .await
        .expect(201)
        .body;
    assert_eq!(app.names().await, ["back", "b", "c", "b", "c", "front"]);
    let copy = &copied["groups"][0];
    assert_eq!(
        (&copy["locked"], &copy["opacity"]),
        (&json!(false), &json!(0.5))
    );
    assert_eq!(copied["layers"][1]["group"], copy["id"]);
    assert_eq!(undo(&app).await, "create Pair");
    assert_eq!(app.names().await, ["back", "b", "c", "front"]);

    let other = app
        .api
        .post("/api/scenes", &json!({"name": "Other"}))
        .await
        .expect(201)
        .body;
    let body = json!({"layers": [layers[1]["id"]], "to": other["id"]});
    let part = app
        .api
        .post("/api/layers/copy", &body)
        .await
        .expect(201)
        .body;
    assert_eq!(
        (&part["groups"], &part["layers"][0]["opacity"]),
        (&json!([]), &json!(0.5))
    );
    assert_eq!(part["layers"][0]["transform"]["x"], 15);

    let scene_of = other["id"].as_str().unwrap();
    let twin = post(&app.api, &format!("/api/scenes/{scene_of}/duplicate"))
        .await
        .expect(201);
    assert_eq!(twin.body["groups"], json!([]));
    let first = scene(&app).await.id;
    let twin = post(&app.api, &format!("/api/scenes/{first}/duplicate"))
        .await
        .expect(201)
        .body;
    assert_eq!(twin["groups"][0]["scene"], twin["id"]);
    assert_eq!(twin["layers"][1]["group"], twin["groups"][0]["id"]);
    assert_ne!(twin["groups"][0]["id"], group["id"]);
}
