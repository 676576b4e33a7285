use sm_test_kit::{Api, until};

use crate::harness::{Harness, LIMIT};

const PATH: &str = "/api/analytics/timeseries?metric=fps&from=-1h&step=1m";

/// Redis refuses, then is frozen: questions are answered 503 with a time to come back, and
/// everything goes on by itself when Redis does.
#[tokio::test]
async fn questions_are_refused_while_redis_is_away_and_ingest_goes_on_when_it_is_back() {
    let mut harness = Harness::new();
    let service = harness.replica(&[]);
    harness.samples(0..3).await;
    harness.until_read().await;
    let api = harness.operator(&service);
    let asked = || async { api.get(PATH).await };

    harness.redis.kill();
    let refused = asked().await.expect_problem(503, "dependency.unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    let health = Api::new(service.health_url());
    until(
        "health says that a part is missing, and the service stays in the pool",
        LIMIT,
        || async { health.get("/health/ready").await.expect(200).body["status"] == "degraded" },
    )
    .await;
    let _alive = health.get("/health/live").await.expect(200);

    harness.redis.restart();
    harness.reconnect(1000);
    harness.samples(3..6).await;
    harness.until_read().await;
    until("the service is whole again", LIMIT, || async {
        health.get("/health/ready").await.expect(200).body["status"] == "ready"
    })
    .await;

    harness.redis.freeze();
    let refused = asked().await.expect_problem(503, "dependency.unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    harness.redis.thaw();
    harness.samples(6..9).await;
    harness.until_read().await;
    let stored = harness.series(&api, "fps", 0..9, "1s").await;
    assert!(stored.iter().all(|point| point[0].is_some()));
}

#[tokio::test]
async fn a_service_that_starts_without_redis_begins_when_it_comes() {
    let mut harness = Harness::new();
    harness.samples(0..3).await;
    harness.redis.kill();
    let service = harness.replica(&[]);
    let api = harness.operator(&service);
    let refused = api.get(PATH).await;
    let _refused = refused.expect_problem(503, "dependency.unavailable");
    harness.redis.restart();
    harness.until_read().await;
    let stored = harness.series(&api, "fps", 0..3, "1s").await;
    assert!(stored.iter().all(|point| point[0].is_some()));
}
