//! Events: CloudEvents 1.0 documents that travel over channels with a position.
//!
//! An event is a promise: add optional fields, never change a meaning.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alert::{AlertFired, AlertMuted, AlertResolved};
use crate::chat::{
    ChatHeldChanged, ChatMessage, ChatMessageDeleted, ChatMessageEdited, ChatPinsChanged,
    ChatRulesChanged, ChatSampled, ChatUserRestored, ChatUserSilenced,
};
use crate::clock::Timestamp;
use crate::group::Group;
use crate::health::SystemHealthChanged;
use crate::id::{EventId, GroupId, LayerId, SceneId, StreamId, TemplateName, VariableName};
use crate::incident::{IncidentOpened, IncidentResolved, IncidentUpdated};
use crate::layer::Layer;
use crate::output::OutputState;
use crate::performance::MetricsSample;
use crate::scene::{DraftOutcome, SceneDraft, SceneSummary};
use crate::schedule::{EndedSchedule, ScheduleSummary};
use crate::stream::{Interruption, LayerStatus, StreamError, StreamState};
use crate::template::OwnTemplate;
use crate::transition::{SceneTransition, Take};
use crate::variable::Variables;

/// A channel of events. Each stream has its own log and positions on each channel.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// The stream's state; the newest value says all.
    StreamState,
    /// Every change of a scene or a layer, and every take; none may be missed.
    LayerUpdates,
    /// One sample a second; the newest value says all.
    Metrics,
    /// Chat; none may be missed.
    Chat,
    /// Alerts, incidents and the health of the system; none may be missed.
    Alerts,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 5] = [
        Self::StreamState,
        Self::LayerUpdates,
        Self::Metrics,
        Self::Chat,
        Self::Alerts,
    ];

    /// The channel's name on the WebSocket and on Redis.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StreamState => "stream-state",
            Self::LayerUpdates => "layer-updates",
            Self::Metrics => "metrics",
            Self::Chat => "chat",
            Self::Alerts => "alerts",
        }
    }

    /// Whether a slow reader may be given the newest value alone.
    pub const fn is_conflatable(self) -> bool {
        matches!(self, Self::StreamState | Self::Metrics)
    }
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The history a position belongs to. A new one begins whenever offsets start again, so that a
/// reader can tell "nothing happened" from "history is gone".
///
/// Cheap to clone, and to compare with its clones: every subscriber of a channel has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(from = "String", into = "String")]
#[schema(value_type = String)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// A new history.
    pub fn generate() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string().into())
    }

    /// The epoch as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Epoch {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Epoch> for String {
    fn from(epoch: Epoch) -> Self {
        epoch.as_str().to_owned()
    }
}

/// The place of an event in its channel's history. The first event has offset 1; offset 0 is
/// "before the first".
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The history.
    pub epoch: Epoch,
    /// The number of the event in it, without gaps.
    pub offset: u64,
}

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident, $text:literal, $payload:ty;)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum EventType {
            $($(#[$doc])* #[serde(rename = $text)] $name),+
        }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The type's name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The name under which API documents describe its payload.
            pub fn payload_schema(self) -> std::borrow::Cow<'static, str> {
                match self { $(Self::$name => <$payload as ToSchema>::name()),+ }
            }
        }

        $(impl Payload for $payload {
            const TYPE: EventType = EventType::$name;
        })+
    };
}

/// By hand: the derived schema does not see a `rename` that a macro passes on, and would list the
/// variants' names.
impl utoipa::PartialSchema for EventType {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("What happened."))
            .enum_values(Some(Self::ALL.iter().map(|kind| kind.as_str())))
            .build()
            .into()
    }
}

impl ToSchema for EventType {}

/// The data of one type of event.
pub trait Payload: Serialize + DeserializeOwned {
    /// Its type.
    const TYPE: EventType;
}

