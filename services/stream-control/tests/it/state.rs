use reqwest::Method;
use sm_common::auth::Role;
use sm_common::stream::StreamStatus;
use sm_test_kit::until;

use crate::harness::Harness;

#[tokio::test]
async fn the_state_joins_what_is_wanted_and_what_is_observed() {
    let harness = Harness::start().await;
    harness.observe(StreamStatus::Degraded).await;
    let viewer = harness.as_role(Role::Viewer);
    until(
        "the observed status shows",
        std::time::Duration::from_secs(5),
        || async { viewer.get("/api/stream/state").await.body["status"] == "degraded" },
    )
    .await;
    let state = viewer
        .get("/api/stream/state?stream=main")
        .await
        .expect(200);
    assert_eq!(state.body["desired_status"], "offline");
    assert_eq!(state.body["performance"]["fps"], serde_json::Value::Null);
    assert!(state.header("etag").starts_with('"'));
}

#[tokio::test]
async fn an_unchanged_state_is_304() {
    let harness = Harness::start().await;
    let viewer = harness.as_role(Role::Viewer);
    let etag = viewer
        .get("/api/stream/state")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let again = viewer
        .request(Method::GET, "/api/stream/state")
        .header("if-none-match", etag.clone());
    assert_eq!(viewer.send(again).await.expect(304).text, "");
    harness.observe(StreamStatus::Live).await;
    until(
        "the tag changes",
        std::time::Duration::from_secs(5),
        || async { viewer.get("/api/stream/state").await.header("etag") != etag },
    )
    .await;
}

#[tokio::test]
async fn the_public_sees_the_state_only_where_it_may() {
    let closed = Harness::start().await;
    closed
        .anonymous()
        .get("/api/stream/state")
        .await
        .expect_problem(401, "auth.token.missing");
    let open = Harness::start_with(&[("auth.public_view", "true")]).await;
    open.anonymous().get("/api/stream/state").await.expect(200);
    open.anonymous()
        .get("/api/stream/audit")
        .await
        .expect_problem(401, "auth.token.missing");
}

#[tokio::test]
async fn unknown_streams_and_parameters_are_refused() {
    let harness = Harness::start().await;
    let viewer = harness.as_role(Role::Viewer);
    viewer
        .get("/api/stream/state?stream=other")
        .await
        .expect_problem(404, "stream.not-found");
    viewer
        .get("/api/stream/state?sream=main")
        .await
        .expect_problem(400, "request.query.invalid");
}

#[tokio::test]
async fn health_lists_the_sockets_that_are_really_bound() {
    let harness = Harness::start().await;
    let health = sm_test_kit::Api::new(harness.service.health_url());
    let report = health.get("/health").await.expect(200);
    let address = harness.service.kit().http_address().to_string();
    let listed = report.body["listening"].as_array().unwrap();
    let api = listed
        .iter()
        .find(|socket| socket["address"] == address.as_str());
    assert_eq!(api.unwrap()["purpose"], "api", "{}", report.text);
    let metrics = sm_test_kit::Api::new(harness.service.metrics_url());
    let text = metrics.get("/metrics").await.expect(200).text;
    assert!(
        text.contains("sm_build_info{service=\"stream-control\""),
        "{text}"
    );
}
