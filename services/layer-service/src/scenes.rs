//! Reads and changes scenes and their list: read, decide, commit for the revision that was read; again when
//! somebody else was faster.

mod capacity;
mod copying;
mod drafts;
mod history;
mod import;
mod list;
mod ready;
mod scheduled;
mod templates;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use sm_bus::{BusError, Which};
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::{AssetId, LayerId, SceneId, SecretId, StreamId};
use sm_common::scene::Scene;
use sm_common::stream::LayerStatus;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

use crate::assets::{Catalog, Inventory};
use crate::config::Config;
use crate::domain::history::{Author, Clash, Deed, Direction, Record};
use crate::domain::{
    Action, Applied, Expected, Faults, ListRefusal, Operation, Proposal, Rejected, Step,
    Surroundings, Vault, apply, demo_layers,
};
use crate::metrics::Metrics;
use crate::store::{Found, Loaded, SceneStore, Uses};

pub(crate) use self::drafts::{DraftApplied, DraftState};
pub(crate) use self::history::{History, StepRequest, Taken};
pub(crate) use self::ready::ReadyScene;
use self::ready::ReadyScenes;
pub(crate) use self::templates::TemplateRefusal;

/// Turns that streams share; more than streams that are edited at the same moment.
const TURNS: usize = 32;
/// Name of a stream's first scene.
const FIRST_SCENE: &str = "Main";

/// Why a scene is not read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SceneError {
    #[error("there is no stream {0}")]
    NoStream(StreamId),
    #[error("there is no scene {0}")]
    NoScene(SceneId),
    #[error("the change was refused")]
    Rejected(Rejected),
    #[error(transparent)]
    List(ListRefusal),
    /// What was to be changed has changed since it was read.
    #[error("it is at revision {current} now; read it again")]
    Stale { current: u64 },
    /// Fields of the body are wrong.
    #[error("the body is not valid")]
    Invalid(Faults),
    /// There is nothing to take back, or to make again.
    #[error("there is no step of yours to {}", match .0 {
        Direction::Undo => "take back",
        Direction::Redo => "make again",
    })]
    NoStep(Direction),
    /// Others have changed since what the step changed.
    #[error("others have changed since what \"{step}\" changed")]
    Clashes { step: String, clashes: Vec<Clash> },
    #[error(transparent)]
    Template(#[from] TemplateRefusal),
    #[error(transparent)]
    Draft(DraftRefusal),
    /// Others have changed in the scene what the draft changes.
    #[error("others have changed in the scene what the draft changes")]
    DraftClashes { clashes: Vec<Clash> },
    /// The host that has the stream on air cannot carry the scene.
    #[error("{0}")]
    Capacity(String),
    /// Nothing was changed.
    #[error("others changed the scene all the time")]
    Contended,
    /// It may have been made nevertheless, as may the next.
    #[error("the change took too long")]
    Slow,
    #[error("Redis did not confirm the change")]
    Unconfirmed(#[source] BusError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Why a draft is not begun or used, or a scene is not changed because of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DraftRefusal {
    #[error("scene {0} has no draft; begin one first")]
    None(SceneId),
    #[error("{user} has begun draft {draft} at {at}; edit, apply or discard it")]
    Exists {
        draft: SceneId,
        user: String,
        at: Timestamp,
    },
    #[error("scene {draft} is a draft of scene {scene}; apply or discard it instead")]
    IsDraft { draft: SceneId, scene: SceneId },
}

/// A change that was made, and the scene after it.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    /// With the engine's status in each layer.
    pub(crate) scene: Scene,
    pub(crate) steps: Vec<Step>,
}

impl Changed {
    fn new(loaded: Loaded, applied: Applied) -> Self {
        let Applied { scene, steps, .. } = applied;
        let scene = Loaded { scene, ..loaded }.joined();
        Self { scene, steps }
    }
}

/// The scenes of all streams. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Scenes {
    config: Config,
    store: SceneStore,
    catalog: Catalog,
    clock: SharedClock,
    metrics: Metrics,
    ready: Arc<ReadyScenes>,
    /// Writers of one stream in this process wait for each other instead of undoing each other's
    /// attempts. Other replicas are met by the revision in the commit.
    turns: Arc<[Mutex<()>; TURNS]>,
}

impl Scenes {
    pub(crate) fn new(
        config: Config,
        store: SceneStore,
        catalog: Catalog,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        let ready = ReadyScenes::new(store.clone(), metrics.clone(), config.scene.kept_max);
        Self {
            config,
            store,
            catalog,
            clock,
            metrics,
            ready: Arc::new(ready),
            turns: Arc::new(std::array::from_fn(|_| Mutex::default())),
        }
    }

