use serde_json::Value;
use sm_e2e::{Playlist, Probe, Stack, StackOptions};
use sm_test_kit::Api;

#[tokio::test]
async fn a_fresh_stack_is_on_air_and_answers_everywhere() {
    let stack = Stack::start(StackOptions::at("127.71"));
    let state = stack
        .until_state("the encoder measures 30 frames a second", |state| {
            state["performance"]["fps"]
                .as_f64()
                .is_some_and(|fps| (29.0..=31.0).contains(&fps))
        })
        .await;
    assert_eq!(state["status"], "live", "{state}");
    assert_eq!(state["errors"], Value::Array(Vec::new()), "{state}");
    let probe = Probe::read(&format!("{}/live/main/index.m3u8", stack.url()), "");
    assert_eq!(probe.codecs(), ["aac", "h264"]);
    let snapshot = stack.anonymous().get_bytes("/live/main/snapshot.jpg").await;
    assert!(snapshot.starts_with(&[0xff, 0xd8]), "a JPEG file");

    entrypoints_answer(&stack).await;
    whole_system_is_seen(&stack).await;
    second_start_goes_on(&stack).await;
}

/// The origin's four ports: API, WebSocket, metrics, health.
async fn entrypoints_answer(stack: &Stack) {
    let metrics = Api::new(stack.entrypoint(4290));
    let health = Api::new(stack.entrypoint(4291));
    for service in [
        "api-gateway",
        "stream-control",
        "layer-service",
        "analytics",
        "ws-fanout",
        "stream-engine",
    ] {
        let ready = health
            .get(&format!("/{service}/health/ready"))
            .await
            .expect(200);
        assert_eq!(ready.body["status"], "ready", "{service}");
        let report = health.get(&format!("/{service}/health")).await.expect(200);
        assert!(
            report.body["listening"].as_array().unwrap().len() >= 3,
            "{}",
            report.text
        );
        let text = metrics
            .get(&format!("/{service}/metrics"))
            .await
            .expect(200)
            .text;
        assert!(
            text.contains(&format!("service=\"{service}\"")),
            "{service}"
        );
    }
    health.get("/health").await.expect(200);
    let bare_socket = Api::new(stack.entrypoint(4201)).get("/ws").await;
    assert!(
        bare_socket.status.is_client_error(),
        "the WebSocket port wants an upgrade"
    );
    stack
        .anonymous()
        .get("/api/nothing")
        .await
        .expect_problem(404, "route.not-found");
    stack
        .anonymous()
        .get("/api/layers")
        .await
        .expect_problem(401, "auth.token.missing");
    let page = stack.anonymous().get("/").await.expect(200);
    assert!(page.text.contains("<html"), "{}", page.text);
}

async fn whole_system_is_seen(stack: &Stack) {
    let admin = stack.admin().await;
    let resources = admin.get("/api/resources").await.expect(200).text;
    for service in ["stream-control", "ws-fanout", "media-worker"] {
        assert!(resources.contains(service), "{service}: {resources}");
    }
    let openapi = stack.anonymous().get("/api/openapi.json").await.expect(200);
    assert!(openapi.body["paths"]["/api/stream/control"].is_object());
    let series = "/api/analytics/timeseries?metric=fps&from=-1m&step=1s";
    stack
        .until("analytics has samples", || async {
            admin.get(series).await.expect(200).text.contains("30")
        })
        .await;
}

/// Stopped in order and started again: the same data, continuing segment numbers.
async fn second_start_goes_on(stack: &Stack) {
    let admin = stack.admin().await;
    let before = admin.get("/api/layers").await.expect(200).body;
    let number = Playlist::fetch(&stack.anonymous()).await.unwrap().next();
    stack.down();
    stack.up();
    // The first client's connections ended with the first run.
    let admin = stack.admin().await;
    let after = admin.get("/api/layers").await.expect(200).body;
    assert_eq!(after["scene"]["revision"], before["scene"]["revision"]);
    let playlist = Playlist::fetch(&stack.anonymous()).await.unwrap();
    assert!(
        playlist.next() > number,
        "{} then {}",
        number,
        playlist.next()
    );
}
