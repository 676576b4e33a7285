use sm_common::auth::Role;
use sm_common::ws::ClientMessage;
use sm_test_kit::{LossyProxy, Socket, until};

use crate::harness::{IMPATIENT, SOON, World, connect, hear_close, websocket_url};

/// Somebody may have two connections, and says so often.
const TWO: [(&str, &str); 2] = [
    ("ws.connections_per_user_max", "2"),
    ("ws.connections_report_ms", "100"),
];
/// The connections of a dead process are forgotten soon.
const SHORT: (&str, &str) = ("ws.connections_expiry_ms", "1500");

/// Whether somebody finds room.
async fn finds_room(url: &str, token: &str) -> bool {
    let mut socket = Socket::connect(url, Some(token)).await.unwrap();
    let ping = ClientMessage::Ping { id: 1 };
    if socket.try_say(&ping).await.is_err() {
        return false;
    }
    loop {
        match socket.hear_or_close().await {
            Ok(sm_common::ws::ServerMessage::Pong { id: 1 }) => return true,
            Ok(_) => {}
            Err(_closed) => return false,
        }
    }
}

#[tokio::test]
async fn a_persons_connections_are_counted_over_replicas_until_they_end() {
    let changes = [&TWO[..], &[SHORT]].concat();
    let world = World::with(&changes).await;
    let proxy = LossyProxy::start(world.redis.port());
    let url = format!("redis://127.0.0.1:{}/", proxy.port());
    let other = world
        .replica_over(&url, &[&changes[..], &[IMPATIENT]].concat())
        .await;
    let token = world.issuer.token(Role::Viewer);
    let here = world.socket(Role::Viewer).await;
    let _there = connect(&websocket_url(&other), &token).await;
    for url in [world.url(), websocket_url(&other)] {
        let mut third = Socket::connect(&url, Some(&token)).await.unwrap();
        assert_eq!(hear_close(&mut third).await, 4503);
    }
    let _somebody_else = world.socket(Role::Admin).await;

    // The place of a connection that ends is free on every replica.
    here.cut();
    let there = websocket_url(&other);
    until("a place is free elsewhere", SOON, || {
        finds_room(&there, &token)
    })
    .await;

    // What happens to Redis' side of a process that is killed, with one of two connections.
    let _here = until_connected(&world.url(), &token).await;
    drop(proxy);
    let _and_here = until_connected(&world.url(), &token).await;
}

/// A connection that stays, as soon as there is room for it.
async fn until_connected(url: &str, token: &str) -> Socket {
    sm_test_kit::until_some("there is room", SOON, || async {
        let mut socket = Socket::connect(url, Some(token)).await.unwrap();
        let ping = ClientMessage::Ping { id: 1 };
        socket.try_say(&ping).await.ok()?;
        loop {
            match socket.hear_or_close().await {
                Ok(sm_common::ws::ServerMessage::Pong { id: 1 }) => return Some(socket),
                Ok(_) => {}
                Err(_closed) => return None,
            }
        }
    })
    .await
}

#[tokio::test]
async fn without_redis_each_process_counts_by_itself() {
    let (world, proxy) = World::behind_proxy(&[&TWO[..], &[IMPATIENT]].concat()).await;
    drop(proxy);
    let _first = world.socket(Role::Viewer).await;
    let _second = world.socket(Role::Viewer).await;
    let token = world.issuer.token(Role::Viewer);
    let mut third = Socket::connect(&world.url(), Some(&token)).await.unwrap();
    assert_eq!(hear_close(&mut third).await, 4503);
}

#[tokio::test]
async fn who_sent_too_much_has_not_earned_more_by_coming_back_to_another_replica() {
    let slow = [
        ("ws.messages_per_second", "1"),
        ("ws.message_burst", "60"),
        ("ws.refusals_max", "30"),
    ];
    let world = World::with(&slow).await;
    let other = world.replica_over(&world.redis.url(), &slow).await;
    let mut socket = world.socket(Role::Viewer).await;
    let ping = ClientMessage::Ping { id: 1 };
    while socket.try_say(&ping).await.is_ok() {
        if let Err(closed) = socket.hear_or_close().await {
            assert_eq!(u16::from(closed.unwrap().code), 4501);
            break;
        }
    }
    let token = world.issuer.token(Role::Viewer);
    let mut back = connect(&websocket_url(&other), &token).await;
    // A new start would answer three times as many.
    for _ in 0..20 {
        if back.try_say(&ping).await.is_err() {
            break;
        }
    }
    assert_eq!(hear_close(&mut back).await, 4501);
    let _somebody_else = finds_room(&websocket_url(&other), &world.issuer.token(Role::Admin)).await;
}
