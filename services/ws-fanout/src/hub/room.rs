//! The subscribers of one topic, and what they are due.
//!
//! ```text
//! enter ──► Joining ──join──► Following ──► events, each once, in order
//!              ▲                  │
//!              └──enter again─────┘        (the client subscribes again)
//! ```
//!
//! A subscriber enters before its snapshot or history is read, and keeps what is offered in the
//! meantime: whatever was published after the read is among it. What it keeps is void when the
//! room's generation changes in between (the feed was interrupted, or a new history began): then
//! it reads again.
//!
//! Invariant: whoever follows has been given everything up to the room's tail, but for what is
//! held for the batch; one that read later than the feed may be ahead of it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sm_bus::{Heard, Published};
use sm_common::event::{EventType, Position};
use sm_common::id::ConnectionId;
use sm_common::ws::ServerMessage;
use tokio::time::Instant;

use super::delivery::{Delivery, EncodedEvent};
use super::sampling::Sampler;
use crate::config::{Batching, Conflation};
use crate::metrics::Metrics;
use crate::session::{Announcement, Outbox};
use crate::topic::Topic;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// Everybody who is due it has it, or will have it with the batch.
    Taken,
    /// The first of a batch, which is due at this moment.
    Held(Instant),
    /// Something between the subscribers' position and this event is missing.
    Gap,
}

/// What became of an attempt to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The subscriber follows.
    Following,
    /// What was read is too old: read again.
    Outdated,
}

/// What a subscriber starts with.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The `subscribed` message.
    pub(crate) subscribed: ServerMessage,
    /// Missed events, in order.
    pub(crate) missed: Vec<Arc<EncodedEvent>>,
    /// The position after those.
    pub(crate) position: Position,
}

#[derive(Debug)]
pub(crate) struct Room {
    topic: Arc<Topic>,
    batching: Batching,
    metrics: Metrics,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The last event that was offered; `None` before the first.
    tail: Option<Position>,
    generation: u64,
    held: Vec<Arc<EncodedEvent>>,
    held_bytes: usize,
    sent_at: Option<Instant>,
    /// What those hear who asked for a sample.
    sampler: Sampler,
    /// Those who asked for a sample.
    sampled: HashSet<ConnectionId>,
    /// Apart from the others: there are few of them, and every event is kept for each.
    joining: HashMap<ConnectionId, Joining>,
    followers: HashMap<ConnectionId, Follower>,
}

#[derive(Debug)]
struct Joining {
    outbox: Outbox,
    generation: u64,
    kept: Vec<Arc<EncodedEvent>>,
    kept_bytes: usize,
}

#[derive(Debug)]
struct Follower {
    outbox: Outbox,
    at: Position,
}

impl Room {
    pub(crate) fn new(topic: Topic, batching: Batching, metrics: Metrics) -> Self {
        Self {
            topic: Arc::new(topic),
            batching,
            metrics,
            state: Mutex::new(State {
                tail: None,
                generation: 0,
                held: Vec::new(),
                held_bytes: 0,
                sent_at: None,
                sampler: Sampler::new(batching.sample_per_second),
                sampled: HashSet::new(),
                joining: HashMap::new(),
                followers: HashMap::new(),
            }),
        }
    }

    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Adds a subscriber, who keeps from now on what is offered. One that was there starts anew.
    pub(crate) fn enter(&self, connection: ConnectionId, outbox: Outbox) {
        let mut state = self.lock();
        state.remove(connection);
        let joining = Joining::new(outbox, state.generation);
        state.joining.insert(connection, joining);
    }

    /// Gives a subscriber a sample while there is more than can be read.
    pub(crate) fn sample(&self, connection: ConnectionId) {
        let mut state = self.lock();
        if state.has(connection) {
            state.sampled.insert(connection);
        }
    }

    /// Removes a subscriber. Returns whether nobody is left.
    pub(crate) fn leave(&self, connection: ConnectionId) -> bool {
        let mut state = self.lock();
        state.remove(connection);
        state.subscribers() == 0
    }

    /// Everybody in it.
    pub(crate) fn connections(&self) -> Vec<ConnectionId> {
        let state = self.lock();
        let both = state.joining.keys().chain(state.followers.keys());
        both.copied().collect()
    }

