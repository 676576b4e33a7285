//! What others write and this service reads: the desired state and the scene.

use std::sync::Arc;
use std::time::Duration;

use sm_bus::{Bus, BusError, keys, redis};
use sm_common::id::StreamId;
use sm_common::layer::Layer;
use sm_common::scene::{Scene, SceneDocument};
use sm_common::stream::DesiredState;
use sm_service_kit::telemetry::follow;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

/// Wait before a failed read is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// What is wanted of a stream, as far as it is known. It stays known while Redis is away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) desired: Option<Arc<DesiredState>>,
    pub(crate) scene: Option<Arc<Scene>>,
}

/// Revision and document of the scene, and its layers by identifier.
type SceneAnswer = ((Option<u64>, Option<String>), Vec<(String, String)>);

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
}

impl Reader {
    /// Reads at once, whenever told of a change, and regularly, until `stop`.
    pub(crate) async fn keep_current(mut self, stop: CancellationToken) {
        let mut span = Span::none();
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

    /// Reads the desired state, and the scene where it has another revision than the known one.
    async fn read(&self) -> Result<(), BusError> {
        let known = self.wanted.borrow().clone();
        let (desired_key, scene_key) = (keys::desired(&self.stream), keys::scene(&self.stream));
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGET").arg(&desired_key).arg("doc");
        pipeline
            .cmd("HMGET")
            .arg(&scene_key)
            .arg("revision")
            .arg("doc");
        let (desired, (revision, document)): (Option<String>, (Option<u64>, Option<String>)) =
            self.bus.pipeline(&pipeline).await?;
        let desired = desired
            .map(|text| read_document(desired_key, &text))
            .transpose()?
            .map(Arc::new);
        let scene = match self.current_scene(&known, revision, document).await {
            // A scene that this version cannot read must not hold back a command.
            Err(error) if !error.is_unavailable() => {
                tracing::warn!(stream.id = %self.stream, %error, "the scene stays as it was");
                known.scene
            }
            read => read?,
        };
        self.wanted.send_if_modified(|wanted| {
            let modified = wanted.desired != desired || wanted.scene != scene;
            *wanted = Wanted { desired, scene };
            modified
        });
        Ok(())
    }

    /// The scene, read anew when it is another one or has another revision than the known one.
    async fn current_scene(
        &self,
        known: &Wanted,
        revision: Option<u64>,
        document: Option<String>,
    ) -> Result<Option<Arc<Scene>>, BusError> {
        let document: Option<SceneDocument> = document
            .map(|text| read_document(keys::scene(&self.stream), &text))
            .transpose()?;
        let current = document.map(|document| document.id).zip(revision);
        let known = known.scene.as_ref();
        if current == known.map(|scene| (scene.id, scene.revision)) {
            return Ok(known.cloned());
        }
        Ok(self.read_scene().await?.map(Arc::new))
    }

    /// Scene and layers of one moment.
    async fn read_scene(&self) -> Result<Option<Scene>, BusError> {
        let (scene_key, layers_key) = (keys::scene(&self.stream), keys::layers(&self.stream));
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline
            .cmd("HMGET")
            .arg(&scene_key)
            .arg("revision")
            .arg("doc");
        pipeline.cmd("HGETALL").arg(&layers_key);
        let ((revision, document), fields): SceneAnswer = self.bus.pipeline(&pipeline).await?;
        let (Some(revision), Some(document)) = (revision, document) else {
            return Ok(None);
        };
        let document: SceneDocument = read_document(scene_key, &document)?;
        let mut layers: Vec<Layer> = Vec::new();
        for (_, text) in fields {
            // One layer that this version cannot read must not hold back the others.
            match read_document::<Layer>(layers_key.clone(), &text) {
                Ok(layer) => layers.push(layer),
                Err(error) => tracing::warn!(stream.id = %self.stream, %error, "layer left out"),
            }
        }
        Ok(Some(document.join(self.stream.clone(), revision, layers)))
    }
}

fn read_document<T: serde::de::DeserializeOwned>(key: String, text: &str) -> Result<T, BusError> {
    serde_json::from_str(text).map_err(|source| BusError::Document { key, source })
}
