use std::collections::BTreeMap;
use std::sync::LazyLock;

use deadpool_redis::redis::{self, Script};
use serde::{Serialize, Serializer};
use sm_common::event::{Channel, Epoch, Position};
use sm_common::id::{SceneId, StreamId};
use sm_common::secret::Secret;

use crate::connection::{Bus, read_document, write_document};
use crate::error::BusError;
use crate::keys;

static SCENES: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/scenes.lua")));

/// Which scene is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The one that is wanted on air.
    OnAir,
    /// The one that is wanted in preview.
    Preview,
    /// The one that stands in for the program.
    Slate,
    /// This one.
    Scene(SceneId),
}

impl Serialize for Which {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::OnAir => serializer.serialize_str("on-air"),
            Self::Preview => serializer.serialize_str("preview"),
            Self::Slate => serializer.serialize_str("slate"),
            Self::Scene(scene) => scene.serialize(serializer),
        }
    }
}

/// What to read of a stream's scenes.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own to the script"
)]
pub struct SceneQuery {
    /// Whether the desired state is read as well. It holds secrets.
    pub desired: bool,
    /// Scenes to read with their layers.
    pub wanted: Vec<Which>,
    /// Whether every other scene, those of drafts and templates included, is read without its layers.
    pub documents: bool,
    /// Revisions that the caller has: the layers of such a scene are left out.
    #[serde(serialize_with = "as_text")]
    pub known: BTreeMap<SceneId, u64>,
    /// Whether the secrets of network sources are read as well.
    pub secrets: bool,
    /// Whether the stream's variables are read as well.
    pub variables: bool,
}

/// As they are stored, so that the script need not read numbers.
fn as_text<S: Serializer>(
    known: &BTreeMap<SceneId, u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        known
            .iter()
            .map(|(scene, revision)| (scene, revision.to_string())),
    )
}

/// When a stream's scenes were read: as long as it is the same, so is everything that was read of scenes,
/// of their layers, of how these do, and of which scene is wanted where. Variables and secrets are not
/// among them.
///
/// It is made of what each commit raises that writes any of these; the epochs tell that Redis has lost what
/// was raised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SceneStamp {
    desired: Option<u64>,
    state_epoch: Option<String>,
    epoch: Option<String>,
    offset: Option<u64>,
    statuses: Option<u64>,
}

/// A scene as it is stored.
#[derive(Clone, Debug)]
pub struct StoredScene {
    /// Its revision.
    pub revision: u64,
    /// Its `SceneDocument`.
    pub document: String,
    /// Its layers in no particular order; `None` where they were not read.
    pub layers: Option<Vec<String>>,
}

/// A stream's scenes, and what is wanted of the stream, at one moment. Documents are text: what
/// an unreadable one means is for the reader to say.
#[derive(Clone, Debug)]
pub struct StoredScenes {
    /// The desired state, where it was asked for.
    pub desired: Option<String>,
    /// Its revision; `None` when there is no such stream.
    pub desired_revision: Option<u64>,
    /// The list's revision; `None` before a version with several scenes has written it.
    pub revision: Option<u64>,
    /// Every scene, in the order that people gave them.
    pub order: Vec<SceneId>,
    /// The `SceneDrafts`, where there are any. A draft is in no list, and found by its identifier.
    pub drafts: Option<String>,
    /// The scene that was made first, of those that are left.
    pub first: Option<SceneId>,
    /// The scene that is wanted on air; it may be gone.
    pub on_air: Option<SceneId>,
    /// The scene that is wanted in preview.
    pub preview: Option<SceneId>,
    /// The scene that stands in for the program.
    pub slate: Option<SceneId>,
    /// The scenes that were asked for, as far as there are such.
    pub scenes: BTreeMap<SceneId, StoredScene>,
    /// How layers do in the picture.
    pub statuses: Vec<String>,
    /// Where `layer-updates` is.
    pub position: Option<Position>,
    /// The secrets of network sources by identifier, where they were asked for: documents, none
    /// of which may be seen.
    pub secrets: BTreeMap<String, Secret>,
    /// The values of the stream's variables, where they were asked for and there are any.
    pub variables: Option<String>,
    /// When all of it was read.
    pub stamp: SceneStamp,
}

