//! Who hears what: rooms of subscribers by topic, and the one feed of live events.

mod delivery;
mod due;
mod feed;
mod membership;
mod room;
#[cfg(test)]
mod room_tests;
mod sampling;
mod watch;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sm_common::audience::Client;
use sm_common::auth::{Identity, Revoked};
use sm_common::id::{ConnectionId, StreamId};
use sm_common::ws::{CloseCode, ServerMessage, Watcher};

use crate::config::FanoutConfig;
use crate::metrics::Metrics;
use crate::presence::Attendance;
use crate::session::{Announcement, Outbox};
use crate::topic::Topic;

#[cfg(test)]
pub(crate) use delivery::tests as delivery_tests;
pub(crate) use delivery::{Delivery, EncodedEvent};
pub(crate) use feed::{Feed, LIVE_EVENTS};
pub(crate) use membership::{Membership, SubscribeError};
pub(crate) use room::{Offered, Opening, Room};

/// Every connection and every room of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: FanoutConfig,
    rooms: Mutex<HashMap<Topic, Arc<Room>>>,
    connections: Mutex<Connections>,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Connections {
    /// Whether live events arrive.
    live: bool,
    members: HashMap<ConnectionId, Member>,
}

#[derive(Debug)]
struct Member {
    outbox: Outbox,
    client: Client,
    /// Who it is, where that is known.
    person: Option<Box<Identity>>,
}

impl Hub {
    pub(crate) fn new(config: &FanoutConfig, metrics: Metrics) -> Self {
        Self(Arc::new(Shared {
            config: config.clone(),
            rooms: Mutex::default(),
            connections: Mutex::default(),
            metrics,
        }))
    }

    /// Adds a connection. It is told when live events do not arrive.
    pub(crate) fn welcome(&self, connection: ConnectionId, client: Client, outbox: &Outbox) {
        let mut connections = lock(&self.0.connections);
        if !connections.live {
            outbox.say(&ServerMessage::Link { live: false });
        }
        let member = Member {
            outbox: outbox.clone(),
            client,
            person: None,
        };
        connections.members.insert(connection, member);
        self.0.metrics.connections().inc();
    }

    /// Says who a connection is.
    pub(crate) fn identify(&self, connection: ConnectionId, person: Identity) {
        if let Some(member) = lock(&self.0.connections).members.get_mut(&connection) {
            member.person = Some(Box::new(person));
        }
    }

    /// Who watches a topic here.
    pub(crate) fn attendance(&self, topic: &Topic, people_max: usize) -> Attendance {
        let watching = self
            .room(topic)
            .map_or_else(Vec::new, |room| room.connections());
        let connections = lock(&self.0.connections);
        let people = watching.iter().filter_map(|connection| {
            let person = connections.members.get(connection)?.person.as_deref()?;
            Some(Watcher {
                user: person.user,
                name: person.name.clone(),
                role: person.role,
            })
        });
        Attendance::of(watching.len(), people, people_max)
    }

    /// Which clients follow any channel of a stream here.
    pub(crate) fn clients(&self, stream: &StreamId) -> HashSet<Client> {
        let rooms = self.rooms();
        let rooms = rooms.iter().filter(|room| room.topic().stream == *stream);
        let following: HashSet<_> = rooms.flat_map(|room| room.connections()).collect();
        let connections = lock(&self.0.connections);
        let members = following
            .iter()
            .filter_map(|connection| connections.members.get(connection));
        members.map(|member| member.client).collect()
    }

    /// Closes the connections of people of whom `covering` says that what they proved is over.
    pub(crate) fn expel(&self, covering: impl Fn(&Identity) -> Option<Revoked>) {
        let leaving: Vec<(Outbox, CloseCode)> = {
            let connections = lock(&self.0.connections);
            let members = connections.members.values();
            let leaving = members.filter_map(|member| {
                let revoked = covering(member.person.as_deref()?)?;
                Some((member.outbox.clone(), close_code(revoked)))
            });
            leaving.collect()
        };
        for (outbox, code) in leaving {
            outbox.condemn(code);
        }
    }

    /// Removes a connection.
    pub(crate) fn dismiss(&self, connection: ConnectionId) {
        if lock(&self.0.connections)
            .members
            .remove(&connection)
            .is_some()
        {
            self.0.metrics.connections().dec();
        }
    }

    /// Tells every connection whether live events arrive, when that has changed.
    pub(crate) fn set_live(&self, live: bool) {
        let mut connections = lock(&self.0.connections);
        if connections.live == live {
            return;
        }
        connections.live = live;
        self.0.metrics.link(live);
        let told = Announcement::new(ServerMessage::Link { live });
        for member in connections.members.values() {
            member.outbox.announce(&told);
        }
    }

    /// Whether live events arrive.
    pub(crate) fn is_live(&self) -> bool {
        lock(&self.0.connections).live
    }

    /// Adds a subscriber to a topic's room.
    pub(crate) fn enter(
        &self,
        topic: &Topic,
        connection: ConnectionId,
        outbox: Outbox,
    ) -> Arc<Room> {
        let mut rooms = lock(&self.0.rooms);
        let room = rooms.entry(topic.clone()).or_insert_with(|| {
            let batching = self.0.config.batching(topic.channel);
            Arc::new(Room::new(topic.clone(), batching, self.0.metrics.clone()))
        });
        room.enter(connection, outbox);
        Arc::clone(room)
    }

    /// Removes a subscriber from a topic's room.
    pub(crate) fn leave(&self, topic: &Topic, connection: ConnectionId) {
        let mut rooms = lock(&self.0.rooms);
        if rooms.get(topic).is_some_and(|room| room.leave(connection)) {
            rooms.remove(topic);
        }
    }

    /// The room of a topic, where somebody is in it.
    pub(crate) fn room(&self, topic: &Topic) -> Option<Arc<Room>> {
        lock(&self.0.rooms).get(topic).cloned()
    }

    /// Every room.
    pub(crate) fn rooms(&self) -> Vec<Arc<Room>> {
        lock(&self.0.rooms).values().cloned().collect()
    }
}

/// How a connection ends of which what it proved is over.
pub(crate) const fn close_code(revoked: Revoked) -> CloseCode {
    if revoked.is_signed_out() {
        CloseCode::SignedOut
    } else {
        // With a new token it may come back.
        CloseCode::TokenExpired
    }
}

/// What the locks guard stays whole whatever a panicking thread did.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
