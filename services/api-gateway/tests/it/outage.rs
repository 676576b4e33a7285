use reqwest::Method;
use serde_json::json;
use sm_test_kit::{Answer, Api, until};

use crate::harness::{Gateway, PASSWORD, SOON, field, login, refresh, until_ready};

async fn unavailable(answer: impl Future<Output = Answer>) {
    let answer = answer.await;
    let answer = answer.expect_problem(503, "dependency.unavailable");
    assert_eq!(answer.header("retry-after"), "1");
}

async fn everything_is_unavailable(admin: &Api, refresh_token: &str) {
    unavailable(login(admin, "admin", PASSWORD)).await;
    unavailable(refresh(admin, refresh_token)).await;
    let out = json!({"refresh_token": refresh_token});
    unavailable(admin.post("/api/auth/logout", &out)).await;
    unavailable(admin.post("/api/auth/ws-ticket", &json!({}))).await;
    unavailable(admin.get("/api/users")).await;
    unavailable(admin.get("/api/resources")).await;
    let user = json!({"username": "ada", "password": PASSWORD, "role": "viewer"});
    unavailable(admin.post("/api/users", &user)).await;
    unavailable(admin.send(admin.request(Method::DELETE, "/api/users/admin"))).await;
}

#[tokio::test]
async fn a_redis_that_is_gone_is_said_and_its_return_is_enough() {
    let mut gateway = Gateway::start(&[]).await;
    let pair = login(&gateway.anonymous(), "admin", PASSWORD)
        .await
        .expect(200);
    let token = field(&pair, "refresh_token");
    let admin = gateway.anonymous().with_token(field(&pair, "access_token"));

    gateway.world.redis.kill();
    everything_is_unavailable(&admin, &token).await;
    // What needs no Redis goes on.
    let _me = admin.get("/api/auth/me").await.expect(200);
    let _keys = admin.get("/.well-known/jwks.json").await.expect(200);
    let _page = admin.get("/").await.expect(200);

    gateway.world.redis.restart();
    until_ready(&gateway.service).await;
    until("the sign-in goes on", SOON, || async {
        refresh(&admin, &token).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn an_exchange_that_a_stalled_redis_gets_to_late_does_not_happen() {
    let gateway = Gateway::start(&[]).await;
    let pair = login(&gateway.anonymous(), "admin", PASSWORD)
        .await
        .expect(200);
    let token = field(&pair, "refresh_token");
    let api = gateway.anonymous();

    gateway.world.redis.freeze();
    for _attempt in 0..3 {
        unavailable(refresh(&api, &token)).await;
    }
    unavailable(login(&api, "admin", PASSWORD)).await;
    gateway.world.redis.thaw();
    until_ready(&gateway.service).await;
    // The token is still the latest one: nobody was signed out.
    until("the sign-in goes on", SOON, || async {
        let answer = refresh(&api, &token).await;
        assert_ne!(answer.status, 401, "{}", answer.text);
        answer.status == 200
    })
    .await;
}
