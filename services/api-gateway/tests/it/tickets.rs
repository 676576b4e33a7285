use std::fmt::Write as _;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use sm_bus::{keys, redis};
use sm_common::auth::{Identity, Role};

use crate::harness::{Gateway, at, field};

/// As ws-fanout derives it.
fn key_of(ticket: &str) -> String {
    let mut hexadecimal = String::new();
    for byte in Sha256::digest(ticket.as_bytes()) {
        write!(hexadecimal, "{byte:02x}").unwrap();
    }
    keys::ws_ticket(&hexadecimal)
}

#[tokio::test]
async fn a_ticket_stands_for_its_caller_once_and_not_for_long() {
    let gateway = Gateway::start(&[]).await;
    let viewer = gateway.person("ada", "viewer").await;
    let answer = viewer
        .post("/api/auth/ws-ticket", &json!({}))
        .await
        .expect(200);
    assert_eq!(at(&answer, "/expires_in"), 30);
    let key = key_of(&field(&answer, "ticket"));

    let bus = gateway.world.redis.bus("ws-fanout");
    let left_ms: i64 = bus.query(redis::cmd("PTTL").arg(&key)).await.unwrap();
    assert!((1..=30_000).contains(&left_ms), "{left_ms}");
    let take = || async {
        let taken: Option<String> = bus.query(redis::cmd("GETDEL").arg(&key)).await.unwrap();
        taken
    };
    let identity: Identity = serde_json::from_str(&take().await.unwrap()).unwrap();
    assert_eq!(
        (identity.name.as_str(), identity.role),
        ("ada", Role::Viewer)
    );
    let me = viewer.get("/api/auth/me").await.expect(200);
    assert_eq!(serde_json::to_value(identity).unwrap(), me.body);
    assert_eq!(take().await, None);
}

#[tokio::test]
async fn only_people_get_tickets() {
    let gateway = Gateway::start(&[]).await;
    let machine = gateway.person("scraper", "service").await;
    machine
        .post("/api/auth/ws-ticket", &json!({}))
        .await
        .expect_problem(403, "auth.role.insufficient");
    gateway
        .anonymous()
        .post("/api/auth/ws-ticket", &json!({}))
        .await
        .expect_problem(401, "auth.token.missing");
    let me = machine.get("/api/auth/me").await.expect(200);
    assert_eq!(at(&me, "/role"), "service");
}
