//! Layers that others push to, and their keys.

use serde_json::{Value, json};
use sm_common::auth::Role;
use sm_test_kit::Api;

use crate::app::{App, path_of, pointers, tag_of};

async fn with_secret() -> (App, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
    let file = file.display().to_string();
    let app = App::with(&[("ingest.secret_file", file.as_str())]).await;
    (app, folder)
}

fn ingest(source: &Value) -> Value {
    json!({"name": "Guest", "kind": "ingest", "source": source})
}

#[tokio::test]
async fn an_operator_sees_address_and_key_and_makes_another_one() {
    let (app, _folder) = with_secret().await;
    let created = app
        .api
        .post("/api/layers", &ingest(&json!({})))
        .await
        .expect(201)
        .body;
    let kept = json!({"protocol": "rtmp", "generation": 1, "latency_ms": 500, "on_loss": "hide"});
    assert_eq!(created["source"], kept, "no key, no address");
    let path = format!("{}/ingest", path_of(&created));
    let shown = app.api.get(&path).await.expect(200);
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(shown.body["server"], "rtmp://127.0.0.1:1935/live");
    let key = shown.body["stream_key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("main.") && key.len() == 48, "{}", key.len());
    let address = format!("rtmp://127.0.0.1:1935/live/{key}");
    assert_eq!(shown.body["address"], address);
    let again = app.api.get(&path).await.expect(200);
    assert_eq!(again.body, shown.body, "it stays the same");

    let rotated = app
        .api
        .post(&format!("{path}/rotate"), &json!({}))
        .await
        .expect(200);
    assert_eq!(rotated.header("cache-control"), "no-store");
    assert_eq!(rotated.body["generation"], 2);
    assert_ne!(rotated.body["stream_key"], key.as_str());
    let layer = app.api.get(&path_of(&created)).await.expect(200);
    assert_eq!(layer.body["source"]["generation"], 2);
    assert!(!layer.text.contains(key.strip_prefix("main.").unwrap()));
    // Nobody below an operator.
    for role in [Role::Viewer, Role::Moderator] {
        let api = Api::new(app.service.url()).with_token(app.issuer.token(role));
        drop(
            api.get(&path)
                .await
                .expect_problem(403, "auth.role.insufficient"),
        );
        let rotate = api.post(&format!("{path}/rotate"), &json!({})).await;
        drop(rotate.expect_problem(403, "auth.role.insufficient"));
    }
    let nobody = Api::new(app.service.url()).get(&path).await;
    drop(nobody.expect_problem(401, "auth.token.missing"));
}

#[tokio::test]
async fn a_layer_that_takes_srt_says_so_in_its_address() {
    let (app, folder) = with_secret().await;
    let created = app
        .api
        .post("/api/layers", &ingest(&json!({})))
        .await
        .expect(201)
        .body;
    let path = path_of(&created);
    let rtmp = app.api.get(&format!("{path}/ingest")).await.expect(200);
    let srt = json!({"source": {"protocol": "srt"}});
    let patched = app.api.patch(&path, &tag_of(&created), &srt).await;
    assert_eq!(patched.expect(200).body["source"]["protocol"], "srt");
    let shown = app.api.get(&format!("{path}/ingest")).await.expect(200);
    assert_eq!(shown.body["protocol"], "srt");
    assert_eq!(shown.body["server"], "srt://127.0.0.1:4203");
    let key = shown.body["stream_key"].as_str().unwrap();
    assert_eq!(rtmp.body["stream_key"], key, "it stays the same");
    let address = format!("srt://127.0.0.1:4203?streamid={key}");
    assert_eq!(shown.body["address"], address);
    let file = folder.path().join("secret").display().to_string();
    let url = "srt://push.example.com:9000?latency=500000";
    let settings = [
        ("ingest.secret_file", file.as_str()),
        ("ingest.srt_url", url),
    ];
    let (_service, api) = app.replica(&settings).await;
    let shown = api.get(&format!("{path}/ingest")).await.expect(200);
    assert_eq!(shown.body["address"], format!("{url}&streamid={key}"));
}

#[tokio::test]
async fn a_key_that_was_replaced_is_never_valid_again() {
    let (app, _folder) = with_secret().await;
    let created = app
        .api
        .post("/api/layers", &ingest(&json!({"generation": 5})))
        .await
        .expect(201)
        .body;
    let path = path_of(&created);
    let lower = json!({"source": {"generation": 4}});
    let refused = app.api.patch(&path, &tag_of(&created), &lower).await;
    let refused = refused.expect_problem(422, "request.validation.failed");
    assert_eq!(pointers(&refused), ["/source/generation"]);
    // Nor by way of another kind.
    let color = json!({"kind": "color", "source": {"color": "#102030"}});
    let patched = app
        .api
        .patch(&path, &tag_of(&created), &color)
        .await
        .expect(200)
        .body;
    let back = json!({"kind": "ingest", "source": {}});
    let back = app
        .api
        .patch(&path, &tag_of(&patched), &back)
        .await
        .expect(200)
        .body;
    assert!(
        back["source"]["generation"].as_u64().unwrap() > 1_700_000_000,
        "{back}"
    );
}

#[tokio::test]
async fn what_has_no_key_says_so() {
    let (app, _folder) = with_secret().await;
    let color = app.create("Back").await;
    let path = format!("{}/ingest", path_of(&color));
    drop(
        app.api
            .get(&path)
            .await
            .expect_problem(409, "ingest.not-this-layer"),
    );
    let rotate = app.api.post(&format!("{path}/rotate"), &json!({})).await;
    drop(rotate.expect_problem(409, "ingest.not-this-layer"));
    let unknown = "/api/layers/01900000-0000-7000-8000-000000000001/ingest";
    drop(
        app.api
            .get(unknown)
            .await
            .expect_problem(404, "layer.not-found"),
    );
    let wrong = json!({"protocol": "carrier-pigeon", "generation": 0, "latency_ms": 9, "on_loss": "cry", "stream_key": "x"});
    let refused = app.api.post("/api/layers", &ingest(&wrong)).await;
    assert!(refused.status.is_client_error());
    assert_eq!(
        pointers(&refused),
        [
            "/source/protocol",
            "/source/generation",
            "/source/latency_ms",
            "/source/on_loss",
            "/source/stream_key"
        ]
    );
    let created = app
        .api
        .post("/api/layers", &ingest(&json!({})))
        .await
        .expect(201)
        .body;
    let locked = app
        .api
        .patch(
            &path_of(&created),
            &tag_of(&created),
            &json!({"locked": true}),
        )
        .await;
    drop(locked.expect(200));
    let rotate = app
        .api
        .post(&format!("{}/ingest/rotate", path_of(&created)), &json!({}))
        .await;
    drop(rotate.expect_problem(423, "layer.locked"));
}

#[tokio::test]
async fn without_a_secret_nobody_can_push_and_the_address_can_be_set() {
    let app = App::start().await;
    let created = app
        .api
        .post("/api/layers", &ingest(&json!({})))
        .await
        .expect(201)
        .body;
    let path = format!("{}/ingest", path_of(&created));
    drop(
        app.api
            .get(&path)
            .await
            .expect_problem(409, "ingest.disabled"),
    );
    let rotate = app.api.post(&format!("{path}/rotate"), &json!({})).await;
    drop(rotate.expect_problem(409, "ingest.disabled"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, [b's'; 40]).unwrap();
    let file = file.display().to_string();
    let settings = [
        ("ingest.secret_file", file.as_str()),
        ("ingest.rtmp_url", "rtmp://push.example.com/live"),
    ];
    let (_service, api) = app.replica(&settings).await;
    let shown = api.get(&path).await.expect(200);
    assert_eq!(shown.body["server"], "rtmp://push.example.com/live");
}
