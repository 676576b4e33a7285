//! What others write and this service reads: the desired state and the scenes that it names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sm_bus::{Bus, BusError, SceneQuery, StoredScene, StoredScenes, Which, keys, redis};
use sm_common::address::SourceUrl;
use sm_common::id::{SceneId, StreamId, VariableName};
use sm_common::layer::{Layer, LayerSource};
use sm_common::scene::{Scene, SceneDocument};
use sm_common::secret::{Secret, SourceSecret};
use sm_common::stream::DesiredState;
use sm_common::variable::VariableValue;
use sm_service_kit::telemetry::follow;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use crate::copies::Copies;

/// Wait before a failed read is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Variables by name.
pub(crate) type Values = BTreeMap<VariableName, VariableValue>;

/// What is wanted of a stream, as far as it is known. It stays known while Redis is away.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) desired: Option<Arc<DesiredState>>,
    /// The scene for the program. Where the wanted one is missing, the one before.
    pub(crate) scene: Option<Arc<Scene>>,
    pub(crate) preview: Option<Arc<Scene>>,
    /// The scene that stands in for the program; `None` stands for the built-in slate.
    pub(crate) slate: Option<Arc<Scene>>,
    /// The stream's variables.
    pub(crate) variables: Arc<Values>,
    /// The scene that is wanted on air and is not there.
    pub(crate) missing: Option<SceneId>,
}

impl Wanted {
    /// A scene that is known, whatever for.
    fn find(&self, id: SceneId) -> Option<&Arc<Scene>> {
        self.scenes().find(|scene| scene.id == id)
    }

    /// Every scene that is known, whatever for.
    pub(crate) fn scenes(&self) -> impl Iterator<Item = &Arc<Scene>> {
        [&self.scene, &self.preview, &self.slate]
            .into_iter()
            .flatten()
    }
}

/// Every stream that stream-control has announced.
pub(crate) async fn announced_streams(bus: &Bus) -> Result<Vec<StreamId>, BusError> {
    let names: Vec<String> = bus.query(redis::cmd("SMEMBERS").arg(keys::STREAMS)).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Keeps [`Wanted`] current.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) bus: Bus,
    pub(crate) stream: StreamId,
    pub(crate) wanted: watch::Sender<Wanted>,
    /// Told when something has changed, with the trace of the change.
    pub(crate) changed: watch::Receiver<Option<String>>,
    /// Longest distance between two looks.
    pub(crate) look: Duration,
    /// What copies the files of scenes to this host, where they are in an object store.
    pub(crate) copies: Option<Copies>,
}

impl Reader {
    /// Reads at once, whenever told of a change, and regularly, until `stop`.
    pub(crate) async fn keep_current(mut self, stop: CancellationToken) {
        let mut span = Span::none();
        let mut copied = self.copies.as_ref().map(Copies::changes);
        while !stop.is_cancelled() {
            let wait = match self.read().instrument(span).await {
                Ok(()) => self.look,
                Err(error) => {
                    let stream = &self.stream;
                    if error.is_unavailable() {
                        tracing::debug!(stream.id = %stream, %error, "what is wanted was not read");
                    } else {
                        tracing::warn!(stream.id = %stream, %error, "what is wanted was not read");
                    }
                    RETRY.min(self.look)
                }
            };
            span = tokio::select! {
                () = tokio::time::sleep(wait) => Span::none(),
                Ok(()) = self.changed.changed() => self.span(),
                () = next_copy(&mut copied) => Span::none(),
                () = stop.cancelled() => Span::none(),
            };
        }
    }

    /// The reading that an event has asked for, as a part of the event's trace.
    fn span(&mut self) -> Span {
        let span = tracing::info_span!(
            "read what is wanted", stream.id = %self.stream, trace_id = tracing::field::Empty
        );
        follow(&span, self.changed.borrow_and_update().as_deref());
        span
    }

    /// Reads the desired state and the scenes that it names, as they are at one moment. Layers of
    /// scenes that have not changed are not read again.
    async fn read(&self) -> Result<(), BusError> {
        let known = self.wanted.borrow().clone();
        let query = SceneQuery {
            desired: true,
            wanted: vec![Which::OnAir, Which::Preview, Which::Slate],
            documents: false,
            known: known
                .scenes()
                .map(|scene| (scene.id, scene.revision))
                .collect(),
            secrets: true,
            variables: true,
        };
        let stored = self.bus.scenes(&self.stream, &query).await?;
        let desired = stored.desired.as_deref();
        let desired = desired
            .map(|text| read_document(keys::desired(&self.stream), text))
            .transpose()?
            .map(Arc::new);
        let missing = stored
            .on_air
            .filter(|scene| !stored.scenes.contains_key(scene));
        let wanted = Wanted {
            desired,
            scene: match missing {
                Some(_) => known.scene.clone(),
                None => self.current(&stored, stored.on_air, &known, known.scene.as_ref()),
            },
            preview: self.current(&stored, stored.preview, &known, None),
            slate: self.current(&stored, stored.slate, &known, known.slate.as_ref()),
            variables: self.variables(&stored, &known),
            missing,
        };
        let wanted = self.with_files(wanted, &known).await;
        self.wanted.send_if_modified(|current| {
            let modified = *current != wanted;
            *current = wanted;
            modified
        });
        Ok(())
    }

