//! The way out of a connection: the hub and the session put frames in, the response's body takes
//! them out. Nobody waits for the reader.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use sm_common::ws::{CloseCode, ServerMessage};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::dialect::{Announcement, Dialect};
use super::queue::{Due, Pushed, Queue, QueueLimits};
use super::wire;
use crate::hub::Delivery;
use crate::metrics::Metrics;

/// Most answers to pings that wait for one reader.
const PONGS_MAX: usize = 16;

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

struct Shared {
    state: Mutex<State>,
    /// Tells the session that the condition may have changed.
    news: Notify,
    metrics: Metrics,
}

struct State {
    dialect: Dialect,
    queue: Queue,
    stage: Stage,
    /// A ping is due.
    ping: bool,
    /// The answers to the client's pings that are due.
    pongs: VecDeque<Bytes>,
    /// The body, when it waits for something to send.
    reader: Option<Waker>,
}

enum Stage {
    Open,
    Closing {
        code: Option<CloseCode>,
        frame: Bytes,
    },
    Closed,
    /// Nothing more comes: the body ends, after the close frame where a slow reader has kept it
    /// from being sent.
    Ended {
        close: Option<Bytes>,
    },
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
                dialect,
                queue: Queue::new(limits),
                stage: Stage::Open,
                ping: false,
                pongs: VecDeque::new(),
                reader: None,
            }),
            news: Notify::new(),
            metrics,
        }))
    }

    /// The body that takes the frames out.
    pub(crate) fn body(&self) -> OutboxBody {
        OutboxBody(self.clone())
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
        self.push(|queue, _, now| queue.push_answer(frame, now));
    }

    /// Queues events.
    pub(crate) fn events(&self, delivery: &Arc<Delivery>) {
        self.push(|queue, dialect, now| queue.push_events(delivery, dialect, now));
    }

    /// Pings the client, ahead of what waits.
    pub(crate) fn ping(&self) {
        self.write(|state| state.ping = true);
    }

    /// Answers the client's ping, ahead of what waits. Of more than [`PONGS_MAX`] the newest takes the
    /// place of the one before it, as the protocol allows (RFC 6455, section 5.5.3).
    pub(crate) fn pong(&self, frame: Bytes) {
        self.write(|state| {
            state.pongs.truncate(PONGS_MAX.saturating_sub(1));
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

    /// Ends the body: the connection is dropped once what was taken out has been written.
    pub(crate) fn end(&self) {
        self.write(|state| {
            self.forget(state);
            let close = match &mut state.stage {
                Stage::Gone => return,
                Stage::Closing { frame, .. } => Some(std::mem::take(frame)),
                Stage::Ended { close } => close.take(),
                Stage::Open | Stage::Closed => None,
            };
            state.stage = Stage::Ended { close };
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
            Stage::Ended { .. } | Stage::Gone => Condition::Gone,
        }
    }

    /// Returns when the condition may have changed since the last call. Cancel-safe.
    pub(crate) async fn changed(&self) {
        self.0.news.notified().await;
    }

    fn push(&self, push: impl FnOnce(&mut Queue, Dialect, Instant) -> Pushed) {
        self.write(|state| {
            if !matches!(state.stage, Stage::Open) {
                return;
            }
            let before = state.queue.bytes();
            let pushed = push(&mut state.queue, state.dialect, Instant::now());
            self.0.metrics.queue_moved(before, state.queue.bytes());
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
        self.0.metrics.queue_moved(state.queue.bytes(), 0);
        state.queue.clear();
    }

    /// Changes the state, then wakes the body.
    fn write(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.lock();
        match &mut state.stage {
            Stage::Ended { close } => return Poll::Ready(close.take()),
            Stage::Gone => return Poll::Ready(None),
            Stage::Open | Stage::Closing { .. } | Stage::Closed => {}
        }
        if !matches!(state.stage, Stage::Closed) {
            if let Some(pong) = state.pongs.pop_front() {
                return Poll::Ready(Some(pong));
            }
            if std::mem::take(&mut state.ping) {
                return Poll::Ready(Some(wire::PING));
            }
            if let Some(frame) = self.take(&mut state) {
                return Poll::Ready(Some(frame));
            }
            if let Stage::Closing { frame, .. } = &state.stage {
                let frame = frame.clone();
                state.stage = Stage::Closed;
                self.0.news.notify_one();
                return Poll::Ready(Some(frame));
            }
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    fn take(&self, state: &mut State) -> Option<Bytes> {
        let was_congested = state.queue.is_congested();
        let before = state.queue.bytes();
        let Due { frame, events } = state.queue.pop()?;
        self.0.metrics.queue_moved(before, state.queue.bytes());
        if let Some((channel, events)) = events {
            self.0.metrics.delivered(channel, events);
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

/// The body of an upgraded response.
#[derive(Debug)]
pub(crate) struct OutboxBody(Outbox);

impl MessageBody for OutboxBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.0.poll_next(context).map(|frame| frame.map(Ok))
    }
}

impl Drop for OutboxBody {
    fn drop(&mut self) {
        let Self(outbox) = self;
        outbox.write(|state| {
            outbox.forget(state);
            state.stage = Stage::Gone;
        });
        outbox.0.news.notify_one();
    }
}
