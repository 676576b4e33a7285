//! Templates that people save: a group becomes one, is made again with other values, and goes.

use reqwest::Method;
use serde_json::{Value, json};
use sm_common::event::EventType;
use sm_test_kit::{Answer, Api};

use crate::app::{App, Upload, png, pointers};
use crate::events::{listen, next};

/// A group of a picture and a text on it.
async fn grouped(app: &App) -> Value {
    let picture = png(8, 8, b"picture");
    let upload = Upload::new("a.png", "image/png", &picture);
    let picture = app.upload(&upload).await.expect(201).body["id"].clone();
    let mut layers = Vec::new();
    for layer in [
        json!({"name": "Logo", "kind": "image", "source": {"asset": picture}}),
        json!({"name": "Line", "kind": "text", "source": {"text": "Welcome"}}),
    ] {
        layers.push(app.api.post("/api/layers", &layer).await.expect(201).body);
    }
    let body = json!({"name": "Sponsor", "layers": [layers[0]["id"], layers[1]["id"]],
        "opacity": 0.5});
    let group = app.api.post("/api/groups", &body).await.expect(201).body;
    json!({"name": "sponsor", "title": "Sponsor", "description": "Who pays.", "group": group["id"],
    "parameters": [
        {"name": "line", "title": "Line", "layer": layers[1]["id"], "pointer": "/source/text"},
        {"name": "logo", "title": "Logo", "layer": layers[0]["id"], "pointer": "/source/asset"},
    ]})
}

async fn save(api: &Api, body: &Value) -> Answer {
    api.post("/api/templates", body).await
}

async fn delete(api: &Api, name: &str) -> Answer {
    let request = api.request(Method::DELETE, &format!("/api/templates/{name}"));
    api.send(request).await
}

async fn delete_all_layers(app: &App) {
    let list = app.api.get("/api/layers").await.expect(200).body;
    let layers = list["layers"].as_array().unwrap().iter();
    let operations: Vec<Value> = layers
        .map(|layer| json!({"op": "delete", "id": layer["id"]}))
        .collect();
    let body = json!({"operations": operations});
    let _gone = app.api.post("/api/layers/batch", &body).await.expect(200);
}

