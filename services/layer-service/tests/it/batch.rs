use reqwest::Method;
use serde_json::{Value, json};
use sm_test_kit::Answer;

use crate::app::{App, color, path_of, pointers};

async fn batch(app: &App, operations: Value) -> Answer {
    let body = json!({"operations": operations});
    app.api.post("/api/layers/batch", &body).await
}

#[tokio::test]
async fn all_operations_of_a_batch_happen_in_one_step() {
    let app = App::start().await;
    let a = app.create("a").await;
    let b = app.create("b").await;
    let done = batch(
        &app,
        json!([
            {"op": "update", "id": a["id"], "patch": {"opacity": 0.5}, "if_match": 1},
            {"op": "reorder", "order": [b["id"], a["id"]]},
            {"op": "create", "layer": color("c")},
            {"op": "delete", "id": b["id"]},
            {"op": "update", "id": a["id"], "patch": {"opacity": 0.5}, "if_match": 1},
        ]),
    )
    .await
    .expect(200);
    assert_eq!(done.header("etag"), "\"3\"");
    assert_eq!(done.body["scene"]["revision"], 3);
    let results = done.body["results"].as_array().unwrap();
    let operations: Vec<&Value> = results.iter().map(|result| &result["op"]).collect();
    assert_eq!(
        operations,
        ["update", "reorder", "create", "delete", "update"]
    );
    assert_eq!(results[0]["changed"], json!(["/opacity"]));
    assert_eq!(results[2]["index"], 2);
    assert_eq!(results[4]["changed"], json!([]));
    assert_eq!(results[4]["layer"]["revision"], 2);
    assert_eq!(app.names().await, ["a", "c"]);
}

#[tokio::test]
async fn one_bad_operation_undoes_them_all() {
    let app = App::start().await;
    let a = app.create("a").await;
    let mut locked = color("locked");
    locked["locked"] = json!(true);
    let locked = app.api.post("/api/layers", &locked).await.expect(201).body;
    let stranger = "00000000-0000-7000-8000-000000000000";
    let before = app.api.get("/api/layers").await.expect(200).body;
    for (operation, status, code) in [
        (
            json!({"op": "delete", "id": stranger}),
            404,
            "layer.not-found",
        ),
        (
            json!({"op": "delete", "id": locked["id"]}),
            423,
            "layer.locked",
        ),
        (
            json!({"op": "delete", "id": a["id"], "if_match": 7}),
            412,
            "revision.stale",
        ),
        (
            json!({"op": "update", "id": a["id"], "patch": {"opacity": 3}}),
            422,
            "request.validation.failed",
        ),
        (
            json!({"op": "create", "layer": {"name": 7}}),
            400,
            "request.body.invalid",
        ),
        (
            json!({"op": "transmogrify"}),
            422,
            "request.validation.failed",
        ),
    ] {
        let good = json!({"op": "create", "layer": color("new")});
        let refused = batch(&app, json!([good, operation])).await;
        let refused = refused.expect_problem(status, code);
        assert!(
            pointers(&refused)[0].starts_with("/operations/1"),
            "{}",
            refused.text
        );
    }
    let after = app.api.get("/api/layers").await.expect(200).body;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_batch_may_be_for_one_revision_of_the_scene() {
    let app = App::start().await;
    app.create("a").await;
    let body = json!({"operations": [{"op": "create", "layer": color("b")}]});
    let send = |tag: &'static str| {
        let request = app.api.request(Method::POST, "/api/layers/batch");
        app.api.send(request.header("if-match", tag).json(&body))
    };
    let stale = send("\"0\"").await.expect_problem(412, "revision.stale");
    assert_eq!(stale.header("etag"), "\"1\"");
    let _done = send("\"1\"").await.expect(200);
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let app = App::with(&[("scene.operations_max", "2"), ("scene.layers_max", "2")]).await;
    let create = json!({"op": "create", "layer": color("a")});
    let refused = batch(&app, json!([create, create, create])).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/operations"]);
    let refused = batch(&app, json!([])).await;
    let _refused = refused.expect_problem(422, "request.validation.failed");
    app.create("already").await;
    let refused = batch(&app, json!([create, create])).await;
    let _refused = refused.expect_problem(409, "layer.limit-reached");
    assert_eq!(app.names().await, ["already"]);
    let layer = app.api.get("/api/layers").await.body["layers"][0].clone();
    let _deleted = app.api.delete(&path_of(&layer), "\"1\"").await.expect(204);
    let _done = batch(&app, json!([create, create])).await.expect(200);
}