event_types! {
    /// The state of a stream changed, other than its counters.
    StreamStateChanged, "stream.state.changed", StreamStateChanged;
    /// Something went wrong.
    StreamErrorRaised, "stream.error.raised", StreamErrorRaised;
    /// It is right again.
    StreamErrorCleared, "stream.error.cleared", StreamErrorCleared;
    /// The picture was gone and is back.
    StreamInterrupted, "stream.interrupted", StreamInterrupted;
    /// An output began to deliver, was interrupted, gave up, or ended.
    StreamOutputStatusChanged, "stream.output.status.changed", StreamOutputStatusChanged;
    /// An output is sent less than the program because its target is congested, or all of it again.
    StreamOutputAdapted, "stream.output.adapted", StreamOutputAdapted;
    /// A second was measured.
    StreamMetricsSampled, "stream.metrics.sampled", MetricsSample;
    /// A layer was created.
    LayerCreated, "layer.created", LayerCreated;
    /// A layer was changed.
    LayerUpdated, "layer.updated", LayerUpdated;
    /// A layer was deleted.
    LayerDeleted, "layer.deleted", LayerDeleted;
    /// The order of the layers was changed.
    LayerReordered, "layer.reordered", LayerReordered;
    /// Layers were made a group.
    GroupCreated, "group.created", GroupCreated;
    /// A group was changed.
    GroupUpdated, "group.updated", GroupUpdated;
    /// A group is no more; its layers may be.
    GroupDeleted, "group.deleted", GroupDeleted;
    /// Values that texts show were changed.
    VariablesChanged, "variables.changed", VariablesChanged;
    /// A layer's status in the picture changed.
    LayerStatusChanged, "layer.status.changed", LayerStatus;
    /// A scene was created.
    SceneCreated, "scene.created", SceneCreated;
    /// A scene was given another name.
    SceneUpdated, "scene.updated", SceneUpdated;
    /// A scene was deleted, with its layers.
    SceneDeleted, "scene.deleted", SceneDeleted;
    /// The order of the scenes was changed.
    SceneReordered, "scene.reordered", SceneReordered;
    /// Changes of a scene are being prepared as a draft.
    SceneDraftBegun, "scene.draft.begun", SceneDraftBegun;
    /// A draft was applied or discarded.
    SceneDraftEnded, "scene.draft.ended", SceneDraftEnded;
    /// Another scene, or none, is to be in preview.
    ScenePreviewChanged, "scene.preview.changed", ScenePreviewChanged;
    /// A scene is on its way into the picture.
    SceneTakeStarted, "scene.take.started", SceneTakeStarted;
    /// A scene is in the picture.
    SceneTaken, "scene.taken", SceneTaken;
    /// Somebody has saved a template.
    TemplateCreated, "template.created", OwnTemplate;
    /// A template that somebody had saved is gone.
    TemplateDeleted, "template.deleted", TemplateDeleted;
    /// A change is to be made later.
    ScheduleCreated, "schedule.created", ScheduleCreated;
    /// A scheduled change was made, or will not be.
    ScheduleEnded, "schedule.ended", ScheduleEnded;
    /// Somebody wrote.
    ChatMessagePosted, "chat.message.posted", ChatMessage;
    /// A message was taken away.
    ChatMessageDeleted, "chat.message.deleted", ChatMessageDeleted;
    /// A message says something else.
    ChatMessageEdited, "chat.message.edited", ChatMessageEdited;
    /// Other messages are pinned.
    ChatPinsChanged, "chat.pins.changed", ChatPinsChanged;
    /// Other rules hold for those who write.
    ChatRulesChanged, "chat.rules.changed", ChatRulesChanged;
    /// More or fewer messages wait for a moderator.
    ChatHeldChanged, "chat.held.changed", ChatHeldChanged;
    /// Somebody may not write any more.
    ChatUserSilenced, "chat.user.silenced", ChatUserSilenced;
    /// Somebody may write again.
    ChatUserRestored, "chat.user.restored", ChatUserRestored;
    /// Messages were left out for a reader who asked for a sample.
    ChatSampled, "chat.sampled", ChatSampled;
    /// A rule is broken.
    AlertFired, "alert.fired", AlertFired;
    /// An alert that fires was muted, or is no more.
    AlertMuted, "alert.muted", AlertMuted;
    /// It holds again.
    AlertResolved, "alert.resolved", AlertResolved;
    /// Something went wrong; its cause is a first guess.
    IncidentOpened, "incident.opened", IncidentOpened;
    /// More is known of an incident.
    IncidentUpdated, "incident.updated", IncidentUpdated;
    /// Everything is right again.
    IncidentResolved, "incident.resolved", IncidentResolved;
    /// A part of the system went away, or came back.
    SystemHealthChanged, "system.health.changed", SystemHealthChanged;
}

impl EventType {
    /// The channel that carries the type.
    pub const fn channel(self) -> Channel {
        match self {
            Self::StreamStateChanged
            | Self::StreamErrorRaised
            | Self::StreamErrorCleared
            | Self::StreamInterrupted
            | Self::StreamOutputStatusChanged
            | Self::StreamOutputAdapted => Channel::StreamState,
            Self::StreamMetricsSampled => Channel::Metrics,
            Self::LayerCreated
            | Self::LayerUpdated
            | Self::LayerDeleted
            | Self::LayerReordered
            | Self::GroupCreated
            | Self::GroupUpdated
            | Self::GroupDeleted
            | Self::VariablesChanged
            | Self::LayerStatusChanged
            | Self::SceneCreated
            | Self::SceneUpdated
            | Self::SceneDeleted
            | Self::SceneReordered
            | Self::SceneDraftBegun
            | Self::SceneDraftEnded
            | Self::ScenePreviewChanged
            | Self::SceneTakeStarted
            | Self::SceneTaken
            | Self::TemplateCreated
            | Self::TemplateDeleted
            | Self::ScheduleCreated
            | Self::ScheduleEnded => Channel::LayerUpdates,
            Self::ChatMessagePosted
            | Self::ChatMessageDeleted
            | Self::ChatMessageEdited
            | Self::ChatPinsChanged
            | Self::ChatRulesChanged
            | Self::ChatHeldChanged
            | Self::ChatUserSilenced
            | Self::ChatUserRestored
            | Self::ChatSampled => Channel::Chat,
            Self::AlertFired
            | Self::AlertMuted
            | Self::AlertResolved
            | Self::IncidentOpened
            | Self::IncidentUpdated
            | Self::IncidentResolved
            | Self::SystemHealthChanged => Channel::Alerts,
        }
    }

