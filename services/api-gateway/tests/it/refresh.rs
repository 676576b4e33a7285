use reqwest::Method;
use serde_json::{Value, json};
use sm_bus::{keys, redis};
use sm_test_kit::{Answer, Api, until};

use crate::harness::{Gateway, PASSWORD, SOON, at, create_user, field, login, refresh};

const REFUSED: (u16, &str) = (401, "auth.refresh.invalid");

fn refused(answer: Answer) {
    let (status, code) = REFUSED;
    let _refused = answer.expect_problem(status, code);
}

async fn first_token(api: &Api, name: &str) -> String {
    field(
        &login(api, name, PASSWORD).await.expect(200),
        "refresh_token",
    )
}

async fn patch_user(admin: &Api, name: &str, change: Value) {
    let request = admin.request(Method::PATCH, &format!("/api/users/{name}"));
    let _changed = admin.send(request.json(&change)).await.expect(200);
}

#[tokio::test]
async fn each_refresh_gives_a_new_pair_and_the_next_one_works() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let mut token = first_token(&api, "admin").await;
    for _round in 0..3 {
        let pair = refresh(&api, &token).await.expect(200);
        let next = field(&pair, "refresh_token");
        assert_ne!(next, token);
        let caller = api.with_token(field(&pair, "access_token"));
        let _me = caller.get("/api/auth/me").await.expect(200);
        token = next;
    }
}

#[tokio::test]
async fn an_old_token_ends_the_whole_sign_in_on_every_replica() {
    let gateway = Gateway::start(&[]).await;
    let other = gateway.world.start(&[]).await;
    let (one, other) = (gateway.anonymous(), Api::new(other.url()));
    let first = first_token(&one, "admin").await;
    let second = field(&refresh(&other, &first).await.expect(200), "refresh_token");
    let third = field(&refresh(&one, &second).await.expect(200), "refresh_token");

    refused(refresh(&other, &first).await);
    refused(refresh(&one, &third).await);
    refused(refresh(&other, &second).await);
    let _again = login(&other, "admin", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn of_two_uses_at_the_same_moment_one_wins_and_the_sign_in_ends() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let token = first_token(&api, "admin").await;
    let (one, other) = tokio::join!(refresh(&api, &token), refresh(&api, &token));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let winner = if one.status == 200 { one } else { other };
    refused(refresh(&api, &field(&winner, "refresh_token")).await);
}

#[tokio::test]
async fn a_stranger_who_guesses_cannot_end_a_sign_in() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let token = first_token(&api, "admin").await;
    let (session, _secret) = token.split_once('.').unwrap();
    for guess in [
        format!("{session}.{}", "A".repeat(65)),
        format!("{session}.short"),
        session.to_owned(),
        String::new(),
    ] {
        refused(refresh(&api, &guess).await);
        let out = json!({"refresh_token": guess});
        let _nothing = api.post("/api/auth/logout", &out).await.expect(204);
    }
    let _still = refresh(&api, &token).await.expect(200);
}

#[tokio::test]
async fn signing_out_ends_it() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let token = first_token(&api, "admin").await;
    let out = json!({"refresh_token": token});
    let _out = api.post("/api/auth/logout", &out).await.expect(204);
    refused(refresh(&api, &token).await);
    let _again = api.post("/api/auth/logout", &out).await.expect(204);
}

#[tokio::test]
async fn a_new_role_shows_at_the_next_refresh() {
    let gateway = Gateway::start(&[]).await;
    let (api, admin) = (gateway.anonymous(), gateway.admin().await);
    create_user(&admin, "ada", "viewer").await;
    let token = first_token(&api, "ada").await;
    patch_user(&admin, "ada", json!({"role": "operator"})).await;
    let pair = refresh(&api, &token).await.expect(200);
    let caller = api.with_token(field(&pair, "access_token"));
    let me = caller.get("/api/auth/me").await.expect(200);
    assert_eq!(at(&me, "/role"), "operator");
}

#[tokio::test]
async fn a_person_who_is_disabled_deleted_or_has_another_password_is_signed_out() {
    let gateway = Gateway::start(&[]).await;
    let (api, admin) = (gateway.anonymous(), gateway.admin().await);
    for (name, change) in [
        ("ada", json!({"disabled": true})),
        ("bob", json!({"password": "another password"})),
    ] {
        create_user(&admin, name, "viewer").await;
        let token = first_token(&api, name).await;
        patch_user(&admin, name, change).await;
        refused(refresh(&api, &token).await);
    }
    create_user(&admin, "eve", "viewer").await;
    let token = first_token(&api, "eve").await;
    let delete = admin.request(Method::DELETE, "/api/users/eve");
    let _deleted = admin.send(delete).await.expect(204);
    // The same name again is another person.
    create_user(&admin, "eve", "admin").await;
    refused(refresh(&api, &token).await);
}

#[tokio::test]
async fn a_token_that_nobody_uses_expires() {
    let gateway = Gateway::start(&[("sessions.idle_s", "1")]).await;
    let api = gateway.anonymous();
    let token = first_token(&api, "admin").await;
    let (session, _secret) = token.split_once('.').unwrap();
    let key = keys::session(session.parse().unwrap());
    let bus = gateway.world.redis.bus("test");
    until("the sign-in is gone from Redis", SOON, || {
        Box::pin(async {
            let kept: u64 = bus.query(redis::cmd("EXISTS").arg(&key)).await.unwrap();
            kept == 0
        })
    })
    .await;
    refused(refresh(&api, &token).await);
}

#[tokio::test]
async fn the_oldest_sign_in_of_a_person_ends_when_there_are_too_many() {
    let gateway = Gateway::start(&[("sessions.per_user_max", "2")]).await;
    let api = gateway.anonymous();
    let mut tokens = Vec::new();
    for _sign_in in 0..3 {
        tokens.push(first_token(&api, "admin").await);
    }
    let mut outcomes = Vec::new();
    for token in &tokens {
        outcomes.push(refresh(&api, token).await.status.as_u16());
    }
    assert_eq!(outcomes, [401, 200, 200]);
}

#[tokio::test]
async fn neither_tokens_nor_passwords_are_kept() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let pair = login(&api, "admin", PASSWORD).await.expect(200);
    let caller = api.with_token(field(&pair, "access_token"));
    let ticket = caller
        .post("/api/auth/ws-ticket", &json!({}))
        .await
        .expect(200);
    let refresh_token = field(&pair, "refresh_token");
    let (_session, secret) = refresh_token.split_once('.').unwrap();
    // Whatever Redis ever wrote is in its append-only file.
    let mut kept = String::new();
    let folder = gateway.world.redis.directory().join("appendonlydir");
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        kept.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(kept.contains("argon2id"), "the file holds what was written");
    let unique = secret.get(22..).unwrap();
    for text in [PASSWORD, secret, unique, &field(&ticket, "ticket")] {
        assert!(!kept.contains(text), "{text}");
    }
}
