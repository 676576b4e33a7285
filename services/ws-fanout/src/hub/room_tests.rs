use std::time::Duration;

use prometheus::Registry;
use sm_common::event::{Channel, Epoch, Position};
use sm_common::id::ConnectionId;
use sm_common::ws::ServerMessage;
use tokio::time::Instant;

use super::delivery::EncodedEvent;
use super::delivery_tests::{offsets, published, topic};
use super::room::{Joined, Offered, Opening, Room};
use crate::config::{Batching, Conflation};
use crate::metrics::Metrics;
use crate::session::{Announcement, Dialect, Outbox, QueueLimits};

const WINDOW: Duration = Duration::from_millis(20);

fn room() -> Room {
    conflating_room(Conflation::Never)
}

fn metrics() -> Metrics {
    Metrics::register(&Registry::new()).unwrap()
}

fn conflating_room(conflation: Conflation) -> Room {
    let batching = Batching {
        window: WINDOW,
        per_subscriber: Duration::from_millis(6),
        window_max: 2 * WINDOW,
        events_max: 4,
        bytes_max: 64 * 1024,
        conflation,
        sample_per_second: 0,
    };
    Room::new(topic(Channel::Chat).as_ref().clone(), batching, metrics())
}

/// A subscriber whose frames can be read.
struct Subscriber {
    id: ConnectionId,
    outbox: Outbox,
}

impl Subscriber {
    fn entered(room: &Room) -> Self {
        let limits = QueueLimits {
            bytes_max: 1 << 20,
            age_max: Duration::from_secs(10),
            conflate_above_bytes: 1 << 16,
            pongs_max: 16,
        };
        let subscriber = Self {
            id: ConnectionId::generate(),
            outbox: Outbox::new(Dialect::default(), limits, metrics()),
        };
        room.enter(subscriber.id, subscriber.outbox.clone());
        subscriber
    }

    fn join(&self, room: &Room, epoch: &str, offset: u64, missed: &[u64]) -> Joined {
        let events = missed
            .iter()
            .map(|offset| EncodedEvent::new(published(Channel::Chat, epoch, *offset)).unwrap());
        let opening = Opening {
            subscribed: subscribed(epoch, offset),
            missed: events.collect(),
            position: position(epoch, missed.last().copied().unwrap_or(offset)),
        };
        room.join(self.id, opening)
    }

    /// Everything sent since the last call: `s7` for `subscribed` at 7, numbers for events.
    fn heard(&self) -> String {
        let mut words = Vec::new();
        while let Some(frame) = self.outbox.take_next() {
            let start = frame.iter().position(|byte| *byte == b'{').unwrap();
            let message: ServerMessage = serde_json::from_slice(&frame[start..]).unwrap();
            words.push(if let ServerMessage::Subscribed { offset, .. } = message {
                format!("s{offset}")
            } else {
                let offsets: Vec<_> = offsets(&frame).iter().map(u64::to_string).collect();
                match offsets.as_slice() {
                    [one] => one.clone(),
                    several => format!("[{}]", several.join(" ")),
                }
            });
        }
        words.join(" ")
    }
}

fn subscribed(epoch: &str, offset: u64) -> ServerMessage {
    ServerMessage::Subscribed {
        id: 1,
        channel: Channel::Chat,
        stream: topic(Channel::Chat).stream.clone(),
        recovered: false,
        epoch: Epoch::from(epoch.to_owned()),
        offset,
        snapshot: None,
    }
}

fn position(epoch: &str, offset: u64) -> Position {
    Position {
        epoch: Epoch::from(epoch.to_owned()),
        offset,
    }
}

fn offer(room: &Room, epoch: &str, offset: u64, now: Instant) -> Offered {
    room.offer(&published(Channel::Chat, epoch, offset), now)
}

