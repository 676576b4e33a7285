use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::ws::ServerMessage;
use sm_test_kit::Api;

use crate::harness::{SOON, World, hear_close};
use crate::raw::{RawSocket, handshake};

/// A connection that nobody closed would hold the process for this long.
const SHUTDOWN: (&str, &str) = ("http.shutdown_timeout_s", "60");

/// Waits until the service has ended.
async fn ended(service: sm_test_kit::Running) {
    let stopped = tokio::task::spawn_blocking(move || service.stop());
    tokio::time::timeout(SOON, stopped)
        .await
        .expect("the process ends")
        .unwrap();
}

#[tokio::test]
async fn a_drain_says_goodbye_and_closes_with_going_away() {
    let world = World::with(&[SHUTDOWN, ("ws.reconnect_spread_ms", "500")]).await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut socket = world.socket(Role::Viewer).await;
        socket.subscribe(Channel::Chat, None).await;
        sockets.push(socket);
    }
    let World { service, .. } = world;
    let stopped = tokio::spawn(ended(service));
    for socket in &mut sockets {
        let goodbye = socket.hear().await;
        let ServerMessage::Goodbye {
            reason,
            reconnect_after_ms,
        } = goodbye
        else {
            panic!("{goodbye:?}")
        };
        assert_eq!(reason, "going away");
        assert!(reconnect_after_ms <= 500);
        assert_eq!(hear_close(socket).await, 1001);
    }
    drop(sockets);
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_the_process() {
    let world = World::with(&[SHUTDOWN]).await;
    let token = world.issuer.token(Role::Viewer);
    let _stuck = RawSocket::open(&world.service, "/ws", &token, Some(32_768)).await;
    let World { service, .. } = world;
    ended(service).await;
}

#[tokio::test]
async fn while_it_drains_it_serves_whom_it_has_and_takes_nobody_new() {
    let world = World::with(&[("http.drain_ms", "3000")]).await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    world.service.kit().lifecycle().drain();
    let ready = Api::new(world.service.health_url())
        .get("/health/ready")
        .await;
    assert_eq!(ready.status.as_u16(), 503);
    let refused = handshake(&world.service, "/ws", &[]).await;
    let _ = refused.expect_problem(503, "service.unavailable");
    world.publish("still served").await;
    assert_eq!(socket.events(1).await.len(), 1);
    assert_eq!(hear_close(&mut socket).await, 1001);
}
