use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use sm_common::chat::{ChatMessage, HeldMessage};
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ModerateChat};
use sm_service_kit::http::{Path, Query, RequestContext};
use utoipa::ToSchema;

use super::{Context, MessagePath, PostChatQuery};
use crate::api::error::ApiError;

/// The messages that wait for a moderator.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct HeldList {
    /// Oldest first.
    held: Vec<HeldMessage>,
}

/// The messages that wait for a moderator. For moderators.
#[utoipa::path(
    get, path = "/api/chat/held", tag = "ws-fanout", params(PostChatQuery),
    responses(
        (status = 200, description = "The messages.", body = HeldList),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_held(
    _moderator: Authorized<ModerateChat>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let held = context.services.chat.held(&stream).await;
    let held = held.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(HeldList { held }))
}

/// Posts a message that waits. For moderators.
#[utoipa::path(
    post, path = "/api/chat/held/{id}", tag = "ws-fanout", params(MessagePath, PostChatQuery),
    responses(
        (status = 201, description = "The message.", body = ChatMessage),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such message waits, or no such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn approve(
    moderator: Authorized<ModerateChat>,
    Path(MessagePath { id }): Path<MessagePath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let traceparent = RequestContext::current_traceparent();
    let chat = &context.services.chat;
    let message = chat
        .approve(&stream, &moderator.identity, id, traceparent)
        .await;
    Ok(HttpResponse::Created().json(message.map_err(ApiError::from)?))
}

/// Throws a message away that waits. For moderators.
#[utoipa::path(
    delete, path = "/api/chat/held/{id}", tag = "ws-fanout", params(MessagePath, PostChatQuery),
    responses(
        (status = 204, description = "It is gone."),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such message waits, or no such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn reject(
    moderator: Authorized<ModerateChat>,
    Path(MessagePath { id }): Path<MessagePath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let traceparent = RequestContext::current_traceparent();
    let chat = &context.services.chat;
    chat.reject(&stream, &moderator.identity, id, traceparent)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::NoContent().finish())
}
