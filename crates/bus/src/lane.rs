//! One connection that all commits of a process share, or all who take of its allowances: what is
//! under way at the same time shares round trips.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{self, RedisError, aio::MultiplexedConnection};
use deadpool_redis::{Connection, Pool};

use crate::error::BusError;
use crate::link::Link;

/// How long a connection that has answered is taken to be there without being asked. One that
/// has gone takes with it what was sent last, which cannot be sent again: it may have happened.
const BELIEVED: Duration = Duration::from_millis(10);

/// The shared connection, where there is one.
#[derive(Default)]
pub(crate) struct Lane {
    /// A std lock: it is held for a copy and never across an await.
    current: Mutex<Current>,
    /// One at a time connects; the others take what it gets.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Current {
    open: Option<Open>,
    /// Connections so far: tells an old one from its successor.
    count: u64,
}

#[derive(Clone)]
struct Open {
    connection: MultiplexedConnection,
    number: u64,
    answered_at: Instant,
}

impl Lane {
    /// Takes a step on the shared connection. One on which a step fails or is given up is not used
    /// for the next.
    pub(crate) async fn pass<T>(
        &self,
        pool: &Pool,
        step: impl AsyncFnOnce(&mut Link) -> Result<T, BusError>,
    ) -> Result<T, BusError> {
        let open = self.proven(pool).await?;
        self.take(open, step).await
    }

    /// The same for a step whose loss matters little: the connection is not asked first whether it
    /// is there.
    pub(crate) async fn pass_unproven<T>(
        &self,
        pool: &Pool,
        step: impl AsyncFnOnce(&mut Link) -> Result<T, BusError>,
    ) -> Result<T, BusError> {
        let known = self.current().open.clone();
        let open = match known {
            Some(open) => open,
            None => self.proven(pool).await?,
        };
        self.take(open, step).await
    }

    async fn take<T>(
        &self,
        open: Open,
        step: impl AsyncFnOnce(&mut Link) -> Result<T, BusError>,
    ) -> Result<T, BusError> {
        let mut passage = Passage {
            lane: self,
            number: open.number,
            has_arrived: false,
        };
        let outcome = step(&mut Link::Shared(open.connection)).await;
        passage.has_arrived = !matches!(&outcome, Err(BusError::Command(error)) if is_lost(error));
        outcome
    }

    /// A connection that is there.
    async fn proven(&self, pool: &Pool) -> Result<Open, BusError> {
        let known = self.current().open.clone();
        let mut known_number = None;
        if let Some(mut open) = known {
            if open.answered_at.elapsed() < BELIEVED {
                return Ok(open);
            }
            known_number = Some(open.number);
            let mut passage = Passage {
                lane: self,
                number: open.number,
                has_arrived: false,
            };
            let pong: Result<String, _> =
                redis::cmd("PING").query_async(&mut open.connection).await;
            passage.has_arrived = pong.is_ok();
            if passage.has_arrived {
                return Ok(open);
            }
        }
        let _turn = self.connecting.lock().await;
        let newer = self.current().open.clone();
        if let Some(open) = newer
            && Some(open.number) != known_number
        {
            return Ok(open);
        }
        let connection = pool.get().await.map_err(BusError::Connect)?;
        Ok(self.put(Connection::take(connection)))
    }

    fn put(&self, connection: MultiplexedConnection) -> Open {
        let mut current = self.current();
        current.count = current.count.wrapping_add(1);
        let open = Open {
            connection,
            number: current.count,
            answered_at: Instant::now(),
        };
        current.open = Some(open.clone());
        open
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A step on a connection. Where it does not arrive, nobody uses the connection again.
struct Passage<'a> {
    lane: &'a Lane,
    number: u64,
    has_arrived: bool,
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        let mut current = self.lane.current();
        let Some(open) = current
            .open
            .as_mut()
            .filter(|open| open.number == self.number)
        else {
            return;
        };
        if self.has_arrived {
            open.answered_at = Instant::now();
        } else {
            current.open = None;
        }
    }
}

/// Whether the connection is of no more use.
fn is_lost(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_io_error() || error.is_timeout()
}
