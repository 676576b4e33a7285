//! What layer-service keeps of scenes in Redis, and how it is read back.
//!
//! The list of scenes and their documents are one hash, the layers of all scenes another: a scene
//! is read with its layers in one round trip, whichever it is, and a change of a layer writes that
//! layer alone.

mod drafts;
mod history;
mod hosted;
mod list;
mod schedules;
mod secrets;
mod templates;
mod uses;
mod variables;

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sm_bus::{
    Bus, BusError, Commit, CommitOutcome, Guard, ListBounds, OutgoingEvent, SceneQuery, SceneStamp,
    StoredScenes, Which, keys, redis,
};
use sm_common::event::{
    GroupCreated, GroupDeleted, GroupUpdated, LayerCreated, LayerDeleted, LayerReordered,
    LayerUpdated,
};
use sm_common::id::{LayerId, SceneId, StreamId};
use sm_common::layer::Layer;
use sm_common::scene::{Scene, SceneDocument};
use sm_common::stream::LayerStatus;
use sm_service_kit::http::RequestContext;

pub(crate) use self::drafts::{Drafts, Ending};
pub(crate) use self::history::{NextSteps, Page};
pub(crate) use self::hosted::Hosted;
pub(crate) use self::list::{FoundList, LoadedList, NewScene};
pub(crate) use self::schedules::Kept;
pub(crate) use self::templates::Templates;
pub(crate) use self::uses::Uses;
use crate::config::SceneConfig;
use crate::domain::history::Record;
use crate::domain::{Applied, Step};

/// A scene and how its layers do in the picture.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The scene; its layers carry no status.
    pub(crate) scene: Scene,
    pub(crate) statuses: BTreeMap<LayerId, LayerStatus>,
    /// Whether it is the scene that is wanted on air.
    pub(crate) on_air: bool,
    /// Whether it is in the list of scenes; drafts and templates are not.
    pub(crate) listed: bool,
    /// The drafts of the stream's scenes.
    pub(crate) drafts: Box<Drafts>,
    /// When it was read.
    pub(crate) stamp: Box<SceneStamp>,
}

impl Loaded {
    /// The scene with the engine's status in each layer.
    pub(crate) fn joined(mut self) -> Scene {
        for layer in &mut self.scene.layers {
            layer.status = self.statuses.remove(&layer.id);
        }
        self.scene
    }
}

/// What is known of one of a stream's scenes.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Scene(Box<Loaded>),
    /// The stream has scenes, but not this one.
    NoSuchScene(SceneId),
    /// The stream has its one scene in the form of former versions.
    Former(Former),
    /// The stream exists, and nobody has ever looked at its scenes.
    NoScene,
    /// There is no such stream.
    NoStream,
}

/// A stream's one scene in the form of former versions. Its layers are where they were.
#[derive(Clone, Debug)]
pub(crate) struct Former {
    id: SceneId,
    revision: u64,
    document: String,
}

/// Reads and writes scenes.
#[derive(Clone, Debug)]
pub(crate) struct SceneStore {
    bus: Bus,
    /// Of the steps of one person in one scene.
    history: ListBounds,
    /// Changes of one scene that are listed.
    listed_max: usize,
}

impl SceneStore {
    pub(crate) const fn new(bus: Bus, config: &SceneConfig) -> Self {
        Self {
            bus,
            history: config.history_bounds(),
            listed_max: config.history_listed_max,
        }
    }

    /// A scene, its layers and their statuses as they were at one moment, in one round trip.
    pub(crate) async fn load(&self, stream: &StreamId, which: Which) -> Result<Found, BusError> {
        let query = SceneQuery {
            wanted: vec![which],
            ..SceneQuery::default()
        };
        let mut stored = self.bus.scenes(stream, &query).await?;
        if let Some(missing) = unsettled(&mut stored) {
            return Ok(missing);
        }
        let wanted = match which {
            Which::OnAir => stored.on_air,
            Which::Preview => stored.preview,
            Which::Slate => stored.slate,
            Which::Scene(scene) => Some(scene),
        };
        let Some(wanted) = wanted else {
            return Ok(Found::NoScene);
        };
        let Some(scene) = stored.scenes.remove(&wanted) else {
            return Ok(Found::NoSuchScene(wanted));
        };
        let document: SceneDocument = read(&keys::scenes(stream), &scene.document)?;
        let layers_key = keys::layers(stream);
        let layers = scene.layers.iter().flatten();
        let layers = layers.map(|text| read(&layers_key, text));
        let layers = layers.collect::<Result<Vec<Layer>, _>>()?;
        let scene = document.join(stream.clone(), scene.revision, layers);
        let statuses = stored.statuses.iter().filter_map(|text| read_status(text));
        Ok(Found::Scene(Box::new(Loaded {
            scene,
            statuses: statuses.collect(),
            on_air: stored.on_air == Some(wanted),
            listed: stored.order.contains(&wanted),
            drafts: Box::new(Drafts::read(stream, stored.drafts)?),
            stamp: Box::new(stored.stamp),
        })))
    }