    /// Gives a subscriber what was read for it, then what it kept meanwhile.
    pub(crate) fn join(&self, connection: ConnectionId, opening: Opening) -> Joined {
        let mut state = self.lock();
        let State {
            tail,
            generation,
            joining,
            followers,
            ..
        } = &mut *state;
        let Entry::Occupied(mut entry) = joining.entry(connection) else {
            return Joined::Following;
        };
        let known = entry.get();
        if known.generation != *generation || known.kept_bytes > self.kept_bytes_max() {
            let outbox = known.outbox.clone();
            entry.insert(Joining::new(outbox, *generation));
            return Joined::Outdated;
        }
        let Joining { outbox, kept, .. } = entry.remove();
        let Opening {
            subscribed,
            mut missed,
            mut position,
        } = opening;
        // A reader in a newer history than the feed has seen is past everything it kept.
        if tail
            .as_ref()
            .is_some_and(|tail| tail.epoch == position.epoch)
        {
            missed.extend(
                kept.into_iter()
                    .filter(|event| event.offset > position.offset),
            );
        }
        if let Some(last) = missed.last() {
            position.offset = last.offset;
        }
        outbox.say(&subscribed);
        for events in self.batches(missed) {
            outbox.events(&self.delivery(events), Instant::now());
        }
        let follower = Follower {
            outbox,
            at: position,
        };
        followers.insert(connection, follower);
        Joined::Following
    }

    /// Gives everybody an event of the live feed: at once after a pause, else with the batch.
    pub(crate) fn offer(&self, heard: &Heard, now: Instant) -> Offered {
        let mut state = self.lock();
        if state.subscribers() == 0 {
            return Offered::Taken;
        }
        match state.order(heard) {
            Order::Old => return Offered::Taken,
            Order::Gap => return Offered::Gap,
            Order::Next => {}
        }
        let was_held = !state.held.is_empty();
        self.hold(&mut state, heard);
        let window = self.batching.window_for(state.subscribers());
        let due = state.sent_at.map(|sent_at| sent_at + window);
        match due {
            Some(due) if due > now && !self.is_full(&state) => {
                if was_held {
                    Offered::Taken
                } else {
                    Offered::Held(due)
                }
            }
            Some(_) | None => {
                self.flush_locked(&mut state, now);
                Offered::Taken
            }
        }
    }

    /// Gives everybody events that were read from history because they were missed. Events that a
    /// subscriber has are not repeated.
    pub(crate) fn catch_up(&self, events: Vec<Published>, now: Instant) {
        let mut state = self.lock();
        self.flush_locked(&mut state, now);
        for published in events {
            let known = state.tail.as_ref().is_some_and(|tail| {
                tail.epoch == published.epoch && tail.offset >= published.offset
            });
            if !known {
                self.hold(&mut state, &Arc::new(published));
            }
            if self.is_full(&state) {
                self.flush_locked(&mut state, now);
            }
        }
        self.flush_locked(&mut state, now);
    }

    /// Goes on with an event although something before it cannot be had. Subscribers see it in the
    /// offsets.
    pub(crate) fn skip_to(&self, heard: &Heard, now: Instant) {
        let mut state = self.lock();
        self.flush_locked(&mut state, now);
        let before = Position {
            epoch: heard.epoch.clone(),
            offset: heard.offset.saturating_sub(1),
        };
        for follower in state.followers.values_mut() {
            follower.at.clone_from(&before);
        }
        self.hold(&mut state, heard);
        self.flush_locked(&mut state, now);
    }

    /// Sends the batch that is held.
    pub(crate) fn flush(&self, now: Instant) {
        self.flush_locked(&mut self.lock(), now);
    }

    /// Gives everybody who follows a fresh snapshot: what they had is void. Whoever has read as much
    /// of this history by themselves meanwhile needs none.
    pub(crate) fn restart(&self, subscribed: &Announcement, position: &Position) {
        let mut state = self.lock();
        state.generation = state.generation.wrapping_add(1);
        state.tail = Some(position.clone());
        for Follower { outbox, at } in state.followers.values_mut() {
            if at.epoch != position.epoch || at.offset < position.offset {
                outbox.announce(subscribed);
                at.clone_from(position);
            }
        }
    }

    /// The feed was interrupted: whoever is joining must read again.
    pub(crate) fn interrupt(&self) {
        let mut state = self.lock();
        state.generation = state.generation.wrapping_add(1);
    }

    /// The position after which something may be missing; `None` when nobody follows.
    pub(crate) fn floor(&self) -> Option<Position> {
        self.lock().floor().cloned()
    }

    /// Adds an event to the batch, and to what joining subscribers keep.
    fn hold(&self, state: &mut State, heard: &Heard) {
        state.tail = Some(heard.position());
        let Some(event) = EncodedEvent::new(Arc::clone(heard)) else {
            return;
        };
        state.keep(&event, self.kept_bytes_max());
        if self.batching.conflation == Conflation::Always {
            self.metrics.conflated(state.leave_out(event.kind));
        }
        state.held_bytes = state.held_bytes.saturating_add(event.len());
        state.held.push(event);
    }

