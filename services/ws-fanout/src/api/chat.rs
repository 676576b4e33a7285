use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError as _};
use serde::Deserialize;
use sm_common::chat::ChatMessage;
use sm_common::id::{MessageId, StreamId};
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, Chat, ModerateChat};
use sm_service_kit::http::{Json, Path, Query, RequestContext};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::error::ApiError;
use crate::chat::ChatError;
use crate::config::ChatConfig;

/// Most messages in one answer.
const MESSAGES_MAX: usize = 200;
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Which messages are meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChatQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// How many of the newest messages, 1 to 200.
    #[serde(default = "messages_default")]
    #[param(minimum = 1, maximum = 200)]
    limit: usize,
}

const fn messages_default() -> usize {
    50
}

/// Whose chat is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PostChatQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
}

/// A message to be posted.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostChat {
    /// Plain text, 1 to 500 characters after trimming, without control characters but line
    /// breaks.
    #[schema(min_length = 1, max_length = 500)]
    text: String,
}

/// The newest chat messages, oldest first.
#[utoipa::path(
    get, path = "/api/chat", tag = "ws-fanout", params(ChatQuery),
    responses(
        (status = 200, description = "The messages, oldest first.", body = [ChatMessage]),
        (status = 400, description = "The limit is out of bounds.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_chat(
    _caller: Authorized<Chat>,
    Query(ChatQuery { stream, limit }): Query<ChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    if !(1..=MESSAGES_MAX).contains(&limit) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail(format!("`limit` takes 1 to {MESSAGES_MAX}")));
    }
    let chat = &context.services.chat;
    let messages = chat.newest(&stream, limit).await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(messages))
}

/// Posts a chat message.
///
/// The message is kept when this answers. Everybody who follows `chat` hears it.
#[utoipa::path(
    post, path = "/api/chat", tag = "ws-fanout", params(PostChatQuery), request_body = PostChat,
    responses(
        (status = 201, description = "The message.", body = ChatMessage),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The text is no chat message.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many messages; `Retry-After` says when to go on.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be posted now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn post_chat(
    caller: Authorized<Chat>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    Json(PostChat { text }): Json<PostChat>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let chat = &context.services.chat;
    let traceparent = RequestContext::current_traceparent();
    match chat
        .post(&stream, &caller.identity, &text, traceparent)
        .await
    {
        Ok(message) => Ok(HttpResponse::Created().json(message)),
        Err(ChatError::TooFast { wait }) => Ok(too_fast(wait, chat.config())),
        Err(error) => Err(ApiError::from(error).into()),
    }
}

/// Which message is meant.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Path)]
pub(crate) struct MessagePath {
    /// The message.
    id: MessageId,
}

/// Takes a chat message away.
///
/// Everybody who follows `chat` hears `chat.message.deleted`; the message is in no history and in no
/// picture any more. For moderators.
#[utoipa::path(
    delete, path = "/api/chat/{id}", tag = "ws-fanout", params(MessagePath, PostChatQuery),
    responses(
        (status = 204, description = "It is gone."),
        (status = 400, description = "The path or the query cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such message, or no such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_chat_message(
    _moderator: Authorized<ModerateChat>,
    Path(MessagePath { id }): Path<MessagePath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let chat = &context.services.chat;
    let traceparent = RequestContext::current_traceparent();
    chat.delete(&stream, id, traceparent)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// 429 with the rate limit headers.
fn too_fast(wait: Duration, config: &ChatConfig) -> HttpResponse {
    let seconds = |duration: Duration| duration.as_millis().div_ceil(1000).max(1);
    let window = Duration::from_millis(config.interval_ms).saturating_mul(config.burst);
    let policy = format!("\"chat\";q={};w={}", config.burst, seconds(window));
    let limit = format!("\"chat\";r=0;t={}", seconds(wait));
    let wait = Duration::from_secs(u64::try_from(seconds(wait)).unwrap_or(u64::MAX));
    let problem = ApiProblem::from(ApiError::Chat(ChatError::TooFast { wait }));
    let mut response = problem.error_response();
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, limit)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
