//! What people try with tokens, and what comes of it.

use serde_json::json;
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock};
use sm_test_kit::{Forger, Issuer, until};

use crate::harness::{Gateway, PASSWORD, SOON, create_user, field, login, refresh};

/// Attempts at the same moment.
const RACERS: usize = 20;

#[tokio::test]
async fn no_forged_token_is_believed() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let jwks = api.get("/.well-known/jwks.json").await.expect(200);
    let kid = jwks.body.pointer("/keys/0/kid").unwrap();
    let forger = Forger::new(&gateway.world.signing_key(), kid.as_str().unwrap());
    let now = SystemClock.now().as_unix_seconds();
    let claims = json!(Issuer::new().claims(Role::Admin, now, now + 600));
    let believed = |token: String| {
        let api = api.with_token(token);
        async move { api.get("/api/users").await }
    };
    let _control = believed(forger.genuine(&claims)).await.expect(200);
    let forgeries = forger.forgeries(&claims, now);
    assert!(forgeries.len() > 60, "{}", forgeries.len());
    for (what, token) in forgeries {
        let answer = believed(token).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    }
    // No higher role than one has.
    for role in [Role::Viewer, Role::Moderator, Role::Operator, Role::Service] {
        let claims = json!(Issuer::new().claims(role, now, now + 600));
        let _forbidden = believed(forger.genuine(&claims)).await.expect(403);
    }
}

#[tokio::test]
async fn of_twenty_uses_of_a_refresh_token_one_wins_and_nothing_of_the_sign_in_is_left() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let pair = login(&api, "admin", PASSWORD).await.expect(200);
    let token = field(&pair, "refresh_token");
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let (api, token) = (api.clone(), token.clone());
            tokio::spawn(async move { refresh(&api, &token).await })
        })
        .collect();
    let mut won = Vec::new();
    for racer in racers {
        let answer = racer.await.unwrap();
        if answer.status == 200 {
            won.push(answer);
        } else {
            answer.expect_problem(401, "auth.refresh.invalid");
        }
    }
    let [winner] = won.as_slice() else {
        panic!("{} won", won.len());
    };
    refresh(&api, &field(winner, "refresh_token"))
        .await
        .expect_problem(401, "auth.refresh.invalid");
    for access in [field(&pair, "access_token"), field(winner, "access_token")] {
        let caller = api.with_token(access);
        until("the access token is refused", SOON, || async {
            caller.get("/api/auth/me").await.status == 401
        })
        .await;
        caller
            .get("/api/auth/me")
            .await
            .expect_problem(401, "auth.token.revoked");
    }
}

#[tokio::test]
async fn what_changes_a_person_ends_the_tokens_of_before_on_every_replica() {
    let gateway = Gateway::start(&[]).await;
    let replica = gateway.world.start(&[]).await;
    let admin = gateway.admin().await;
    for (name, change, is_signed_out) in [
        ("ada", json!({"role": "moderator"}), false),
        ("bob", json!({"password": "another long password"}), true),
        ("eve", json!({"disabled": true}), true),
    ] {
        create_user(&admin, name, "viewer").await;
        let pair = login(&gateway.anonymous(), name, PASSWORD)
            .await
            .expect(200);
        let there = sm_test_kit::Api::new(replica.url()).with_token(field(&pair, "access_token"));
        let _before = there.get("/api/auth/me").await.expect(200);
        let request = admin.request(reqwest::Method::PATCH, &format!("/api/users/{name}"));
        let _changed = admin.send(request.json(&change)).await.expect(200);
        until("the token of before is refused", SOON, || async {
            there.get("/api/auth/me").await.status == 401
        })
        .await;
        let refreshed = refresh(&gateway.anonymous(), &field(&pair, "refresh_token")).await;
        assert_eq!(refreshed.status == 401, is_signed_out, "{change}");
        if !is_signed_out {
            let again = there.with_token(field(&refreshed, "access_token"));
            let _believed = again.get("/api/auth/me").await.expect(200);
        }
    }
}