    /// When scenes would be read now.
    pub(crate) async fn stamp(&self, stream: &StreamId) -> Result<SceneStamp, BusError> {
        self.bus.scene_stamp(stream).await
    }

    /// Writes what a proposal made of `before`, with its events, in one step. `false` when
    /// somebody else was faster: read again and decide again.
    pub(crate) async fn write(
        &self,
        before: &Scene,
        applied: &Applied,
        record: Option<&Record>,
    ) -> Result<bool, BusError> {
        let commit = self.plan(Commit::new(), before, applied, record)?;
        self.committed(commit, self.events(applied)?).await
    }

    /// Adds to a commit what a proposal made of `before`.
    fn plan(
        &self,
        commit: Commit,
        before: &Scene,
        applied: &Applied,
        record: Option<&Record>,
    ) -> Result<Commit, BusError> {
        let guard = scene_guard(before);
        let commit = write_scene(commit.guard(guard), before, &applied.scene)?;
        let commit = write_secrets(commit, applied)?;
        let mut commit = secrets::let_go(commit, before, &applied.scene);
        if let Some(record) = record {
            commit = self.write_history(commit, &applied.scene, record)?;
        }
        Ok(commit)
    }

    /// Writes the first scene of a stream, with the events of its layers. `false` when there is
    /// one already.
    pub(crate) async fn write_first(&self, applied: &Applied) -> Result<bool, BusError> {
        let scene = &applied.scene;
        let former = keys::former_scene(&scene.stream);
        let commit = Commit::new()
            .guard(Guard::field(keys::scenes(&scene.stream), "revision", None))
            .guard(Guard::field(former, "revision", None));
        let commit = begin_list(commit, &scene.stream, scene.id)?;
        let commit = write_scene(commit, &without_layers(scene), scene)?;
        let commit = write_secrets(commit, applied)?;
        self.committed(commit, self.events(applied)?).await
    }

    /// Makes the one scene of former versions the first of the list. What it was kept in stays,
    /// unread from now on: an engine of a former version still shows it until it is replaced.
    pub(crate) async fn adopt(&self, stream: &StreamId, former: &Former) -> Result<bool, BusError> {
        let key = keys::scenes(stream);
        let revision = former.revision.to_string();
        let guard = Guard::field(keys::former_scene(stream), "revision", Some(&revision));
        let commit = Commit::new()
            .guard(Guard::field(key.clone(), "revision", None))
            .guard(guard);
        let commit = begin_list(commit, stream, former.id)?
            .hash_set(
                key.clone(),
                &keys::scene_revision_field(former.id),
                revision,
            )
            .hash_set(
                key,
                &keys::scene_document_field(former.id),
                former.document.clone(),
            );
        self.committed(commit, Vec::new()).await
    }

    async fn committed(
        &self,
        commit: Commit,
        events: Vec<OutgoingEvent>,
    ) -> Result<bool, BusError> {
        let outcome = self.bus.commit(commit, events).await?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }

    /// The events that tell of each change, in the order of the operations.
    fn events(&self, applied: &Applied) -> Result<Vec<OutgoingEvent>, BusError> {
        let scene = &applied.scene;
        let (stream, scene_revision) = (&scene.stream, scene.revision);
        let trace = RequestContext::current_traceparent;
        applied
            .changes()
            .map(|step| match step {
                Step::Created { layer, index } => {
                    let created = LayerCreated {
                        layer: layer.clone(),
                        index: *index,
                        scene_revision,
                    };
                    self.bus.event(stream, &created, trace())
                }
                Step::Updated { layer, changed } => {
                    let updated = LayerUpdated {
                        layer: layer.clone(),
                        changed: changed.clone(),
                        scene_revision,
                    };
                    self.bus.event(stream, &updated, trace())
                }
                Step::Deleted { layer } => {
                    let deleted = LayerDeleted {
                        layer: *layer,
                        scene: scene.id,
                        scene_revision,
                    };
                    self.bus.event(stream, &deleted, trace())
                }
                Step::Reordered { order, .. } => {
                    let reordered = LayerReordered {
                        scene: scene.id,
                        order: order.clone(),
                        scene_revision,
                    };
                    self.bus.event(stream, &reordered, trace())
                }
                Step::Grouped { group } => {
                    let created = GroupCreated {
                        group: group.clone(),
                        scene_revision,
                    };
                    self.bus.event(stream, &created, trace())
                }
                Step::Regrouped { group, changed } => {
                    let updated = GroupUpdated {
                        group: group.clone(),
                        changed: changed.clone(),
                        scene_revision,
                    };
                    self.bus.event(stream, &updated, trace())
                }
                Step::Ungrouped { group } => {
                    let deleted = GroupDeleted {
                        group: *group,
                        scene: scene.id,
                        scene_revision,
                    };
                    self.bus.event(stream, &deleted, trace())
                }
            })
            .collect()
    }

