use serde_json::{Value, json};
use sm_common::alert::{AlertFired, AlertMuted, AlertResolved};
use sm_common::chat::{
    ChatHeldChanged, ChatMessageDeleted, ChatMessageEdited, ChatPinsChanged, ChatRulesChanged,
    ChatSampled, ChatUserRestored, ChatUserSilenced,
};
use sm_common::event::{
    Event, GroupCreated, GroupDeleted, GroupUpdated, LayerCreated, LayerDeleted, LayerReordered,
    LayerUpdated, SceneCreated, SceneDeleted, SceneDraftBegun, SceneDraftEnded,
    ScenePreviewChanged, SceneReordered, SceneTakeStarted, SceneTaken, SceneUpdated,
    ScheduleCreated, ScheduleEnded, StreamErrorCleared, StreamErrorRaised, StreamInterrupted,
    StreamOutputAdapted, StreamOutputStatusChanged, StreamStateChanged, TemplateDeleted,
    VariablesChanged,
};
use sm_common::health::SystemHealthChanged;
use sm_common::incident::{IncidentOpened, IncidentResolved, IncidentUpdated};
use sm_common::performance::MetricsSample;
use sm_common::stream::LayerStatus;
use sm_common::template::OwnTemplate;
use sm_common::ws::{ClientMessage, ServerMessage};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// What the services' documents do not say themselves: the messages of the WebSocket, so that one
/// document holds every type that a client needs.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stream Manager",
        version = "1",
        description = "Put a live stream on air, compose it from layers, and see what it does. \
            Every error is an RFC 9457 problem with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(
        ClientMessage,
        ServerMessage,
        Event,
        StreamStateChanged,
        StreamErrorRaised,
        StreamErrorCleared,
        StreamInterrupted,
        StreamOutputAdapted,
        StreamOutputStatusChanged,
        MetricsSample,
        LayerCreated,
        LayerUpdated,
        LayerDeleted,
        LayerReordered,
        GroupCreated,
        GroupUpdated,
        GroupDeleted,
        VariablesChanged,
        LayerStatus,
        SceneCreated,
        SceneUpdated,
        SceneDeleted,
        SceneReordered,
        SceneDraftBegun,
        SceneDraftEnded,
        ScenePreviewChanged,
        SceneTakeStarted,
        SceneTaken,
        OwnTemplate,
        TemplateDeleted,
        ScheduleCreated,
        ScheduleEnded,
        ChatMessageDeleted,
        ChatMessageEdited,
        ChatPinsChanged,
        ChatRulesChanged,
        ChatHeldChanged,
        ChatUserSilenced,
        ChatUserRestored,
        ChatSampled,
        AlertFired,
        AlertMuted,
        AlertResolved,
        IncidentOpened,
        IncidentUpdated,
        IncidentResolved,
        SystemHealthChanged,
    ))
)]
struct Frame;

/// One document for the APIs of all services.
pub fn openapi() -> anyhow::Result<Value> {
    let mut document = Frame::openapi();
    for service in [
        sm_api_gateway::openapi(),
        sm_stream_control::openapi(),
        sm_layer_service::openapi(),
        sm_analytics::openapi(),
        sm_ws_fanout::openapi(),
        sm_stream_engine::openapi(),
    ] {
        document.merge(service);
    }
    if let Some(components) = &mut document.components {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token of POST /api/auth/login."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
    let mut value = serde_json::to_value(document)?;
    if let Some(object) = value.as_object_mut() {
        // Relative to where this document is served, so that it holds under any base path.
        object.insert("servers".to_owned(), json!([{"url": ".."}]));
    }
    Ok(value)
}
