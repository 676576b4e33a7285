use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use serde_json::json;
use sm_api_gateway::own_keys;
use sm_common::auth::{KeySet, Role, Verifier};
use sm_common::clock::{Clock as _, SystemClock};
use sm_test_kit::{Answer, Issuer, until};

use crate::harness::{Gateway, PASSWORD, SOON, World, at, field, login, refresh, text};

fn key_set(jwks: &Answer) -> KeySet {
    let jwks: JwkSet = serde_json::from_str(&jwks.text).unwrap();
    KeySet::from_jwks(&jwks).unwrap()
}

#[tokio::test]
async fn the_published_keys_verify_the_tokens() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    let jwks = api.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(jwks.header("cache-control"), "public, max-age=300");
    assert_eq!(jwks.body.pointer("/keys/0/crv").unwrap(), "Ed25519");
    assert_eq!(jwks.body.pointer("/keys/0/use").unwrap(), "sig");
    assert_eq!(jwks.body.pointer("/keys/0/alg").unwrap(), "EdDSA");
    assert_eq!(jwks.body.pointer("/keys/0/d"), None);
    // An RFC 7638 thumbprint: SHA-256 in base64url.
    assert_eq!(
        jwks.body
            .pointer("/keys/0/kid")
            .unwrap()
            .as_str()
            .unwrap()
            .len(),
        43
    );

    let token = field(
        &login(&api, "admin", PASSWORD).await.expect(200),
        "access_token",
    );
    let verifier = Verifier::new(Issuer::NAME, Issuer::NAME, Duration::ZERO);
    let identity = verifier
        .verify(&key_set(&jwks), &token, SystemClock.now())
        .unwrap();
    assert_eq!(
        (identity.name.as_str(), identity.role),
        ("admin", Role::Admin)
    );
}

#[tokio::test]
async fn two_keys_overlap_while_one_replaces_the_other() {
    let world = World::new();
    let old = world.start(&[]).await;
    let old_api = sm_test_kit::Api::new(old.url());
    let token = field(
        &login(&old_api, "admin", PASSWORD).await.expect(200),
        "access_token",
    );

    let new_key = text(&world.write_key("new.pem"));
    let old_key = text(&world.path("signing.pem"));
    let settings = [
        ("signing.key_file", new_key.as_str()),
        ("signing.previous_key_file", old_key.as_str()),
    ];
    let new = world.start(&settings).await;
    let new_api = sm_test_kit::Api::new(new.url());
    let _believed = new_api
        .with_token(token)
        .get("/api/auth/me")
        .await
        .expect(200);
    let jwks = new_api.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(
        jwks.body
            .pointer("/keys")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let fresh = field(
        &login(&new_api, "admin", PASSWORD).await.expect(200),
        "access_token",
    );
    old_api
        .with_token(fresh)
        .get("/api/auth/me")
        .await
        .expect_problem(401, "auth.token.invalid");
}

#[tokio::test]
async fn a_token_of_another_issuer_or_of_yesterday_proves_nothing() {
    let gateway = Gateway::start(&[]).await;
    let api = gateway.anonymous();
    api.get("/api/auth/me")
        .await
        .expect_problem(401, "auth.token.missing");
    for token in [Issuer::new().token(Role::Admin), "a.b.c".to_owned()] {
        api.with_token(token)
            .get("/api/users")
            .await
            .expect_problem(401, "auth.token.invalid");
    }
}

#[tokio::test]
async fn an_access_token_ends_and_a_refresh_gives_another() {
    let settings = [("signing.access_lifetime_s", "1"), ("auth.leeway_s", "0")];
    let gateway = Gateway::start(&settings).await;
    let api = gateway.anonymous();
    let pair = login(&api, "admin", PASSWORD).await.expect(200);
    let caller = api.with_token(field(&pair, "access_token"));
    until("the token has expired", SOON, || async {
        caller.get("/api/auth/me").await.status == 401
    })
    .await;
    caller
        .post("/api/auth/ws-ticket", &json!({}))
        .await
        .expect_problem(401, "auth.token.expired");
    let next = refresh(&api, &field(&pair, "refresh_token"))
        .await
        .expect(200);
    assert_eq!(at(&next, "/expires_in"), 1);
}

#[test]
fn there_is_no_start_without_a_key_of_ones_own() {
    let world = World::new();
    let refused = |changes: &[(&str, &str)]| {
        let error = own_keys(&world.config(changes)).unwrap_err();
        format!("{error:#}")
    };
    assert!(refused(&[("signing.key_file", "")]).contains("signing.key_file is not set"));
    assert!(refused(&[("signing.key_file", "/nowhere.pem")]).contains("/nowhere.pem"));
    let garbage = world.path("garbage.pem");
    std::fs::write(
        &garbage,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    assert!(refused(&[("signing.key_file", &text(&garbage))]).contains("garbage.pem"));
}
