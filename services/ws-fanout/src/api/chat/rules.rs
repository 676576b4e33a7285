use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sm_common::auth::Permission;
use sm_common::chat::ChatRules;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ModerateChat};
use sm_service_kit::http::{Json, Query, RequestContext, etag, if_match, if_none_match};

use super::caller::Caller;
use super::{Context, PostChatQuery};
use crate::api::error::ApiError;

/// What holds for those who write in a chat.
///
/// The banned words are told to those alone who may moderate.
#[utoipa::path(
    get, path = "/api/chat/rules", tag = "ws-fanout", params(PostChatQuery),
    responses(
        (status = 200, description = "The rules.", body = ChatRules, headers(("ETag" = String, description = "Their revision."))),
        (status = 304, description = "They are as `If-None-Match` says."),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_rules(
    caller: Caller,
    request: HttpRequest,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    caller.enter(&stream, &context).await?;
    let rules = context.services.chat.rules(&stream).await;
    let (revision, mut rules) = rules.map_err(ApiError::from)?;
    if if_none_match(request.headers(), &revision.to_string()) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, etag(revision)))
            .finish());
    }
    if !caller.identity.may(Permission::ModerateChat) {
        rules.banned_words = None;
    }
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(revision)))
        .json(rules))
}

/// Replaces what holds for those who write in a chat. For moderators.
///
/// Every message after the answer is judged by it, on all replicas. Everybody who follows `chat`
/// hears `chat.rules.changed`. Whoever may moderate is above the rules.
#[utoipa::path(
    put, path = "/api/chat/rules", tag = "ws-fanout", params(PostChatQuery, ("If-Match" = String, Header, description = "The `ETag` that was read.")), request_body = ChatRules,
    responses(
        (status = 200, description = "The rules now.", body = ChatRules, headers(("ETag" = String, description = "Their revision."))),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Others have changed the rules; `ETag` is their revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "One or more rules are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn replace_rules(
    moderator: Authorized<ModerateChat>,
    request: HttpRequest,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    Json(rules): Json<ChatRules>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = if_match(request.headers())?;
    let traceparent = RequestContext::current_traceparent();
    let chat = &context.services.chat;
    let replaced = chat.replace_rules(&stream, &moderator.identity, &expected, rules, traceparent);
    let (revision, rules) = replaced.await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(revision)))
        .json(rules))
}
