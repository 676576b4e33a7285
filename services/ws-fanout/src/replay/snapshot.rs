//! The current value of each channel, read together with its position.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sm_bus::{BusError, Published, SceneQuery, Which, keys, redis};
use sm_common::alert::Alert;
use sm_common::chat::ChatLog;
use sm_common::event::{Channel, Epoch, Payload, Position};
use sm_common::id::{LayerId, StreamId};
use sm_common::layer::Layer;
use sm_common::performance::MetricsSample;
use sm_common::scene::{LayerList, SceneDocument};
use sm_common::stream::{DesiredState, LayerStatus, ObservedState, StreamState};

use super::{Replay, ReplayError};
use crate::chat::events_for;

/// A value and the position it stands for; no position where the history has not begun, or has
/// gone on while it was read.
type Reading = (Value, Option<Position>);

/// An epoch and an offset, as Redis answers.
type PositionAnswer = (Option<String>, Option<u64>);
/// Desired state, observed state, position.
type StateAnswer = (Option<String>, Option<String>, PositionAnswer);

impl Replay {
    /// What `GET /api/stream/state` answers. The documents and the position are of one moment:
    /// both are written in one step, and read in one.
    pub(super) async fn stream_state(&self, stream: &StreamId) -> Result<Reading, ReplayError> {
        let (desired_key, observed_key) = (keys::desired(stream), keys::observed(stream));
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("HGET").arg(&desired_key).arg("doc");
        pipeline.cmd("GET").arg(&observed_key);
        ask_position(&mut pipeline, stream, Channel::StreamState);
        let (desired, observed, position): StateAnswer = self.bus.pipeline(&pipeline).await?;
        let desired = desired.ok_or_else(|| ReplayError::UnknownStream(stream.clone()))?;
        let desired: DesiredState = read(&desired_key, &desired)?;
        let observed = match observed {
            Some(text) => read(&observed_key, &text)?,
            None => ObservedState::never_held(stream.clone(), desired.since),
        };
        let state = StreamState::join(&desired, observed);
        Ok((write(&state)?, read_position(position)))
    }

    /// The scene that is wanted on air and its layers, with how they do in the picture; null before
    /// the stream has a scene.
    pub(super) async fn scene(&self, stream: &StreamId) -> Result<Reading, ReplayError> {
        let query = SceneQuery {
            wanted: vec![Which::OnAir],
            ..SceneQuery::default()
        };
        let mut stored = self.bus.scenes(stream, &query).await?;
        let scene = stored.on_air.and_then(|id| stored.scenes.remove(&id));
        let Some(scene) = scene else {
            if stored.desired_revision.is_some() {
                return Ok((Value::Null, stored.position));
            }
            return Err(ReplayError::UnknownStream(stream.clone()));
        };
        let (layers_key, statuses_key) = (keys::layers(stream), keys::layer_statuses(stream));
        let document: SceneDocument = read(&keys::scenes(stream), &scene.document)?;
        let layers = scene.layers.iter().flatten();
        let layers = layers.map(|text| read(&layers_key, text));
        let layers = layers.collect::<Result<Vec<Layer>, _>>()?;
        let statuses = stored.statuses.iter().map(|text| read(&statuses_key, text));
        let statuses = statuses.collect::<Result<Vec<LayerStatus>, _>>()?;
        let layers = with_status(layers, statuses);
        let scene = document.join(stream.clone(), scene.revision, layers);
        Ok((write(&LayerList::from(scene))?, stored.position))
    }

    /// The newest sample; null before the first.
    pub(super) async fn latest_sample(&self, stream: &StreamId) -> Result<Reading, ReplayError> {
        let (samples, position) = self
            .newest::<MetricsSample>(stream, Channel::Metrics, 1)
            .await?;
        let newest = samples.into_iter().next_back().unwrap_or_default();
        Ok((newest, position))
    }

    /// The newest messages, oldest first.
    pub(super) async fn latest_messages(&self, stream: &StreamId) -> Result<Reading, ReplayError> {
        let count = self.chat_messages.max(1);
        let (newest, position) = self
            .newest_events(stream, Channel::Chat, events_for(count))
            .await?;
        let mut log = ChatLog::new(count);
        for published in &newest {
            if let Err(error) = log.take(&published.event) {
                let offset = published.offset;
                tracing::warn!(stream.id = %stream, offset, %error, "left out of the chat");
            }
        }
        let messages: Vec<_> = log.messages().collect();
        Ok((write(&messages)?, position))
    }

    /// The alerts that fire, the oldest first. They and the position are of one moment: both are
    /// written in one step, and read in one.
    pub(super) async fn firing(&self, stream: &StreamId) -> Result<Reading, ReplayError> {
        self.require_stream(stream).await?;
        let key = keys::alerts(stream);
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("HVALS").arg(&key);
        ask_position(&mut pipeline, stream, Channel::Alerts);
        let (texts, position): (Vec<String>, PositionAnswer) = self.bus.pipeline(&pipeline).await?;
        let alerts = texts.iter().map(|text| read(&key, text));
        let mut alerts = alerts.collect::<Result<Vec<Alert>, _>>()?;
        alerts.sort_by_key(|alert| (alert.fired_at, alert.id));
        Ok((write(&alerts)?, read_position(position)))
    }

    /// The newest payloads of type `P`. The last entry of a history is where its channel is.
    async fn newest<P: Payload>(
        &self,
        stream: &StreamId,
        channel: Channel,
        count: usize,
    ) -> Result<(Vec<Value>, Option<Position>), ReplayError> {
        let (newest, position) = self.newest_events(stream, channel, count.max(1)).await?;
        let values = newest
            .into_iter()
            .filter(|published| published.event.kind == P::TYPE)
            .map(|published| published.event.data);
        Ok((values.collect(), position))
    }

    /// The newest events, oldest first.
    async fn newest_events(
        &self,
        stream: &StreamId,
        channel: Channel,
        count: usize,
    ) -> Result<(Vec<Published>, Option<Position>), ReplayError> {
        self.require_stream(stream).await?;
        let newest = self.bus.newest(stream, channel, count).await?;
        let position = match newest.last() {
            Some(last) => Some(last.position()),
            // Only the position of a history without an event stands for the empty value.
            None => self
                .bus
                .current_position(stream, channel)
                .await?
                .filter(|position| position.offset == 0),
        };
        Ok((newest, position))
    }
}

/// Each layer with how it does in the picture.
fn with_status(mut layers: Vec<Layer>, statuses: Vec<LayerStatus>) -> Vec<Layer> {
    let mut known: BTreeMap<LayerId, LayerStatus> = statuses
        .into_iter()
        .map(|status| (status.layer, status))
        .collect();
    for layer in &mut layers {
        layer.status = known.remove(&layer.id);
    }
    layers
}

fn ask_position(pipeline: &mut redis::Pipeline, stream: &StreamId, channel: Channel) {
    pipeline
        .cmd("HMGET")
        .arg(keys::position(stream, channel))
        .arg("epoch")
        .arg("offset");
}

fn read_position((epoch, offset): PositionAnswer) -> Option<Position> {
    Some(Position {
        epoch: Epoch::from(epoch?),
        offset: offset?,
    })
}

fn read<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, BusError> {
    serde_json::from_str(text).map_err(|source| BusError::Document {
        key: key.to_owned(),
        source,
    })
}

fn write<T: Serialize>(value: &T) -> Result<Value, BusError> {
    serde_json::to_value(value).map_err(BusError::Encode)
}
