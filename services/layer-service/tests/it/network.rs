//! Layers that are fetched from elsewhere.

use serde_json::{Value, json};

use crate::app::{App, LIMIT, path_of, pointers, tag_of};
use sm_bus::{keys, redis};
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_test_kit::until;

/// Secrets that no answer, event or layer may hold.
const PASSWORD: &str = "planted-password-4711";
const PASSPHRASE: &str = "planted-passphrase-4712";

fn network(source: &Value) -> Value {
    json!({"name": "Camera", "kind": "network", "source": source})
}

#[tokio::test]
async fn a_network_layer_is_kept_as_it_was_written() {
    let app = App::start().await;
    let source = json!({"url": "srt://ingest.example.com:9000", "stream_id": "camera-1"});
    let created = app
        .api
        .post("/api/layers", &network(&source))
        .await
        .expect(201);
    let kept = json!({"url": "srt://ingest.example.com:9000", "stream_id": "camera-1",
        "latency_ms": 500, "on_loss": "hide"});
    assert_eq!(created.body["source"], kept);
    let patch = json!({"source": {"on_loss": "hold"}});
    let place = path_of(&created.body);
    let patched = app.api.patch(&place, "\"1\"", &patch).await.expect(200);
    assert_eq!(patched.body["source"]["on_loss"], "hold");
}

#[tokio::test]
async fn addresses_that_are_not_to_be_fetched_are_refused_at_once() {
    let app = App::start().await;
    for (source, pointer) in [
        (json!({"url": "rtspu://example.com/a"}), "/source/url"),
        (json!({"url": "rtsp://127.0.0.1/a"}), "/source/url"),
        (json!({"url": "rtmps://10.0.0.1/a/b"}), "/source/url"),
        (json!({"url": "file:///etc/passwd"}), "/source/url"),
        (
            json!({"url": "http://user:pass@example.com/a"}),
            "/source/url",
        ),
        (
            json!({"url": "srt://example.com:9000?passphrase=0123456789"}),
            "/source/url",
        ),
        (json!({"url": "rtmp://example.com/app"}), "/source/url"),
        (json!({"url": "http://127.0.0.1/a"}), "/source/url"),
        (json!({"url": "http://2130706433/a"}), "/source/url"),
        (
            json!({"url": "http://169.254.169.254/latest/meta-data"}),
            "/source/url",
        ),
        (
            json!({"url": "rtmp://[::ffff:10.0.0.1]/app/stream"}),
            "/source/url",
        ),
        (json!({"url": "srt://[fd00::1]:9000"}), "/source/url"),
        (
            json!({"url": "http://example.com/a", "stream_id": "a"}),
            "/source/stream_id",
        ),
        (
            json!({"url": "http://example.com/a", "latency_ms": 5}),
            "/source/latency_ms",
        ),
        (
            json!({"url": "http://example.com/a", "on_loss": "cry"}),
            "/source/on_loss",
        ),
        (
            json!({"url": "http://example.com/a", "passphrase": "planted-4711"}),
            "/source/passphrase",
        ),
        (
            json!({"url": "http://example.com/a", "password": "planted-4711"}),
            "/source/user",
        ),
        (
            json!({"url": "srt://example.com:9000", "password": "planted-4711"}),
            "/source/password",
        ),
        (
            json!({"url": "srt://example.com:9000", "user": "me"}),
            "/source/user",
        ),
        (
            json!({"url": "srt://example.com:9000", "passphrase": "planted"}),
            "/source/passphrase",
        ),
        (
            json!({"url": "srt://example.com:9000", "key_length": 20}),
            "/source/key_length",
        ),
        (
            json!({"url": "rtsp://example.com/a", "user": "me",
                "secret": "01900000-0000-7000-8000-000000000000"}),
            "/source/secret",
        ),
    ] {
        let refused = app.api.post("/api/layers", &network(&source)).await;
        assert!(
            refused.status.is_client_error(),
            "{source}: {}",
            refused.status
        );
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{source}");
        assert!(!refused.text.contains("planted"), "{}", refused.text);
    }
    let public = json!({"url": "http://example.com/a.m3u8"});
    let created = app
        .api
        .post("/api/layers", &network(&public))
        .await
        .expect(201);
    let patch = json!({"source": {"url": "http://10.0.0.1/a.m3u8"}});
    let refused = app
        .api
        .patch(&path_of(&created.body), "\"1\"", &patch)
        .await;
    assert_eq!(refused.body["errors"][0]["pointer"], "/source/url");
}

/// What is kept of secrets.
async fn kept(app: &App) -> Vec<String> {
    let key = keys::layer_secrets(&StreamId::default());
    let bus = app.redis.bus("test");
    bus.query(redis::cmd("HVALS").arg(key)).await.unwrap()
}

/// Everything that readers can get hold of.
async fn told(app: &App) -> String {
    let bus = app.redis.bus("test");
    let stream = StreamId::default();
    let layers = app.api.get("/api/layers").await.text;
    let events = bus
        .newest(&stream, Channel::LayerUpdates, 1000)
        .await
        .unwrap();
    let events: Vec<_> = events.into_iter().map(|one| one.event).collect();
    assert!(!events.is_empty());
    let mut all = layers + &serde_json::to_string(&events).unwrap();
    for key in [keys::layers(&stream), keys::scenes(&stream)] {
        let stored: Vec<String> = bus.query(redis::cmd("HVALS").arg(key)).await.unwrap();
        all.extend(stored);
    }
    all
}

