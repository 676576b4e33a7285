use sm_common::auth::Role;
use sm_common::ws::{ClientMessage, ServerMessage};

use crate::harness::{World, hear_close, hear_error};
use crate::raw::{BINARY, CLOSE, PING, PONG, RawSocket, TEXT, frame, head};

async fn raw(world: &World) -> RawSocket {
    let token = world.issuer.token(Role::Viewer);
    RawSocket::open(&world.service, "/ws", &token, None).await
}

async fn echo(world: &World) -> RawSocket {
    let token = world.issuer.token(Role::Viewer);
    RawSocket::open(&world.service, "/ws/echo", &token, None).await
}

/// What the server closes with after these bytes.
async fn closes_with(world: &World, bytes: &[u8]) -> u16 {
    let mut socket = raw(world).await;
    socket.send(bytes).await;
    socket.close_code().await
}

#[tokio::test]
async fn each_way_to_break_the_protocol_has_its_code() {
    let world = World::with(&[("ws.frame_bytes_max", "1000")]).await;
    let half = "é".as_bytes();
    let cases: [(&str, Vec<u8>, u16); 17] = [
        ("no mask", vec![TEXT, 1, b'x'], 1002),
        ("reserved bits", frame(0xc1, b"x"), 1002),
        ("unknown opcode", frame(0x83, b"x"), 1002),
        ("unknown control opcode", frame(0x8b, b"x"), 1002),
        ("fragmented ping", frame(0x09, b"x"), 1002),
        ("long ping", frame(PING, &[0; 126]), 1002),
        ("continuation of nothing", frame(0x80, b"x"), 1002),
        (
            "text amid fragments",
            [frame(0x01, b"a"), frame(TEXT, b"b")].concat(),
            1002,
        ),
        ("close with one byte", frame(CLOSE, b"x"), 1002),
        (
            "close with a reserved code",
            frame(CLOSE, &1005_u16.to_be_bytes()),
            1002,
        ),
        ("not UTF-8", frame(TEXT, &[0xff]), 1007),
        ("half a character", frame(TEXT, &half[..1]), 1007),
        (
            "not UTF-8 over fragments",
            [frame(0x01, b"a"), frame(0x80, &half[..1])].concat(),
            1007,
        ),
        ("large frame", frame(TEXT, &[b' '; 1001]), 1009),
        (
            "large message of small frames",
            [frame(0x01, &[b' '; 600]), frame(0x80, &[b' '; 600])].concat(),
            1009,
        ),
        (
            "endless empty fragments",
            [frame(0x01, b""), frame(0x00, b"").repeat(100)].concat(),
            1009,
        ),
        (
            "a frame that says it is a gigabyte",
            [head(TEXT, 1 << 30), vec![0; 2000]].concat(),
            1009,
        ),
    ];
    for (name, bytes, code) in cases {
        assert_eq!(closes_with(&world, &bytes).await, code, "{name}");
    }
}

#[tokio::test]
async fn the_closing_handshake_is_answered_with_the_same_code() {
    let world = World::start().await;
    for code in [1000_u16, 1001, 3000, 4999] {
        let close = [&code.to_be_bytes()[..], b"bye"].concat();
        assert_eq!(closes_with(&world, &frame(CLOSE, &close)).await, code);
    }
    let mut socket = raw(&world).await;
    socket.send(&frame(CLOSE, b"")).await;
    assert_eq!(socket.receive_kind(CLOSE).await, b"");
    assert!(
        socket.receive().await.is_none(),
        "the server ends the connection"
    );
    world
        .until_metric("sm_ws_closes_total{code=\"1000\"}", 5.0)
        .await;
}