    /// Every stream that may have a scene, beside the configured ones.
    pub(crate) async fn streams(&self) -> Result<Vec<StreamId>, BusError> {
        let names: Vec<String> = self
            .bus
            .query(redis::cmd("SMEMBERS").arg(keys::STREAMS))
            .await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}

/// What has to happen before the list of scenes can be used; `None` when it can.
fn unsettled(stored: &mut StoredScenes) -> Option<Found> {
    if stored.revision.is_some() {
        return None;
    }
    let former = stored.first.and_then(|id| {
        // Only the one scene of former versions can be found without a list.
        let scene = stored.scenes.remove(&id)?;
        Some(Former {
            id,
            revision: scene.revision,
            document: scene.document,
        })
    });
    Some(match (former, stored.desired_revision) {
        (Some(former), _) => Found::Former(former),
        (None, Some(_)) => Found::NoScene,
        (None, None) => Found::NoStream,
    })
}

/// The scene is as it was read.
fn scene_guard(scene: &Scene) -> Guard {
    let field = keys::scene_revision_field(scene.id);
    let revision = scene.revision.to_string();
    Guard::field(keys::scenes(&scene.stream), &field, Some(&revision))
}

/// A list of one scene.
fn begin_list(commit: Commit, stream: &StreamId, scene: SceneId) -> Result<Commit, BusError> {
    let key = keys::scenes(stream);
    Ok(commit
        .hash_set(key.clone(), "revision", "1")
        .hash_set(key.clone(), "order", write(&[scene])?)
        .hash_set(key, "first", scene.to_string()))
}

/// Writes what makes `scene` differ from `before`.
fn write_scene(mut commit: Commit, before: &Scene, scene: &Scene) -> Result<Commit, BusError> {
    let (scenes_key, layers_key) = (keys::scenes(&scene.stream), keys::layers(&scene.stream));
    let revision = scene.revision.to_string();
    commit = commit
        .hash_set(
            scenes_key.clone(),
            &keys::scene_revision_field(scene.id),
            revision,
        )
        .hash_set(
            scenes_key,
            &keys::scene_document_field(scene.id),
            write(&SceneDocument::of(scene))?,
        );
    let old: BTreeMap<LayerId, &Layer> = by_id(before);
    let new: BTreeMap<LayerId, &Layer> = by_id(scene);
    for (id, layer) in &new {
        if old.get(id) != Some(layer) {
            commit = commit.hash_set(layers_key.clone(), &keys::layer_field(*id), write(layer)?);
        }
    }
    for id in old.keys().filter(|id| !new.contains_key(id)) {
        commit = commit.hash_delete(layers_key.clone(), &keys::layer_field(*id));
    }
    Ok(commit)
}

/// Removes a scene with its layers and the list of their changes, as they were read.
fn remove_scene(commit: Commit, scene: &Scene) -> Commit {
    let (stream, id) = (&scene.stream, scene.id);
    let mut commit = commit
        .guard(scene_guard(scene))
        .hash_delete(keys::scenes(stream), &keys::scene_revision_field(id))
        .hash_delete(keys::scenes(stream), &keys::scene_document_field(id));
    for layer in by_id(scene).keys() {
        commit = commit.hash_delete(keys::layers(stream), &keys::layer_field(*layer));
    }
    commit.write("DEL", keys::layer_history(stream, id), Vec::new())
}

/// Writes the secrets that layers name from now on.
fn write_secrets(mut commit: Commit, applied: &Applied) -> Result<Commit, BusError> {
    let key = keys::layer_secrets(&applied.scene.stream);
    for (id, secret) in &applied.sealed {
        commit = commit.hash_set(key.clone(), &id.to_string(), write(secret)?);
    }
    Ok(commit)
}

fn without_layers(scene: &Scene) -> Scene {
    Scene {
        layers: Vec::new(),
        groups: Vec::new(),
        ..scene.clone()
    }
}

fn by_id(scene: &Scene) -> BTreeMap<LayerId, &Layer> {
    scene.layers.iter().map(|layer| (layer.id, layer)).collect()
}

/// A status is the engine's to write: one that this version cannot read is none.
fn read_status(text: &str) -> Option<(LayerId, LayerStatus)> {
    let status: LayerStatus = serde_json::from_str(text)
        .inspect_err(|error| tracing::warn!(%error, "a status is not readable"))
        .ok()?;
    Some((status.layer, status))
}

/// Reads a stored document.
pub(crate) fn read<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, BusError> {
    serde_json::from_str(text).map_err(|source| BusError::Document {
        key: key.to_owned(),
        source,
    })
}

/// Writes a document to be stored.
pub(crate) fn write<T: Serialize>(value: &T) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(BusError::Encode)
}
