//! The same promises on a Redis Cluster: the keys of a stream share a slot, its events go over shard
//! channels of the node that has the slot.

use std::collections::BTreeSet;

use sm_bus::{Bus, Commit, CommitOutcome, Guard, History, Listener, Signal, keys, redis};
use sm_common::event::{Channel, Position};
use sm_common::id::StreamId;
use sm_test_kit::RedisCluster;
use tokio_util::sync::CancellationToken;

use crate::commit::deleted;

/// Streams of all three nodes.
fn streams(cluster: &RedisCluster) -> Vec<StreamId> {
    let names = (0..).map(|number| format!("studio-{number}").parse().unwrap());
    let mut nodes = BTreeSet::new();
    let new = |stream: &StreamId| nodes.insert(cluster.node_of(&keys::desired(stream)));
    names.filter(new).take(3).collect()
}

async fn announce(bus: &Bus, streams: &[StreamId]) {
    for stream in streams {
        let mut add = redis::cmd("SADD");
        add.arg(keys::STREAMS).arg(stream.as_str());
        let _new: i64 = bus.query(&add).await.unwrap();
    }
}

async fn until_up(listener: &mut Listener) {
    while !matches!(listener.next().await.unwrap(), Signal::Up) {}
}

/// Publishes on a stream, and hears that next.
async fn published_and_heard(bus: &Bus, stream: &StreamId, listener: &mut Listener) -> Position {
    let position = bus.publish(stream, &deleted(1), None).await.unwrap();
    loop {
        match listener.next().await.unwrap() {
            Signal::Event(heard) => {
                assert_eq!(
                    (&heard.stream, heard.position()),
                    (stream, position.clone())
                );
                return position;
            }
            // A look at the streams may have found the newest one meanwhile.
            Signal::Up => {}
            Signal::Down => panic!("the subscription stays"),
        }
    }
}

#[tokio::test]
async fn commits_histories_and_events_work_on_the_node_of_each_stream() {
    let cluster = RedisCluster::start();
    let bus = cluster.bus("test");
    let streams = streams(&cluster);
    announce(&bus, &streams).await;
    let mut listener = bus.listen(&[Channel::LayerUpdates], CancellationToken::new());
    until_up(&mut listener).await;
    for stream in &streams {
        let begun = bus.begin_history(stream, Channel::LayerUpdates).await;
        let begun = begun.unwrap();
        let key = keys::desired(stream);
        let set = |value: &str, before: Option<&str>| {
            Commit::new()
                .guard(Guard::field(key.clone(), "revision", before))
                .hash_set(key.clone(), "revision", value)
        };
        let event = |revision| bus.event(stream, &deleted(revision), None).unwrap();
        let done = bus.commit(set("1", None), vec![event(1)]).await.unwrap();
        let CommitOutcome::Committed(positions) = done else {
            panic!("{done:?}")
        };
        let first = Position {
            offset: 1,
            ..begun.clone()
        };
        assert_eq!(positions, [first], "the history that was begun goes on");
        let refused = bus.commit(set("2", None), vec![event(2)]).await.unwrap();
        assert!(matches!(refused, CommitOutcome::Refused { guard: 0, .. }));
        let Some(Signal::Event(heard)) = listener.next().await else {
            panic!("what was committed is heard, and nothing else")
        };
        assert_eq!((&heard.stream, heard.offset), (stream, 1));
        let second = published_and_heard(&bus, stream, &mut listener).await;
        let history = bus.history_since(stream, Channel::LayerUpdates, &begun, 10);
        let History::Complete(missed) = history.await.unwrap() else {
            panic!("everything is kept")
        };
        assert_eq!(missed.len(), 2);
        assert_eq!(missed[1].position(), second);

        // Nobody else's node hears of it.
        let live = keys::live(stream, Channel::LayerUpdates);
        let here = cluster.node_of(&live);
        for node in 0..3 {
            let subscribed = cluster.ask(node, &["pubsub", "shardchannels", &live]);
            assert_eq!(!subscribed.is_empty(), node == here, "{subscribed}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_new_is_heard_soon_and_what_was_before_is_asked_for() {
    let cluster = RedisCluster::start();
    let bus = cluster.bus("test");
    let mut listener = bus.listen(&Channel::ALL, CancellationToken::new());
    until_up(&mut listener).await;
    let streams = streams(&cluster);
    announce(&bus, &streams[..1]).await;
    until_up(&mut listener).await;
    published_and_heard(&bus, &streams[0], &mut listener).await;
}

#[tokio::test]
async fn a_node_that_was_killed_begins_new_histories_and_the_others_go_on() {
    let mut cluster = RedisCluster::start();
    let bus = cluster.bus("test");
    let streams = streams(&cluster);
    announce(&bus, &streams).await;
    let mut listener = bus.listen(&[Channel::LayerUpdates], CancellationToken::new());
    until_up(&mut listener).await;
    let mut before = Vec::new();
    for stream in &streams {
        before.push(published_and_heard(&bus, stream, &mut listener).await);
    }
    let killed = cluster.node_of(&keys::desired(&streams[1]));
    cluster.kill(killed);
    while !matches!(listener.next().await.unwrap(), Signal::Down) {}
    cluster.restart(killed);
    cluster.until_whole();
    until_up(&mut listener).await;
    for (stream, before) in streams.iter().zip(&before) {
        let after = published_and_heard(&bus, stream, &mut listener).await;
        let is_the_killed_ones = stream == &streams[1];
        assert_eq!(after.epoch != before.epoch, is_the_killed_ones, "{stream}");
        let history = bus.history_since(stream, Channel::LayerUpdates, before, 10);
        let has_gap = matches!(history.await.unwrap(), History::Gap { .. });
        assert_eq!(has_gap, is_the_killed_ones, "{stream}");
    }
}
