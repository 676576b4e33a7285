//! Writes what outboxes hold to their sockets. One task of each thread does it for all connections
//! that the thread serves: an event wakes it once, and not a task for each subscriber.

use std::cell::OnceCell;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::task::yield_now;

use super::going::Going;
use super::outbox::Outbox;
use crate::metrics::{Metrics, Tally};

/// Connections that are written to before others of the thread's tasks get their turn.
const TURN: usize = 64;

thread_local! {
    static WRITER: OnceCell<Writer> = const { OnceCell::new() };
}

/// The writer of one thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Shared>);

struct Shared {
    /// Outboxes that have something to send, each at most once. A std lock: it is held to push or
    /// to take all of it.
    due: Mutex<Vec<Outbox>>,
    news: Notify,
    metrics: Metrics,
}

impl Writer {
    /// That of this thread, which must be one of the server's. Ends with the thread.
    pub(crate) fn here(metrics: &Metrics) -> Self {
        WRITER.with(|writer| {
            let start = || {
                let writer = Self(Arc::new(Shared {
                    due: Mutex::default(),
                    news: Notify::new(),
                    metrics: metrics.clone(),
                }));
                actix_web::rt::spawn(writer.clone().run());
                writer
            };
            writer.get_or_init(start).clone()
        })
    }

    /// Has an outbox written soon.
    pub(super) fn enlist(&self, outbox: Outbox) {
        let mut due = self.0.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.push(outbox);
        let is_first = due.len() == 1;
        drop(due);
        if is_first {
            self.0.news.notify_one();
        }
    }

    async fn run(self) {
        let (mut taken, mut going) = (Vec::new(), Going::default());
        loop {
            self.0.news.notified().await;
            {
                let mut due = self.0.due.lock().unwrap_or_else(PoisonError::into_inner);
                mem::swap(&mut *due, &mut taken);
            }
            let mut outboxes = taken.drain(..);
            while outboxes.len() > 0 {
                let mut tally = Tally::default();
                for outbox in outboxes.by_ref().take(TURN) {
                    outbox.send(&mut going, &mut tally);
                }
                self.0.metrics.delivered(&tally);
                yield_now().await;
            }
        }
    }
}
