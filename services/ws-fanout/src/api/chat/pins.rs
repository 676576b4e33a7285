use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use sm_common::chat::ChatMessage;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ModerateChat};
use sm_service_kit::http::{Path, Query, RequestContext};
use utoipa::ToSchema;

use super::caller::Caller;
use super::{Context, MessagePath, PostChatQuery};
use crate::api::error::ApiError;

/// The pinned messages of a chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PinList {
    /// The one that was pinned last first.
    pins: Vec<ChatMessage>,
}

/// The pinned messages.
#[utoipa::path(
    get, path = "/api/chat/pins", tag = "ws-fanout", params(PostChatQuery),
    responses(
        (status = 200, description = "The messages.", body = PinList),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_pins(
    caller: Caller,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    caller.enter(&stream, &context).await?;
    let pins = context.services.chat.pins(&stream).await;
    let pins = pins.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(PinList { pins }))
}

/// Pins a message: it stays in sight of everybody. For moderators.
#[utoipa::path(
    put, path = "/api/chat/pins/{id}", tag = "ws-fanout", params(MessagePath, PostChatQuery),
    responses(
        (status = 200, description = "All that are pinned now.", body = PinList),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such message, or no such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "As many messages are pinned as may be.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn pin_message(
    moderator: Authorized<ModerateChat>,
    Path(MessagePath { id }): Path<MessagePath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let traceparent = RequestContext::current_traceparent();
    let chat = &context.services.chat;
    let pins = chat
        .pin(&stream, &moderator.identity, id, traceparent)
        .await;
    let pins = pins.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(PinList { pins }))
}

/// Unpins a message. For moderators.
#[utoipa::path(
    delete, path = "/api/chat/pins/{id}", tag = "ws-fanout", params(MessagePath, PostChatQuery),
    responses(
        (status = 204, description = "It is not pinned."),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The message is not pinned, or no such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn unpin_message(
    moderator: Authorized<ModerateChat>,
    Path(MessagePath { id }): Path<MessagePath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let traceparent = RequestContext::current_traceparent();
    let chat = &context.services.chat;
    chat.unpin(&stream, &moderator.identity, id, traceparent)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::NoContent().finish())
}
