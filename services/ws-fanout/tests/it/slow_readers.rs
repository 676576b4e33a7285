use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::ws::ServerMessage;
use sm_test_kit::until;

use crate::follower::Follower;
use crate::harness::{SOON, World, subscribe};
use crate::raw::{CLOSE, RawSocket, TEXT, frame};

/// Little disappears in the kernel.
const SMALL_BUFFER: (&str, &str) = ("ws.send_buffer_bytes", "8192");
/// Nothing but its queue ends a connection that is not read.
const NO_HEARTBEAT: (&str, &str) = ("ws.heartbeat_ms", "600000");
const NO_WRITE_TIMEOUT: (&str, &str) = ("ws.write_timeout_ms", "600000");

/// A connection that has subscribed and does not read any more.
async fn stuck(world: &World, role: Role, channel: Channel) -> RawSocket {
    let token = world.issuer.token(role);
    let mut socket = RawSocket::open(&world.service, "/ws", &token, Some(32_768)).await;
    let request = serde_json::to_vec(&subscribe(1, channel)).unwrap();
    socket.send(&frame(TEXT, &request)).await;
    loop {
        let message = socket.receive_kind(TEXT).await;
        if matches!(read(&message), ServerMessage::Subscribed { .. }) {
            return socket;
        }
    }
}

fn read(message: &[u8]) -> ServerMessage {
    serde_json::from_slice(message).unwrap()
}

fn offsets(message: &[u8]) -> Vec<u64> {
    match read(message) {
        ServerMessage::Event(event) => vec![event.offset],
        ServerMessage::Batch { events } => events.iter().map(|event| event.offset).collect(),
        _ => Vec::new(),
    }
}

/// Publishes several messages at once, about a kilobyte each.
async fn publish_many(world: &World, count: usize) {
    let long = "é".repeat(450);
    let posts = (0..count).map(|_| world.publish(long.clone()));
    futures_util::future::join_all(posts).await;
}

#[tokio::test]
async fn a_slow_reader_of_chat_is_closed_and_can_come_back_while_nobody_else_notices() {
    let world = World::with(&[
        ("ws.queue_bytes_max", "65536"),
        SMALL_BUFFER,
        NO_HEARTBEAT,
        NO_WRITE_TIMEOUT,
    ])
    .await;
    let mut stuck = stuck(&world, Role::Admin, Channel::Chat).await;
    let mut quick = world.socket(Role::Viewer).await;
    let mut follower = Follower::default();
    follower.follow(&mut quick).await;
    let mut published = 0;
    let closed = "sm_ws_closes_total{code=\"4000\"}";
    while world.metric(closed).await < 1.0 {
        publish_many(&world, 40).await;
        published += 40;
        follower
            .listen(&mut quick, |f| f.log.len() == published)
            .await;
        let waiting = world.metric("sm_ws_queue_bytes").await;
        assert!(waiting <= 2.0 * 65_536.0, "{waiting} bytes wait");
        assert!(
            published < 4_000,
            "a reader that never reads is never too slow"
        );
    }
    world.until_metric("sm_ws_queue_bytes", 0.0).await;

    let mut heard = Vec::new();
    loop {
        let (first, payload) = stuck.receive().await.unwrap();
        match first {
            TEXT => heard.extend(offsets(&payload)),
            CLOSE => {
                assert_eq!(u16::from_be_bytes([payload[0], payload[1]]), 4000);
                break;
            }
            _ => {}
        }
    }
    let count = u64::try_from(heard.len()).unwrap();
    assert_eq!(
        heard,
        (1..=count).collect::<Vec<_>>(),
        "what it got has no gap"
    );
    assert!(heard.len() < published);
}