    fn delivery(&self, events: Vec<Arc<EncodedEvent>>) -> Arc<Delivery> {
        let is_conflatable = self.batching.conflation != Conflation::Never;
        let topic = Arc::clone(&self.topic);
        Arc::new(Delivery::new(topic, events, is_conflatable))
    }

    fn is_full(&self, state: &State) -> bool {
        state.held.len() >= self.batching.events_max || state.held_bytes >= self.batching.bytes_max
    }

    /// A joining subscriber keeps more than a batch, and far less than a queue.
    const fn kept_bytes_max(&self) -> usize {
        self.batching.bytes_max.saturating_mul(8)
    }

    fn flush_locked(&self, state: &mut State, now: Instant) {
        if state.held.is_empty() {
            return;
        }
        state.held_bytes = 0;
        state.sent_at = Some(now);
        let events = std::mem::take(&mut state.held);
        let State {
            tail,
            sampler,
            sampled,
            followers,
            ..
        } = state;
        let sample = if sampled.is_empty() {
            None
        } else {
            sampler.take(&events, now)
        };
        let delivery = self.delivery(events);
        let sample = sample.map_or_else(|| Arc::clone(&delivery), |sent| self.delivery(sent));
        let Some(tail) = tail else {
            return;
        };
        for (connection, Follower { outbox, at }) in followers {
            let is_sampled = !sampled.is_empty() && sampled.contains(connection);
            let delivery = if is_sampled { &sample } else { &delivery };
            if at.epoch == tail.epoch
                && let Some(due) = delivery.after(at.offset)
            {
                outbox.events(&due, now);
                at.clone_from(tail);
            }
        }
    }

    /// Cuts events into batches.
    fn batches(&self, events: Vec<Arc<EncodedEvent>>) -> Vec<Vec<Arc<EncodedEvent>>> {
        let mut batches = Vec::new();
        let mut batch = Vec::new();
        let mut bytes = 0_usize;
        for event in events {
            bytes = bytes.saturating_add(event.len());
            batch.push(event);
            if batch.len() >= self.batching.events_max || bytes >= self.batching.bytes_max {
                batches.push(std::mem::take(&mut batch));
                bytes = 0;
            }
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        batches
    }

    /// What the lock guards stays whole whatever a panicking thread did.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an event stands against what the subscribers have.
enum Order {
    Old,
    Next,
    Gap,
}

impl State {
    fn subscribers(&self) -> usize {
        self.joining.len().saturating_add(self.followers.len())
    }

    fn has(&self, connection: ConnectionId) -> bool {
        self.joining.contains_key(&connection) || self.followers.contains_key(&connection)
    }

    fn remove(&mut self, connection: ConnectionId) {
        self.sampled.remove(&connection);
        self.joining.remove(&connection);
        self.followers.remove(&connection);
    }

    fn order(&self, published: &Published) -> Order {
        if let Some(tail) = &self.tail
            && tail.epoch == published.epoch
            && published.offset <= tail.offset
        {
            return Order::Old;
        }
        let Some(floor) = self.floor() else {
            return Order::Next;
        };
        if floor.epoch != published.epoch || published.offset > floor.offset.saturating_add(1) {
            return Order::Gap;
        }
        Order::Next
    }

    fn floor(&self) -> Option<&Position> {
        self.tail.as_ref().or_else(|| {
            let positions = self.followers.values().map(|follower| &follower.at);
            positions.min_by_key(|at| at.offset)
        })
    }

    /// Adds an event to what joining subscribers keep.
    fn keep(&mut self, event: &Arc<EncodedEvent>, kept_bytes_max: usize) {
        for joining in self.joining.values_mut() {
            joining.kept_bytes = joining.kept_bytes.saturating_add(event.len());
            if joining.kept_bytes <= kept_bytes_max {
                joining.kept.push(Arc::clone(event));
            }
        }
    }

    /// Leaves events of this type out of the batch. Returns how many there were.
    fn leave_out(&mut self, kind: EventType) -> usize {
        let before = self.held.len();
        self.held.retain(|older| older.kind != kind);
        self.held_bytes = self.held.iter().map(|event| event.len()).sum();
        before.saturating_sub(self.held.len())
    }
}

impl Joining {
    const fn new(outbox: Outbox, generation: u64) -> Self {
        Self {
            outbox,
            generation,
            kept: Vec::new(),
            kept_bytes: 0,
        }
    }
}