#[test]
fn the_first_event_goes_at_once_and_the_next_ones_together() {
    let room = room();
    let follower = Subscriber::entered(&room);
    follower.join(&room, "e", 0, &[]);
    let start = Instant::now();
    assert_eq!(offer(&room, "e", 1, start), Offered::Taken);
    assert_eq!(follower.heard(), "s0 1");
    assert_eq!(offer(&room, "e", 2, start), Offered::Held(start + WINDOW));
    assert_eq!(offer(&room, "e", 3, start), Offered::Taken);
    assert_eq!(follower.heard(), "");
    room.flush(start + WINDOW);
    assert_eq!(follower.heard(), "[2 3]");
    let later = start + 3 * WINDOW;
    assert_eq!(offer(&room, "e", 4, later), Offered::Taken);
    assert_eq!(follower.heard(), "4");
}

#[test]
fn the_window_grows_with_the_subscribers_up_to_its_limit() {
    // Each adds 6 ms to what is 20 ms at least.
    let cases = [(3, WINDOW), (5, Duration::from_millis(30)), (9, 2 * WINDOW)];
    for (subscribers, window) in cases {
        let room = room();
        let followers: Vec<_> = (0..subscribers)
            .map(|_| Subscriber::entered(&room))
            .collect();
        for follower in &followers {
            follower.join(&room, "e", 0, &[]);
        }
        let start = Instant::now();
        assert_eq!(offer(&room, "e", 1, start), Offered::Taken);
        assert_eq!(offer(&room, "e", 2, start), Offered::Held(start + window));
    }
}

#[test]
fn the_newest_of_each_type_in_a_window_is_all_that_a_conflating_channel_says() {
    let room = conflating_room(Conflation::Always);
    let follower = Subscriber::entered(&room);
    follower.join(&room, "e", 0, &[]);
    let start = Instant::now();
    offer(&room, "e", 1, start);
    // Never full: what is left out takes no place in the batch.
    for offset in 2..=20 {
        offer(&room, "e", offset, start);
    }
    let ahead = Subscriber::entered(&room);
    ahead.join(&room, "e", 18, &[]);
    room.flush(start + WINDOW);
    assert_eq!(follower.heard(), "s0 1 [18 20]");
    assert_eq!(ahead.heard(), "s18 20");
    assert_eq!(offer(&room, "e", 21, start + 3 * WINDOW), Offered::Taken);
    assert_eq!(follower.heard(), "21");
}

#[test]
fn a_full_batch_does_not_wait() {
    let room = room();
    let follower = Subscriber::entered(&room);
    follower.join(&room, "e", 0, &[]);
    let now = Instant::now();
    for offset in 1..=5 {
        offer(&room, "e", offset, now);
    }
    assert_eq!(follower.heard(), "s0 1 [2 3 4 5]");
}

#[test]
fn what_comes_between_entering_and_joining_follows_the_snapshot_once() {
    let room = room();
    let present = Subscriber::entered(&room);
    present.join(&room, "e", 3, &[]);
    let now = Instant::now();
    offer(&room, "e", 4, now);
    let newcomer = Subscriber::entered(&room);
    for offset in 5..=7 {
        offer(&room, "e", offset, now);
    }
    assert_eq!(newcomer.join(&room, "e", 6, &[]), Joined::Following);
    room.flush(now + WINDOW);
    offer(&room, "e", 8, now + 3 * WINDOW);
    assert_eq!(newcomer.heard(), "s6 7 8");
    assert_eq!(present.heard(), "s3 4 [5 6 7] 8");
}

#[test]
fn a_newcomer_that_read_less_than_another_misses_nothing() {
    let room = room();
    let slow = Subscriber::entered(&room);
    let quick = Subscriber::entered(&room);
    quick.join(&room, "e", 9, &[]);
    let now = Instant::now();
    offer(&room, "e", 9, now);
    offer(&room, "e", 10, now + 2 * WINDOW);
    slow.join(&room, "e", 8, &[]);
    assert_eq!(slow.heard(), "s8 [9 10]");
    assert_eq!(quick.heard(), "s9 10");
}

