//! Redis goes away and comes back.

use serde_json::json;
use sm_test_kit::{Answer, until};

use crate::app::{App, LIMIT, Upload, color, path_of, png};

fn refused(answer: Answer) {
    let answer = answer.expect_problem(503, "dependency.unavailable");
    assert_eq!(answer.header("retry-after"), "1");
}

async fn everything_is_refused(app: &App, layer: &serde_json::Value) {
    let path = path_of(layer);
    let body = json!({"operations": [{"op": "create", "layer": color("b")}]});
    let order = json!({"order": [layer["id"]]});
    let image = png(8, 8, b"");
    // Bounded, so that a hang is a failure and not a stuck test run.
    let asked = async {
        refused(app.api.get("/api/layers").await);
        refused(app.api.get("/api/scenes").await);
        refused(app.api.get("/api/assets").await);
        refused(app.api.post("/api/layers", &color("b")).await);
        refused(
            app.api
                .patch(&path, "\"1\"", &json!({"opacity": 0.5}))
                .await,
        );
        refused(app.api.delete(&path, "\"1\"").await);
        refused(app.api.put("/api/layers/order", "\"1\"", &order).await);
        refused(app.api.post("/api/layers/batch", &body).await);
        refused(app.upload(&Upload::new("a.png", "image/png", &image)).await);
    };
    tokio::time::timeout(LIMIT, asked)
        .await
        .expect("every request is answered");
}

async fn everything_works_again(app: &App) {
    until("a layer can be created again", LIMIT, || async {
        app.api.post("/api/layers", &color("b")).await.status == 201
    })
    .await;
    assert_eq!(app.names().await, ["a", "b"]);
    app.expect_files(0).await;
}

#[tokio::test]
async fn a_killed_redis_is_a_503_until_it_is_back_with_everything() {
    let mut app = App::start().await;
    let layer = app.create("a").await;
    app.redis.kill();
    everything_is_refused(&app, &layer).await;
    app.redis.restart();
    everything_works_again(&app).await;
}

#[tokio::test]
async fn a_frozen_redis_is_a_503_as_well() {
    let app = App::with(&[
        ("redis.timeout_ms", "300"),
        ("scene.write_timeout_ms", "500"),
    ])
    .await;
    let layer = app.create("a").await;
    app.redis.freeze();
    everything_is_refused(&app, &layer).await;
    app.redis.thaw();
    everything_works_again(&app).await;
}

#[tokio::test]
async fn many_writers_at_a_frozen_redis_do_not_wait_for_each_other() {
    let app = App::with(&[
        ("redis.timeout_ms", "300"),
        ("scene.write_timeout_ms", "500"),
    ])
    .await;
    let layer = app.create("a").await;
    app.redis.freeze();
    let path = path_of(&layer);
    let writers = (0..40).map(|_| {
        let (api, path) = (app.api.clone(), path.clone());
        tokio::spawn(async move { api.patch(&path, "\"1\"", &json!({"opacity": 0.5})).await })
    });
    let writers: Vec<_> = writers.collect();
    // In turn they would need 40 times 300 ms.
    let all = async {
        for writer in writers {
            refused(writer.await.unwrap());
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(8), all)
        .await
        .expect("all at once");
    app.redis.thaw();
}
