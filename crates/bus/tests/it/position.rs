use sm_bus::{History, keys, redis};
use sm_common::event::{Channel, Epoch, Position};
use sm_common::id::StreamId;
use sm_test_kit::Redis;

use crate::commit::deleted;

const CHANNEL: Channel = Channel::LayerUpdates;

#[tokio::test]
async fn a_reader_with_a_position_gets_exactly_the_rest() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    let mut positions = Vec::new();
    for revision in 1..=5 {
        positions.push(
            bus.publish(&stream, &deleted(revision), None)
                .await
                .unwrap(),
        );
    }
    let missed = bus
        .history_since(&stream, CHANNEL, &positions[1], 100)
        .await
        .unwrap();
    let History::Complete(events) = missed else {
        panic!("{missed:?}")
    };
    let offsets: Vec<u64> = events.iter().map(|event| event.offset).collect();
    assert_eq!(offsets, [3, 4, 5]);
    let none = bus
        .history_since(&stream, CHANNEL, &positions[4], 100)
        .await
        .unwrap();
    assert_eq!(none, History::Complete(Vec::new()));
    let all = Position {
        epoch: positions[0].epoch.clone(),
        offset: 0,
    };
    let all = bus
        .history_since(&stream, CHANNEL, &all, 100)
        .await
        .unwrap();
    assert!(matches!(all, History::Complete(events) if events.len() == 5));
}

#[tokio::test]
async fn a_position_that_history_cannot_answer_is_a_gap() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    let nowhere = Position {
        epoch: Epoch::generate(),
        offset: 1,
    };
    let gap = bus
        .history_since(&stream, CHANNEL, &nowhere, 10)
        .await
        .unwrap();
    assert_eq!(gap, History::Gap { current: None });

    let mut last = None;
    for revision in 1..=12 {
        last = Some(
            bus.publish(&stream, &deleted(revision), None)
                .await
                .unwrap(),
        );
    }
    let last = last.unwrap();
    let at = |offset| Position {
        epoch: last.epoch.clone(),
        offset,
    };
    for hopeless in [nowhere, at(13), at(1)] {
        let gap = bus
            .history_since(&stream, CHANNEL, &hopeless, 10)
            .await
            .unwrap();
        assert_eq!(
            gap,
            History::Gap {
                current: Some(last.clone())
            },
            "{hopeless:?}"
        );
    }
    // Trimmed history.
    let key = keys::history(&stream, CHANNEL);
    let _: u64 = bus
        .query(redis::cmd("XTRIM").arg(key).arg("MAXLEN").arg(3))
        .await
        .unwrap();
    let gap = bus
        .history_since(&stream, CHANNEL, &at(8), 10)
        .await
        .unwrap();
    assert!(matches!(gap, History::Gap { .. }));
    let rest = bus
        .history_since(&stream, CHANNEL, &at(9), 10)
        .await
        .unwrap();
    assert!(matches!(rest, History::Complete(events) if events.len() == 3));
}

#[tokio::test]
async fn a_restarted_redis_begins_a_new_epoch_and_keeps_what_was_said() {
    let mut redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    let before = bus.publish(&stream, &deleted(1), None).await.unwrap();
    redis.restart();
    // The first call after a restart may meet the old connection.
    let after = match bus.publish(&stream, &deleted(2), None).await {
        Ok(position) => position,
        Err(_) => bus.publish(&stream, &deleted(2), None).await.unwrap(),
    };
    assert_ne!(before.epoch, after.epoch);
    assert_eq!(after.offset, 2, "offsets never go back");
    let gap = bus
        .history_since(&stream, CHANNEL, &before, 10)
        .await
        .unwrap();
    assert!(matches!(gap, History::Gap { .. }));
    assert_eq!(bus.newest(&stream, CHANNEL, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_reader_before_the_first_event_has_a_position_too() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    let begun = bus.begin_history(&stream, CHANNEL).await.unwrap();
    assert_eq!(begun.offset, 0);
    let again = bus.begin_history(&stream, CHANNEL).await.unwrap();
    assert_eq!(again, begun, "a history begins once");
    let first = bus.publish(&stream, &deleted(1), None).await.unwrap();
    assert_eq!((first.epoch, first.offset), (begun.epoch.clone(), 1));
    let missed = bus
        .history_since(&stream, CHANNEL, &begun, 10)
        .await
        .unwrap();
    assert!(matches!(missed, History::Complete(events) if events.len() == 1));
    let now = bus.begin_history(&stream, CHANNEL).await.unwrap();
    assert_eq!(now.offset, 1, "one that goes on is left as it is");
}