    /// Whether the event tells of a stream (`events:stream`) rather than of the system.
    pub const fn is_about_stream(self) -> bool {
        match self {
            Self::StreamStateChanged
            | Self::StreamErrorRaised
            | Self::StreamErrorCleared
            | Self::StreamInterrupted
            | Self::StreamOutputStatusChanged
            | Self::StreamOutputAdapted
            | Self::StreamMetricsSampled
            | Self::LayerCreated
            | Self::LayerUpdated
            | Self::LayerDeleted
            | Self::LayerReordered
            | Self::GroupCreated
            | Self::GroupUpdated
            | Self::GroupDeleted
            | Self::VariablesChanged
            | Self::LayerStatusChanged
            | Self::SceneCreated
            | Self::SceneUpdated
            | Self::SceneDeleted
            | Self::SceneReordered
            | Self::SceneDraftBegun
            | Self::SceneDraftEnded
            | Self::ScenePreviewChanged
            | Self::SceneTakeStarted
            | Self::SceneTaken
            | Self::TemplateCreated
            | Self::TemplateDeleted
            | Self::ScheduleCreated
            | Self::ScheduleEnded
            | Self::ChatMessagePosted
            | Self::ChatMessageDeleted
            | Self::ChatMessageEdited
            | Self::ChatPinsChanged
            | Self::ChatRulesChanged
            | Self::ChatHeldChanged
            | Self::ChatUserSilenced
            | Self::ChatUserRestored
            | Self::ChatSampled
            | Self::AlertFired
            | Self::AlertMuted
            | Self::AlertResolved
            | Self::IncidentOpened
            | Self::IncidentUpdated
            | Self::IncidentResolved => true,
            Self::SystemHealthChanged => false,
        }
    }
}

/// The state of a stream changed. Carries the whole new state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct StreamStateChanged(pub StreamState);

/// Something went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct StreamErrorRaised(pub StreamError);

/// It is right again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct StreamErrorCleared(pub StreamError);

/// The picture was gone and is back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct StreamInterrupted(pub Interruption);

/// The status of an output is another one. Carries what is observed of the output, which holds no
/// secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct StreamOutputStatusChanged(pub OutputState);

/// An output began to be sent less than the program, or is sent all of it again. Carries what is
/// observed of the output, which holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct StreamOutputAdapted(pub OutputState);

/// A layer was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerCreated {
    /// The new layer.
    pub layer: Layer,
    /// Its place from the back, starting at 0.
    pub index: usize,
    /// The scene's revision after the change.
    pub scene_revision: u64,
}

/// A layer was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerUpdated {
    /// The whole new layer.
    pub layer: Layer,
    /// The changed fields, as JSON Pointers such as `/transform/x`.
    pub changed: Vec<String>,
    /// The scene's revision after the change.
    pub scene_revision: u64,
}

/// A layer was deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerDeleted {
    /// The layer.
    pub layer: LayerId,
    /// Its scene.
    pub scene: SceneId,
    /// The scene's revision after the change.
    pub scene_revision: u64,
}

/// The order of the layers was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerReordered {
    /// The scene.
    pub scene: SceneId,
    /// Its layers, from the back of the picture to the front.
    pub order: Vec<LayerId>,
    /// The scene's revision after the change.
    pub scene_revision: u64,
}

/// Layers were made a group, which each of them is told to belong to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupCreated {
    /// The new group.
    pub group: Group,
    /// The scene's revision after the change.
    pub scene_revision: u64,
}

/// A group was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupUpdated {
    /// The whole new group.
    pub group: Group,
    /// The changed fields, as JSON Pointers such as `/transform/x`.
    pub changed: Vec<String>,
    /// The scene's revision after the change.
    pub scene_revision: u64,
}

/// A group is no more. What became of its layers is told by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupDeleted {
    /// The group.
    pub group: GroupId,
    /// Its scene.
    pub scene: SceneId,
    /// The scene's revision after the change.
    pub scene_revision: u64,
}

