//! The way out of a connection: the hub and the session put frames in, the thread's writer takes
//! them out. Nobody waits for the reader.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use rustix::net::{Shutdown, shutdown};
use sm_common::ws::{CloseCode, ServerMessage};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::dialect::{Announcement, Dialect};
use super::going::{Going, Sent};
use super::queue::{Due, Pushed, Queue, QueueLimits};
use super::wire;
use super::writer::Writer;
use crate::hub::Delivery;
use crate::metrics::{Metrics, Tally};

/// Whether a connection can still be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It can.
    Open,
    /// So much waits that no more requests should be read.
    Congested,
    /// Its close frame is on its way; for the reason, where it was the server's.
    Closing(Option<CloseCode>),
    /// The close frame was handed to the socket.
    Closed,
    /// The socket is gone.
    Gone,
}

/// The way out of one connection. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Shared>);

/// What each event touches lies at the beginning: between two events of a channel with thousands of
/// subscribers none of it stays in the processor's cache, and every line costs.
#[repr(C)]
struct Shared {
    /// Where the frames go, once the connection has been taken over.
    exit: OnceLock<Exit>,
    state: Mutex<State>,
    metrics: Metrics,
    /// Tells the session that the condition may have changed.
    news: Notify,
}

struct Exit {
    socket: Arc<TcpStream>,
    writer: Writer,
}

/// In the order of use, as [`Shared`].
#[repr(C)]
struct State {
    /// The writer knows that there is something to send.
    is_enlisted: bool,
    /// The kernel takes nothing more: the session waits until it does.
    is_blocked: bool,
    /// A ping is due.
    ping: bool,
    dialect: Dialect,
    stage: Stage,
    queue: Queue,
    /// What was taken out, and the kernel has not taken yet.
    rest: Option<Box<Going>>,
    /// How many of the queue's bytes are counted as waiting: none that go at once.
    counted: usize,
    /// The answers to the client's pings that are due.
    pongs: VecDeque<Bytes>,
    pongs_max: usize,
}

enum Stage {
    Open,
    Closing {
        code: Option<CloseCode>,
        frame: Bytes,
    },
    Closed,
    Gone,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Outbox").field(&self.condition()).finish()
    }
}

