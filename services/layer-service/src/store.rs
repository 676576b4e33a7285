//! What layer-service keeps of a scene in Redis, and how it is read back.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sm_bus::{Bus, BusError, Commit, CommitOutcome, Guard, OutgoingEvent, keys, redis};
use sm_common::event::{LayerCreated, LayerDeleted, LayerReordered, LayerUpdated};
use sm_common::id::{LayerId, StreamId};
use sm_common::layer::Layer;
use sm_common::scene::{Scene, SceneDocument};
use sm_common::stream::LayerStatus;
use sm_service_kit::http::RequestContext;

use crate::domain::{Applied, Step};

/// A scene and how its layers do in the picture.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The scene; its layers carry no status.
    pub(crate) scene: Scene,
    pub(crate) statuses: BTreeMap<LayerId, LayerStatus>,
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

/// What is known of a stream's scene.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Scene(Box<Loaded>),
    /// The stream exists, and nobody has ever looked at its scene.
    NoScene,
    /// There is no such stream.
    NoStream,
}

type Fields = Vec<(String, String)>;

/// Reads and writes scenes.
#[derive(Clone, Debug)]
pub(crate) struct SceneStore {
    bus: Bus,
}

impl SceneStore {
    pub(crate) const fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// The scene, its layers and their statuses as they were at one moment, in one round trip.
    pub(crate) async fn load(&self, stream: &StreamId) -> Result<Found, BusError> {
        let (scene_key, layers_key) = (keys::scene(stream), keys::layers(stream));
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("HMGET")
            .arg(&scene_key)
            .arg("revision")
            .arg("doc")
            .cmd("HGETALL")
            .arg(&layers_key)
            .cmd("HGETALL")
            .arg(keys::layer_statuses(stream))
            .cmd("EXISTS")
            .arg(keys::desired(stream));
        let ((revision, document), layers, statuses, exists): (
            (Option<u64>, Option<String>),
            Fields,
            Fields,
            bool,
        ) = self.bus.pipeline(&pipeline).await?;
        let (Some(revision), Some(document)) = (revision, document) else {
            return Ok(if exists {
                Found::NoScene
            } else {
                Found::NoStream
            });
        };
        let document: SceneDocument = read(&scene_key, &document)?;
        let layers = layers.iter().map(|(_, text)| read(&layers_key, text));
        let layers = layers.collect::<Result<Vec<Layer>, _>>()?;
        let scene = document.join(stream.clone(), revision, layers);
        let statuses = statuses.iter().filter_map(read_status).collect();
        Ok(Found::Scene(Box::new(Loaded { scene, statuses })))
    }

    /// Writes what a proposal made of `before`, with its events, in one step. `false` when
    /// somebody else was faster: read again and decide again.
    pub(crate) async fn write(&self, before: &Scene, applied: &Applied) -> Result<bool, BusError> {
        let expected = before.revision.to_string();
        self.commit(Some(&expected), before, applied).await
    }

    /// Writes the first scene of a stream, with its events. `false` when there is one already.
    pub(crate) async fn write_first(&self, applied: &Applied) -> Result<bool, BusError> {
        let nothing = Scene {
            layers: Vec::new(),
            ..applied.scene.clone()
        };
        self.commit(None, &nothing, applied).await
    }

    async fn commit(
        &self,
        expected: Option<&str>,
        before: &Scene,
        applied: &Applied,
    ) -> Result<bool, BusError> {
        let scene = &applied.scene;
        let scene_key = keys::scene(&scene.stream);
        let mut commit = Commit::new()
            .guard(Guard::field(scene_key.clone(), "revision", expected))
            .hash_set(scene_key.clone(), "revision", scene.revision.to_string())
            .hash_set(scene_key, "doc", write(&SceneDocument::of(scene))?);
        let old: BTreeMap<LayerId, &Layer> = by_id(before);
        let new: BTreeMap<LayerId, &Layer> = by_id(scene);
        for (id, layer) in &new {
            if old.get(id) != Some(layer) {
                let field = keys::layer_field(*id);
                commit = commit.hash_set(keys::layers(&scene.stream), &field, write(layer)?);
            }
        }
        for id in old.keys().filter(|id| !new.contains_key(id)) {
            let field = keys::layer_field(*id);
            commit = commit.hash_delete(keys::layers(&scene.stream), &field);
        }
        let events = self.events(applied)?;
        let outcome = self.bus.commit(commit, events).await?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }

    /// The events that tell of each change, in the order of the operations.
    fn events(&self, applied: &Applied) -> Result<Vec<OutgoingEvent>, BusError> {
        let Applied { scene, steps, .. } = applied;
        let (stream, scene_revision) = (&scene.stream, scene.revision);
        let trace = RequestContext::current_traceparent;
        let changes = steps.iter().filter(|step| step.is_change());
        changes
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

fn by_id(scene: &Scene) -> BTreeMap<LayerId, &Layer> {
    scene.layers.iter().map(|layer| (layer.id, layer)).collect()
}

/// A status is the engine's to write: one that this version cannot read is none.
fn read_status((field, text): &(String, String)) -> Option<(LayerId, LayerStatus)> {
    let status: LayerStatus = serde_json::from_str(text)
        .inspect_err(|error| tracing::warn!(layer.id = field, %error, "a status is not readable"))
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