#[tokio::test]
async fn a_group_becomes_a_template_that_outlives_it() {
    let app = App::start().await;
    let body = grouped(&app).await;
    let mut events = listen(&app).await;
    let saved = save(&app.api, &body).await.expect(201);
    assert_eq!(
        saved.header("location"),
        "/api/templates/sponsor?stream=main"
    );
    let schema = &saved.body["parameters"]["properties"];
    assert_eq!(
        schema["line"],
        json!({"type": "string", "title": "Line", "default": "Welcome", "x-order": 0})
    );
    let told = next(&mut events).await.event.clone();
    assert_eq!(
        (told.kind, &told.data["name"]),
        (EventType::TemplateCreated, &json!("sponsor"))
    );
    let list = app.api.get("/api/templates").await.expect(200).body;
    let templates = list["templates"].as_array().unwrap();
    assert_eq!(templates.len(), 6);
    assert_eq!(templates[5], saved.body);
    assert_eq!(templates[0].get("saved"), None);

    delete_all_layers(&app).await;
    let logo = schema["logo"]["default"].as_str().unwrap();
    let asset = format!("/api/assets/{logo}");
    let used = app.api.get(&asset).await.expect(200).body;
    let scenes: Vec<&Value> = used["uses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|used| &used["scene_name"])
        .collect();
    assert_eq!(scenes, ["Sponsor"], "a template keeps its files");
    let kept = app.api.request(Method::DELETE, &asset);
    let _kept = app.api.send(kept).await.expect_problem(409, "asset.in-use");

    let values = json!({"name": "Ours", "parameters": {"line": "Thank you"}});
    let made = app
        .api
        .post("/api/templates/sponsor", &values)
        .await
        .expect(201)
        .body;
    assert_eq!(
        (&made["groups"][0]["name"], &made["groups"][0]["opacity"]),
        (&json!("Ours"), &json!(0.5))
    );
    assert_eq!(made["layers"][0]["source"]["asset"], logo);
    assert_eq!(made["layers"][1]["source"]["text"], "Thank you");
    let undo = app.api.request(Method::POST, "/api/layers/undo");
    let undone = app.api.send(undo).await.expect(200).body;
    assert_eq!(undone["step"]["name"], "create Ours");
    assert!(app.names().await.is_empty());

    let _deleted = delete(&app.api, "sponsor").await.expect(204);
    let _gone = delete(&app.api, "sponsor")
        .await
        .expect_problem(404, "template.not-found");
    let gone = app.api.post("/api/templates/sponsor", &json!({})).await;
    let _gone = gone.expect_problem(404, "template.not-found");
    let used = app.api.get(&asset).await.expect(200).body;
    assert_eq!(used["uses"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_is_told_where_it_was_sent() {
    let app = App::with(&[("templates.own_max", "1")]).await;
    let body = grouped(&app).await;
    let mut wrong = body.clone();
    wrong["parameters"][0]["pointer"] = json!("/source/style");
    wrong["parameters"][1]["layer"] = app.create("other").await["id"].clone();
    let refused = save(&app.api, &wrong).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(
        pointers(&refused),
        ["/parameters/0/pointer", "/parameters/1/layer"]
    );
    let mut built_in = body.clone();
    built_in["name"] = json!("countdown");
    let _built_in = save(&app.api, &built_in)
        .await
        .expect_problem(409, "template.built-in");
    let _kept = delete(&app.api, "countdown")
        .await
        .expect_problem(409, "template.built-in");
    let _saved = save(&app.api, &body).await.expect(201);
    let _exists = save(&app.api, &body)
        .await
        .expect_problem(409, "template.exists");
    let mut another = body;
    another["name"] = json!("another");
    let _full = save(&app.api, &another)
        .await
        .expect_problem(409, "template.limit-reached");
    let values = json!({"parameters": {"line": 7, "logo": "x", "other": 1}});
    let refused = app.api.post("/api/templates/sponsor", &values).await;
    let refused = refused.expect_problem(400, "request.body.invalid");
    assert_eq!(
        pointers(&refused),
        ["/parameters/line", "/parameters/other"]
    );
    let values = json!({"parameters": {"line": "x".repeat(2001), "logo": "ab".repeat(32)}});
    let refused = app.api.post("/api/templates/sponsor", &values).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    let mut found = pointers(&refused);
    found.sort_unstable();
    assert_eq!(found, ["/parameters/line", "/parameters/logo"]);
}

#[tokio::test]
async fn the_layers_of_a_template_are_no_scene() {
    let app = App::start().await;
    let body = grouped(&app).await;
    let mut events = listen(&app).await;
    let _saved = save(&app.api, &body).await.expect(201);
    let scene = next(&mut events).await.event.data["scene"].clone();
    let scene = format!("/api/scenes/{}", scene.as_str().unwrap());
    let scenes = app.api.get("/api/scenes").await.expect(200).body;
    assert_eq!(scenes["scenes"].as_array().unwrap().len(), 1);
    let deleted = app.api.delete(&scene, "\"0\"").await;
    let _deleted = deleted.expect_problem(404, "scene.not-found");
    let renamed = app.api.patch(&scene, "\"0\"", &json!({"name": "x"})).await;
    let _renamed = renamed.expect_problem(404, "scene.not-found");
    let drafted = app.api.request(Method::POST, &format!("{scene}/draft"));
    let _drafted = app
        .api
        .send(drafted)
        .await
        .expect_problem(404, "scene.not-found");
    let made = app.api.post("/api/templates/sponsor", &json!({})).await;
    let _made = made.expect(201);
}
