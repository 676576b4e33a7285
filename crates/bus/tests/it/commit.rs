use std::time::Duration;

use sm_bus::{BusError, Collection, Commit, CommitOutcome, Guard, ListBounds, keys, redis};
use sm_common::event::{Channel, LayerDeleted};
use sm_common::id::{LayerId, SceneId, StreamId};
use sm_test_kit::{Redis, until};

pub(crate) fn deleted(scene_revision: u64) -> LayerDeleted {
    LayerDeleted {
        layer: LayerId::generate(),
        scene: SceneId::generate(),
        scene_revision,
    }
}

#[tokio::test]
async fn commits_that_are_under_way_at_the_same_time_share_one_connection() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    let event = deleted(1);
    let publishing = (0..200).map(|_| bus.publish(&stream, &event, None));
    let positions = futures_util::future::try_join_all(publishing)
        .await
        .unwrap();
    let mut offsets: Vec<_> = positions.iter().map(|position| position.offset).collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (1..=200).collect::<Vec<_>>());
    let info: String = bus.query(redis::cmd("INFO").arg("clients")).await.unwrap();
    let connected = info
        .lines()
        .find_map(|line| line.strip_prefix("connected_clients:"));
    assert_eq!(
        connected,
        Some("2"),
        "one for commits, one for the question"
    );
}

#[tokio::test]
async fn commits_go_on_after_a_restart_of_redis_without_one_that_fails() {
    let mut redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    for _ in 0..3 {
        bus.publish(&stream, &deleted(1), None).await.unwrap();
        // What is under way when Redis ends may fail; what is begun afterwards does not.
        redis.restart();
    }
    bus.publish(&stream, &deleted(1), None).await.unwrap();
}

#[tokio::test]
async fn a_refused_guard_leaves_everything_as_it_was() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    let commit = |expected: Option<&str>, revision: &str| {
        Commit::new()
            .guard(Guard::field(
                keys::former_scene(&stream),
                "revision",
                expected,
            ))
            .hash_set(keys::former_scene(&stream), "revision", revision)
    };
    let event = || vec![bus.event(&stream, &deleted(1), None).unwrap()];

    let first = bus.commit(commit(None, "1"), event()).await.unwrap();
    let CommitOutcome::Committed(positions) = first else {
        panic!("{first:?}")
    };
    assert_eq!(positions[0].offset, 1);
    let refused = bus.commit(commit(None, "9"), event()).await.unwrap();
    assert_eq!(
        refused,
        CommitOutcome::Refused {
            guard: 0,
            actual: "1".to_owned()
        }
    );
    let current = bus
        .current_position(&stream, Channel::LayerUpdates)
        .await
        .unwrap();
    assert_eq!(
        current.unwrap().offset,
        1,
        "a refused commit publishes nothing"
    );
    let second = bus.commit(commit(Some("1"), "2"), event()).await.unwrap();
    assert!(matches!(second, CommitOutcome::Committed(_)));
}

#[tokio::test]
async fn a_collection_keeps_the_newest_documents_in_their_order() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let (documents, order) = ("sm:{main}:documents", "sm:{main}:order");
    let add = |id: &str| {
        let collection = Collection {
            documents: documents.to_owned(),
            order: order.to_owned(),
            entries_max: 2,
        };
        bus.commit(
            Commit::new().add(collection, id.to_owned(), format!("<{id}>")),
            Vec::new(),
        )
    };
    for id in ["c", "a", "b"] {
        add(id).await.unwrap();
    }
    let ids: Vec<(String, u64)> = bus
        .query(
            redis::cmd("ZRANGE")
                .arg(order)
                .arg(0)
                .arg(-1)
                .arg("WITHSCORES"),
        )
        .await
        .unwrap();
    assert_eq!(ids, [("a".to_owned(), 2), ("b".to_owned(), 3)]);
    let kept: Vec<Option<String>> = bus
        .query(
            redis::cmd("HMGET")
                .arg(documents)
                .arg("c")
                .arg("a")
                .arg("b"),
        )
        .await
        .unwrap();
    assert_eq!(kept, [None, Some("<a>".to_owned()), Some("<b>".to_owned())]);
}

