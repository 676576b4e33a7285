//! Two replicas over a Redis Cluster of three nodes.

use serde_json::json;
use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_test_kit::{Api, Issuer, RedisCluster, Socket};

use crate::follower::Follower;
use crate::harness::{
    connect, create_stream, hear_close, message, post, ready, start_service, websocket_url,
};
use crate::presence::until_present;

const SETTINGS: [(&str, &str); 6] = [
    ("redis.cluster", "true"),
    ("presence.report_ms", "50"),
    ("ws.connections_per_user_max", "2"),
    ("chat.interval_ms", "0"),
    ("ws.messages_per_second", "100000"),
    ("ws.message_burst", "100000"),
];

#[tokio::test]
async fn chat_recovery_presence_and_limits_work_over_a_cluster() {
    let cluster = RedisCluster::start();
    let bus = cluster.bus("test");
    let stream = StreamId::default();
    create_stream(&bus, &stream).await;
    let issuer = Issuer::new();
    let [here, there] = [(); 2].map(|()| start_service(&cluster.url(), &issuer, &SETTINGS));
    for service in [&here, &there] {
        ready(service).await;
    }
    let token = issuer.token(Role::Viewer);

    // What is posted on one replica is heard on the other.
    let mut follower = Follower::default();
    let mut socket = connect(&websocket_url(&there), &token).await;
    follower.follow(&mut socket).await;
    let mut writer = connect(&websocket_url(&here), &token).await;
    writer.say(&post(5, "over the socket")).await;
    let api = Api::new(here.url()).with_token(issuer.token(Role::Admin));
    let posted = api.post("/api/chat", &json!({"text": "by REST"})).await;
    drop(posted.expect(201));
    bus.publish(&stream, &message("by another service"), None)
        .await
        .unwrap();
    follower.listen(&mut socket, |f| f.log.len() == 3).await;
    follower.log.sort();
    assert_eq!(
        follower.log,
        ["by REST", "by another service", "over the socket"]
    );

    // One person has two connections on two replicas, and not three.
    let mut third = Socket::connect(&websocket_url(&here), Some(&token))
        .await
        .unwrap();
    assert_eq!(hear_close(&mut third).await, 4503);

    // Whoever comes back to the other replica is told exactly what they missed.
    socket.cut();
    drop(writer);
    for number in 0..20 {
        let missed = message(format!("missed {number:02}"));
        bus.publish(&stream, &missed, None).await.unwrap();
    }
    let moderator = issuer.token(Role::Moderator);
    let mut socket = connect(&websocket_url(&here), &moderator).await;
    assert!(follower.follow(&mut socket).await, "recovered");
    follower.listen(&mut socket, |f| f.log.len() == 23).await;
    assert_eq!(follower.log[3], "missed 00");
    assert_eq!(follower.snapshots, 1);

    // Who watches is known over both.
    let mut other = connect(&websocket_url(&there), &issuer.token(Role::Operator)).await;
    other.subscribe(Channel::Chat, None).await;
    let people = until_present(&mut other, 2).await;
    assert_eq!(people, Some(vec![Role::Moderator, Role::Operator]));
}
