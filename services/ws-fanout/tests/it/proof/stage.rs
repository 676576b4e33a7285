//! Three replicas over one Redis, and everything that can happen to them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sm_bus::{Bus, keys, redis};
use sm_common::auth::Role;
use sm_common::event::{Channel, Position};
use sm_test_kit::{Keys, until_some};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::dice::Dice;
use super::truth::Truth;
use crate::harness::{World, bus_with_history, message};
use crate::process::Process;

/// Longest wait for anything, however busy the machine is.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
const REPLICAS: usize = 3;
/// Events that the history keeps at least, and that are recovered: fewer than a client may miss.
pub(super) const HISTORY_MAX: usize = 100;
pub(super) const RECOVERED_MAX: usize = 150;
/// Events that are left of a history that is shortened.
const SHORT: u64 = 5;

/// What clients know.
#[derive(Debug)]
pub(super) struct Shared {
    token: String,
    /// The WebSocket of each replica that runs.
    replicas: Mutex<Vec<Option<String>>>,
    /// Events kept so far.
    published: watch::Sender<usize>,
    /// The last offset that the first client has heard.
    first: watch::Sender<u64>,
    /// The last position of all, once nothing more comes.
    ending: watch::Sender<Option<Position>>,
}

impl Shared {
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Any replica that runs.
    pub(super) fn replica(&self, number: usize) -> Option<String> {
        let replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        let running: Vec<_> = replicas.iter().flatten().collect();
        let chosen = number.checked_rem(running.len())?;
        Some(running[chosen].clone())
    }

    fn set_replica(&self, number: usize, url: Option<String>) {
        let mut replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        replicas[number] = url;
    }

    /// Waits until so many more events were published, or the end.
    pub(super) async fn pass(&self, events: usize) {
        let mut published = self.published.subscribe();
        let until = *published.borrow() + events;
        let mut ending = self.ending();
        tokio::select! {
            _ = published.wait_for(|kept| *kept >= until) => {}
            _ = ending.wait_for(Option::is_some) => {}
        }
    }

    pub(super) fn first_is_at(&self, position: Option<&Position>) {
        if let Some(position) = position {
            self.first.send_replace(position.offset);
        }
    }

    pub(super) fn ending(&self) -> watch::Receiver<Option<Position>> {
        self.ending.subscribe()
    }
}

pub(super) struct Stage {
    pub(super) shared: std::sync::Arc<Shared>,
    pub(super) truth: Truth,
    /// Its service is nobody's here; its Redis is everybody's.
    world: World,
    bus: Bus,
    keys: std::sync::Arc<Keys>,
    replicas: Vec<Replica>,
    last: Option<Position>,
}

enum Replica {
    Running(Process),
    Starting(JoinHandle<Process>),
}

impl Stage {
    pub(super) async fn set() -> Self {
        let world = World::start().await;
        let keys = std::sync::Arc::new(Keys::of(&world.issuer).await);
        let shared = std::sync::Arc::new(Shared {
            token: world.issuer.token(Role::Viewer),
            replicas: Mutex::new(vec![None; REPLICAS]),
            published: watch::Sender::new(0),
            first: watch::Sender::new(0),
            ending: watch::Sender::new(None),
        });
        let mut stage = Self {
            bus: bus_with_history(&world.redis, HISTORY_MAX),
            shared,
            truth: Truth::default(),
            world,
            keys,
            replicas: Vec::new(),
            last: None,
        };
        for number in 0..REPLICAS {
            let process = start(stage.world.redis.url(), std::sync::Arc::clone(&stage.keys)).await;
            stage.shared.set_replica(number, Some(process.url()));
            stage.replicas.push(Replica::Running(process));
        }
        stage
    }

    /// Publishes the next event, and tries again with another text until one is kept.
    pub(super) async fn publish(&mut self) {
        let number = self.truth.kept();
        for attempt in 0_usize.. {
            let text = format!("{number}.{attempt}");
            if self.try_publish(text).await {
                return;
            }
            assert!(attempt < 10_000, "Redis does not come back");
        }
    }

    /// Whether an event is known to be kept. One that is not may be kept nevertheless.
    async fn try_publish(&mut self, text: String) -> bool {
        let event = message(text.clone());
        let published = self.bus.publish(&self.world.stream, &event, None).await;
        match published {
            Ok(position) => {
                self.last = Some(position.clone());
                self.truth.keep(position, text);
                self.shared.published.send_replace(self.truth.kept());
                true
            }
            Err(_unknown) => {
                self.truth.doubt(text);
                false
            }
        }
    }

    /// Waits until the first client has heard what was published.
    pub(super) async fn heard_by_somebody(&self) {
        let Some(last) = &self.last else { return };
        let mut first = self.shared.first.subscribe();
        let heard = first.wait_for(|offset| *offset >= last.offset);
        let _at = tokio::time::timeout(PATIENCE, heard)
            .await
            .expect("somebody hears what is published")
            .unwrap();
    }

    /// Kills one replica at once, and starts another in its place.
    pub(super) async fn kill_a_replica(&mut self, dice: &mut Dice) {
        let number = dice.roll(REPLICAS);
        let replica = self.replicas.remove(number);
        let process = match replica {
            Replica::Running(process) => process,
            // Has died before, and is to run before it dies again.
            Replica::Starting(starting) => starting.await.unwrap(),
        };
        self.shared.set_replica(number, None);
        drop(process);
        let (url, keys) = (self.world.redis.url(), std::sync::Arc::clone(&self.keys));
        let shared = std::sync::Arc::clone(&self.shared);
        let starting = tokio::spawn(async move {
            let process = start(url, keys).await;
            shared.set_replica(number, Some(process.url()));
            process
        });
        self.replicas.insert(number, Replica::Starting(starting));
    }

    /// Kills Redis, fails to publish, and starts it again with what it has kept.
    pub(super) async fn kill_redis(&mut self) {
        self.world.redis.kill();
        let number = self.truth.kept();
        let is_kept = self.try_publish(format!("{number} into the void")).await;
        assert!(!is_kept);
        self.world.redis.restart();
    }

    /// Leaves a few events in the history, as a smaller limit would.
    pub(super) async fn shorten_history(&mut self) {
        let Some(last) = self.last.clone() else {
            return;
        };
        self.truth.shorten(last.offset.saturating_sub(SHORT));
        let mut trim = redis::cmd("XTRIM");
        trim.arg(keys::history(&self.world.stream, Channel::Chat));
        trim.arg("MAXLEN").arg(SHORT);
        let trimmed = || async { self.bus.query::<i64>(&trim).await.ok() };
        let _gone = until_some("the history is shortened", PATIENCE, trimmed).await;
    }

    /// Nothing more comes: who has heard everything may go.
    pub(super) fn end(&self) {
        self.shared.ending.send_replace(self.last.clone());
    }
}

async fn start(redis: String, keys: std::sync::Arc<Keys>) -> Process {
    let recovered = RECOVERED_MAX.to_string();
    let changes = [
        ("fanout.recovery_events_max", recovered.as_str()),
        // All are one person here, and the connections of a killed replica count for a while.
        ("ws.connections_per_user_max", "1000000"),
    ];
    Process::start(&redis, &keys, &changes).await
}
