use sm_common::auth::Role;
use sm_common::ws::{ClientMessage, ServerMessage};

use crate::harness::World;
use crate::raw::{PING, PONG, RawSocket, frame};

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed() {
    let world = World::with(&[("ws.heartbeat_ms", "200")]).await;
    let token = world.issuer.token(Role::Viewer);
    let mut silent = RawSocket::open(&world.service, "/ws", &token, None).await;
    assert_eq!(silent.receive_kind(PING).await, b"");
    assert_eq!(silent.close_code().await, 4001);
    world.until_metric("sm_ws_connections", 0.0).await;
}

#[tokio::test]
async fn a_client_that_answers_is_kept() {
    let world = World::with(&[("ws.heartbeat_ms", "100")]).await;
    let token = world.issuer.token(Role::Viewer);
    let mut alive = RawSocket::open(&world.service, "/ws", &token, None).await;
    for _ in 0..8 {
        let payload = alive.receive_kind(PING).await;
        alive.send(&frame(PONG, &payload)).await;
    }
}

#[tokio::test]
async fn a_clients_own_pings_are_answered_in_both_ways() {
    let world = World::start().await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.say(&ClientMessage::Ping { id: 42 }).await;
    assert_eq!(socket.hear().await, ServerMessage::Pong { id: 42 });
    let token = world.issuer.token(Role::Viewer);
    let mut raw = RawSocket::open(&world.service, "/ws", &token, None).await;
    raw.send(&frame(PING, b"hello")).await;
    assert_eq!(raw.receive_kind(PONG).await, b"hello");
}