#[tokio::test]
async fn fragments_and_pings_between_them_are_one_message() {
    let world = World::start().await;
    let mut socket = raw(&world).await;
    for bytes in [
        frame(0x01, br#"{"type":"pi"#),
        frame(PING, b"between"),
        frame(0x00, b""),
        frame(0x80, br#"ng","id":7}"#),
    ] {
        // Byte by byte, as a slow network would.
        for byte in bytes {
            socket.send(&[byte]).await;
        }
    }
    assert_eq!(socket.receive_kind(PONG).await, b"between");
    let pong = socket.receive_kind(TEXT).await;
    assert_eq!(
        serde_json::from_slice::<ServerMessage>(&pong).unwrap(),
        ServerMessage::Pong { id: 7 }
    );
}

#[tokio::test]
async fn unreadable_messages_are_answered_and_at_last_not_endured() {
    let world = World::with(&[("ws.unreadable_max", "4")]).await;
    let mut socket = world.socket(Role::Viewer).await;
    for (garbage, request) in [
        ("not JSON", None),
        (r#"{"type":"dance","id":7}"#, Some(7)),
        (r#"{"type":"ping","id":8,"extra":1}"#, Some(8)),
    ] {
        socket.say_text(garbage).await;
        let error = hear_error(&mut socket, "ws.message.unreadable").await;
        assert!(
            matches!(error, ServerMessage::Error { id, .. } if id == request),
            "{error:?}"
        );
    }
    let binary = tokio_tungstenite::tungstenite::Message::binary(vec![1, 2, 3]);
    socket.say_frame(binary.clone()).await;
    hear_error(&mut socket, "ws.message.unreadable").await;
    socket.say_frame(binary).await;
    assert_eq!(hear_close(&mut socket).await, 4502);
}

#[tokio::test]
async fn too_many_messages_are_refused_and_a_flood_ends_the_connection() {
    let limits = [
        ("ws.messages_per_second", "1"),
        ("ws.message_burst", "3"),
        ("ws.refusals_max", "5"),
    ];
    let world = World::with(&limits).await;
    let mut bystander = world.socket(Role::Admin).await;
    let mut socket = world.socket(Role::Viewer).await;
    for id in 1..=4 {
        socket.say(&ClientMessage::Ping { id }).await;
    }
    for id in 1..=3 {
        assert_eq!(socket.hear().await, ServerMessage::Pong { id });
    }
    let refused = hear_error(&mut socket, "rate.limited").await;
    let ServerMessage::Error {
        id, retry_after_ms, ..
    } = refused
    else {
        unreachable!()
    };
    assert_eq!(id, Some(4));
    assert!((1..=1000).contains(&retry_after_ms.unwrap()));
    for id in 5..=20 {
        socket.say(&ClientMessage::Ping { id }).await;
    }
    assert_eq!(hear_close(&mut socket).await, 4501);
    bystander.say(&ClientMessage::Ping { id: 1 }).await;
    assert_eq!(bystander.hear().await, ServerMessage::Pong { id: 1 });
}

#[tokio::test]
async fn a_flood_of_pings_ends_the_connection_and_is_not_stored() {
    let world = World::with(&[("ws.refusals_max", "50")]).await;
    let mut socket = raw(&world).await;
    socket.send(&frame(PING, &[b'p'; 125]).repeat(5_000)).await;
    assert_eq!(socket.close_code().await, 4501);
    assert!(world.metric("sm_ws_queue_bytes").await < 1_000.0);
}

async fn round_trip(socket: &mut RawSocket, first: u8, payload: &[u8]) {
    socket.send(&frame(first, payload)).await;
    let (echoed, bytes) = socket.receive().await.unwrap();
    assert_eq!((echoed, bytes.len()), (first, payload.len()));
    assert!(bytes == payload);
}

#[tokio::test]
async fn the_echo_sends_back_what_the_limits_allow() {
    let world = World::with(&[("ws.echo", "true")]).await;
    let mut socket = echo(&world).await;
    for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
        round_trip(&mut socket, TEXT, &vec![b'*'; length]).await;
        round_trip(&mut socket, BINARY, &vec![0xfe; length]).await;
    }
    socket
        .send(&[frame(0x02, b"a"), frame(0x80, b"b")].concat())
        .await;
    assert_eq!(socket.receive().await.unwrap(), (BINARY, b"ab".to_vec()));
    socket.send(&frame(TEXT, &vec![b'*'; 65_537])).await;
    assert_eq!(socket.close_code().await, 1009);
}

/// Resident memory of this process, in bytes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kibibytes: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes * 1024
}

#[tokio::test]
async fn an_echo_that_is_not_read_stops_reading() {
    let world = World::with(&[("ws.echo", "true")]).await;
    let token = world.issuer.token(Role::Viewer);
    let mut socket = RawSocket::open(&world.service, "/ws/echo", &token, Some(32_768)).await;
    let before = resident_bytes();
    let messages = frame(BINARY, &vec![7; 60_000]).repeat(16);
    // Far more than both ends' buffers hold: the send must stall.
    let stalled = tokio::time::timeout(std::time::Duration::from_secs(2), async {
        for _ in 0..200 {
            socket.send(&messages).await;
        }
    });
    assert!(
        stalled.await.is_err(),
        "the server reads on without being read"
    );
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes");
}
