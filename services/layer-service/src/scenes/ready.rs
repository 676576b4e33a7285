//! Scenes whose layers are ready to be sent, so that reading them costs neither Redis nor this process much
//! work.
//!
//! A reader never gets an older scene than Redis has: each asks whether the kept one still is the one, and
//! those who come while a question is under way share the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use actix_web::web::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use sm_bus::{BusError, SceneStamp, Which};
use sm_common::id::StreamId;
use sm_common::scene::LayerList;

use crate::metrics::{Metrics, Read};
use crate::store::{Found, Loaded, SceneStore};

/// A scene's layers with how they do in the picture.
#[derive(Debug)]
pub(crate) struct ReadyScene {
    stamp: SceneStamp,
    pub(crate) list: LayerList,
    /// The list as JSON.
    pub(crate) body: Bytes,
}

impl ReadyScene {
    pub(super) fn new(loaded: Loaded) -> Result<Self, BusError> {
        let stamp = *loaded.stamp.clone();
        let list = LayerList::from(loaded.joined());
        let body = serde_json::to_vec(&list).map_err(BusError::Encode)?;
        Ok(Self {
            stamp,
            list,
            body: body.into(),
        })
    }
}

type Key = (StreamId, Which);

/// The scene as it is now; `None` where that must be found out, and told, by somebody else.
type Answer = Shared<BoxFuture<'static, Option<Arc<ReadyScene>>>>;

/// Kept scenes, of which those that were read least lately go first.
#[derive(Debug)]
pub(super) struct ReadyScenes {
    store: SceneStore,
    metrics: Metrics,
    kept_max: usize,
    kept: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    scenes: BTreeMap<Key, (Arc<Place>, u64)>,
    reads: u64,
}

/// Where one scene is kept.
struct Place {
    key: Key,
    store: SceneStore,
    metrics: Metrics,
    scene: Mutex<Arc<ReadyScene>>,
    /// Held by who asks.
    turn: tokio::sync::Mutex<()>,
    /// What is asked next: those who join it came before it is asked.
    next: Mutex<Option<Answer>>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl ReadyScenes {
    pub(super) fn new(store: SceneStore, metrics: Metrics, kept_max: usize) -> Self {
        Self {
            store,
            metrics,
            kept_max,
            kept: Mutex::default(),
        }
    }

    /// A kept scene, if it is the one that Redis has, or the one that Redis has instead.
    pub(super) async fn find(&self, stream: &StreamId, which: Which) -> Option<Arc<ReadyScene>> {
        let answer = self.place(&(stream.clone(), which))?.ask();
        answer.await
    }

    /// Keeps a scene that was read.
    pub(super) fn keep(&self, stream: &StreamId, which: Which, scene: &Arc<ReadyScene>) {
        self.metrics.count_read(Read::Loaded);
        if self.kept_max == 0 {
            return;
        }
        let key = (stream.clone(), which);
        let place = Place {
            key: key.clone(),
            store: self.store.clone(),
            metrics: self.metrics.clone(),
            scene: Mutex::new(Arc::clone(scene)),
            turn: tokio::sync::Mutex::default(),
            next: Mutex::default(),
        };
        let mut known = lock(&self.kept);
        if known.scenes.len() >= self.kept_max && !known.scenes.contains_key(&key) {
            let oldest = known.scenes.iter().min_by_key(|(_, (_, last))| *last);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                known.scenes.remove(&oldest);
            }
        }
        known.reads = known.reads.saturating_add(1);
        let reads = known.reads;
        known.scenes.insert(key, (Arc::new(place), reads));
    }

    fn place(&self, key: &Key) -> Option<Arc<Place>> {
        let mut known = lock(&self.kept);
        known.reads = known.reads.saturating_add(1);
        let reads = known.reads;
        let (place, last) = known.scenes.get_mut(key)?;
        *last = reads;
        Some(Arc::clone(place))
    }
}

impl Place {
    /// Joins the question that is asked next.
    fn ask(self: &Arc<Self>) -> Answer {
        let mut next = lock(&self.next);
        if let Some(next) = next.as_ref() {
            return next.clone();
        }
        let place: Weak<Self> = Arc::downgrade(self);
        let answer = async move {
            let place = place.upgrade()?;
            let _turn = place.turn.lock().await;
            // Whoever comes from now on may know of something newer.
            lock(&place.next).take();
            place.current().await
        };
        let answer = answer.boxed().shared();
        *next = Some(answer.clone());
        answer
    }

    async fn current(&self) -> Option<Arc<ReadyScene>> {
        let (stream, which) = &self.key;
        let kept = Arc::clone(&lock(&self.scene));
        let stamp = self.store.stamp(stream).await.ok()?;
        if kept.stamp == stamp {
            self.metrics.count_read(Read::Kept);
            return Some(kept);
        }
        let Found::Scene(loaded) = self.store.load(stream, *which).await.ok()? else {
            return None;
        };
        let scene = Arc::new(ReadyScene::new(*loaded).ok()?);
        self.metrics.count_read(Read::Loaded);
        *lock(&self.scene) = Arc::clone(&scene);
        Some(scene)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
