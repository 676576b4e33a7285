//! A chat that nobody can read: moderators who asked for a sample get one, are told of every message
//! that was left out, and hear of every deletion; a bot that asked for all gets all.
//!
//! `FLOOD_SECONDS` and `FLOOD_RATE` (messages a second) make it longer or faster; it prints what it saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sm_common::auth::Role;
use sm_common::chat::ChatMessageDeleted;
use sm_common::event::Channel;
use sm_common::id::{MessageId, StreamId};
use sm_common::ws::{ClientMessage, EventMessage, ServerMessage};
use sm_test_kit::{Keys, Socket};
use tokio::time::interval;

use crate::harness::{World, connect, message};
use crate::process::Process;
use crate::proof::chosen;

/// Longest wait for anything, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(1);
/// Distance between two bursts of the publisher.
const BURST_EVERY: Duration = Duration::from_millis(10);
const MODERATORS: usize = 3;

/// When each deletion was committed.
type Deletions = Arc<Mutex<HashMap<MessageId, Instant>>>;

/// What one reader heard.
#[derive(Debug, Default)]
struct Heard {
    posted: u64,
    left_out: u64,
    deleted: u64,
    /// How long after its commit each deletion was heard.
    delays: Vec<Duration>,
}

impl Heard {
    fn all(&self) -> u64 {
        self.posted + self.left_out
    }

    fn take(&mut self, event: &EventMessage, deletions: &Deletions) {
        let data = &event.data;
        match event.event.as_str() {
            "chat.message.posted" => self.posted += 1,
            "chat.sampled" => self.left_out += data["left_out"].as_u64().unwrap(),
            "chat.message.deleted" => {
                let id: MessageId = serde_json::from_value(data["id"].clone()).unwrap();
                self.deleted += 1;
                let committed = deletions.lock().unwrap().get(&id).copied();
                self.delays
                    .extend(committed.map(|committed| committed.elapsed()));
            }
            other => panic!("not expected: {other}"),
        }
    }
}

/// Follows the chat until so many were posted and deleted.
async fn follow(
    mut socket: Socket,
    sample: bool,
    (posted, deleted): (u64, u64),
    deletions: Deletions,
) -> Heard {
    let mut heard = Heard::default();
    let subscribe = ClientMessage::Subscribe {
        id: 1,
        channel: Channel::Chat,
        stream: StreamId::default(),
        since: None,
        sample,
    };
    socket.say(&subscribe).await;
    while heard.all() < posted || heard.deleted < deleted {
        match socket.hear_or_close_within(PATIENCE).await.unwrap() {
            ServerMessage::Event(event) => heard.take(&event, &deletions),
            ServerMessage::Batch { events } => {
                for event in &events {
                    heard.take(event, &deletions);
                }
            }
            _ => {}
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moderators_of_a_flood_hear_a_sample_and_how_much_it_leaves_out() {
    let seconds: u64 = chosen("FLOOD_SECONDS", 1);
    let rate: u64 = chosen("FLOOD_RATE", 1_000);
    let burst = rate * u64::try_from(BURST_EVERY.as_millis()).unwrap() / 1_000;
    let bursts = seconds * 1_000 / u64::try_from(BURST_EVERY.as_millis()).unwrap();
    let expected = (bursts * burst, bursts);

    let world = World::start().await;
    let keys = Keys::of(&world.issuer).await;
    let patient = [
        ("redis.timeout_ms", "10000"),
        // The bot shares the machine with everybody else, and is none of the slow readers here.
        ("ws.queue_bytes_max", "268435456"),
        ("ws.queue_age_max_ms", "60000"),
        // Who is far behind on a busy machine has lost nothing.
        ("fanout.position_check_ms", "3600000"),
    ];
    let process = Process::start(&world.redis.url(), &keys, &patient).await;
    let deletions = Deletions::default();
    let mut readers = Vec::new();
    for number in 0..=MODERATORS {
        let sample = number > 0;
        let role = if sample {
            Role::Moderator
        } else {
            Role::Viewer
        };
        let socket = connect(&process.url(), &world.issuer.token(role)).await;
        let deletions = Arc::clone(&deletions);
        readers.push(tokio::spawn(follow(socket, sample, expected, deletions)));
    }
    let watching = format!("sm_ws_subscriptions{{channel=\"{}\"}}", Channel::Chat);
    sm_test_kit::until("all follow", PATIENCE, || async {
        process.metric(&watching).await > f64::from(u32::try_from(MODERATORS).unwrap())
    })
    .await;

    let began = Instant::now();
    let cpu = process.cpu_seconds();
    let mut due = interval(BURST_EVERY);
    for number in 0..bursts {
        due.tick().await;
        let messages = (0..burst).map(|place| message(format!("{number}.{place}")));
        let messages: Vec<_> = messages.collect();
        let posting = messages
            .iter()
            .map(|message| world.bus.publish(&world.stream, message, None));
        for posted in join_all(posting).await {
            posted.unwrap();
        }
        let deleted = ChatMessageDeleted { id: messages[0].id };
        deletions.lock().unwrap().insert(deleted.id, Instant::now());
        world
            .bus
            .publish(&world.stream, &deleted, None)
            .await
            .unwrap();
    }
    let took = began.elapsed();
    let mut all = Vec::new();
    for reader in readers {
        all.push(reader.await.unwrap());
    }
    let cpu = process.cpu_seconds() - cpu;
    let bot = all.remove(0);
    assert_eq!((bot.posted, bot.left_out), (expected.0, 0), "all of it");
    let mut delays = Vec::new();
    for moderator in &mut all {
        assert_eq!(moderator.all(), expected.0, "nothing is left out silently");
        assert_eq!(moderator.deleted, expected.1);
        assert!(moderator.left_out > 0, "more than anybody reads");
        delays.append(&mut moderator.delays);
    }
    delays.sort_unstable();
    let shown: Vec<_> = all.iter().map(|moderator| moderator.posted).collect();
    println!(
        "{} messages and {} deletions in {took:.2?}; each moderator was sent {shown:?} messages; \
         deletions heard after {:.1?} (median), {:.1?} (99th percentile), {:.1?} (last); \
         {cpu:.2} CPU-s, {} MiB at most",
        expected.0,
        expected.1,
        delays[delays.len() / 2],
        delays[delays.len() * 99 / 100],
        delays[delays.len() - 1],
        process.peak_bytes() >> 20,
    );
}
