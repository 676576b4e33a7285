//! Copies of uploaded files from an object store, on this host and in front of its workers. A scene is
//! shown when the copies of its files are there, or cannot be had, or have not come in time: then the
//! layers that miss theirs fail, and look for them again by themselves.

mod making;
mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sm_asset_store::Bucket;
use sm_common::id::{AssetId, StreamId};
use sm_common::scene::Scene;
use sm_service_kit::Lifecycle;
use tokio::sync::{Semaphore, watch};

use self::room::Room;
use crate::config::AssetCopiesConfig;
use crate::metrics::CopyMetrics;

/// Where copies are while they are made.
const MAKING: &str = "making";

/// The copies on this host. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Copies {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bucket: Bucket,
    directory: PathBuf,
    config: AssetCopiesConfig,
    lifecycle: Lifecycle,
    metrics: CopyMetrics,
    turns: Semaphore,
    /// A std lock: it is held for a look-up, never across an await.
    state: Mutex<State>,
    /// Told whenever a copy is there, or cannot be made.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    room: Room,
    /// What the scenes of each stream need.
    needed: BTreeMap<StreamId, BTreeSet<AssetId>>,
    /// Copies that are being made, or could not be.
    pending: BTreeMap<AssetId, Pending>,
}

/// A copy that is not there.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// When it was first asked for.
    since: Instant,
    /// When it is tried again; `None` while it is being made.
    again_at: Option<Instant>,
    /// The wait before that.
    wait: Duration,
}

impl Copies {
    /// Copies in `directory`, where those of an earlier process are found again.
    pub(crate) fn open(
        bucket: Bucket,
        directory: PathBuf,
        config: AssetCopiesConfig,
        (lifecycle, metrics): (Lifecycle, CopyMetrics),
    ) -> io::Result<Self> {
        let mut room = Room::new(config.bytes_max);
        for (id, bytes) in found(&directory)? {
            room.add(id, bytes);
        }
        let making = directory.join(MAKING);
        match std::fs::remove_dir_all(&making) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        std::fs::create_dir_all(making)?;
        metrics.note_bytes(room.bytes());
        Ok(Self {
            inner: Arc::new(Inner {
                bucket,
                directory,
                turns: Semaphore::new(config.at_once_max),
                config,
                lifecycle,
                metrics,
                state: Mutex::new(State {
                    room,
                    needed: BTreeMap::new(),
                    pending: BTreeMap::new(),
                }),
                changed: watch::Sender::new(()),
            }),
        })
    }

    /// Told whenever a scene that had to wait may go on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.inner.changed.subscribe()
    }

    /// The scenes of a stream are these now: what they do not need may go, and what they need and is not
    /// there is copied.
    pub(crate) async fn need<'a>(
        &self,
        stream: &StreamId,
        scenes: impl Iterator<Item = &'a Arc<Scene>>,
    ) {
        let needed = assets(scenes);
        let mut missing = Vec::new();
        for id in &needed {
            if tokio::fs::try_exists(self.path(id)).await.unwrap_or(false) {
                self.inner.state().room.touch(id);
            } else {
                missing.push(id.clone());
            }
        }
        let now = Instant::now();
        let mut state = self.inner.state();
        state.needed.insert(stream.clone(), needed);
        let needed: BTreeSet<AssetId> = state.needed.values().flatten().cloned().collect();
        state
            .pending
            .retain(|id, pending| pending.again_at.is_none() || needed.contains(id));
        for id in missing {
            let known = state.pending.get(&id).copied();
            if known.is_some_and(|known| known.again_at.is_none_or(|at| now < at)) {
                continue;
            }
            let pending = Pending {
                since: known.map_or(now, |known| known.since),
                again_at: None,
                wait: known.map_or(self.inner.config.retry(), |known| known.wait),
            };
            state.pending.insert(id.clone(), pending);
            let copies = self.clone();
            self.inner
                .lifecycle
                .spawn(async move { copies.make(id).await });
        }
    }

    /// Whether a scene need not wait: every copy is there, or could not be made, or has been waited for
    /// long enough.
    pub(crate) fn is_settled(&self, scene: &Scene) -> bool {
        let state = self.inner.state();
        let patience = self.inner.config.wait();
        let needed = scene.layers.iter().flat_map(|layer| layer.source.assets());
        needed
            .filter_map(|id| state.pending.get(id))
            .all(|pending| pending.again_at.is_some() || pending.since.elapsed() >= patience)
    }

    fn path(&self, id: &AssetId) -> PathBuf {
        self.inner.directory.join(id.relative_path())
    }

    /// Makes a copy, or notes when to try it again.
    async fn make(self, id: AssetId) {
        let stop = self.inner.lifecycle.stopping().clone();
        let Some(outcome) = stop.run_until_cancelled(Box::pin(self.copy(&id))).await else {
            return;
        };
        self.inner.metrics.count(outcome.is_ok());
        let mut state = self.inner.state();
        match outcome {
            Ok(()) => {
                state.pending.remove(&id);
            }
            Err(error) => {
                state.room.remove(&id);
                let longest = self.inner.config.retry_max();
                if let Some(pending) = state.pending.get_mut(&id) {
                    tracing::warn!(asset.id = %id, %error, wait = ?pending.wait, "a file was not copied from the object store");
                    pending.again_at = Some(Instant::now() + pending.wait);
                    pending.wait = pending.wait.saturating_mul(2).min(longest);
                }
            }
        }
        self.inner.metrics.note_bytes(state.room.bytes());
        drop(state);
        self.inner.changed.send_replace(());
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn assets<'a>(scenes: impl Iterator<Item = &'a Arc<Scene>>) -> BTreeSet<AssetId> {
    let layers = scenes.flat_map(|scene| &scene.layers);
    layers
        .flat_map(|layer| layer.source.assets())
        .cloned()
        .collect()
}

/// The copies of an earlier process, the longest unused first.
fn found(directory: &Path) -> io::Result<Vec<(AssetId, u64)>> {
    let entries = |directory: &Path| match std::fs::read_dir(directory) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let mut found = Vec::new();
    for folder in entries(directory)? {
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for entry in entries(&folder.path())? {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<AssetId>().ok()) else {
                continue;
            };
            let metadata = entry.metadata()?;
            found.push((metadata.modified()?, id, metadata.len()));
        }
    }
    found.sort_unstable();
    Ok(found
        .into_iter()
        .map(|(_, id, bytes)| (id, bytes))
        .collect())
}
