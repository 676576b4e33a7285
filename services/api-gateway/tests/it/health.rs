use sm_test_kit::{Api, until, until_some};

use crate::harness::{Gateway, SOON, at};

const EXPECTED: (&str, &str) = ("health.expected_services", "api-gateway,ws-fanout");

#[tokio::test]
async fn the_public_sees_which_services_are_there_and_operators_see_their_instances() {
    let gateway = Gateway::start(&[EXPECTED]).await;
    let public = until_some("the gateway has reported", SOON, || async {
        let answer = gateway.anonymous().get("/api/health").await.expect(200);
        (at(&answer, "/services/0/status") == "up").then_some(answer)
    })
    .await;
    assert_eq!(at(&public, "/status"), "degraded");
    assert_eq!(at(&public, "/services/1/service"), "ws-fanout");
    assert_eq!(at(&public, "/services/1/status"), "missing");
    assert!(public.body.get("details").is_none(), "{}", public.text);

    let operator = gateway.person("ada", "operator").await;
    let full = operator.get("/api/health").await.expect(200);
    assert_eq!(at(&full, "/details/redis/status"), "up");
    assert_eq!(at(&full, "/details/instances/0/service"), "api-gateway");
    let viewer = gateway.person("bob", "viewer").await;
    assert!(
        viewer
            .get("/api/health")
            .await
            .body
            .get("details")
            .is_none()
    );
    let expired = gateway.anonymous().with_token("not a token");
    let tolerant = expired.get("/api/health").await.expect(200);
    assert!(tolerant.body.get("details").is_none());
}

#[tokio::test]
async fn without_redis_the_system_is_down_and_says_so() {
    let mut gateway = Gateway::start(&[EXPECTED]).await;
    let operator = gateway.person("ada", "operator").await;
    gateway.world.redis.kill();
    let full = operator.get("/api/health").await.expect(503);
    assert_eq!(at(&full, "/status"), "down");
    assert_eq!(at(&full, "/services/0/status"), "unknown");
    assert!(at(&full, "/details/redis/error").is_string());

    let own = Api::new(gateway.service.health_url());
    until(
        "health says that a part is missing, and the service stays in the pool",
        SOON,
        || async { own.get("/health/ready").await.expect(200).body["status"] == "degraded" },
    )
    .await;
    let _alive = own.get("/health/live").await.expect(200);
}
