//! Requests that wait for what is not there yet: a bounded number, each for a bounded time, and
//! none beyond the end of the process.

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::playlist::Playlist;
use super::shelf::Shelf;

/// How long a request may wait, in target durations (draft-pantos-hls-rfc8216bis, 6.2.5.2).
const WAIT_TARGETS: u32 = 3;

/// The wait was in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WaitError {
    #[error("too many requests wait already")]
    Full,
    #[error("what was asked for did not come in time")]
    TooLate,
    #[error("this process is about to end")]
    Ending,
    #[error("the stream went off air")]
    OffAir,
}

/// Where requests wait.
#[derive(Clone, Debug)]
pub(crate) struct WaitingRoom {
    seats: Arc<Semaphore>,
    longest: Duration,
    ending: CancellationToken,
    taken: IntGauge,
}

/// Counted while it lives.
struct Counted<'a>(&'a IntGauge);

impl WaitingRoom {
    /// Room for `seats` requests, each for as long as `longest`, until `ending`. `taken` shows how
    /// many there are.
    pub(crate) fn new(
        (seats, longest): (usize, Duration),
        ending: CancellationToken,
        taken: IntGauge,
    ) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(seats.min(Semaphore::MAX_PERMITS))),
            longest,
            ending,
            taken,
        }
    }

    /// The first playlist `of` a stream from now on that is as `is_so` says.
    pub(crate) async fn playlist(
        &self,
        of: &Shelf,
        is_so: impl Fn(&Playlist) -> bool,
    ) -> Result<Arc<Playlist>, WaitError> {
        let target = of.playlist().ok_or(WaitError::OffAir)?.target();
        let limit = target.saturating_mul(WAIT_TARGETS).min(self.longest);
        let found = tokio::time::timeout(limit, next(of, is_so));
        self.hold(found).await?.unwrap_or(Err(WaitError::TooLate))
    }

    /// Waits for `work`, whatever that waits for.
    pub(crate) async fn hold<T>(&self, work: impl Future<Output = T>) -> Result<T, WaitError> {
        let _seat = self
            .seats
            .try_acquire()
            .map_err(|_none_left| WaitError::Full)?;
        let _counted = Counted::new(&self.taken);
        tokio::select! {
            done = work => Ok(done),
            () = self.ending.cancelled() => Err(WaitError::Ending),
        }
    }
}

impl<'a> Counted<'a> {
    fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

async fn next(
    shelf: &Shelf,
    is_so: impl Fn(&Playlist) -> bool,
) -> Result<Arc<Playlist>, WaitError> {
    let mut playlists = shelf.playlist.clone();
    loop {
        playlists.mark_unchanged();
        let playlist = shelf.playlist().ok_or(WaitError::OffAir)?;
        if is_so(&playlist) {
            return Ok(playlist);
        }
        let told = playlists.changed().await;
        told.map_err(|_task_ended| WaitError::OffAir)?;
    }
}
