use std::time::Duration;

use serde_json::json;
use sm_common::auth::Role;
use sm_common::stream::DesiredStatus;
use sm_test_kit::{Api, until};

use crate::harness::Harness;

/// Redis refuses, then is frozen: commands are answered 503 with a time to come back, and work
/// again when Redis does, without a restart.
#[tokio::test]
async fn commands_are_refused_while_redis_is_away_and_work_when_it_is_back() {
    let mut harness = Harness::start().await;
    let operator = harness.operator();
    let start = json!({"action": "start"});

    harness.redis.kill();
    let refused = operator.post("/api/stream/control", &start).await;
    let refused = refused.expect_problem(503, "dependency.unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    let health = Api::new(harness.service.health_url());
    until(
        "health says that a part is missing, and the service stays in the pool",
        Duration::from_secs(10),
        || async { health.get("/health/ready").await.expect(200).body["status"] == "degraded" },
    )
    .await;
    health.get("/health/live").await.expect(200);

    harness.redis.restart();
    harness.until_ready().await;
    harness.redis.freeze();
    let hanging = operator.post("/api/stream/control", &start).await;
    hanging.expect_problem(503, "dependency.unavailable");
    harness.redis.thaw();

    until(
        "a command is accepted again",
        Duration::from_secs(10),
        || async { operator.post("/api/stream/control", &start).await.status != 503 },
    )
    .await;
    assert_eq!(harness.desired().await.status, DesiredStatus::Live);
}

#[tokio::test]
async fn a_service_that_starts_without_redis_becomes_ready_when_it_comes() {
    let mut redis = sm_test_kit::Redis::start();
    redis.kill();
    let issuer = sm_test_kit::Issuer::new();
    let service = Harness::replica(&redis, &issuer, &[]);
    let viewer = Api::new(service.url()).with_token(issuer.token(Role::Viewer));
    viewer
        .get("/api/stream/state")
        .await
        .expect_problem(503, "dependency.unavailable");
    redis.restart();
    until("the state can be read", Duration::from_secs(10), || async {
        viewer.get("/api/stream/state").await.status == 200
    })
    .await;
}
