//! Layers that are fetched from elsewhere.

use serde_json::{Value, json};

use crate::app::{App, path_of};

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
        (json!({"url": "rtsp://example.com/a"}), "/source/url"),
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
            json!({"url": "http://example.com/a", "passphrase": "x"}),
            "/source/passphrase",
        ),
    ] {
        let refused = app.api.post("/api/layers", &network(&source)).await;
        assert!(
            refused.status.is_client_error(),
            "{source}: {}",
            refused.status
        );
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{source}");
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
