//! The socket on which a layer takes what the host hands over, on a thread for each attempt.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sm_common::clock::SharedClock;
use sm_common::id::LayerId;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use super::facts::Facts;
use super::pipeline::Feed;
use crate::layer::failure::Failure;
use crate::layer::player::Watcher;

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 * 1024;

/// How often it is looked whether anybody still wants what is read.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Where a layer listens.
#[derive(Debug)]
pub(super) struct Inlet(UnixListener);

impl Inlet {
    /// Listens in this directory, under the layer's name. An earlier socket of that name is one
    /// of a source that is gone, or about to be.
    pub(super) fn open(directory: Option<&Path>, layer: LayerId) -> Result<Self, Failure> {
        let directory = directory.ok_or_else(|| Failure::no_feeds("it has no place for feeds"))?;
        listen(directory, layer)
            .map(Self)
            .map_err(|error| Failure::no_feeds(error.kind()))
    }

    /// Takes the next connection into a pipeline, until one of them ends.
    pub(super) fn attach(
        &self,
        feed: Feed,
        facts: &Arc<Facts>,
        wall: &SharedClock,
        watcher: &Watcher,
    ) -> Result<(), Failure> {
        let listener = self
            .0
            .try_clone()
            .map_err(|error| Failure::engine(error.kind()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::engine(error.kind()))?;
        let (facts, wall, watcher) = (Arc::clone(facts), SharedClock::clone(wall), watcher.clone());
        let read = move || {
            let mut pump = Pump { feed, facts };
            if let Err(failure) = runtime.block_on(pump.run(listener, &wall)) {
                watcher.fail(failure);
            }
            pump.facts.forget();
        };
        thread::Builder::new()
            .name("feed".to_owned())
            .spawn(read)
            .map(|_detached| ())
            .map_err(|error| Failure::engine(error.kind()))
    }
}

fn listen(directory: &Path, layer: LayerId) -> io::Result<UnixListener> {
    let directory = File::open(directory)?;
    // By way of the open directory: addresses of sockets are short, and paths need not be.
    let address = format!("/proc/self/fd/{}/{layer}", directory.as_raw_fd());
    match fs::remove_file(&address) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

struct Pump {
    feed: Feed,
    facts: Arc<Facts>,
}

impl Pump {
    /// Returns when nobody wants what is read any more, or fails when there is no more to read.
    async fn run(&mut self, listener: UnixListener, wall: &SharedClock) -> Result<(), Failure> {
        let broken = |error: io::Error| Failure::engine(error.kind());
        let listener = tokio::net::UnixListener::from_std(listener).map_err(broken)?;
        let Some(accepted) = self.unless_over(listener.accept()).await else {
            return Ok(());
        };
        let (mut stream, _address) = accepted.map_err(broken)?;
        self.facts.begin(wall.now());
        self.feed.demux("flvdemux")?;
        self.pass_on(&mut stream).await
    }

    async fn pass_on(&self, stream: &mut UnixStream) -> Result<(), Failure> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let Some(read) = self.unless_over(stream.read(&mut buffer)).await else {
                return Ok(());
            };
            let bytes = read.ok().and_then(|count| buffer.get(..count));
            let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
                return Err(Failure::publisher_gone());
            };
            self.facts.came(bytes.len());
            if !self.feed.push(bytes) {
                return Ok(());
            }
        }
    }

    /// What `work` comes to; `None` when nobody wants it any more.
    async fn unless_over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(LOOK_INTERVAL, &mut work).await {
                Ok(done) => return Some(done),
                Err(_elapsed) if self.feed.is_over() => return None,
                Err(_elapsed) => {}
            }
        }
    }
}