#[tokio::test]
async fn a_slow_reader_of_samples_gets_the_newest_and_stays() {
    let world = World::with(&[
        ("ws.queue_bytes_max", "65536"),
        ("ws.conflate_above_bytes", "16384"),
        SMALL_BUFFER,
        NO_HEARTBEAT,
        NO_WRITE_TIMEOUT,
    ])
    .await;
    let mut stuck = stuck(&world, Role::Operator, Channel::Metrics).await;
    let mut published = 0;
    while world.metric("sm_ws_conflated_total").await < 500.0 {
        let samples = (0..100).map(|_| world.publish_sample(published));
        let positions = futures_util::future::join_all(samples).await;
        published = positions.iter().map(|at| at.offset).max().unwrap();
        let waiting = world.metric("sm_ws_queue_bytes").await;
        // What may be conflated, and the batch that came before it was.
        assert!(waiting < 50_000.0, "{waiting} bytes wait");
        assert!(
            published < 5_000,
            "a reader that never reads is never conflated"
        );
    }
    let mut heard: Vec<u64> = Vec::new();
    while heard.last() != Some(&published) {
        heard.extend(offsets(&stuck.receive_kind(TEXT).await));
    }
    assert!(heard.is_sorted_by(|a, b| a < b));
    assert!(heard.len() + 500 <= usize::try_from(published).unwrap());
    let next = world.publish_sample(1).await.offset;
    assert_eq!(offsets(&stuck.receive_kind(TEXT).await), [next]);
}

#[tokio::test]
async fn an_event_that_waits_for_too_long_ends_the_connection() {
    let world = World::with(&[
        ("ws.queue_age_max_ms", "300"),
        ("ws.queue_bytes_max", "100000000"),
        SMALL_BUFFER,
        NO_HEARTBEAT,
        NO_WRITE_TIMEOUT,
    ])
    .await;
    let _stuck = stuck(&world, Role::Viewer, Channel::Chat).await;
    until("the reader is too slow", SOON, || async {
        publish_many(&world, 40).await;
        world.metric("sm_ws_closes_total{code=\"4000\"}").await > 0.0
    })
    .await;
    world.until_metric("sm_ws_queue_bytes", 0.0).await;
    world
        .until_metric("sm_ws_limits_total{limit=\"queue-age\"}", 1.0)
        .await;
}

#[tokio::test]
async fn the_socket_of_a_client_that_never_reads_is_given_up() {
    let world = World::with(&[
        ("ws.queue_bytes_max", "65536"),
        ("ws.write_timeout_ms", "500"),
        SMALL_BUFFER,
        NO_HEARTBEAT,
    ])
    .await;
    let mut stuck = stuck(&world, Role::Viewer, Channel::Chat).await;
    let world = &world;
    until("the socket is gone", SOON, || {
        let is_gone = !stuck.try_send(&frame(0x8a, b""));
        async move {
            publish_many(world, 20).await;
            is_gone
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_of_a_state_that_is_not_conflated_is_closed() {
    let world = World::with(&[
        ("fanout.metrics.conflate", "never"),
        ("ws.queue_bytes_max", "65536"),
        SMALL_BUFFER,
        NO_HEARTBEAT,
        NO_WRITE_TIMEOUT,
    ])
    .await;
    let _stuck = stuck(&world, Role::Operator, Channel::Metrics).await;
    let mut witness = world.socket(Role::Operator).await;
    witness.subscribe(Channel::Metrics, None).await;
    let mut published = 0;
    while world.metric("sm_ws_closes_total{code=\"4000\"}").await < 1.0 {
        let samples = (0..20).map(|_| world.publish_sample(published));
        futures_util::future::join_all(samples).await;
        // The fan-out has all of them: it may not be the one that is behind.
        witness.events(20).await;
        published += 20;
        assert!(
            published < 4_000,
            "a reader that never reads is never too slow"
        );
    }
    assert!(world.metric("sm_ws_conflated_total").await < 1.0);
}

#[tokio::test]
async fn a_window_of_a_conflating_channel_holds_one_sample_and_no_other_channel_waits_for_it() {
    let world = World::with(&[
        ("fanout.metrics.batch_window_ms", "3600000"),
        ("fanout.metrics.conflate", "always"),
        ("fanout.chat.batch_window_ms", "0"),
    ])
    .await;
    let mut socket = world.socket(Role::Operator).await;
    socket.subscribe(Channel::Metrics, None).await;
    socket.subscribe(Channel::Chat, None).await;
    let first = world.publish_sample(0).await.offset;
    assert_eq!(socket.events(1).await[0].offset, first);
    for number in 1..=50 {
        world.publish_sample(number).await;
    }
    for text in ["one", "two"] {
        world.publish(text).await;
    }
    for text in ["one", "two"] {
        let heard = socket.hear().await;
        assert!(
            matches!(&heard, ServerMessage::Event(event) if event.data["text"] == text),
            "{heard:?}"
        );
    }
    world.until_metric("sm_ws_conflated_total", 49.0).await;
}
