//! A rolling replacement: three processes are drained and replaced one after another while events are
//! published. Whoever recovers misses nothing, repeats nothing and needs no second snapshot.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_common::ws::{ClientMessage, ServerMessage};
use sm_test_kit::{Keys, Socket, until_some};
use tokio::sync::watch;

use crate::follower::Follower;
use crate::harness::World;
use crate::process::Process;

/// Longest wait for anything, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(1);
const REPLICAS: usize = 3;
const CLIENTS: usize = 18;
/// Events that are published while nothing is replaced.
const CALM: usize = 10;
/// Within this time after a goodbye clients are asked to come back, in milliseconds.
const SPREAD_MS: u64 = 5_000;

fn settings() -> [(&'static str, &'static str); 3] {
    [
        ("http.drain_ms", "1000"),
        ("ws.reconnect_spread_ms", "5000"),
        // A busy machine is no outage.
        ("redis.timeout_ms", "10000"),
    ]
}

/// What clients know.
#[derive(Debug)]
struct Shared {
    token: String,
    /// The WebSocket of each replica, as a load balancer knows it.
    replicas: Mutex<Vec<String>>,
    /// How much the first client has heard.
    first: watch::Sender<usize>,
    /// How much there is, once nothing more comes.
    total: watch::Sender<Option<usize>>,
}

impl Shared {
    fn replica(&self, number: usize) -> String {
        let replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        replicas[number % replicas.len()].clone()
    }
}

/// A client, and what it went through.
#[derive(Debug, Default)]
struct Traveller {
    follower: Follower,
    /// After which time it was asked to come back, each time, in milliseconds.
    asked_back_ms: Vec<u64>,
    /// The codes with which its connections ended.
    codes: Vec<u16>,
}

impl Traveller {
    /// Follows to the end, on one replica after another.
    async fn travel(mut self, shared: Arc<Shared>, number: usize) -> Self {
        let mut attempts = number;
        loop {
            let mut socket = until_some("a replica has room", PATIENCE, || {
                let url = shared.replica(attempts);
                attempts += 1;
                let token = shared.token.clone();
                async move { Socket::connect(&url, Some(&token)).await.ok() }
            })
            .await;
            if self.stay(&shared, &mut socket, number).await {
                return self;
            }
        }
    }

    /// Subscribes and hears what comes; true at the end of everything, false when the server leaves.
    async fn stay(&mut self, shared: &Shared, socket: &mut Socket, number: usize) -> bool {
        let subscribe = ClientMessage::Subscribe {
            id: 1,
            channel: Channel::Chat,
            stream: StreamId::default(),
            since: self.follower.position.clone(),
            sample: false,
        };
        if socket.try_say(&subscribe).await.is_err() {
            return false;
        }
        let mut total = shared.total.subscribe();
        loop {
            if number == 0 {
                shared.first.send_replace(self.follower.log.len());
            }
            if *total.borrow_and_update() == Some(self.follower.log.len()) {
                return true;
            }
            tokio::select! {
                heard = socket.hear_or_close_within(PATIENCE) => match heard {
                    Ok(ServerMessage::Goodbye { reconnect_after_ms, .. }) => {
                        self.asked_back_ms.push(reconnect_after_ms);
                    }
                    Ok(message) => self.follower.take(message),
                    Err(closed) => {
                        self.codes.extend(closed.map(|frame| u16::from(frame.code)));
                        return false;
                    }
                },
                _ = total.changed() => {}
            }
        }
    }
}

/// The publisher and the processes.
struct Stage {
    world: World,
    keys: Keys,
    shared: Arc<Shared>,
    published: usize,
}

impl Stage {
    async fn start(&self) -> Process {
        Process::start(&self.world.redis.url(), &self.keys, &settings()).await
    }

    /// Publishes the next event, and waits until somebody has heard it.
    async fn publish(&mut self) {
        self.world.publish(self.published.to_string()).await;
        self.published += 1;
        let mut first = self.shared.first.subscribe();
        let heard = first.wait_for(|heard| *heard >= self.published);
        let _heard = tokio::time::timeout(PATIENCE, heard)
            .await
            .expect("the first client hears what is published")
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_replacement_loses_nothing_for_clients_that_recover() {
    let world = World::start().await;
    let shared = Arc::new(Shared {
        token: world.issuer.token(Role::Viewer),
        replicas: Mutex::default(),
        first: watch::Sender::new(0),
        total: watch::Sender::new(None),
    });
    let mut stage = Stage {
        keys: Keys::of(&world.issuer).await,
        world,
        shared,
        published: 0,
    };
    let mut processes = Vec::new();
    for _ in 0..REPLICAS {
        processes.push(stage.start().await);
    }
    let urls: Vec<_> = processes.iter().map(Process::url).collect();
    stage.shared.replicas.lock().unwrap().extend(urls);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let shared = Arc::clone(&stage.shared);
            tokio::spawn(Traveller::default().travel(shared, number))
        })
        .collect();

    for number in 0..REPLICAS {
        for _ in 0..CALM {
            stage.publish().await;
        }
        let mut leaving = processes.remove(0);
        leaving.ask_to_end();
        while !leaving.has_ended() {
            stage.publish().await;
        }
        let successor = stage.start().await;
        stage.shared.replicas.lock().unwrap()[number] = successor.url();
        processes.push(successor);
    }
    for _ in 0..CALM {
        stage.publish().await;
    }
    stage.shared.total.send_replace(Some(stage.published));

    let expected: Vec<_> = (0..stage.published).map(|n| n.to_string()).collect();
    let mut moments = BTreeSet::new();
    for client in clients {
        let client = client.await.unwrap();
        assert_eq!(client.follower.log, expected);
        assert_eq!(
            client.follower.snapshots, 1,
            "everything later is recovered"
        );
        assert!(!client.asked_back_ms.is_empty(), "its replica was replaced");
        assert!(
            client.codes.iter().all(|code| *code == 1001),
            "{:?}",
            client.codes
        );
        assert_eq!(client.codes.len(), client.asked_back_ms.len());
        moments.extend(client.asked_back_ms);
    }
    assert!(
        moments.iter().all(|moment| *moment <= SPREAD_MS),
        "{moments:?}"
    );
    assert!(moments.len() > CLIENTS / 2, "not all at once: {moments:?}");
}
