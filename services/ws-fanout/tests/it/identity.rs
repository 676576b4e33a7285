use std::time::Duration;

use serde_json::json;
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::event::Channel;
use sm_common::ws::{ClientMessage, ServerMessage};
use sm_test_kit::Socket;

use crate::harness::{World, connect, hear_close, hear_error, subscribe};
use crate::raw::handshake;

/// SHA-256 of `one-time` in lower-case hexadecimal.
const TICKET: (&str, &str) = (
    "one-time",
    "e7a4eae34c12ab2c05187399d2955aefc791814675e763426370bceb05dbab4f",
);

fn auth(id: u64, token: String) -> ClientMessage {
    ClientMessage::Auth { id, token }
}

/// An anonymous connection, welcomed.
async fn nobody(world: &World) -> Socket {
    let mut socket = Socket::connect(&world.url(), None).await.unwrap();
    let welcome = socket.hear().await;
    assert!(matches!(
        welcome,
        ServerMessage::Welcome {
            authenticated: false,
            ..
        }
    ));
    socket
}

#[tokio::test]
async fn a_ticket_opens_one_connection() {
    let world = World::start().await;
    let later = SystemClock.now().plus(Duration::from_mins(1));
    world.keep_ticket(TICKET.1, Role::Operator, later).await;
    let url = format!("{}?ticket={}", world.url(), TICKET.0);
    let mut socket = Socket::connect(&url, None).await.unwrap();
    let welcome = socket.hear().await;
    assert!(matches!(
        welcome,
        ServerMessage::Welcome {
            authenticated: true,
            ..
        }
    ));
    socket.subscribe(Channel::Metrics, None).await;
    let again = handshake(&world.service, &format!("/ws?ticket={}", TICKET.0), &[]).await;
    let _ = again.expect_problem(401, "auth.token.invalid");
}

#[tokio::test]
async fn what_proves_nothing_is_refused_before_the_upgrade() {
    let world = World::start().await;
    let long_ago = SystemClock.now();
    world.keep_ticket(TICKET.1, Role::Viewer, long_ago).await;
    for (ticket, code) in [
        (TICKET.0, "auth.token.expired"),
        ("unknown", "auth.token.invalid"),
        ("", "auth.token.invalid"),
        (&"x".repeat(300), "auth.token.invalid"),
    ] {
        let path = format!("/ws?ticket={ticket}");
        let answer = handshake(&world.service, &path, &[]).await;
        let _ = answer.expect_problem(401, code);
    }
    let expired = format!("Bearer {}", world.issuer.expired_token(Role::Viewer));
    for (header, code) in [
        (expired.as_str(), "auth.token.expired"),
        ("Bearer x", "auth.token.invalid"),
        ("Basic YTpi", "auth.token.invalid"),
    ] {
        let answer = handshake(&world.service, "/ws", &[("authorization", header)]).await;
        let _ = answer.expect_problem(401, code);
    }
    let answer = handshake(&world.service, "/ws?tickets=1", &[]).await;
    let _ = answer.expect_problem(400, "request.query.invalid");
}

#[tokio::test]
async fn the_first_message_can_prove_who_connects() {
    let world = World::start().await;
    let mut socket = nobody(&world).await;
    socket.say(&subscribe(1, Channel::StreamState)).await;
    hear_error(&mut socket, "auth.token.missing").await;
    socket.say(&auth(2, "rubbish".to_owned())).await;
    hear_error(&mut socket, "auth.token.invalid").await;
    socket.say(&auth(3, world.issuer.token(Role::Viewer))).await;
    assert_eq!(socket.hear().await, ServerMessage::ack(3));
    socket.subscribe(Channel::StreamState, None).await;
}

#[tokio::test]
async fn a_connection_that_proves_nothing_is_closed() {
    let world = World::with(&[("ws.auth_deadline_ms", "300")]).await;
    let mut socket = nobody(&world).await;
    assert_eq!(hear_close(&mut socket).await, 4500);
    world
        .until_metric("sm_ws_closes_total{code=\"4500\"}", 1.0)
        .await;
}

#[tokio::test]
async fn the_public_may_follow_the_state_and_nothing_else() {
    let world = World::with(&[("auth.public_view", "true"), ("ws.auth_deadline_ms", "1")]).await;
    let mut socket = nobody(&world).await;
    socket.subscribe(Channel::StreamState, None).await;
    for channel in [Channel::LayerUpdates, Channel::Metrics, Channel::Chat] {
        socket.say(&subscribe(2, channel)).await;
        hear_error(&mut socket, "auth.token.missing").await;
    }
    let post = json!({"type": "publish", "id": 3, "channel": "chat", "text": "hi"});
    socket.say_text(&post.to_string()).await;
    hear_error(&mut socket, "auth.token.missing").await;
}

#[tokio::test]
async fn a_connection_ends_with_its_token_unless_it_is_refreshed() {
    let world = World::with(&[("auth.leeway_s", "0")]).await;
    let short = || world.issuer.token_for(Role::Viewer, Duration::from_secs(2));
    let mut left_alone = connect(&world.url(), &short()).await;
    let mut refreshed = connect(&world.url(), &short()).await;
    refreshed
        .say(&auth(1, world.issuer.token(Role::Viewer)))
        .await;
    assert_eq!(refreshed.hear().await, ServerMessage::ack(1));
    assert_eq!(hear_close(&mut left_alone).await, 4002);
    refreshed.subscribe(Channel::Chat, None).await;
}

#[tokio::test]
async fn a_connection_stays_one_persons() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.say(&auth(1, world.issuer.token(Role::Admin))).await;
    hear_error(&mut socket, "auth.token.invalid").await;
    socket
        .say(&auth(2, world.issuer.expired_token(Role::Viewer)))
        .await;
    hear_error(&mut socket, "auth.token.expired").await;
    socket.say(&subscribe(3, Channel::Metrics)).await;
    hear_error(&mut socket, "auth.role.insufficient").await;
}

#[tokio::test]
async fn a_lower_role_ends_what_it_may_not_hear() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Operator).await;
    socket.subscribe(Channel::Metrics, None).await;
    socket.subscribe(Channel::Chat, None).await;
    let now = SystemClock.now().as_unix_seconds();
    let mut claims = world.issuer.claims(Role::Operator, now, now + 600);
    claims.role = Role::Viewer;
    socket.say(&auth(5, world.issuer.sign(&claims))).await;
    assert_eq!(socket.hear().await, ServerMessage::ack(5));
    let ended = hear_error(&mut socket, "auth.role.insufficient").await;
    assert!(matches!(ended, ServerMessage::Error { id: None, .. }));
    world.publish_sample(1).await;
    world.publish("still here").await;
    assert_eq!(socket.events(1).await[0].channel, Channel::Chat);
}
