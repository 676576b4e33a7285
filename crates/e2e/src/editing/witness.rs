//! A subscriber who keeps a copy of the scene on air over everything that happens to the connection.

use serde_json::Value;
use sm_common::event::{Channel, Position};
use sm_common::ws::{EventMessage, ServerMessage};
use sm_test_kit::{Socket, Subscription};
use tokio::sync::watch;

use super::copy::{Copy, scene_of};

/// What a subscriber has seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) copy: Copy,
    /// How often it had to take a snapshot.
    pub(super) snapshots: usize,
    /// How often it got what it had missed instead.
    pub(super) recoveries: usize,
}

/// Where subscribers connect, and when they are to stop.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    /// WebSocket addresses of the replicas, tried in turns.
    pub(super) urls: Vec<String>,
    pub(super) token: String,
    /// The scene on air.
    pub(super) scene: String,
    /// The last offset that there will be, once it is known.
    pub(super) end: watch::Receiver<Option<u64>>,
}

struct Reading {
    seen: Seen,
    position: Option<Position>,
}

impl Witness {
    /// Follows the channel until the end.
    pub(super) async fn watch(mut self) -> Seen {
        let mut reading = Reading {
            seen: Seen {
                copy: Copy::default(),
                snapshots: 0,
                recoveries: 0,
            },
            position: None,
        };
        let mut attempt = 0;
        while !self.has_all(&reading) {
            let url = &self.urls[attempt % self.urls.len()];
            attempt += 1;
            if let Ok(mut socket) = Socket::connect(url, Some(&self.token)).await {
                self.follow(&mut socket, &mut reading).await;
            }
            tokio::task::yield_now().await;
        }
        reading.seen
    }

    fn has_all(&self, reading: &Reading) -> bool {
        let end = *self.end.borrow();
        let offset = reading.position.as_ref().map(|position| position.offset);
        end.is_some() && offset >= end
    }

    /// Until the connection ends, or there is nothing more to hear.
    async fn follow(&mut self, socket: &mut Socket, reading: &mut Reading) {
        let since = reading.position.clone();
        let Some(answer) = socket.try_subscribe(Channel::LayerUpdates, since).await else {
            return;
        };
        let Subscription {
            position, snapshot, ..
        } = answer;
        self.begin(position, snapshot.as_ref(), reading);
        while !self.has_all(reading) {
            let heard = tokio::select! {
                heard = socket.hear_or_close() => heard,
                _changed = self.end.changed() => continue,
            };
            match heard {
                Ok(ServerMessage::Event(event)) => self.hear(&event, reading),
                Ok(ServerMessage::Batch { events }) => {
                    for event in &events {
                        self.hear(event, reading);
                    }
                }
                // After a restart of Redis everybody gets a snapshot of the new history.
                Ok(ServerMessage::Subscribed {
                    epoch,
                    offset,
                    snapshot,
                    ..
                }) => {
                    let position = Position { epoch, offset };
                    self.begin(position, snapshot.as_ref(), reading);
                }
                Ok(_other) => {}
                Err(_closed) => return,
            }
        }
    }

    /// Begins with a snapshot, or goes on where it was.
    fn begin(&self, position: Position, snapshot: Option<&Value>, reading: &mut Reading) {
        if let Some(list) = snapshot {
            assert_eq!(list["scene"]["id"], self.scene.as_str());
            reading.seen.copy = Copy {
                revision: list["scene"]["revision"].as_u64().unwrap(),
                layers: list["layers"].as_array().unwrap().clone(),
            };
            reading.seen.snapshots += 1;
        } else {
            assert_eq!(reading.position.as_ref(), Some(&position));
            reading.seen.recoveries += 1;
        }
        reading.position = Some(position);
    }

    fn hear(&self, message: &EventMessage, reading: &mut Reading) {
        let EventMessage {
            offset,
            event,
            data,
            ..
        } = message;
        let position = reading.position.as_mut().unwrap();
        position.offset += 1;
        assert_eq!(*offset, position.offset, "each event once, in order");
        if scene_of(*event, data) == Some(&self.scene) {
            reading.seen.copy.hear(*event, data);
        }
    }
}