#[test]
fn a_newcomer_ahead_of_the_feed_hears_nothing_twice() {
    let room = room();
    let present = Subscriber::entered(&room);
    present.join(&room, "e", 1, &[]);
    let now = Instant::now();
    offer(&room, "e", 2, now);
    let ahead = Subscriber::entered(&room);
    ahead.join(&room, "e", 2, &[3, 4]);
    for offset in 3..=5 {
        offer(&room, "e", offset, now);
    }
    room.flush(now + WINDOW);
    assert_eq!(ahead.heard(), "s2 [3 4] 5");
    assert_eq!(present.heard(), "s1 2 [3 4 5]");
}

#[test]
fn a_missing_event_is_noticed_and_what_history_says_is_delivered() {
    let room = room();
    let follower = Subscriber::entered(&room);
    follower.join(&room, "e", 2, &[]);
    let now = Instant::now();
    assert_eq!(offer(&room, "e", 5, now), Offered::Gap);
    assert_eq!(room.floor(), Some(position("e", 2)));
    let missed: Vec<_> = (3..=6)
        .map(|n| published(Channel::Chat, "e", n).as_ref().clone())
        .collect();
    room.catch_up(missed, now);
    assert_eq!(offer(&room, "e", 5, now), Offered::Taken);
    assert_eq!(offer(&room, "e", 6, now), Offered::Taken);
    assert_eq!(offer(&room, "e", 7, now + 2 * WINDOW), Offered::Taken);
    assert_eq!(follower.heard(), "s2 [3 4 5 6] 7");
}

#[test]
fn a_new_history_gives_everybody_a_snapshot_and_makes_newcomers_read_again() {
    let room = room();
    let follower = Subscriber::entered(&room);
    follower.join(&room, "old", 4, &[]);
    let now = Instant::now();
    offer(&room, "old", 5, now);
    let newcomer = Subscriber::entered(&room);
    assert_eq!(offer(&room, "new", 6, now), Offered::Gap);
    room.restart(
        &Announcement::new(subscribed("new", 6)),
        &position("new", 6),
    );
    assert_eq!(offer(&room, "new", 6, now), Offered::Taken);
    assert_eq!(newcomer.join(&room, "old", 5, &[]), Joined::Outdated);
    assert_eq!(newcomer.join(&room, "new", 6, &[]), Joined::Following);
    offer(&room, "new", 7, now + 2 * WINDOW);
    assert_eq!(follower.heard(), "s4 5 s6 7");
    assert_eq!(newcomer.heard(), "s6 7");
}

#[test]
fn whoever_has_read_the_new_history_already_is_given_no_other_snapshot() {
    let room = room();
    let (before, after) = (Subscriber::entered(&room), Subscriber::entered(&room));
    before.join(&room, "old", 3, &[]);
    after.join(&room, "new", 2, &[]);
    let (_, _) = (before.heard(), after.heard());
    room.restart(
        &Announcement::new(subscribed("new", 2)),
        &position("new", 2),
    );
    assert_eq!(
        (before.heard().as_str(), after.heard().as_str()),
        ("s2", "")
    );
    offer(&room, "new", 3, Instant::now());
    assert_eq!(
        (before.heard().as_str(), after.heard().as_str()),
        ("3", "3")
    );
}

#[test]
fn a_newcomer_that_read_while_the_feed_was_interrupted_reads_again() {
    let room = room();
    let newcomer = Subscriber::entered(&room);
    room.interrupt();
    assert_eq!(newcomer.join(&room, "e", 5, &[]), Joined::Outdated);
    assert_eq!(newcomer.join(&room, "e", 6, &[]), Joined::Following);
    assert_eq!(newcomer.heard(), "s6");
}

#[test]
fn an_event_that_cannot_be_had_is_skipped_and_delivery_goes_on() {
    let room = room();
    let follower = Subscriber::entered(&room);
    follower.join(&room, "e", 2, &[]);
    let now = Instant::now();
    room.skip_to(&published(Channel::Chat, "new", 9), now);
    offer(&room, "new", 10, now + 2 * WINDOW);
    assert_eq!(follower.heard(), "s2 9 10");
}
