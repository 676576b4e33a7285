//! What the worker's tap gives, for every session of a stream: one connection to the worker while
//! anybody watches, and none otherwise.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sm_common::id::StreamId;
use sm_media_protocol::{TapError, TapHeader, TapKind};
use sm_service_kit::Lifecycle;
use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::profile::Profile;
use crate::config::WebrtcConfig;
use crate::lease::LeaseView;
use crate::live::shelf::Shelf;
use crate::supervisor;

/// Wait before a worker that is not there, or gives nothing, is asked again.
const CONNECT_AGAIN: Duration = Duration::from_millis(200);

/// A frame, or a packet of sound.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) kind: TapKind,
    pub(super) moment_ns: u64,
    pub(super) data: Arc<[u8]>,
}

/// The program of one stream, for as long as anybody holds this.
#[derive(Debug)]
pub(super) struct Feed {
    units: broadcast::Sender<Unit>,
    profile: watch::Receiver<Option<Profile>>,
    _end: DropGuard,
}

/// The feeds of all streams that are watched.
#[derive(Clone, Debug)]
pub(crate) struct Feeds {
    /// Where the workers' sockets are.
    pid_directory: PathBuf,
    lifecycle: Lifecycle,
    waiting_max: usize,
    away_max: Duration,
    /// A std lock: it is held for a look-up, never across an await.
    watched: Arc<Mutex<HashMap<StreamId, Weak<Feed>>>>,
}

impl Feed {
    /// What comes from now on. A session that leaves more waiting than may wait loses the oldest.
    pub(super) fn units(&self) -> broadcast::Receiver<Unit> {
        self.units.subscribe()
    }

    /// How the picture is encoded, once the worker has said so; `None` when it never will.
    pub(super) async fn profile(&self) -> Option<Profile> {
        let mut profile = self.profile.clone();
        *profile.wait_for(Option::is_some).await.ok()?
    }

    /// The same, as it may change with another worker.
    pub(super) fn latest_profile(&self) -> watch::Receiver<Option<Profile>> {
        self.profile.clone()
    }

    fn is_over(&self) -> bool {
        self.profile.has_changed().is_err()
    }
}

impl Feeds {
    /// Nobody watches yet. `pid_directory` is where workers are found.
    pub(crate) fn new(
        pid_directory: PathBuf,
        config: &WebrtcConfig,
        lifecycle: &Lifecycle,
    ) -> Self {
        Self {
            pid_directory,
            lifecycle: lifecycle.clone(),
            waiting_max: config.units_waiting_max,
            away_max: config.away_max(),
            watched: Arc::default(),
        }
    }

    /// The stream's feed; the first to watch starts it.
    pub(super) fn join(&self, stream: &StreamId, from: &Shelf) -> Arc<Feed> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let known = watched.get(stream).and_then(Weak::upgrade);
        if let Some(feed) = known.filter(|feed| !feed.is_over()) {
            return feed;
        }
        let (units, _) = broadcast::channel(self.waiting_max.max(1));
        let (telling, profile) = watch::channel(None);
        let end = CancellationToken::new();
        let tapping = Tapping {
            feeds: self.clone(),
            stream: stream.clone(),
            lease: from.lease.clone(),
            units: units.clone(),
            profile: telling,
        };
        let stop = self.lifecycle.stopping().clone();
        let ended = end.clone();
        self.lifecycle.spawn(async move {
            tokio::select! {
                () = tapping.run() => {}
                () = ended.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
        let feed = Arc::new(Feed {
            units,
            profile,
            _end: end.drop_guard(),
        });
        watched.insert(stream.clone(), Arc::downgrade(&feed));
        feed
    }
}

/// Reads the tap of one worker after the other.
struct Tapping {
    feeds: Feeds,
    stream: StreamId,
    lease: watch::Receiver<LeaseView>,
    units: broadcast::Sender<Unit>,
    profile: watch::Sender<Option<Profile>>,
}

/// The connection to a worker is over.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the line cannot be used")]
    Line(#[from] std::io::Error),
    #[error("what it says is no unit")]
    Unit(#[from] TapError),
    #[error("it does not say how the picture is encoded")]
    Parameters,
}

impl Tapping {
    /// Reads until the stream is another process's, or no worker has given anything for too long.
    async fn run(self) {
        let mut last = Instant::now();
        while last.elapsed() < self.feeds.away_max {
            let token = self.lease.borrow().holding().map(|it| it.lease.token);
            let Some(token) = token else {
                break;
            };
            match supervisor::tap(&self.feeds.pid_directory, &self.stream, token).await {
                Ok(Some(line)) => {
                    let broken = self.read(line, &mut last).await;
                    tracing::debug!(stream.id = %self.stream, ?broken, "the tap is closed");
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(stream.id = %self.stream, %error, "the worker's tap is not found");
                }
            }
            tokio::time::sleep(CONNECT_AGAIN).await;
        }
        tracing::info!(stream.id = %self.stream, "nothing more comes for WebRTC viewers");
    }

    async fn read(&self, line: UnixStream, last: &mut Instant) -> Result<(), Broken> {
        let mut line = BufReader::new(line);
        loop {
            let mut header = [0; TapHeader::BYTES];
            line.read_exact(&mut header).await?;
            let TapHeader {
                kind,
                moment_ns,
                bytes,
            } = TapHeader::from_bytes(header)?;
            let mut data = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
            line.read_exact(&mut data).await?;
            *last = Instant::now();
            if kind == TapKind::Parameters {
                let profile = Profile::read(&data).ok_or(Broken::Parameters)?;
                self.profile.send_replace(Some(profile));
            } else {
                // Nobody may be listening at this moment.
                let _heard = self.units.send(Unit {
                    kind,
                    moment_ns,
                    data: data.into(),
                });
            }
        }
    }
}