#[tokio::test]
async fn a_password_is_taken_kept_apart_and_never_shown() {
    let app = App::start().await;
    let camera = network(&json!({"url": "rtsp://camera.example.com/a", "user": "me",
        "password": PASSWORD}));
    let created = app.api.post("/api/layers", &camera).await.expect(201);
    let source = &created.body["source"];
    assert_eq!(
        (&source["user"], &source["has_password"]),
        (&json!("me"), &json!(true))
    );
    assert!(source.get("password").is_none());
    let place = path_of(&created.body);
    let srt = network(
        &json!({"url": "srt://camera.example.com:9000", "key_length": 32,
        "passphrase": PASSPHRASE}),
    );
    let srt = app.api.post("/api/layers", &srt).await.expect(201);
    assert_eq!(srt.body["source"]["has_passphrase"], true);
    assert_eq!(kept(&app).await.len(), 2);

    // What is absent stays, also where everything that was read is sent back.
    let patch = json!({"name": "Door", "source": source});
    let same = app
        .api
        .patch(&place, &tag_of(&created.body), &patch)
        .await
        .expect(200);
    assert_eq!(same.body["source"], *source);
    let patch = json!({"source": {"url": "rtsp://camera.example.com/b"}});
    let other_path = app
        .api
        .patch(&place, &tag_of(&same.body), &patch)
        .await
        .expect(200);
    assert_eq!(other_path.body["source"]["secret"], source["secret"]);
    // Another password is another secret.
    let patch = json!({"source": {"password": "planted-another"}});
    let another = app
        .api
        .patch(&place, &tag_of(&other_path.body), &patch)
        .await
        .expect(200);
    assert_ne!(another.body["source"]["secret"], source["secret"]);
    let patch = json!({"source": {"password": null, "user": null}});
    let none = app
        .api
        .patch(&place, &tag_of(&another.body), &patch)
        .await
        .expect(200);
    let gone = &none.body["source"];
    assert!(
        gone.get("has_password").is_none() && gone.get("secret").is_none(),
        "{gone}"
    );

    let told = told(&app).await;
    assert!(!told.contains("planted"), "{told}");
    assert_eq!(kept(&app).await.len(), 3);
}

#[tokio::test]
async fn a_password_does_not_follow_an_address_to_another_server() {
    let app = App::start().await;
    let camera = network(&json!({"url": "rtsp://camera.example.com/a", "user": "me",
        "password": PASSWORD}));
    let created = app.api.post("/api/layers", &camera).await.expect(201);
    let (place, tag) = (path_of(&created.body), tag_of(&created.body));
    for url in [
        "rtsp://other.example.com/a",
        "rtsp://camera.example.com:555/a",
        "rtsps://camera.example.com/a",
        "http://camera.example.com/a",
    ] {
        let patch = json!({"source": {"url": url}});
        let refused = app.api.patch(&place, &tag, &patch).await.expect(422);
        assert_eq!(pointers(&refused), ["/source/password"], "{url}");
    }
    // A copy may name the secret, for the same server.
    let secret = &created.body["source"]["secret"];
    let copy = json!({"url": "rtsp://camera.example.com/b", "user": "me", "secret": secret});
    let copy = app
        .api
        .post("/api/layers", &network(&copy))
        .await
        .expect(201);
    assert_eq!(copy.body["source"]["has_password"], true);
    let thief = json!({"url": "rtsp://other.example.com/b", "user": "me", "secret": secret});
    let refused = app.api.post("/api/layers", &network(&thief)).await;
    assert_eq!(pointers(&refused.expect(422)), ["/source/password"]);

    let batch = json!({"operations": [
        {"op": "update", "id": created.body["id"], "patch": {"source": {
            "url": "https://other.example.com/a", "password": "planted-new"}}},
        {"op": "create", "layer": network(&json!({"url": "rtsp://third.example.com",
            "user": "me", "password": "planted-third"}))},
    ]});
    let done = app.api.post("/api/layers/batch", &batch).await.expect(200);
    assert!(!done.text.contains("planted"), "{}", done.text);
    assert_eq!(kept(&app).await.len(), 3);
    // All or nothing, secrets included.
    let broken = json!({"operations": [
        {"op": "update", "id": created.body["id"], "patch": {"source": {
            "password": "planted-lost"}}},
        {"op": "delete", "id": "01900000-0000-7000-8000-000000000000"},
    ]});
    app.api.post("/api/layers/batch", &broken).await.expect(404);
    assert_eq!(kept(&app).await.len(), 3);
    assert!(!told(&app).await.contains("planted"));
}

#[tokio::test]
async fn secrets_that_no_layer_names_are_forgotten_after_their_time() {
    let app = App::with(&[
        ("sources.secrets_keep_s", "1"),
        ("assets.sweep_interval_s", "1"),
    ])
    .await;
    let camera = |password: &str| {
        network(&json!({"url": "rtsp://camera.example.com/a", "user": "me",
            "password": password}))
    };
    let used = app
        .api
        .post("/api/layers", &camera("planted-used"))
        .await
        .expect(201);
    let unused = app
        .api
        .post("/api/layers", &camera("planted-unused"))
        .await
        .expect(201);
    app.api
        .delete(&path_of(&unused.body), &tag_of(&unused.body))
        .await
        .expect(204);
    until("one secret", LIMIT, || {
        Box::pin(async { kept(&app).await.len() == 1 })
    })
    .await;
    assert!(kept(&app).await[0].contains("planted-used"));
    let patch = json!({"name": "still"});
    app.api
        .patch(&path_of(&used.body), &tag_of(&used.body), &patch)
        .await
        .expect(200);
}
