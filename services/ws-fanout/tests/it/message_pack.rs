use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::ws::{ClientMessage, SUBPROTOCOL_MESSAGEPACK, ServerMessage, Subprotocol};
use sm_test_kit::Socket;
use tokio_tungstenite::tungstenite::Message;

use crate::follower::Follower;
use crate::harness::{World, hear_close, hear_error, post};
use crate::raw::handshake;

/// A connection that speaks `MessagePack`, welcomed.
async fn message_pack(world: &World, role: Role) -> Socket {
    world.speaking(Subprotocol::MessagePack, role).await
}

#[tokio::test]
async fn the_first_of_our_subprotocols_that_is_offered_is_spoken() {
    let world = World::start().await;
    let offer = "graphql-ws, stream-manager.v1+msgpack, stream-manager.v1+json";
    let answer = handshake(&world.service, "/ws", &[("sec-websocket-protocol", offer)]).await;
    let answer = answer.expect(101);
    assert_eq!(
        answer.header("sec-websocket-protocol"),
        SUBPROTOCOL_MESSAGEPACK
    );
}

#[tokio::test]
async fn both_subprotocols_hear_the_same_events() {
    let world = World::start().await;
    let mut binary = message_pack(&world, Role::Viewer).await;
    let mut text = world.socket(Role::Viewer).await;
    let opened = binary.subscribe(Channel::Chat, None).await;
    assert_eq!(
        opened.position,
        text.subscribe(Channel::Chat, None).await.position
    );
    for number in 0..50 {
        world.publish(format!("é {number}")).await;
    }
    let heard = binary.events(50).await;
    assert_eq!(heard, text.events(50).await);
    assert_eq!(heard[7].data["text"], "é 7");
}

#[tokio::test]
async fn requests_are_carried_out_and_what_was_missed_is_recovered() {
    let world = World::start().await;
    let mut socket = message_pack(&world, Role::Viewer).await;
    let mut follower = Follower::default();
    follower.follow(&mut socket).await;
    socket.say(&post(7, "from MessagePack")).await;
    let mut is_kept = false;
    while !is_kept || follower.log.is_empty() {
        match socket.hear().await {
            ServerMessage::Ack { id, .. } => is_kept = id == 7,
            message => follower.take(message),
        }
    }
    socket.cut();
    for number in 0..20 {
        world.publish(number.to_string()).await;
    }
    let mut again = message_pack(&world, Role::Viewer).await;
    assert!(follower.follow(&mut again).await);
    follower.listen(&mut again, |f| f.log.len() == 21).await;
    assert_eq!(follower.log[0], "from MessagePack");
    assert_eq!(follower.snapshots, 1);
}

#[tokio::test]
async fn what_is_no_message_is_answered_and_then_the_end() {
    let world = World::with(&[("ws.unreadable_max", "4")]).await;
    let mut socket = message_pack(&world, Role::Viewer).await;
    let extra = serde_json::json!({"type": "ping", "id": 3, "extra": true});
    let extra = Subprotocol::MessagePack.write(&extra).unwrap();
    for (frame, id) in [
        (Message::text(r#"{"type":"ping","id":1}"#), None),
        (Message::binary(vec![0x91_u8; 1000]), None),
        (Message::binary(vec![0xc1_u8, 1, 2]), None),
        (Message::binary(extra), Some(3)),
    ] {
        socket.say_frame(frame).await;
        let answer = hear_error(&mut socket, "ws.message.unreadable").await;
        assert!(matches!(answer, ServerMessage::Error { id: told, .. } if told == id));
    }
    socket.say(&ClientMessage::Ping { id: 5 }).await;
    assert_eq!(socket.hear().await, ServerMessage::Pong { id: 5 });
    socket.say_frame(Message::text("one too many")).await;
    assert_eq!(hear_close(&mut socket).await, 4502);
}
