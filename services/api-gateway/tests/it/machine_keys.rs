use reqwest::Method;
use serde_json::{Value, json};
use sm_bus::redis;
use sm_common::clock::SystemClock;
use sm_service_kit::auth::{Authenticator, KeySource};
use sm_service_kit::config::ServiceConfig as _;
use sm_test_kit::{Answer, Api, until};

use crate::harness::{Gateway, SOON, at, field};

const KEYS: &str = "/api/auth/keys";

async fn create(admin: &Api, scopes: Value) -> (String, String) {
    let body = json!({"name": "Grafana", "scopes": scopes});
    let created = admin.post(KEYS, &body).await.expect(201);
    (field(&created, "id"), field(&created, "secret"))
}

async fn take_back(admin: &Api, id: &str) -> Answer {
    let request = admin.request(Method::DELETE, &format!("{KEYS}/{id}"));
    admin.send(request).await
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_until_it_is_taken_back() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    let (id, secret) = create(&admin, json!(["resources:read", "resources:read"])).await;
    assert!(secret.starts_with("smk_"), "{secret}");
    let machine = gateway.anonymous().with_token(&secret);
    let _allowed = machine.get("/api/resources").await.expect(200);
    let me = machine.get("/api/auth/me").await.expect(200);
    assert_eq!(at(&me, "/scopes"), &json!(["resources:read"]));
    for path in ["/api/users", "/api/auth/audit", KEYS] {
        machine
            .get(path)
            .await
            .expect_problem(403, "auth.role.insufficient");
    }
    machine
        .get("/api/auth/sessions")
        .await
        .expect_problem(404, "user.not-found");

    let listed = admin.get(KEYS).await.expect(200);
    assert_eq!(at(&listed, "/0/name"), "Grafana");
    assert_eq!(at(&listed, "/0/created_by/name"), "admin");
    assert!(at(&listed, "/0/used_at").is_string(), "{}", listed.text);
    assert!(!listed.text.contains(&secret), "{}", listed.text);
    assert!(!listed.text.contains("digest"), "{}", listed.text);

    let _taken_back = take_back(&admin, &id).await.expect(204);
    until("the key is refused", SOON, || async {
        machine.get("/api/resources").await.status == 401
    })
    .await;
    take_back(&admin, &id)
        .await
        .expect_problem(404, "auth.key.not-found");
    let trail = admin.get("/api/auth/audit").await.expect(200);
    for event in ["key-created", "key-revoked", "Grafana: resources:read"] {
        assert!(trail.text.contains(event), "{event}: {}", trail.text);
    }
    assert!(!trail.text.contains(&secret), "{}", trail.text);
}

#[tokio::test]
async fn another_service_takes_a_key_by_asking_the_gateway_once() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    let (_id, secret) = create(&admin, json!(["stream:read"])).await;
    let config = gateway.world.config(&[]);
    let url = format!("{}/.well-known/jwks.json", gateway.service.url());
    let service = Authenticator::new(
        &config.kit().auth,
        KeySource::Url(url),
        SystemClock::shared(),
    );
    let identity = service.verify(&secret).await.unwrap();
    assert_eq!(identity.name, "Grafana");
    assert!(service.verify("smk_unknown").await.is_err());
    // With the gateway gone the key goes on for as long as its token.
    gateway.service.stop();
    assert_eq!(service.verify(&secret).await.unwrap(), identity);
    assert!(service.verify("smk_another").await.is_err());
}

#[tokio::test]
async fn what_is_no_good_key_is_refused() {
    let gateway = Gateway::start(&[("machine_keys.count_max", "1")]).await;
    let admin = gateway.admin().await;
    let body = json!({"name": " ", "scopes": [], "expires_in_days": 400});
    let answer = admin.post(KEYS, &body).await;
    let answer = answer.expect_problem(422, "request.validation.failed");
    let errors = at(&answer, "/errors").as_array().unwrap();
    let pointers: Vec<&Value> = errors.iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/name", "/scopes", "/expires_in_days"]);
    let body = json!({"name": "a", "scopes": ["users:write"]});
    let answer = admin.post(KEYS, &body).await;
    let answer = answer.expect_problem(422, "request.validation.failed");
    assert_eq!(at(&answer, "/errors/0/pointer"), "/scopes/0");
    let body = json!({"name": "a", "scopes": ["everything"]});
    admin
        .post(KEYS, &body)
        .await
        .expect_problem(400, "request.body.invalid");

    let (_id, secret) = create(&admin, json!(["metrics:read"])).await;
    let body = json!({"name": "one too many", "scopes": ["metrics:read"]});
    admin
        .post(KEYS, &body)
        .await
        .expect_problem(409, "auth.key.limit-reached");
    let api = gateway.anonymous();
    for wrong in ["smk_", "smk_x", secret.get(..40).unwrap(), &"x".repeat(100)] {
        api.with_token(wrong)
            .get("/api/auth/me")
            .await
            .expect_problem(401, "auth.token.invalid");
    }
    api.post("/api/auth/token", &json!({}))
        .await
        .expect_problem(401, "auth.token.missing");
}

#[tokio::test]
async fn a_key_is_kept_as_a_digest_and_ends_by_itself() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    let (id, secret) = create(&admin, json!(["stream:read"])).await;
    let bus = gateway.world.redis.bus("test");
    let mut command = redis::cmd("HGET");
    command.arg(sm_bus::keys::MACHINE_KEYS).arg(&id);
    let text: String = bus.query(&command).await.unwrap();
    assert!(!text.contains(&secret), "{text}");
    // As if its time were over.
    let mut kept: Value = serde_json::from_str(&text).unwrap();
    kept["expires_at"] = json!("2020-01-01T00:00:00.000Z");
    let mut command = redis::cmd("HSET");
    command.arg(sm_bus::keys::MACHINE_KEYS);
    command.arg(&id).arg(kept.to_string());
    let _set: i64 = bus.query(&command).await.unwrap();
    gateway
        .anonymous()
        .with_token(&secret)
        .get("/api/auth/me")
        .await
        .expect_problem(401, "auth.token.invalid");
}
