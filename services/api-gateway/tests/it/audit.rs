use reqwest::Method;
use serde_json::json;
use sm_test_kit::{Answer, Api};

use crate::harness::{Gateway, PASSWORD, at, create_user, field, login, refresh};

const AUDIT: &str = "/api/auth/audit";

fn events(page: &Answer) -> Vec<&str> {
    let entries = at(page, "/entries").as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect()
}

async fn read(admin: &Api, query: &str) -> Answer {
    admin.get(&format!("{AUDIT}{query}")).await.expect(200)
}

#[tokio::test]
async fn what_happens_is_noted_with_who_and_whom_and_no_secret() {
    let gateway = Gateway::start(&[]).await;
    let (api, admin) = (gateway.anonymous(), gateway.admin().await);
    create_user(&admin, "ada", "viewer").await;
    let pair = login(&api, "ada", PASSWORD).await.expect(200);
    let used = field(&pair, "refresh_token");
    let next = field(&refresh(&api, &used).await.expect(200), "refresh_token");
    let _reused = refresh(&api, &used).await.expect(401);
    let request = admin.request(Method::PATCH, "/api/users/ada");
    let change = json!({"role": "operator", "password": "another long password"});
    let _changed = admin.send(request.json(&change)).await.expect(200);
    let delete = admin.request(Method::DELETE, "/api/users/ada");
    let _deleted = admin.send(delete).await.expect(204);
    let again = field(
        &login(&api, "admin", PASSWORD).await.expect(200),
        "refresh_token",
    );
    let out = json!({"refresh_token": again});
    let _out = api.post("/api/auth/logout", &out).await.expect(204);

    let page = read(&admin, "").await;
    assert_eq!(
        events(&page),
        [
            "signed-out",
            "signed-in",
            "user-deleted",
            "user-changed",
            "refresh-reused",
            "signed-in",
            "user-created",
            "signed-in",
            "user-created",
        ]
    );
    let changed = at(&page, "/entries/3");
    assert_eq!(changed["by"]["name"], "admin");
    assert_eq!(changed["about"]["name"], "ada");
    assert_eq!(changed["detail"], "role operator, password");
    assert_eq!(changed["network"], "127.0.0.0/24");
    for secret in [PASSWORD, "another long", &used, &next, &again, "argon2"] {
        assert!(!page.text.contains(secret), "{secret}: {}", page.text);
    }
}

#[tokio::test]
async fn failures_are_noted_apart_and_a_password_in_the_wrong_field_is_not() {
    let settings = [("sign_in.failures_per_name_max", "2")];
    let gateway = Gateway::start(&settings).await;
    let (api, admin) = (gateway.anonymous(), gateway.admin().await);
    let _failed = login(&api, "admin", "wrong password").await.expect(401);
    let _failed = login(&api, "hunter2hunter2", "admin").await.expect(401);
    for _attempt in 0..2 {
        let _failed = login(&api, "ghost", "wrong password").await.expect(401);
    }
    let _throttled = login(&api, "ghost", "wrong password").await.expect(429);
    let page = read(&admin, "?list=attempts").await;
    assert_eq!(
        events(&page),
        [
            "sign-in-throttled",
            "sign-in-failed",
            "sign-in-failed",
            "sign-in-failed",
            "sign-in-failed"
        ]
    );
    assert_eq!(at(&page, "/entries/4/about/name"), "admin");
    assert!(!page.text.contains("hunter2"), "{}", page.text);
    let actions = read(&admin, "").await;
    assert!(!actions.text.contains("failed"), "{}", actions.text);
}

#[tokio::test]
async fn it_is_read_in_pages_by_admins_alone_and_cannot_be_changed() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    for name in ["ada", "bob", "eve"] {
        create_user(&admin, name, "operator").await;
    }
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = read(&admin, &query).await;
        seen.extend(events(&page).into_iter().map(str::to_owned));
        match at(&page, "/next").as_str() {
            Some(next) => query = format!("?limit=2&before={next}"),
            None => break,
        }
    }
    let all = read(&admin, "").await;
    assert_eq!(seen, events(&all));
    for query in [
        "?limit=0",
        "?limit=201",
        "?before=-",
        "?before=x",
        "?list=none",
    ] {
        admin
            .get(&format!("{AUDIT}{query}"))
            .await
            .expect_problem(400, "request.query.invalid");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = admin.send(admin.request(method, AUDIT)).await;
        answer.expect_problem(405, "route.method-not-allowed");
    }
    let operator = crate::harness::signed_in(&gateway.anonymous(), "ada", PASSWORD).await;
    operator
        .get(AUDIT)
        .await
        .expect_problem(403, "auth.role.insufficient");
    gateway
        .anonymous()
        .get(AUDIT)
        .await
        .expect_problem(401, "auth.token.missing");
}
