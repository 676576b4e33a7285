//! Tokens that prove nothing, tried at every door of the service.

use serde_json::json;
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::ws::{ClientMessage, ServerMessage};
use sm_test_kit::Socket;

use crate::harness::World;
use crate::raw::handshake;

#[tokio::test]
async fn no_forged_token_opens_a_connection_proves_anything_on_one_or_reads_the_chat() {
    // None of the limits of a connection that says too much for too long.
    let limits = [
        ("ws.refusals_max", "1000"),
        ("ws.message_burst", "1000"),
        ("ws.auth_deadline_ms", "600000"),
    ];
    let world = World::with(&limits).await;
    let forger = world.issuer.forger();
    let now = SystemClock.now().as_unix_seconds();
    let claims = json!(world.issuer.claims(Role::Admin, now, now + 600));
    let api = world.api(Role::Viewer);
    let genuine = forger.genuine(&claims);
    let _believed = api
        .with_token(&genuine)
        .get("/api/chat/messages")
        .await
        .expect(200);

    let mut socket = Socket::connect(&world.url(), None).await.unwrap();
    let _welcome = socket.hear().await;
    let forgeries = forger.forgeries(&claims, now);
    assert!(forgeries.len() > 60, "{}", forgeries.len());
    for (what, token) in forgeries {
        let answer = api.with_token(&token).get("/api/chat/messages").await;
        assert_eq!(answer.status, 401, "REST: {what}");
        let bearer = format!("Bearer {token}");
        let answer = handshake(&world.service, "/ws", &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, 401, "handshake: {what}");
        socket.say(&ClientMessage::Auth { id: 1, token }).await;
        let heard = socket.hear().await;
        assert!(
            matches!(&heard, ServerMessage::Error { code, .. } if code.starts_with("auth.token.")),
            "message: {what}: {heard:?}"
        );
    }
    socket
        .say(&ClientMessage::Auth {
            id: 2,
            token: genuine,
        })
        .await;
    assert_eq!(socket.hear().await, ServerMessage::ack(2));
}
