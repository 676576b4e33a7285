use sm_common::auth::Role;
use sm_test_kit::Api;

use crate::harness::Harness;

const SERIES: &str = "/api/analytics/timeseries?metric=fps";
const SUMMARY: &str = "/api/analytics/summary";
const METRICS: &str = "/api/analytics/metrics";

#[tokio::test]
async fn a_question_that_cannot_be_answered_says_what_to_change() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    let everything = "fps,frames_total,frames_dropped,frames_duplicated,bytes_total";
    for (query, code, word) in [
        ("timeseries", "request.query.invalid", "fps"),
        ("timeseries?metric=", "request.query.invalid", "fps"),
        (
            "timeseries?metric=fps,speed",
            "analytics.metric.unknown",
            "layer_change_to_air_ms",
        ),
        (
            "timeseries?metric=fps&metric=viewers",
            "request.query.invalid",
            "duplicate",
        ),
        (
            "timeseries?metric=fps&colour=red",
            "request.query.invalid",
            "colour",
        ),
        (
            "timeseries?metric=fps&from=yesterday",
            "request.query.invalid",
            "RFC 3339",
        ),
        (
            "timeseries?metric=fps&from=2026-01-31",
            "request.query.invalid",
            "RFC 3339",
        ),
        (
            "timeseries?metric=fps&step=0s",
            "request.query.invalid",
            "auto",
        ),
        (
            "timeseries?metric=fps&step=-1s",
            "request.query.invalid",
            "auto",
        ),
        (
            "timeseries?metric=fps&step=NaN",
            "request.query.invalid",
            "auto",
        ),
        (
            "timeseries?metric=fps&from=-4d&step=90s",
            "analytics.range.invalid",
            "whole 1m",
        ),
        (
            "timeseries?metric=fps&view=speed",
            "request.query.invalid",
            "rate",
        ),
        (
            "timeseries?metric=fps&group=all",
            "request.query.invalid",
            "sum",
        ),
        (
            "timeseries?metric=fps&from=now&to=-5m",
            "analytics.range.invalid",
            "before",
        ),
        (
            "timeseries?metric=fps&from=9000-01-01T00:00:00Z",
            "analytics.range.invalid",
            "now",
        ),
        (
            "timeseries?metric=fps&from=-7h&step=1s",
            "analytics.range.invalid",
            "whole 10s",
        ),
        (
            "timeseries?metric=fps&from=-6h&step=1s",
            "analytics.range.invalid",
            "11000",
        ),
        (
            "timeseries?metric=fps&stream=No%20Slug",
            "request.query.invalid",
            "a-z",
        ),
    ] {
        assert_refused(&api, query, code, word).await;
    }
    let wide = format!("/api/analytics/timeseries?metric={everything}&from=-1h&step=1s");
    let wide = api
        .get(&wide)
        .await
        .expect_problem(400, "analytics.range.invalid");
    assert!(
        wide.body["detail"].as_str().unwrap().contains("step=2s"),
        "{}",
        wide.text
    );
}

async fn assert_refused(api: &Api, query: &str, code: &str, word: &str) {
    let answer = api.get(&format!("/api/analytics/{query}")).await;
    let answer = answer.expect_problem(400, code);
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains(word), "{query}: {detail}");
}

#[tokio::test]
async fn a_broadcast_that_cannot_be_told_of_says_what_to_change() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    for (query, code, word) in [
        ("summary?to=now", "analytics.range.invalid", "from"),
        (
            "summary?from=now&to=-1h",
            "analytics.range.invalid",
            "before",
        ),
        ("summary?since=-1h", "request.query.invalid", "since"),
        (
            "summary?broadcast=now&from=-1h",
            "request.query.invalid",
            "either",
        ),
        ("compare?a=yesterday", "request.query.invalid", "latest"),
        ("compare?a=now/-1h", "analytics.range.invalid", "before"),
        ("export?format=xml", "request.query.invalid", "parquet"),
        ("export?metric=speed", "analytics.metric.unknown", "fps"),
        (
            "export?from=-7h&resolution=1s",
            "analytics.range.invalid",
            "whole 10s",
        ),
    ] {
        assert_refused(&api, query, code, word).await;
    }
}

#[tokio::test]
async fn a_stream_that_does_not_exist_is_not_found() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    for path in [
        format!("{SERIES}&stream=other"),
        format!("{SUMMARY}?stream=other"),
        format!("{SERIES}&stream=main,other"),
        "/api/analytics/broadcasts?stream=other".to_owned(),
        "/api/analytics/compare?stream=other".to_owned(),
        "/api/analytics/export?stream=other".to_owned(),
    ] {
        let _refused = api.get(&path).await.expect_problem(404, "stream.not-found");
    }
    let nowhere = api.get("/api/analytics/nowhere").await;
    let _refused = nowhere.expect_problem(404, "route.not-found");
    let posted = api.post(METRICS, &serde_json::json!({})).await;
    let _refused = posted.expect_problem(405, "route.method-not-allowed");
}

#[tokio::test]
async fn each_role_reads_what_it_may() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    for role in Role::ALL {
        let api = harness.as_role(&service, role);
        let analytics = matches!(role, Role::Operator | Role::Admin);
        let summary = analytics || matches!(role, Role::Viewer | Role::Moderator);
        for (path, may) in [
            (SERIES, analytics),
            (METRICS, analytics),
            (SUMMARY, summary),
            ("/api/analytics/broadcasts", summary),
            ("/api/analytics/export", analytics),
        ] {
            let answer = api.get(path).await;
            if may {
                let _allowed = answer.expect(200);
            } else {
                let _refused = answer.expect_problem(403, "auth.role.insufficient");
            }
        }
    }
}

#[tokio::test]
async fn nobody_reads_without_a_valid_token() {
    let harness = Harness::new();
    let service = harness.replica(&[("auth.public_view", "true")]);
    let anonymous = Api::new(service.url());
    let expired = anonymous.with_token(harness.issuer.expired_token(Role::Admin));
    let stranger = anonymous.with_token(sm_test_kit::Issuer::new().token(Role::Admin));
    for path in [SERIES, METRICS, SUMMARY] {
        let _refused = anonymous
            .get(path)
            .await
            .expect_problem(401, "auth.token.missing");
        let _refused = expired
            .get(path)
            .await
            .expect_problem(401, "auth.token.expired");
        let _refused = stranger
            .get(path)
            .await
            .expect_problem(401, "auth.token.invalid");
    }
}

#[tokio::test]
async fn the_list_and_the_document_name_every_metric() {
    let harness = Harness::new();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    let list = api.get(METRICS).await.expect(200).body;
    let metrics = list["metrics"].as_array().unwrap();
    let fps = metrics
        .iter()
        .find(|metric| metric["name"] == "fps")
        .unwrap();
    assert_eq!(fps["unit"], "frames/s");
    assert_eq!(fps["kind"], "gauge");
    assert_eq!(fps["resolution"], 0.001);
    let document = sm_analytics::openapi().to_json().unwrap();
    for metric in metrics {
        let name = metric["name"].as_str().unwrap();
        assert!(document.contains(&format!("`{name}`")), "{name}");
        let series = format!("/api/analytics/timeseries?metric={name}");
        let answer = api.get(&series).await.expect(200);
        assert_eq!(answer.body["metrics"][0]["name"], name);
    }
}