    /// Has the files of the scenes copied to this host; a scene whose files are on their way stays as it
    /// was for so long. One of which nothing is known yet is shown as far as it can be.
    async fn with_files(&self, mut wanted: Wanted, known: &Wanted) -> Wanted {
        let Some(copies) = &self.copies else {
            return wanted;
        };
        let scenes = known.scenes().chain(wanted.scenes());
        copies.need(&self.stream, scenes).await;
        for (scene, before) in [
            (&mut wanted.scene, &known.scene),
            (&mut wanted.preview, &known.preview),
            (&mut wanted.slate, &known.slate),
        ] {
            if let (Some(new), Some(before)) = (scene.as_mut(), before)
                && !copies.is_settled(new)
            {
                *new = Arc::clone(before);
            }
        }
        wanted
    }

    /// The variables as they are now, or as they were where this version cannot read them.
    fn variables(&self, stored: &StoredScenes, known: &Wanted) -> Arc<Values> {
        let text = stored.variables.as_deref().unwrap_or("{}");
        match read_document::<Values>(keys::variables(&self.stream), text) {
            Ok(values) => Arc::new(values),
            Err(error) => {
                tracing::warn!(stream.id = %self.stream, %error, "the variables stay as they were");
                Arc::clone(&known.variables)
            }
        }
    }

    /// The scene `id` as it is now. One that this version cannot read must not hold back a
    /// command: then it stays `before`.
    fn current(
        &self,
        stored: &StoredScenes,
        id: Option<SceneId>,
        known: &Wanted,
        before: Option<&Arc<Scene>>,
    ) -> Option<Arc<Scene>> {
        let id = id?;
        let scene = stored.scenes.get(&id)?;
        let unchanged = known
            .find(id)
            .filter(|known| known.revision == scene.revision);
        if let Some(unchanged) = unchanged {
            return Some(Arc::clone(unchanged));
        }
        match self.read_scene(scene, &stored.secrets) {
            Ok(scene) => Some(Arc::new(scene)),
            Err(error) => {
                tracing::warn!(stream.id = %self.stream, scene.id = %id, %error, "the scene stays as it was");
                before.cloned()
            }
        }
    }

    fn read_scene(
        &self,
        scene: &StoredScene,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<Scene, BusError> {
        let layers_key = keys::layers(&self.stream);
        let document: SceneDocument = read_document(keys::scenes(&self.stream), &scene.document)?;
        let mut layers: Vec<Layer> = Vec::new();
        for text in scene.layers.iter().flatten() {
            // One layer that this version cannot read must not hold back the others.
            match read_document::<Layer>(layers_key.clone(), text) {
                Ok(mut layer) => {
                    self.unseal(&mut layer, secrets);
                    layers.push(layer);
                }
                Err(error) => tracing::warn!(stream.id = %self.stream, %error, "layer left out"),
            }
        }
        let scene = document.join(self.stream.clone(), scene.revision, layers);
        Ok(scene.applied())
    }

    /// Gives a network source the secret that it names, if that is for the server that it leads to.
    fn unseal(&self, layer: &mut Layer, secrets: &BTreeMap<String, Secret>) {
        let LayerSource::Network(source) = &mut layer.source else {
            return;
        };
        let Some(id) = source.secret else {
            return;
        };
        let origin = SourceUrl::parse(&source.url).map(|url| url.origin());
        let secret = secrets
            .get(&id.to_string())
            .and_then(|text| serde_json::from_str::<SourceSecret>(text.expose()).ok())
            .filter(|secret| origin.as_deref() == Ok(secret.origin.as_str()));
        if let Some(secret) = secret {
            source.put_plain(secret.text);
        } else {
            tracing::warn!(
                stream.id = %self.stream, layer.id = %layer.id, "the layer's secret is not known"
            );
        }
    }
}

/// Returns when a copy of a file is there or cannot be made; never where none are made.
async fn next_copy(copied: &mut Option<watch::Receiver<()>>) {
    match copied {
        Some(copied) => {
            // Who makes copies lives as long as who waits for them.
            let _told = copied.changed().await;
        }
        None => std::future::pending().await,
    }
}

fn read_document<T: serde::de::DeserializeOwned>(key: String, text: &str) -> Result<T, BusError> {
    serde_json::from_str(text).map_err(|source| BusError::Document { key, source })
}
