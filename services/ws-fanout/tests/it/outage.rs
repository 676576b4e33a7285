use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::ws::ServerMessage;
use sm_test_kit::{Socket, until};

use crate::follower::Follower;
use crate::harness::{IMPATIENT, SOON, World, hear_error, post, subscribe};

/// Posts, and hears the answer; passes what else is heard to the follower.
async fn posted(socket: &mut Socket, follower: &mut Follower, id: u64, text: &str) -> bool {
    socket.say(&post(id, text)).await;
    loop {
        match socket.hear().await {
            ServerMessage::Ack { id: answered, .. } if answered == id => return true,
            ServerMessage::Error {
                id: Some(answered),
                code,
                retry_after_ms,
                ..
            } if answered == id => {
                assert_eq!(code, "dependency.unavailable");
                assert!(retry_after_ms.is_some());
                return false;
            }
            message => follower.take(message),
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_redis_is_killed_and_restarted() {
    let mut world = World::with(&[IMPATIENT, ("chat.interval_ms", "0")]).await;
    let mut socket = world.socket(Role::Viewer).await;
    let mut follower = Follower::default();
    follower.follow(&mut socket).await;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        for number in 0..10 {
            let text = format!("{round} {number}");
            assert!(posted(&mut socket, &mut follower, number, &text).await);
            acknowledged.push(text);
        }
        world.redis.kill();
        follower
            .listen(&mut socket, |f| f.link == Some(false))
            .await;
        assert!(!posted(&mut socket, &mut follower, 99, "into the void").await);
        world.redis.restart();
        follower.listen(&mut socket, |f| f.link == Some(true)).await;
        let last = format!("{round} back");
        assert!(posted(&mut socket, &mut follower, 100, &last).await);
        acknowledged.push(last.clone());
        follower
            .listen(&mut socket, |f| f.log.last() == Some(&last))
            .await;
        assert_eq!(follower.log, acknowledged);
    }
}

#[tokio::test]
async fn while_redis_does_not_answer_requests_are_refused_and_connections_stay() {
    let world = World::with(&[IMPATIENT]).await;
    let mut socket = world.socket(Role::Viewer).await;
    socket.subscribe(Channel::Chat, None).await;
    world.redis.freeze();
    socket.say(&subscribe(7, Channel::StreamState)).await;
    loop {
        match socket.hear().await {
            ServerMessage::Link { live } => assert!(!live),
            ServerMessage::Error {
                id,
                code,
                retry_after_ms,
                ..
            } => {
                assert_eq!((id, code.as_str()), (Some(7), "dependency.unavailable"));
                assert_eq!(retry_after_ms, Some(1000));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    until("the interruption is told", SOON, || async {
        world.metric("sm_ws_link_up").await < 0.5
    })
    .await;
    world.redis.thaw();
    until("events arrive again", SOON, || async {
        world.metric("sm_ws_link_up").await > 0.5
    })
    .await;
    world.publish("again").await;
    assert_eq!(socket.events(1).await.len(), 1);
}

#[tokio::test]
async fn a_connection_that_opens_during_an_outage_is_told() {
    let mut world = World::with(&[IMPATIENT]).await;
    world.redis.kill();
    until("the outage is noticed", SOON, || async {
        world.metric("sm_ws_link_up").await < 0.5
    })
    .await;
    let mut socket = world.socket(Role::Viewer).await;
    assert_eq!(socket.hear().await, ServerMessage::Link { live: false });
    socket.say(&subscribe(1, Channel::Chat)).await;
    hear_error(&mut socket, "dependency.unavailable").await;
    world.redis.restart();
    assert_eq!(socket.hear().await, ServerMessage::Link { live: true });
    socket.subscribe(Channel::Chat, None).await;
}

#[tokio::test]
async fn an_event_that_nobody_heard_is_repaired_before_the_next_is_delivered() {
    let world = World::with(&[("fanout.position_check_ms", "3600000")]).await;
    let mut socket = world.socket(Role::Viewer).await;
    let mut follower = Follower::default();
    follower.follow(&mut socket).await;
    world.publish("first").await;
    for text in ["second", "third"] {
        world.publish_unheard(text).await;
    }
    world.publish("fourth").await;
    follower.listen(&mut socket, |f| f.log.len() == 4).await;
    assert_eq!(follower.log, ["first", "second", "third", "fourth"]);
    assert_eq!(follower.snapshots, 1);
    world
        .until_metric("sm_ws_repairs_total{outcome=\"complete\"}", 1.0)
        .await;
}

#[tokio::test]
async fn an_event_that_nobody_heard_is_found_although_none_follows() {
    let world = World::with(&[("fanout.position_check_ms", "100")]).await;
    let mut socket = world.socket(Role::Viewer).await;
    let mut follower = Follower::default();
    follower.follow(&mut socket).await;
    world.publish_unheard("alone").await;
    follower.listen(&mut socket, |f| f.log.len() == 1).await;
    world.publish("next").await;
    follower.listen(&mut socket, |f| f.log.len() == 2).await;
    assert_eq!(follower.log, ["alone", "next"]);
}

#[tokio::test]
async fn a_channel_that_is_not_heard_any_more_is_repaired_and_subscribed_anew() {
    let quick = ("fanout.position_check_ms", "50");
    let (world, proxy) = World::behind_proxy(&[quick]).await;
    let mut socket = world.socket(Role::Viewer).await;
    let mut follower = Follower::default();
    follower.follow(&mut socket).await;
    world.publish("heard").await;
    follower.listen(&mut socket, |f| f.log.len() == 1).await;
    // The subscription goes on answering and hearing its probes; of chat nothing comes through.
    proxy.lose(Some(b"\r\nmessage\r\n$4\r\nchat\r\n"));
    for count in 2..=3 {
        world.publish("not heard").await;
        follower.listen(&mut socket, |f| f.log.len() == count).await;
    }
    world.until_metric("sm_ws_resubscriptions_total", 1.0).await;
    proxy.lose(None);
    world.publish("heard again").await;
    follower.listen(&mut socket, |f| f.log.len() == 4).await;
    assert_eq!(follower.log[3], "heard again");
    assert_eq!(follower.snapshots, 1);
}