type Answer = (
    (
        Option<String>,
        Option<u64>,
        Option<u64>,
        Option<String>,
        Option<String>,
    ),
    [Option<String>; 4],
    (Vec<String>, Vec<u64>, Vec<String>, Vec<Option<Vec<String>>>),
    Vec<String>,
    (Option<String>, Option<u64>),
    BTreeMap<String, String>,
    Option<String>,
    (Option<String>, Option<u64>),
);

type StampAnswer = (
    Option<u64>,
    Option<String>,
    (Option<String>, Option<u64>),
    Option<u64>,
);

impl Bus {
    /// Reads scenes of `stream` in one round trip.
    pub async fn scenes(
        &self,
        stream: &StreamId,
        query: &SceneQuery,
    ) -> Result<StoredScenes, BusError> {
        let mut invocation = SCENES.prepare_invoke();
        invocation
            .key(keys::desired(stream))
            .key(keys::scenes(stream))
            .key(keys::former_scene(stream))
            .key(keys::layers(stream))
            .key(keys::layer_statuses(stream))
            .key(keys::position(stream, Channel::LayerUpdates))
            .key(keys::layer_secrets(stream))
            .key(keys::variables(stream))
            .key(keys::position(stream, Channel::StreamState))
            .key(keys::layer_statuses_revision(stream))
            .arg(write_document(query)?);
        let answer: Answer = self.script(&invocation).await?;
        let (
            (desired, desired_revision, revision, order, drafts),
            [first, on_air, preview, slate],
            (ids, revisions, documents, layers),
            statuses,
            (epoch, offset),
            secrets,
            variables,
            (state_epoch, statuses_revision),
        ) = answer;
        let stamp = SceneStamp {
            desired: desired_revision,
            state_epoch,
            epoch: epoch.clone(),
            offset,
            statuses: statuses_revision,
        };
        let key = keys::scenes(stream);
        let order: Option<Vec<SceneId>> =
            order.map(|order| read_document(&key, &order)).transpose()?;
        let mut scenes = BTreeMap::new();
        let stored = revisions.into_iter().zip(documents).zip(layers);
        for (id, ((revision, document), layers)) in ids.into_iter().zip(stored) {
            let scene = StoredScene {
                revision,
                document,
                layers,
            };
            scenes.insert(identifier(&id)?, scene);
        }
        let identifier = |id: Option<String>| id.as_deref().map(identifier).transpose();
        Ok(StoredScenes {
            desired,
            desired_revision,
            revision,
            order: order.unwrap_or_default(),
            drafts,
            first: identifier(first)?,
            on_air: identifier(on_air)?,
            preview: identifier(preview)?,
            slate: identifier(slate)?,
            scenes,
            statuses,
            position: epoch.zip(offset).map(|(epoch, offset)| Position {
                epoch: Epoch::from(epoch),
                offset,
            }),
            secrets: secrets
                .into_iter()
                .map(|(id, document)| (id, Secret::from(document)))
                .collect(),
            variables,
            stamp,
        })
    }

    /// What the scenes of `stream` would be stamped with if they were read after this was called. It is
    /// far less work for Redis than reading them.
    pub async fn scene_stamp(&self, stream: &StreamId) -> Result<SceneStamp, BusError> {
        // Not at one moment, and need not be: what is raised is never lowered, so a stamp that was read
        // before and is still the same was the same in between.
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("HGET")
            .arg(keys::desired(stream))
            .arg("revision");
        pipeline
            .cmd("HGET")
            .arg(keys::position(stream, Channel::StreamState))
            .arg("epoch");
        pipeline
            .cmd("HMGET")
            .arg(keys::position(stream, Channel::LayerUpdates))
            .arg("epoch")
            .arg("offset");
        pipeline
            .cmd("GET")
            .arg(keys::layer_statuses_revision(stream));
        let (desired, state_epoch, (epoch, offset), statuses): StampAnswer =
            self.pipeline(&pipeline).await?;
        Ok(SceneStamp {
            desired,
            state_epoch,
            epoch,
            offset,
            statuses,
        })
    }
}

fn identifier(text: &str) -> Result<SceneId, BusError> {
    text.parse()
        .map_err(|_not_an_id| BusError::ScriptAnswer { script: "scenes" })
}