#[tokio::test]
async fn a_commit_with_a_key_happens_once() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let stream = StreamId::default();
    for attempt in ["first", "second"] {
        let key = keys::idempotency(&stream, "ab");
        let commit = Commit::new()
            .once(key, attempt.to_owned(), Duration::from_mins(1))
            .append(keys::audit(&stream), attempt, 10);
        let outcome = bus.commit(commit, Vec::new()).await.unwrap();
        match attempt {
            "first" => assert_eq!(outcome, CommitOutcome::Committed(Vec::new())),
            _ => assert_eq!(outcome, CommitOutcome::Replayed("first".to_owned())),
        }
    }
    let entries: u64 = bus
        .query(redis::cmd("XLEN").arg(keys::audit(&stream)))
        .await
        .unwrap();
    assert_eq!(entries, 1);
}

#[tokio::test]
async fn a_list_keeps_the_newest_entries_within_both_bounds() {
    let redis = Redis::start();
    let bus = redis.bus("test");
    let key = keys::audit(&StreamId::default());
    let bounds = ListBounds {
        entries_max: 3,
        bytes_max: 10,
        keep: Duration::from_mins(1),
    };
    let cases: [(&str, &[&str]); 6] = [
        ("a", &["a"]),
        ("bb", &["bb", "a"]),
        ("c", &["c", "bb", "a"]),
        ("d", &["d", "c", "bb"]),
        ("eeeeeeee", &["eeeeeeee", "d", "c"]),
        ("larger than all", &[]),
    ];
    for (entry, kept) in cases {
        let commit = Commit::new().push(key.clone(), entry.to_owned(), bounds);
        bus.commit(commit, Vec::new()).await.unwrap();
        let mut command = redis::cmd("LRANGE");
        command.arg(&key).arg(0).arg(-1);
        let list: Vec<String> = bus.query(&command).await.unwrap();
        assert_eq!(list, kept, "after {entry}");
        let left: i64 = bus.query(redis::cmd("PTTL").arg(&key)).await.unwrap();
        assert!(kept.is_empty() || left > 0);
    }
}

#[tokio::test]
async fn of_many_writers_each_revision_has_one() {
    let redis = Redis::start();
    let stream = StreamId::default();
    let writers = (0..4).map(|_| {
        let (bus, stream) = (redis.bus("test"), stream.clone());
        async move {
            let mut written = 0;
            while written < 25 {
                let key = keys::former_scene(&stream);
                let mut read = redis::cmd("HGET");
                read.arg(&key).arg("revision");
                let before: Option<u64> = bus.query(&read).await.unwrap();
                let expected = before.map(|revision| revision.to_string());
                let next = before.unwrap_or(0) + 1;
                let commit = Commit::new()
                    .guard(Guard::field(key.clone(), "revision", expected.as_deref()))
                    .hash_set(key, "revision", next.to_string());
                let event = bus.event(&stream, &deleted(next), None).unwrap();
                let outcome = bus.commit(commit, vec![event]).await.unwrap();
                if let CommitOutcome::Committed(positions) = outcome {
                    assert_eq!(
                        positions[0].offset, next,
                        "events are in the order of revisions"
                    );
                    written += 1;
                }
            }
        }
    });
    futures_util::future::join_all(writers).await;
    let bus = redis.bus("test");
    let current = bus
        .current_position(&stream, Channel::LayerUpdates)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(current.offset, 100);
}

#[tokio::test]
async fn a_call_is_given_up_while_redis_is_away_and_works_when_it_is_back() {
    let mut redis = Redis::start();
    let bus = redis.bus_that_waits("test", Duration::from_secs(2));
    bus.ping().await.unwrap();
    redis.freeze();
    assert!(matches!(
        bus.ping().await,
        Err(BusError::Timeout(_) | BusError::Connect(_))
    ));
    redis.thaw();
    redis.kill();
    assert!(bus.ping().await.unwrap_err().is_unavailable());
    redis.restart();
    until(
        "the same bus works again",
        Duration::from_secs(10),
        || async { Box::pin(bus.ping()).await.is_ok() },
    )
    .await;
}
