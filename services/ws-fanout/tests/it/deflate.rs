use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::ws::{ClientMessage, ServerMessage, Subprotocol, deflate};
use sm_test_kit::Socket;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{World, hear_close, hear_error, post};

/// A connection that has said that it inflates.
async fn inflating(world: &World, subprotocol: Subprotocol) -> Socket {
    let mut socket = world.speaking(subprotocol, Role::Viewer).await;
    let hello = ClientMessage::Hello {
        id: 1,
        deflate: true,
    };
    socket.say(&hello).await;
    assert_eq!(socket.hear().await, ServerMessage::ack(1));
    socket
}

#[tokio::test]
async fn large_messages_come_deflated_to_those_who_asked_and_to_nobody_else() {
    let world = World::start().await;
    let long = "one and the same ".repeat(100);
    for _ in 0..10 {
        world.publish(long.clone()).await;
    }
    for subprotocol in Subprotocol::ALL {
        let mut plain = world.socket(Role::Viewer).await;
        let expected = plain.subscribe(Channel::Chat, None).await.snapshot;
        let mut socket = inflating(&world, subprotocol).await;
        let snapshot = socket.subscribe(Channel::Chat, None).await.snapshot;
        assert_eq!(snapshot, expected);
        assert_eq!(socket.inflated(), 1, "the snapshot");
        world.publish("short").await;
        assert_eq!(socket.events(1).await[0].data["text"], "short");
        assert_eq!(socket.inflated(), 1, "what is short comes as it is");
        world.publish(long.clone()).await;
        assert_eq!(socket.events(1).await[0].data["text"], long);
        assert_eq!(socket.inflated(), 2);
        assert_eq!(plain.events(2).await[1].data["text"], long);
        assert_eq!(plain.inflated(), 0);
    }
}

#[tokio::test]
async fn a_client_that_said_so_may_send_deflated_messages_too() {
    let world = World::start().await;
    for subprotocol in Subprotocol::ALL {
        let mut socket = inflating(&world, subprotocol).await;
        let text = "the same ".repeat(40);
        socket.say_deflated(&post(9, text.trim())).await;
        assert_eq!(socket.hear().await, ServerMessage::ack(9));
    }
    let mut silent = world.socket(Role::Viewer).await;
    silent.say_deflated(&post(9, "x".repeat(400))).await;
    hear_error(&mut silent, "ws.message.unreadable").await;
}

#[tokio::test]
async fn a_bomb_ends_its_own_connection() {
    let world = World::start().await;
    let mut socket = inflating(&world, Subprotocol::Json).await;
    let bomb = deflate(&vec![b' '; 12 << 20]).unwrap();
    assert!(bomb.len() < 65_536);
    socket.say_frame(Message::binary(bomb)).await;
    assert_eq!(hear_close(&mut socket).await, 1009);
    let mut broken = inflating(&world, Subprotocol::Json).await;
    broken.say_frame(Message::binary(vec![0xc1_u8, 7, 7])).await;
    hear_error(&mut broken, "ws.message.unreadable").await;
    world
        .until_metric("sm_ws_closes_total{code=\"1009\"}", 1.0)
        .await;
}