/// Variables of the stream were set, changed or removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VariablesChanged {
    /// All of them, as they are now.
    pub variables: Variables,
    /// The names of those that are different, new or gone.
    pub changed: Vec<VariableName>,
}

/// A scene was created. Its layers, if it is the copy of another, are read where it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneCreated {
    /// The new scene.
    pub scene: SceneSummary,
    /// Its place among the scenes, starting at 0.
    pub index: usize,
    /// The revision of the list of scenes after the change.
    pub scenes_revision: u64,
}

/// A scene was changed; changes of its layers are told by themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneUpdated {
    /// The scene now.
    pub scene: SceneSummary,
    /// The changed fields, as JSON Pointers such as `/name`.
    pub changed: Vec<String>,
}

/// A scene was deleted, with its layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneDeleted {
    /// The scene.
    pub scene: SceneId,
    /// The revision of the list of scenes after the change.
    pub scenes_revision: u64,
}

/// The order of the scenes was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneReordered {
    /// The scenes.
    pub order: Vec<SceneId>,
    /// The revision of the list of scenes after the change.
    pub scenes_revision: u64,
}

/// Somebody prepares changes of a scene as a draft. Changes of its layers are told as those of any scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneDraftBegun {
    /// The scene.
    pub scene: SceneId,
    /// The draft, and who began it.
    pub draft: SceneDraft,
}

/// A draft is over, and its layers with it. What it made of the scene is told before, by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneDraftEnded {
    /// The scene.
    pub scene: SceneId,
    /// The draft.
    pub draft: SceneId,
    /// What became of it.
    pub outcome: DraftOutcome,
    /// The scene's revision now.
    pub scene_revision: u64,
}

/// A template that somebody had saved was deleted. What was made with it stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateDeleted {
    /// The template.
    pub name: TemplateName,
}

/// Another scene, or none, is to be in preview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScenePreviewChanged {
    /// The scene in preview.
    pub preview: Option<SceneId>,
}

/// A scene is on its way into the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneTakeStarted {
    /// The take.
    pub take: Take,
    /// The scene that it replaces.
    pub from: Option<SceneId>,
}

/// A scene is in the picture, from the first to the last pixel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SceneTaken {
    /// The scene.
    pub scene: SceneId,
    /// How it came into the picture.
    pub transition: SceneTransition,
    /// Which take it was.
    pub number: u64,
}

/// A change is to be made later. Carries what is known of it but the change itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ScheduleCreated(pub ScheduleSummary);

/// A scheduled change was made, or will not be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ScheduleEnded(pub EndedSchedule);

/// A CloudEvents 1.0 document in JSON form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique among all events.
    pub id: EventId,
    /// The process that published it, as a URI reference such as `/layer-service/layer-service-1a2b3c4d`.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When.
    pub time: Timestamp,
    /// What it happened to, such as `streams/main`.
    pub subject: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The W3C trace context of the request that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The payload; its shape follows from `type`.
    pub data: serde_json::Value,
}

/// An event could not be written or read as its type says.
#[derive(Debug, thiserror::Error)]
#[error("{kind} carries data of another shape", kind = .kind.as_str())]
pub struct PayloadError {
    /// The event's type.
    pub kind: EventType,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

impl Event {
    /// An event that tells of `payload`.
    pub fn new<P: Payload>(
        payload: &P,
        source: &str,
        stream: &StreamId,
        time: Timestamp,
        traceparent: Option<String>,
    ) -> Result<Self, PayloadError> {
        Ok(Self {
            specversion: "1.0".to_owned(),
            id: EventId::generate(),
            source: source.to_owned(),
            kind: P::TYPE,
            time,
            subject: format!("streams/{stream}"),
            datacontenttype: "application/json".to_owned(),
            traceparent,
            data: serde_json::to_value(payload).map_err(|source| PayloadError {
                kind: P::TYPE,
                source,
            })?,
        })
    }

    /// The payload, read as `P`. Compare `kind` with `P::TYPE` first.
    pub fn payload<P: Payload>(&self) -> Result<P, PayloadError> {
        P::deserialize(&self.data).map_err(|source| PayloadError {
            kind: self.kind,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_named_as_it_is_written() {
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_payload_reads_back_as_it_was_written() {
        let deleted = LayerDeleted {
            layer: LayerId::generate(),
            scene: SceneId::generate(),
            scene_revision: 7,
        };
        let now = Timestamp::from_unix_millis(1_000);
        let event = Event::new(
            &deleted,
            "/layer-service/x",
            &StreamId::default(),
            now,
            None,
        )
        .unwrap();
        let wire = serde_json::to_string(&event).unwrap();
        let read: Event = serde_json::from_str(&wire).unwrap();
        assert_eq!(read.kind, EventType::LayerDeleted);
        assert_eq!(read.payload::<LayerDeleted>().unwrap(), deleted);
        assert!(read.payload::<LayerReordered>().is_err());
    }
}
