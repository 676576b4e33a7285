//! Clients that mean harm, against a process of their own: each is closed with the right code, the
//! process stays small, and whoever reads along misses nothing.

use std::cell::Cell;
use std::net::SocketAddr;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use sm_common::auth::Role;
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::event::Channel;
use sm_common::id::UserId;
use sm_common::ws::{ClientMessage, Subprotocol, deflate};
use sm_test_kit::{Keys, Socket, until};

use crate::follower::Follower;
use crate::harness::{SOON, World, connect, hear_close, subscribe};
use crate::process::Process;
use crate::raw::{BINARY, CLOSE, PING, RawSocket, TEXT, frame, head};

/// How many do the same at once.
const ATTACKERS: usize = 6;
/// Connections that come and go.
const VISITS: usize = 2_000;
/// How many of them at once.
const VISITORS: usize = 16;
/// One of so many is signed in.
const REGULARS: usize = 20;
/// What the process may grow by: far less than is thrown at it.
const GROWTH_BYTES_MAX: u64 = 48 << 20;

/// What is sent after the handshake, and the code that ends it.
struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    code: u16,
}

fn text(message: &str) -> Vec<u8> {
    frame(TEXT, message.as_bytes())
}

/// What a client says first that wants to send deflated messages.
fn hello() -> Vec<u8> {
    text(r#"{"type":"hello","id":1,"deflate":true}"#)
}

fn attacks() -> Vec<Attack> {
    let bomb = deflate(&vec![b' '; 12 << 20]).unwrap();
    assert!(bomb.len() < 65_536, "a bomb passes for a frame");
    let nothing = |offset: usize| Vec::from([0x93_u8; 64]).repeat(offset);
    [
        (
            "a flood of messages",
            text(r#"{"type":"ping","id":1}"#).repeat(20_000),
            4501,
        ),
        (
            "a flood of pings",
            frame(PING, &[b'p'; 125]).repeat(50_000),
            4501,
        ),
        (
            "unknown channels",
            text(r#"{"type":"subscribe","id":1,"channel":"weather"}"#).repeat(1_000),
            4502,
        ),
        (
            "bytes where texts are spoken",
            frame(BINARY, &nothing(100)).repeat(200),
            4502,
        ),
        (
            "a frame that says it is a gigabyte",
            [head(TEXT, 1 << 30), vec![b' '; 8 << 20]].concat(),
            1009,
        ),
        (
            "a message of endless fragments",
            [frame(0x01, b"{"), frame(0x00, &[b' '; 1_000]).repeat(8_000)].concat(),
            1009,
        ),
        (
            "endless empty fragments",
            [frame(0x01, b""), frame(0x00, b"").repeat(100_000)].concat(),
            1009,
        ),
        (
            "a text that is not UTF-8",
            frame(TEXT, &vec![0xff; 60_000]).repeat(100),
            1007,
        ),
        (
            "a deflated bomb",
            [hello(), frame(BINARY, &bomb)].concat(),
            1009,
        ),
        (
            "deflated bombs without a word",
            frame(BINARY, &bomb).repeat(50),
            4502,
        ),
        (
            "reserved bits",
            frame(0xf1, &[0; 1_000]).repeat(1_000),
            1002,
        ),
    ]
    .map(|(name, bytes, code)| Attack { name, bytes, code })
    .into()
}

/// The code that ends a connection on which these bytes are sent.
async fn code_of(address: SocketAddr, token: &str, bytes: &[u8]) -> Option<u16> {
    let mut socket = RawSocket::open_at(address, "/ws", token, None).await;
    let (first, reason) = socket.exchange(bytes, 65_536).await.pop()?;
    assert_eq!(first, CLOSE);
    Some(u16::from_be_bytes([reason[0], reason[1]]))
}

/// A scene with a process, and somebody who reads along.
struct Siege {
    world: World,
    process: Process,
    _keys: Keys,
    witness: (Socket, Follower),
    written: usize,
}

impl Siege {
    async fn begin() -> Self {
        let world = World::start().await;
        let keys = Keys::of(&world.issuer).await;
        let changes = [
            // A busy machine is no outage.
            ("redis.timeout_ms", "10000"),
            // All who come are one person here.
            ("ws.connections_per_user_max", "4096"),
        ];
        let process = Process::start(&world.redis.url(), &keys, &changes).await;
        let token = world.issuer.token(Role::Admin);
        let mut socket = connect(&process.url(), &token).await;
        let mut follower = Follower::default();
        follower.follow(&mut socket).await;
        let mut siege = Self {
            world,
            process,
            _keys: keys,
            witness: (socket, follower),
            written: 0,
        };
        siege.witness_hears().await;
        siege
    }

    fn token(&self) -> String {
        self.world.issuer.token(Role::Viewer)
    }

    /// The token of somebody who was never here.
    fn stranger(&self) -> String {
        let issuer = &self.world.issuer;
        let now = SystemClock.now().as_unix_seconds();
        let mut claims = issuer.claims(Role::Viewer, now, now + 600);
        claims.sub = UserId::generate();
        issuer.sign(&claims)
    }

    /// Something happens, and the witness hears it next.
    async fn witness_hears(&mut self) {
        for _ in 0..10 {
            self.world.publish(self.written.to_string()).await;
            self.written += 1;
        }
        let (socket, follower) = &mut self.witness;
        let written = self.written;
        follower.listen(socket, |f| f.log.len() >= written).await;
        let expected: Vec<_> = (0..written).map(|number| number.to_string()).collect();
        assert_eq!(follower.log, expected);
        assert_eq!(follower.snapshots, 1, "the witness stayed all the time");
    }

    /// Waits until the witness is the only one left.
    async fn over(&self) {
        until("everybody else is gone", SOON, || async {
            self.process.metric("sm_ws_connections").await < 1.5
        })
        .await;
    }
}

#[tokio::test]
async fn floods_end_their_own_connections_and_nothing_else() {
    let mut siege = Box::pin(Siege::begin()).await;
    let address = siege.process.address();
    let before = siege.process.peak_bytes();
    for Attack { name, bytes, code } in attacks() {
        let tokens: Vec<_> = (0..ATTACKERS).map(|_| siege.stranger()).collect();
        let attackers = tokens.iter().map(|token| code_of(address, token, &bytes));
        let codes = futures_util::future::join_all(attackers);
        let (codes, ()) = tokio::join!(codes, siege.witness_hears());
        assert_eq!(codes, vec![Some(code); ATTACKERS], "{name}");
    }
    siege.over().await;
    siege.witness_hears().await;
    let grown = siege.process.peak_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
}

#[tokio::test]
async fn a_bomb_in_message_pack_is_refused_unread() {
    let mut siege = Box::pin(Siege::begin()).await;
    let before = siege.process.peak_bytes();
    let mut socket = Socket::connect_speaking(
        Subprotocol::MessagePack,
        &siege.process.url(),
        Some(&siege.token()),
    )
    .await
    .unwrap();
    let hello = ClientMessage::Hello {
        id: 1,
        deflate: true,
    };
    socket.say(&hello).await;
    // Lists that say they have four thousand million values, and a tower of them.
    for bomb in [vec![0xdd, 0xff, 0xff, 0xff, 0xff], vec![0x91; 60_000]] {
        for _ in 0..5 {
            let frame = tokio_tungstenite::tungstenite::Message::binary(bomb.clone());
            socket.say_frame(frame).await;
        }
    }
    let bomb = deflate(&vec![0xc0; 12 << 20]).unwrap();
    let frame = tokio_tungstenite::tungstenite::Message::binary(bomb);
    socket.say_frame(frame).await;
    assert_eq!(hear_close(&mut socket).await, 1009);
    siege.witness_hears().await;
    let grown = siege.process.peak_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
}

#[tokio::test]
async fn thousands_who_come_and_go_leave_nothing_behind() {
    let mut siege = Box::pin(Siege::begin()).await;
    let before = siege.process.peak_bytes();
    let address = siege.process.address();
    let token = siege.token();
    let is_over = Cell::new(false);
    let visits = async {
        let visits = iter(0..VISITS);
        let visit = async |number| {
            // Whoever says nothing of who it is costs least, and the server no less than a place.
            let token = if number % REGULARS == 0 { &token } else { "" };
            let mut socket = RawSocket::open_at(address, "/ws", token, None).await;
            let subscribe = serde_json::to_vec(&subscribe(1, Channel::Chat)).unwrap();
            socket.send(&frame(TEXT, &subscribe)).await;
            // Gone without a word.
        };
        visits.for_each_concurrent(VISITORS, visit).await;
        is_over.set(true);
    };
    let witness = async {
        while !is_over.get() {
            siege.witness_hears().await;
        }
    };
    tokio::join!(visits, witness);
    siege.over().await;
    siege.witness_hears().await;
    let grown = siege.process.peak_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
    let left = "sm_ws_closes_total{code=\"1006\"}";
    let left = siege.process.metric(left).await;
    assert!(left >= 2_000.0, "{left} visits were seen");
}