impl Outbox {
    pub(crate) fn new(dialect: Dialect, limits: QueueLimits, metrics: Metrics) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                is_enlisted: false,
                is_blocked: false,
                ping: false,
                dialect,
                stage: Stage::Open,
                pongs_max: limits.pongs_max.max(1),
                queue: Queue::new(limits),
                rest: None,
                counted: 0,
                pongs: VecDeque::new(),
            }),
            metrics,
            news: Notify::new(),
            exit: OnceLock::new(),
        }))
    }

    /// Sends from now on, by the writer of the thread.
    pub(crate) fn open(&self, socket: Arc<TcpStream>, writer: Writer) {
        let _first = self.0.exit.set(Exit { socket, writer });
        self.write(|_| {});
    }

    /// How the connection is spoken to.
    pub(crate) fn dialect(&self) -> Dialect {
        self.lock().dialect
    }

    /// Speaks to the connection in another way from now on. What waits goes as it is.
    pub(crate) fn speak(&self, dialect: Dialect) {
        self.lock().dialect = dialect;
    }

    /// Queues a message for this connection alone.
    pub(crate) fn say(&self, message: &ServerMessage) {
        self.frame(self.dialect().frame(message));
    }

    /// Queues a message that others hear too.
    pub(crate) fn announce(&self, announcement: &Announcement) {
        self.frame(announcement.frame(self.dialect()));
    }

    /// Queues a frame.
    pub(crate) fn frame(&self, frame: Bytes) {
        let now = Instant::now();
        self.push(|queue, _| queue.push_answer(frame, now));
    }

    /// Queues events, which wait from `now` on.
    pub(crate) fn events(&self, delivery: &Arc<Delivery>, now: Instant) {
        self.push(|queue, dialect| queue.push_events(delivery, dialect, now));
    }

    /// Pings the client, ahead of what waits.
    pub(crate) fn ping(&self) {
        self.write(|state| state.ping = true);
    }

    /// Answers the client's ping, ahead of what waits. Of more than `ws.pongs_max` the newest takes the
    /// place of the one before it, as the protocol allows (RFC 6455, section 5.5.3).
    pub(crate) fn pong(&self, frame: Bytes) {
        self.write(|state| {
            let others_max = state.pongs_max.saturating_sub(1);
            state.pongs.truncate(others_max);
            state.pongs.push_back(frame);
        });
    }

    /// Closes after what waits. The first to close a connection is the one who says why.
    pub(crate) fn close(&self, code: CloseCode) {
        self.write(|state| state.close(Some(code), wire::close(code)));
    }

    /// Answers the client's closing handshake.
    pub(crate) fn close_answer(&self, frame: Bytes) {
        self.write(|state| state.close(None, frame));
    }

    /// Closes now; what waits is forgotten.
    pub(crate) fn condemn(&self, code: CloseCode) {
        self.write(|state| self.condemn_locked(state, code));
    }

    /// Nothing more comes but the close frame, where a slow reader has kept it from being sent.
    pub(crate) fn end(&self) {
        self.write(|state| {
            self.forget(state);
            if matches!(state.stage, Stage::Open) {
                state.stage = Stage::Closed;
            }
        });
    }

    /// Whether an event that may not be skipped has waited for too long.
    pub(crate) fn is_stale(&self) -> bool {
        self.lock().queue.is_stale(Instant::now())
    }

    pub(crate) fn condition(&self) -> Condition {
        let state = self.lock();
        match &state.stage {
            Stage::Open if state.queue.is_congested() => Condition::Congested,
            Stage::Open => Condition::Open,
            Stage::Closing { code, .. } => Condition::Closing(*code),
            Stage::Closed => Condition::Closed,
            Stage::Gone => Condition::Gone,
        }
    }

    /// Returns when the condition may have changed since the last call; goes on sending to a reader
    /// that has become ready meanwhile. Cancel-safe.
    pub(crate) async fn changed(&self) {
        let blocked = self.0.exit.get().filter(|_| self.lock().is_blocked);
        let Some(Exit { socket, .. }) = blocked else {
            return self.0.news.notified().await;
        };
        tokio::select! {
            () = self.0.news.notified() => {}
            // An error shows when it is written to.
            _ready = socket.writable() => {
                self.lock().is_blocked = false;
                let mut tally = Tally::default();
                self.send(&mut Going::default(), &mut tally);
                self.0.metrics.delivered(&tally);
            }
        }
    }

    /// Returns when all is written, or cannot be. Cancel-safe.
    pub(crate) async fn sent(&self) {
        while self.has_more() {
            self.changed().await;
        }
    }

    /// Ends our side of the connection.
    pub(crate) fn hang_up(&self) {
        if let Some(Exit { socket, .. }) = self.0.exit.get() {
            // Where it is gone already, nothing is left to do.
            let _ = shutdown(socket, Shutdown::Write);
        }
    }

    /// The next frame, where there is no socket.
    #[cfg(test)]
    pub(crate) fn take_next(&self) -> Option<Bytes> {
        self.next(&mut self.lock(), &mut Tally::default())
    }

    fn has_more(&self) -> bool {
        let state = self.lock();
        match state.stage {
            Stage::Open | Stage::Closing { .. } => true,
            Stage::Closed => state.rest.is_some(),
            Stage::Gone => false,
        }
    }

    fn push(&self, push: impl FnOnce(&mut Queue, Dialect) -> Pushed) {
        self.write(|state| {
            if !matches!(state.stage, Stage::Open) {
                return;
            }
            let pushed = push(&mut state.queue, state.dialect);
            if state.is_blocked {
                self.count(state);
            }
            match pushed {
                Pushed::Queued => {}
                Pushed::Conflated { left_out } => self.0.metrics.conflated(left_out),
                Pushed::TooSlow(limit) => {
                    self.0.metrics.limited(limit);
                    self.condemn_locked(state, CloseCode::TooSlow);
                }
            }
        });
    }

    fn condemn_locked(&self, state: &mut State, code: CloseCode) {
        if matches!(state.stage, Stage::Open) {
            self.forget(state);
            state.close(Some(code), wire::close(code));
            self.0.news.notify_one();
        }
    }

    fn forget(&self, state: &mut State) {
        state.queue.clear();
        self.count(state);
    }

    /// Counts what waits.
    fn count(&self, state: &mut State) {
        let bytes = state.queue.bytes();
        if bytes != state.counted {
            self.0.metrics.queue_moved(state.counted, bytes);
            state.counted = bytes;
        }
    }

    /// Changes the state, then has the writer send what is due.
    fn write(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        if state.is_enlisted || state.is_blocked {
            return;
        }
        if let Some(Exit { writer, .. }) = self.0.exit.get() {
            state.is_enlisted = true;
            drop(state);
            writer.enlist(self.clone());
        }
    }

    /// Writes what waits, as far as the kernel takes it, and adds the events to the `tally`. `going`
    /// is empty before and after.
    pub(super) fn send(&self, going: &mut Going, tally: &mut Tally) {
        let Some(Exit { socket, .. }) = self.0.exit.get() else {
            return;
        };
        let mut state = self.lock();
        state.is_enlisted = false;
        if state.is_blocked {
            return;
        }
        if let Some(rest) = state.rest.take() {
            *going = *rest;
        }
        loop {
            while going.has_room() {
                let Some(frame) = self.next(&mut state, tally) else {
                    break;
                };
                going.add(frame);
            }
            if going.is_empty() {
                self.count(&mut state);
                return;
            }
            match going.send(socket) {
                Sent::All => {}
                Sent::Some => {
                    state.rest = Some(Box::new(std::mem::take(going)));
                    state.is_blocked = true;
                    self.count(&mut state);
                    break;
                }
                Sent::Lost => {
                    *going = Going::default();
                    self.forget(&mut state);
                    state.stage = Stage::Gone;
                    break;
                }
            }
        }
        self.0.news.notify_one();
    }

    /// The next frame that is due.
    fn next(&self, state: &mut State, tally: &mut Tally) -> Option<Bytes> {
        if matches!(state.stage, Stage::Closed | Stage::Gone) {
            return None;
        }
        if let Some(pong) = state.pongs.pop_front() {
            return Some(pong);
        }
        if std::mem::take(&mut state.ping) {
            return Some(wire::PING);
        }
        if let Some(frame) = self.take(state, tally) {
            return Some(frame);
        }
        if let Stage::Closing { frame, .. } = &mut state.stage {
            let frame = std::mem::take(frame);
            state.stage = Stage::Closed;
            self.0.news.notify_one();
            return Some(frame);
        }
        None
    }

    fn take(&self, state: &mut State, tally: &mut Tally) -> Option<Bytes> {
        let was_congested = state.queue.is_congested();
        let Due { frame, events } = state.queue.pop()?;
        if let Some((channel, events)) = events {
            tally.add(channel, events);
        }
        if was_congested && !state.queue.is_congested() {
            self.0.news.notify_one();
        }
        Some(frame)
    }

    /// What the lock guards stays whole whatever a panicking thread did.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self, code: Option<CloseCode>, frame: Bytes) {
        if matches!(self.stage, Stage::Open) {
            self.stage = Stage::Closing { code, frame };
        }
    }
}
