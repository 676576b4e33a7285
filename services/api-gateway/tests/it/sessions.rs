use reqwest::Method;
use serde_json::{Value, json};
use sm_test_kit::{Answer, Api, until};

use crate::harness::{Gateway, PASSWORD, SOON, at, create_user, field, refresh};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Signs in with this program from this address. Gives the tokens.
async fn sign_in(api: &Api, name: &str, (program, address): (&str, &str)) -> Answer {
    let request = api
        .request(Method::POST, "/api/auth/login")
        .header("user-agent", program)
        .header("x-forwarded-for", address)
        .json(&json!({"username": name, "password": PASSWORD}));
    api.send(request).await.expect(200)
}

async fn delete(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::DELETE, path)).await
}

async fn until_revoked(api: &Api) {
    until("the token is refused", SOON, || async {
        api.get("/api/auth/me").await.status == 401
    })
    .await;
    api.get("/api/auth/me")
        .await
        .expect_problem(401, "auth.token.revoked");
}

fn ids(sessions: &Answer) -> Vec<String> {
    let sessions = sessions.body.as_array().unwrap();
    let id = |session: &Value| session["id"].as_str().unwrap().to_owned();
    sessions.iter().map(id).collect()
}

#[tokio::test]
async fn ones_own_sign_ins_are_listed_with_what_they_are_known_by() {
    let gateway = Gateway::start(&[]).await;
    create_user(&gateway.admin().await, "ada", "viewer").await;
    let api = gateway.anonymous();
    let _first = sign_in(&api, "ada", (FIREFOX, "192.0.2.77")).await;
    let second = sign_in(&api, "ada", ("curl/8.5.0", "2001:db8:1:2::9")).await;
    let ada = api.with_token(field(&second, "access_token"));
    let sessions = ada.get("/api/auth/sessions").await.expect(200);
    let listed: Vec<(&Value, &Value, &Value)> = [0, 1]
        .into_iter()
        .map(|index| {
            let session = at(&sessions, &format!("/{index}"));
            (&session["client"], &session["network"], &session["current"])
        })
        .collect();
    assert_eq!(
        listed,
        [
            (&json!("curl"), &json!("2001:db8:1::/48"), &json!(true)),
            (
                &json!("Firefox on Linux"),
                &json!("192.0.2.0/24"),
                &json!(false)
            ),
        ]
    );
    for secret in ["192.0.2.77", "token", "family", "argon2"] {
        assert!(!sessions.text.contains(secret), "{}", sessions.text);
    }
    let exchanged = refresh(&api, &field(&second, "refresh_token")).await;
    let _next = exchanged.expect(200);
    let again = ada.get("/api/auth/sessions").await.expect(200);
    let (created, used) = (at(&again, "/0/created_at"), at(&again, "/0/used_at"));
    assert_eq!(created, at(&sessions, "/0/created_at"));
    assert_ne!(used, at(&sessions, "/0/used_at"));
}

#[tokio::test]
async fn one_or_all_of_ones_own_sign_ins_are_ended_and_nobody_elses() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    create_user(&admin, "ada", "viewer").await;
    let api = gateway.anonymous();
    let mut pairs = Vec::new();
    for _device in 0..3 {
        pairs.push(sign_in(&api, "ada", (FIREFOX, "192.0.2.77")).await);
    }
    let caller = |index: usize| api.with_token(field(&pairs[index], "access_token"));
    let newest = caller(2);
    let listed = ids(&newest.get("/api/auth/sessions").await.expect(200));
    let oldest = format!("/api/auth/sessions/{}", listed[2]);
    delete(&admin, &oldest)
        .await
        .expect_problem(404, "auth.session.not-found");
    let _ended = delete(&newest, &oldest).await.expect(204);
    until_revoked(&caller(0)).await;
    let _refused = refresh(&api, &field(&pairs[0], "refresh_token"))
        .await
        .expect(401);
    delete(&newest, &oldest)
        .await
        .expect_problem(404, "auth.session.not-found");
    delete(&newest, "/api/auth/sessions/none")
        .await
        .expect_problem(400, "request.path.invalid");

    let others = "/api/auth/sessions?keep_current=true";
    let _ended = delete(&newest, others).await.expect(204);
    until_revoked(&caller(1)).await;
    let left = newest.get("/api/auth/sessions").await.expect(200);
    assert_eq!(ids(&left), [listed[0].clone()]);

    let _ended = delete(&newest, "/api/auth/sessions").await.expect(204);
    until_revoked(&newest).await;
    let _still = admin.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn an_admin_sees_and_ends_a_persons_sign_ins() {
    let gateway = Gateway::start(&[]).await;
    let admin = gateway.admin().await;
    let ada = gateway.person("ada", "operator").await;
    let path = "/api/users/ADA/sessions";
    let listed = ids(&admin.get(path).await.expect(200));
    assert_eq!(listed.len(), 1);
    for answer in [
        ada.get("/api/users/admin/sessions").await,
        delete(&ada, "/api/users/admin/sessions").await,
        delete(&ada, &format!("{path}/{}", listed[0])).await,
    ] {
        answer.expect_problem(403, "auth.role.insufficient");
    }
    let own = ids(&admin.get("/api/auth/sessions").await.expect(200));
    delete(&admin, &format!("{path}/{}", own[0]))
        .await
        .expect_problem(404, "auth.session.not-found");
    let _ended = delete(&admin, &format!("{path}/{}", listed[0]))
        .await
        .expect(204);
    until_revoked(&ada).await;

    let again = gateway.anonymous();
    let again = crate::harness::signed_in(&again, "ada", PASSWORD).await;
    let _ended = delete(&admin, path).await.expect(204);
    until_revoked(&again).await;
    let none = admin.get(path).await.expect(200);
    assert_eq!(none.body, json!([]));
    admin
        .get("/api/users/nobody/sessions")
        .await
        .expect_problem(404, "user.not-found");
}

#[tokio::test]
async fn signing_out_ends_the_access_token_too() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let pair = sign_in(&api, "admin", (FIREFOX, "192.0.2.77")).await;
    let caller = api.with_token(field(&pair, "access_token"));
    let _before = caller.get("/api/auth/me").await.expect(200);
    let out = json!({"refresh_token": field(&pair, "refresh_token")});
    let _out = api.post("/api/auth/logout", &out).await.expect(204);
    until_revoked(&caller).await;
}

#[tokio::test]
async fn the_sign_in_that_makes_room_for_another_ends_with_its_access_token() {
    let gateway = Gateway::start(&[("sessions.per_user_max", "1")]).await;
    let before = gateway.admin().await;
    let after = gateway.admin().await;
    until_revoked(&before).await;
    let _goes_on = after.get("/api/auth/me").await.expect(200);
}
