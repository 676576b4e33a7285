use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use sm_bus::Followers;
use sm_common::audience::{AudienceKey, Client, Mark};
use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_common::ws::{ClientMessage, Present, ServerMessage, Subprotocol};
use sm_test_kit::{LossyProxy, Socket, until};

use crate::harness::{IMPATIENT, SOON, World, connect, hear_error, websocket_url};

/// Says often who watches, and takes any number of questions.
const QUICK: [(&str, &str); 3] = [
    ("presence.report_ms", "50"),
    ("ws.messages_per_second", "100000"),
    ("ws.message_burst", "100000"),
];
/// A dead process is forgotten soon.
const SHORT: (&str, &str) = ("presence.expiry_ms", "1500");
/// A dead process is not forgotten within a test.
const LONG: (&str, &str) = ("presence.expiry_ms", "3600000");

fn quick(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&QUICK, more].concat()
}

fn chat() -> ClientMessage {
    ClientMessage::Presence {
        id: 7,
        channel: Channel::Chat,
        stream: StreamId::default(),
    }
}

/// How many watch the chat, and the roles of those who are named.
async fn present(socket: &mut Socket) -> (u64, Option<Vec<Role>>) {
    socket.say(&chat()).await;
    loop {
        if let ServerMessage::Ack {
            id: 7,
            present: Some(present),
            ..
        } = socket.hear().await
        {
            let Present {
                connections,
                people,
                more,
            } = present;
            assert!(!more);
            let roles = people.map(|people| {
                let mut roles: Vec<_> = people.iter().map(|person| person.role).collect();
                roles.sort_by_key(Role::to_string);
                roles
            });
            return (connections, roles);
        }
    }
}

/// Asks until so many watch.
pub(crate) async fn until_present(socket: &mut Socket, count: u64) -> Option<Vec<Role>> {
    let asking = async {
        loop {
            let (connections, roles) = present(socket).await;
            if connections == count {
                return roles;
            }
        }
    };
    tokio::time::timeout(SOON, asking)
        .await
        .unwrap_or_else(|_| panic!("{count} watch"))
}

#[tokio::test]
async fn who_watches_is_known_over_replicas_and_after_one_has_died() {
    let world = World::with(&quick(&[SHORT])).await;
    let proxy = LossyProxy::start(world.redis.port());
    let url = format!("redis://127.0.0.1:{}/", proxy.port());
    let changes = quick(&[SHORT, IMPATIENT]);
    let other = world.replica_over(&url, &changes).await;

    let mut moderator = world.socket(Role::Moderator).await;
    assert_eq!(present(&mut moderator).await, (0, Some(Vec::new())));
    let mut here = world.socket(Role::Viewer).await;
    here.subscribe(Channel::Chat, None).await;
    let mut there = Vec::new();
    for role in [Role::Viewer, Role::Admin] {
        let token = world.issuer.token(role);
        let mut socket = connect(&websocket_url(&other), &token).await;
        socket.subscribe(Channel::Chat, None).await;
        there.push(socket);
    }
    let roles = until_present(&mut moderator, 3).await;
    assert_eq!(
        roles,
        Some(vec![Role::Admin, Role::Viewer]),
        "each person once"
    );
    assert_eq!(
        until_present(&mut here, 3).await,
        None,
        "viewers hear no names"
    );

    // What happens to Redis' side of a process that is killed.
    drop(proxy);
    let roles = until_present(&mut moderator, 1).await;
    assert_eq!(roles, Some(vec![Role::Viewer]));
    here.cut();
    assert_eq!(until_present(&mut moderator, 0).await, Some(Vec::new()));
}

#[tokio::test]
async fn who_watches_is_told_to_those_who_may_read_the_channel() {
    let world = World::start().await;
    let mut viewer = world.socket(Role::Viewer).await;
    let metrics = ClientMessage::Presence {
        id: 1,
        channel: Channel::Metrics,
        stream: StreamId::default(),
    };
    viewer.say(&metrics).await;
    hear_error(&mut viewer, "auth.role.insufficient").await;
}

#[tokio::test]
async fn a_process_that_ends_in_good_order_is_forgotten_at_once() {
    let world = World::with(&quick(&[LONG])).await;
    let mut moderator = world.socket(Role::Moderator).await;
    let other = world
        .replica_over(&world.redis.url(), &quick(&[LONG]))
        .await;
    let token = world.issuer.token(Role::Viewer);
    let mut there = connect(&websocket_url(&other), &token).await;
    there.subscribe(Channel::Chat, None).await;
    until_present(&mut moderator, 1).await;
    drop(other);
    until_present(&mut moderator, 0).await;
}

/// Follows the state of the stream as the program `agent` at this address.
async fn follow_as(url: &str, token: &str, address: &str, agent: &str) -> Socket {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("user-agent", agent),
        ("x-forwarded-for", address),
    ];
    let connecting = Socket::connect_with(Subprotocol::Json, url, headers);
    let mut socket = connecting.await.unwrap();
    socket.subscribe(Channel::StreamState, None).await;
    socket
}

/// Waits until these follow, by the marks that the holder of the stream gets.
async fn until_followed_by(world: &World, key: &AudienceKey, clients: &[(&str, &str)]) {
    let mark = |(address, agent): &(&str, &str)| {
        let address: IpAddr = address.parse().unwrap();
        key.mark(&Client::new(address, agent))
    };
    let expected: HashSet<Mark> = clients.iter().map(mark).collect();
    let held = Duration::from_mins(1);
    until("those follow", SOON, || async {
        let followers = Box::pin(world.bus.followers(&world.stream, key, held));
        followers.await.unwrap() == Followers::All(expected.clone())
    })
    .await;
}

#[tokio::test]
async fn the_holder_of_a_stream_learns_which_clients_follow_it_anywhere_each_once() {
    let world = World::with(&quick(&[SHORT])).await;
    let proxy = LossyProxy::start(world.redis.port());
    let url = format!("redis://127.0.0.1:{}/", proxy.port());
    let changes = quick(&[SHORT, IMPATIENT]);
    let other = world.replica_over(&url, &changes).await;
    let (here, there) = (world.url(), websocket_url(&other));
    let token = world.issuer.token(Role::Viewer);
    let (home, office) = ("203.0.113.1", "203.0.113.2");
    let _tab = follow_as(&here, &token, home, "Firefox").await;
    let _other_tab = follow_as(&there, &token, home, "Firefox").await;
    let _phone = follow_as(&there, &token, home, "Safari").await;
    let desk = follow_as(&here, &token, office, "Firefox").await;
    // Connected, and following nothing.
    let _idle = world.socket(Role::Viewer).await;

    let key = AudienceKey::generate();
    let all = [(home, "Firefox"), (home, "Safari"), (office, "Firefox")];
    until_followed_by(&world, &key, &all).await;
    // Another engine takes the stream, and counts with a key of its own.
    let key = AudienceKey::generate();
    until_followed_by(&world, &key, &all).await;
    desk.cut();
    until_followed_by(&world, &key, &[(home, "Firefox"), (home, "Safari")]).await;
    // What happens to Redis' side of a process that is killed.
    drop(proxy);
    until_followed_by(&world, &key, &[(home, "Firefox")]).await;
}
