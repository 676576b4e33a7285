use reqwest::Method;
use serde_json::{Value, json};
use sm_test_kit::{Answer, Api, until};

use crate::harness::{Gateway, PASSWORD, SOON, at, create_user, field, login};

/// Signs in from another address, as the load balancer tells it.
async fn login_from(api: &Api, address: &str, name: &str, password: &str) -> Answer {
    let request = api
        .request(Method::POST, "/api/auth/login")
        .header("x-forwarded-for", address)
        .json(&json!({"username": name, "password": password}));
    api.send(request).await
}

#[tokio::test]
async fn the_right_password_gives_a_token_that_says_who_calls() {
    let gateway = Gateway::start(&[]).await;
    let answer = login(&gateway.anonymous(), "ADMIN", PASSWORD)
        .await
        .expect(200);
    assert_eq!(at(&answer, "/token_type"), "Bearer");
    assert_eq!(at(&answer, "/expires_in"), 900);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("set-cookie"), "");

    let admin = gateway
        .anonymous()
        .with_token(field(&answer, "access_token"));
    let me = admin.get("/api/auth/me").await.expect(200);
    assert_eq!(
        (at(&me, "/name"), at(&me, "/role")),
        (&json!("admin"), &json!("admin"))
    );

    let metrics = Api::new(gateway.service.metrics_url())
        .get("/metrics")
        .await;
    let counted = r#"sm_gateway_logins_total{outcome="success"} 1"#;
    assert!(metrics.text.contains(counted), "{}", metrics.text);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let mut bodies = Vec::new();
    for (name, password) in [
        ("admin", "wrong password"),
        ("nobody", PASSWORD),
        ("no such <name>", PASSWORD),
        ("admin", ""),
    ] {
        let mut answer = login(&api, name, password)
            .await
            .expect_problem(401, "auth.credentials.invalid");
        let body = answer.body.as_object_mut().unwrap();
        body.remove("instance");
        body.remove("trace_id");
        bodies.push(answer.body);
    }
    assert!(
        bodies.iter().all(|body| Some(body) == bodies.first()),
        "{bodies:?}"
    );
}

#[tokio::test]
async fn a_disabled_person_cannot_sign_in() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    create_user(&admin, "ada", "viewer").await;
    let change = admin.request(Method::PATCH, "/api/users/ada");
    let _changed = admin
        .send(change.json(&json!({"disabled": true})))
        .await
        .expect(200);
    login(&gateway.anonymous(), "ada", PASSWORD)
        .await
        .expect_problem(401, "auth.credentials.invalid");
}

#[tokio::test]
async fn a_body_that_is_no_login_is_refused_with_what_to_change() {
    let gateway = Gateway::start(&[("http.json_bytes_max", "1000")]).await;
    let api = gateway.anonymous();
    let unknown = json!({"username": "a", "password": "b", "remember": true});
    let wrong_type = json!({"username": "a", "password": 7});
    let missing = json!({"username": "a"});
    for body in [unknown, wrong_type, missing] {
        api.post("/api/auth/login", &body)
            .await
            .expect_problem(400, "request.body.invalid");
    }
    let large = json!({"username": "a", "password": "b".repeat(2000)});
    api.post("/api/auth/login", &large)
        .await
        .expect_problem(413, "request.body.too-large");
    let form = api
        .request(Method::POST, "/api/auth/login")
        .body("username=a");
    api.send(form)
        .await
        .expect_problem(415, "request.media-type.unsupported");
    api.get("/api/auth/login")
        .await
        .expect_problem(405, "route.method-not-allowed");
}

#[tokio::test]
async fn failures_are_counted_by_name_and_address_so_nobody_locks_another_out() {
    let gateway = Gateway::start(&[("sign_in.failures_per_name_max", "3")]).await;
    let api = gateway.anonymous();
    create_user(&gateway.admin().await, "ada", "viewer").await;
    let attacker = "203.0.113.7";
    for _failure in 0..3 {
        login_from(&api, attacker, "ada", "a wrong guess")
            .await
            .expect_problem(401, "auth.credentials.invalid");
    }
    // Even the right password is not looked at any more.
    let refused = login_from(&api, attacker, "Ada", PASSWORD)
        .await
        .expect_problem(429, "rate.limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    let _elsewhere = login_from(&api, "198.51.100.1", "ada", PASSWORD)
        .await
        .expect(200);
    let _other_name = login_from(&api, attacker, "admin", PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_success_starts_the_count_of_the_name_anew() {
    let gateway = Gateway::start(&[("sign_in.failures_per_name_max", "2")]).await;
    let api = gateway.anonymous();
    for _round in 0..3 {
        let _failure = login(&api, "admin", "a wrong guess").await.expect(401);
        let _success = login(&api, "admin", PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn an_address_that_tries_many_names_is_stopped() {
    let limits = [("sign_in.failures_per_address_max", "4")];
    let gateway = Gateway::start(&limits).await;
    let api = gateway.anonymous();
    let site = |host: u8| format!("2001:db8:1:2::{host}");
    for guess in 0..4 {
        let _failure = login_from(&api, &site(guess), &format!("name{guess}"), "guess")
            .await
            .expect(401);
    }
    login_from(&api, &site(9), "admin", PASSWORD)
        .await
        .expect_problem(429, "rate.limited");
    let _neighbour = login_from(&api, "2001:db8:1:3::1", "admin", PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn the_wait_ends_by_itself() {
    let limits = [
        ("sign_in.failures_per_name_max", "1"),
        ("sign_in.window_s", "1"),
    ];
    let gateway = Gateway::start(&limits).await;
    let api = gateway.anonymous();
    let _failure = login(&api, "admin", "a wrong guess").await.expect(401);
    until("the window is over", SOON, || async {
        login(&api, "admin", PASSWORD).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_and_lies_under_the_base_path() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let body = json!({"username": "admin", "password": PASSWORD, "cookie": true});
    let plain = api.post("/api/auth/login", &body).await.expect(200);
    let cookie = plain.header("set-cookie").to_owned();
    for part in [
        "sm_access=",
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
        "Max-Age=900",
    ] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");

    let behind_proxy = api
        .request(Method::POST, "/api/auth/login")
        .header("x-forwarded-prefix", "/stream")
        .header("x-forwarded-proto", "https")
        .json(&body);
    let proxied = api.send(behind_proxy).await.expect(200);
    let cookie_behind = proxied.header("set-cookie");
    assert!(cookie_behind.contains("Path=/stream"), "{cookie_behind}");
    assert!(cookie_behind.contains("Secure"), "{cookie_behind}");

    let (pair, _attributes) = cookie.split_once(';').unwrap();
    let with_cookie = api
        .request(Method::GET, "/api/auth/me")
        .header("cookie", pair);
    let me = api.send(with_cookie).await.expect(200);
    assert_eq!(at(&me, "/name"), &Value::from("admin"));

    let refresh_token = field(&plain, "refresh_token");
    let out = json!({"refresh_token": refresh_token});
    let gone = api.post("/api/auth/logout", &out).await.expect(204);
    assert!(
        gone.header("set-cookie").contains("Max-Age=0"),
        "{:?}",
        gone.headers
    );
}