    /// A scene of a stream. The first look at a stream's scenes makes the first.
    pub(crate) async fn read(&self, stream: &StreamId, which: Which) -> Result<Loaded, SceneError> {
        let found = match self.store.load(stream, which).await? {
            Found::Scene(loaded) => return Ok(*loaded),
            found @ (Found::NoScene | Found::Former(_)) => {
                self.settle(stream, found).await?;
                self.store.load(stream, which).await?
            }
            found @ (Found::NoStream | Found::NoSuchScene(_)) => found,
        };
        match found {
            Found::Scene(loaded) => Ok(*loaded),
            Found::NoSuchScene(scene) => Err(SceneError::NoScene(scene)),
            Found::NoScene | Found::Former(_) | Found::NoStream => {
                Err(SceneError::NoStream(stream.clone()))
            }
        }
    }

    /// The layers of a scene, ready to be sent.
    pub(crate) async fn ready(
        &self,
        stream: &StreamId,
        which: Which,
    ) -> Result<Arc<ReadyScene>, SceneError> {
        if let Some(ready) = self.ready.find(stream, which).await {
            return Ok(ready);
        }
        let loaded = self.read(stream, which).await?;
        let scene = Arc::new(ReadyScene::new(loaded)?);
        self.ready.keep(stream, which, &scene);
        Ok(scene)
    }

    /// Makes the first scene of a stream, unless it has one: whoever comes first, among all
    /// replicas, does.
    pub(crate) async fn ensure(&self, stream: &StreamId) -> Result<(), SceneError> {
        let found = self.store.load(stream, Which::OnAir).await?;
        self.settle(stream, found).await
    }

    /// Gives a stream a list of scenes, where it has none yet.
    async fn settle(&self, stream: &StreamId, found: Found) -> Result<(), SceneError> {
        match found {
            Found::Scene(_) | Found::NoSuchScene(_) => Ok(()),
            Found::Former(former) => {
                if self.store.adopt(stream, &former).await? {
                    tracing::info!(stream.id = %stream, "the stream's scene is the first of a list now");
                }
                Ok(())
            }
            Found::NoScene | Found::NoStream => self.make_first(stream).await,
        }
    }

    async fn make_first(&self, stream: &StreamId) -> Result<(), SceneError> {
        let empty = Scene {
            id: SceneId::generate(),
            stream: stream.clone(),
            name: FIRST_SCENE.to_owned(),
            revision: 0,
            updated_at: self.clock.now(),
            layers: Vec::new(),
            groups: Vec::new(),
        };
        let mut proposal = Proposal::default();
        if self.config.demo.seed && self.config.stream.ids.contains(stream) {
            for layer in demo_layers() {
                let id = LayerId::generate();
                let one = Proposal::of(Action::Create { id, layer });
                proposal.operations.extend(one.operations);
            }
        }
        let surroundings =
            self.surroundings(Inventory::default(), BTreeMap::new(), &BTreeMap::new());
        let first = apply(empty, &proposal, &surroundings).map_err(SceneError::Rejected)?;
        if self.store.write_first(&first).await? {
            tracing::info!(stream.id = %stream, layers = first.scene.layers.len(), "first scene");
        }
        Ok(())
    }

    /// Makes a change, whole or not at all.
    pub(crate) async fn change(
        &self,
        stream: &StreamId,
        which: Which,
        proposal: &Proposal,
        author: &Author,
    ) -> Result<Changed, SceneError> {
        let attempt = Box::pin(self.attempt(stream, which, proposal, author));
        self.in_turn(stream, attempt).await
    }

    /// Makes a change when it is its turn, within the time that a change may take.
    async fn in_turn<T>(
        &self,
        stream: &StreamId,
        change: impl Future<Output = Result<T, SceneError>>,
    ) -> Result<T, SceneError> {
        let deadline = Instant::now() + self.config.scene.write_timeout();
        let _turn = timeout_at(deadline, self.turn(stream))
            .await
            .map_err(|_elapsed| SceneError::Contended)?;
        timeout_at(deadline, change)
            .await
            .unwrap_or(Err(SceneError::Slow))
    }

