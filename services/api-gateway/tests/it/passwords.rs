use reqwest::Method;
use serde_json::{Value, json};
use sm_test_kit::{Answer, Api, until};

use crate::harness::{Gateway, PASSWORD, SOON, at, create_user, field, login, signed_in};

const NEW: &str = "quite another password";

async fn choose(api: &Api, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password});
    api.post("/api/auth/password-link", &body).await
}

fn wrong_field(answer: Answer) -> (Value, Value) {
    let answer = answer.expect_problem(422, "request.validation.failed");
    let field = |name: &str| at(&answer, &format!("/errors/0/{name}")).clone();
    (field("pointer"), field("detail"))
}

#[tokio::test]
async fn somebody_who_is_invited_chooses_a_password_by_a_link_once() {
    let gateway = Gateway::start(&[]).await;
    let (api, admin) = (gateway.anonymous(), gateway.admin().await);
    let invitation = json!({"username": "ada", "role": "operator"});
    let created = admin.post("/api/users", &invitation).await.expect(201);
    let token = at(&created, "/link/token").as_str().unwrap().to_owned();
    let path = at(&created, "/link/path").as_str().unwrap();
    assert_eq!(path, format!("/#choose-password={token}"));
    let users = admin.get("/api/users").await.expect(200);
    assert!(!users.text.contains(&token), "{}", users.text);
    for guess in [PASSWORD, "", &token] {
        let _refused = login(&api, "ada", guess).await.expect(401);
    }

    // What is not acceptable leaves the link as it is.
    for (password, word) in [("short", "characters"), ("Password123", "tried first")] {
        let (pointer, detail) = wrong_field(choose(&api, &token, password).await);
        assert_eq!(pointer, "/password");
        assert!(detail.as_str().unwrap().contains(word), "{detail}");
    }
    let _chosen = choose(&api, &token, NEW).await.expect(204);
    let _signed_in = login(&api, "ada", NEW).await.expect(200);
    for token in [token.as_str(), "unknown", ""] {
        choose(&api, token, "one more password")
            .await
            .expect_problem(410, "auth.password-link.invalid");
    }
    let trail = admin.get("/api/auth/audit").await.expect(200);
    assert!(trail.text.contains("password-chosen"), "{}", trail.text);
    assert!(!trail.text.contains(&token), "{}", trail.text);
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_link_and_the_sign_ins_end() {
    let gateway = Gateway::start(&[]).await;
    let (api, admin) = (gateway.anonymous(), gateway.admin().await);
    let ada = gateway.person("ada", "operator").await;
    let path = "/api/users/ADA/password-link";
    ada.post(path, &json!({}))
        .await
        .expect_problem(403, "auth.role.insufficient");
    admin
        .post("/api/users/nobody/password-link", &json!({}))
        .await
        .expect_problem(404, "user.not-found");
    let link = async || field(&admin.post(path, &json!({})).await.expect(201), "token");
    let (one, other) = (link().await, link().await);
    // Nothing has changed yet.
    let _still = ada.get("/api/auth/me").await.expect(200);
    let _chosen = choose(&api, &one, NEW).await.expect(204);
    until("the token is refused", SOON, || async {
        ada.get("/api/auth/me").await.status == 401
    })
    .await;
    let _old = login(&api, "ada", PASSWORD).await.expect(401);
    let _new = login(&api, "ada", NEW).await.expect(200);
    // The other link was for the password of before.
    choose(&api, &other, "one more password")
        .await
        .expect_problem(410, "auth.password-link.invalid");
}

#[tokio::test]
async fn a_link_is_too_old_after_its_time() {
    let gateway = Gateway::start(&[("users.link_s", "1")]).await;
    let admin = gateway.admin().await;
    create_user(&admin, "ada", "viewer").await;
    let link = admin.post("/api/users/ada/password-link", &json!({})).await;
    let token = field(&link.expect(201), "token");
    // Not acceptable, so that it says whether the link is there.
    until("the link is gone", SOON, || async {
        choose(&gateway.anonymous(), &token, "short").await.status == 410
    })
    .await;
}

#[tokio::test]
async fn ones_own_password_is_changed_with_the_one_of_now() {
    let gateway = Gateway::start(&[]).await;
    let ada = gateway.person("ada.lovelace", "viewer").await;
    let change = async |password: &str, new: &str| {
        let body = json!({"password": password, "new_password": new});
        ada.post("/api/auth/password", &body).await
    };
    let (pointer, _) = wrong_field(change("wrong password", NEW).await);
    assert_eq!(pointer, "/password");
    let (pointer, detail) = wrong_field(change(PASSWORD, "I am Ada.Lovelace!").await);
    assert_eq!(pointer, "/new_password");
    assert!(detail.as_str().unwrap().contains("name"), "{detail}");
    let _changed = change(PASSWORD, NEW).await.expect(204);
    until("the token is refused", SOON, || async {
        ada.get("/api/auth/me").await.status == 401
    })
    .await;
    let _again = signed_in(&gateway.anonymous(), "ada.lovelace", NEW).await;
}

#[tokio::test]
async fn an_admin_chooses_no_bad_password_for_others_either() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    create_user(&admin, "ada.lovelace", "viewer").await;
    let request = admin.request(Method::PATCH, "/api/users/ada.lovelace");
    let change = json!({"password": "ada.lovelace"});
    let (pointer, _) = wrong_field(admin.send(request.json(&change)).await);
    assert_eq!(pointer, "/password");
    let body = json!({"username": "bob", "password": "12345678", "role": "viewer"});
    let (pointer, _) = wrong_field(admin.post("/api/users", &body).await);
    assert_eq!(pointer, "/password");
}
