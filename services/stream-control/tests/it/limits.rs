//! Quotas and bulkheads. They are the same in every service; this one has the most classes.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use sm_common::auth::Role;
use sm_test_kit::{Answer, Api, Running, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Harness;

const STATE: &str = "/api/stream/state";
/// Nothing is earned back while a test runs.
const HOUR: (&str, &str) = ("http.limits.read.window_s", "3600");

async fn from_address(api: &Api, address: &str) -> Answer {
    let request = api.request(Method::GET, "/api/stream/nothing");
    api.send(request.header("x-forwarded-for", address)).await
}

/// A line of the service's metrics.
async fn metric(service: &Running, name: &str) -> String {
    let metrics = Api::new(service.metrics_url()).get("/metrics").await;
    let value = metrics.text.lines().find_map(|line| {
        let (known, value) = line.rsplit_once(' ')?;
        (known == name).then(|| value.to_owned())
    });
    value.unwrap_or_default()
}

/// Two replicas count together. Who has used up a quota is told when to come back, and nobody else is
/// kept from anything.
#[tokio::test]
async fn replicas_share_a_callers_quota() {
    let changes = [("http.limits.read.requests", "6"), HOUR];
    let harness = Harness::start_with(&changes).await;
    let sibling = Harness::replica(&harness.redis, &harness.issuer, &changes);
    let token = harness.issuer.token(Role::Operator);
    let here = harness.anonymous().with_token(&token);
    let there = Api::new(sibling.url()).with_token(&token);
    for left in (0..6).rev() {
        let api = if left % 2 == 0 { &here } else { &there };
        let answer = api.get("/api/stream/nothing").await.expect(404);
        assert_eq!(answer.header("ratelimit-policy"), "\"read\";q=6;w=3600");
        let standing = answer.header("ratelimit");
        assert!(
            standing.starts_with(&format!("\"read\";r={left};t=")),
            "{standing}"
        );
    }
    for api in [&here, &there] {
        let refused = api.get(STATE).await.expect_problem(429, "rate.limited");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=600).contains(&wait), "{wait}");
        assert!(
            refused.header("ratelimit").starts_with("\"read\";r=0;t="),
            "{:?}",
            refused.headers
        );
        assert!(!refused.header("x-request-id").is_empty());
    }
    let commanded = here
        .post("/api/stream/control", &json!({"action": "start"}))
        .await
        .expect(202);
    assert!(
        commanded.header("ratelimit").starts_with("\"control\";r="),
        "commands have a quota of their own"
    );
    let viewer = harness.as_role(Role::Viewer);
    assert_eq!(viewer.get(STATE).await.status, 200, "somebody else");
    assert_eq!(
        harness.anonymous().get(STATE).await.status,
        401,
        "somebody without a token, at the same address"
    );
    let refusals = "sm_http_requests_limited_total{class=\"read\"}";
    assert_eq!(metric(&harness.service, refusals).await, "1");
}

/// Without a valid token the address counts: that which the trusted proxy names, whatever the caller
/// claims before it.
#[tokio::test]
async fn without_a_token_the_address_counts() {
    let harness = Harness::start_with(&[("http.limits.read.requests", "2"), HOUR]).await;
    let api = harness.anonymous();
    for claimed in ["198.51.100.1", "198.51.100.2"] {
        let chain = format!("{claimed}, 203.0.113.7");
        let _answer = from_address(&api, &chain).await.expect(404);
    }
    let forged = api.with_token("not.a.token");
    let refused = from_address(&forged, "198.51.100.3, 203.0.113.7").await;
    let _refused = refused.expect_problem(429, "rate.limited");
    let _answer = from_address(&api, "203.0.113.8").await.expect(404);
}

/// Without Redis every process counts for itself, and nobody waits for it twice.
#[tokio::test]
async fn without_redis_a_process_counts_alone() {
    let changes = [
        ("http.limits.read.requests", "3"),
        ("http.limits.shared_retry_ms", "3600000"),
        HOUR,
    ];
    let mut harness = Harness::start_with(&changes).await;
    harness.redis.kill();
    let api = harness.anonymous();
    for _ in 0..3 {
        let _answer = from_address(&api, "203.0.113.7").await.expect(404);
    }
    let refused = from_address(&api, "203.0.113.7").await;
    let _refused = refused.expect_problem(429, "rate.limited");
    let failures = "sm_http_quota_asked_total{class=\"read\",outcome=\"unavailable\"}";
    assert_eq!(metric(&harness.service, failures).await, "1");
}

/// A caller who asks often costs Redis a round trip for many requests.
#[tokio::test]
async fn requests_are_taken_ahead_for_who_asks_often() {
    let changes = [
        ("http.limits.read.requests", "2000"),
        ("http.limits.ahead_ms", "3600000"),
        HOUR,
    ];
    let harness = Harness::start_with(&changes).await;
    let api = harness.anonymous();
    for _ in 0..200 {
        let _answer = from_address(&api, "203.0.113.7").await.expect(404);
    }
    let trips = "sm_http_quota_asked_total{class=\"read\",outcome=\"granted\"}";
    // 1, 2, 4, 8, 16, 32, 64 and 100 at a time.
    assert_eq!(metric(&harness.service, trips).await, "8");
}

/// As many commands as may be are under way, and never end: the next is refused at once, and readers
/// notice nothing.
#[tokio::test]
async fn a_full_bulkhead_refuses_its_own_class_alone() {
    let changes = [
        ("http.limits.control.concurrent_max", "1"),
        ("http.body_timeout_ms", "60000"),
    ];
    let harness = Harness::start_with(&changes).await;
    let operator = harness.operator();
    let mut hanging = TcpStream::connect(harness.service.kit().http_address())
        .await
        .unwrap();
    let head = format!(
        "POST /api/stream/control HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 18\r\n\r\n",
        harness.issuer.token(Role::Operator)
    );
    hanging.write_all(head.as_bytes()).await.unwrap();
    let in_flight = "sm_http_requests_in_flight{class=\"control\"}";
    until(
        "a command is under way",
        Duration::from_secs(10),
        || async { metric(&harness.service, in_flight).await == "1" },
    )
    .await;
    let start = json!({"action": "start"});
    let refused = operator.post("/api/stream/control", &start).await;
    let refused = refused.expect_problem(503, "service.unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    let _state = operator.get(STATE).await.expect(200);
    hanging
        .write_all(start.to_string().as_bytes())
        .await
        .unwrap();
    let mut answer = vec![0; 12];
    hanging.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 202");
    // It is let through again, and judged.
    let again = operator.post("/api/stream/control", &start).await;
    let _refused = again.expect_problem(409, "stream.action.illegal");
}