    async fn attempt(
        &self,
        stream: &StreamId,
        which: Which,
        proposal: &Proposal,
        author: &Author,
    ) -> Result<Changed, SceneError> {
        let secrets: Vec<SecretId> = proposal
            .operations
            .iter()
            .filter_map(Operation::secret)
            .collect();
        let origins = self.store.secret_origins(stream, &secrets).await?;
        for _ in 0..self.config.scene.attempts_max {
            let loaded = self.read(stream, which).await?;
            let operations = proposal.operations.iter();
            let named: Vec<AssetId> = operations
                .flat_map(|operation| operation.assets(&loaded.scene.layers))
                .collect();
            let assets = self.catalog.find(&named).await?;
            let applied = self.judge(&loaded, proposal, &assets, &origins).await?;
            let before = &loaded.scene;
            let record = match Record::of_change(before, &applied, author, Deed::Change, None) {
                Some(record) => Some(self.join(before, record).await?),
                None => None,
            };
            if self
                .write(before, &applied, &assets, record.as_ref())
                .await?
            {
                self.metrics.count_changes(&applied);
                return Ok(Changed::new(loaded, applied));
            }
            self.metrics.count_conflict();
        }
        Err(SceneError::Contended)
    }

    /// What a proposal makes of a scene, if rules and host allow it.
    async fn judge(
        &self,
        loaded: &Loaded,
        proposal: &Proposal,
        assets: &Inventory,
        origins: &BTreeMap<SecretId, String>,
    ) -> Result<Applied, SceneError> {
        let before = &loaded.scene;
        let surroundings = self.surroundings(assets.clone(), origins.clone(), &loaded.statuses);
        let applied =
            apply(before.clone(), proposal, &surroundings).map_err(SceneError::Rejected)?;
        if loaded.on_air {
            self.check_capacity(before, &applied.scene).await?;
        }
        Ok(applied)
    }

    /// `false` when somebody else was faster.
    async fn write(
        &self,
        before: &Scene,
        applied: &Applied,
        assets: &Inventory,
        record: Option<&Record>,
    ) -> Result<bool, SceneError> {
        if !applied.is_change() {
            return Ok(true);
        }
        let now = self.clock.now();
        if !applied.taken.is_empty() && !self.catalog.claim(assets, &applied.taken, now).await? {
            return Ok(false);
        }
        let written = self.store.write(before, applied, record).await;
        written.map_err(SceneError::Unconfirmed)
    }

    /// Where files are used, in all scenes of all streams.
    pub(crate) async fn uses(&self) -> Result<Uses, BusError> {
        let mut streams: BTreeSet<StreamId> = self.config.stream.ids.iter().cloned().collect();
        streams.extend(self.store.streams().await?);
        let mut uses = Uses::new();
        for stream in &streams {
            self.store.add_uses(stream, &mut uses).await?;
        }
        Ok(uses)
    }

    /// Forgets secrets that no layer has named for long.
    pub(crate) async fn forget_secrets(&self) -> Result<(), BusError> {
        let mut streams: BTreeSet<StreamId> = self.config.stream.ids.iter().cloned().collect();
        streams.extend(self.store.streams().await?);
        let (keep, now) = (self.config.sources.secrets_keep(), self.clock.now());
        for stream in &streams {
            let forgotten = self.store.forget_secrets(stream, keep, now).await?;
            if forgotten > 0 {
                tracing::info!(stream.id = %stream, forgotten, "secrets that no layer names");
            }
        }
        Ok(())
    }

    fn surroundings(
        &self,
        assets: Inventory,
        origins: BTreeMap<SecretId, String>,
        statuses: &BTreeMap<LayerId, LayerStatus>,
    ) -> Surroundings {
        let assets = assets.assets.into_iter();
        let playing = statuses.iter();
        let playing = playing.filter_map(|(layer, status)| Some((*layer, status.playback?)));
        Surroundings {
            canvas: self.config.scene.canvas(),
            layers_max: self.config.scene.layers_max,
            groups_max: self.config.scene.groups_max,
            assets: assets.map(|(id, asset)| (id, asset.kind)).collect(),
            network: self.config.sources.policy(),
            playing: playing.collect(),
            vault: Vault {
                origins,
                draw: SecretId::generate,
            },
            now: self.clock.now(),
        }
    }

    async fn turn(&self, stream: &StreamId) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        stream.hash(&mut hasher);
        let place = usize::try_from(hasher.finish()).unwrap_or_default();
        match self.turns.get(place.checked_rem(TURNS)?) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }
}

/// The revision that the caller has read must be the one that is there.
fn holds(expected: &Expected, current: u64) -> Result<(), SceneError> {
    if expected.is(current) {
        Ok(())
    } else {
        Err(SceneError::Stale { current })
    }
}
