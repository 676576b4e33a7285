//! Chat over REST: everything that people, moderators and bots do there.

mod bans;
mod caller;
mod guests;
mod held;
mod history;
mod me;
mod moderation;
mod pins;
mod rules;

use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, ResponseError as _};
use serde::Deserialize;
use sm_common::auth::Identity;
use sm_common::chat::{ChatKind, ChatMessage, HeldMessage};
use sm_common::id::{MessageId, StreamId};
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream, ModerateChat};
use sm_service_kit::http::{Json, Path, Query, RequestContext};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::Context;
use super::error::ApiError;
use crate::chat::{ChatError, Draft, Posted};
use crate::config::ChatConfig;
use caller::Caller;

/// Most messages in one answer.
const MESSAGES_MAX: usize = 200;

/// Every path of the chat. What has a name of its own comes before the messages' identifiers.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/api/chat").get(read_chat).post(post_chat))
        .service(web::resource("/api/chat/announcements").post(announce))
        .service(web::resource("/api/chat/guests").post(guests::welcome_guest))
        .service(web::resource("/api/chat/messages").get(history::list_messages))
        .service(web::resource("/api/chat/me").put(me::choose_color))
        .service(web::resource("/api/chat/pins").get(pins::list_pins))
        .service(
            web::resource("/api/chat/pins/{id}")
                .put(pins::pin_message)
                .delete(pins::unpin_message),
        )
        .service(
            web::resource("/api/chat/rules")
                .get(rules::read_rules)
                .put(rules::replace_rules),
        )
        .service(web::resource("/api/chat/bans").get(bans::list_bans))
        .service(
            web::resource("/api/chat/bans/{user}")
                .put(bans::silence)
                .delete(bans::restore),
        )
        .service(web::resource("/api/chat/held").get(held::list_held))
        .service(
            web::resource("/api/chat/held/{id}")
                .post(held::approve)
                .delete(held::reject),
        )
        .service(web::resource("/api/chat/moderation").get(moderation::list_moderation))
        .service(
            web::resource("/api/chat/{id}")
                .patch(edit_chat_message)
                .delete(delete_chat_message),
        );
}

#[derive(OpenApi)]
#[openapi(paths(
    read_chat,
    post_chat,
    edit_chat_message,
    delete_chat_message,
    announce,
    guests::welcome_guest,
    history::list_messages,
    me::choose_color,
    pins::list_pins,
    pins::pin_message,
    pins::unpin_message,
    rules::read_rules,
    rules::replace_rules,
    bans::list_bans,
    bans::silence,
    bans::restore,
    held::list_held,
    held::approve,
    held::reject,
    moderation::list_moderation,
))]
pub(super) struct Document;

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
    /// The message that it answers.
    #[serde(default)]
    reply_to: Option<MessageId>,
}

/// A text in another one's place.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditChat {
    /// As of a new message.
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
    caller: Caller,
    Query(ChatQuery { stream, limit }): Query<ChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    if !(1..=MESSAGES_MAX).contains(&limit) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail(format!("`limit` takes 1 to {MESSAGES_MAX}")));
    }
    caller.enter(&stream, &context).await?;
    let chat = &context.services.chat;
    let messages = chat.newest(&stream, limit).await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(messages))
}

/// Posts a chat message.
///
/// The message is kept when this answers. Everybody who follows `chat` hears it, unless the chat's
/// rules have it wait for a moderator.
#[utoipa::path(
    post, path = "/api/chat", tag = "ws-fanout", params(PostChatQuery), request_body = PostChat,
    responses(
        (status = 201, description = "The message.", body = ChatMessage),
        (status = 202, description = "The message waits for a moderator.", body = HeldMessage),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it, or a moderator has silenced the caller (`chat.silenced`).", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "As many messages wait for a moderator as may.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The text is no chat message, the rules do not allow it (`chat.text.refused`), or there is no message to answer.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many messages, or slow mode; `Retry-After` says when to go on.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be posted now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn post_chat(
    caller: Caller,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    Json(PostChat { text, reply_to }): Json<PostChat>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let draft = Draft {
        text: &text,
        reply_to,
        kind: ChatKind::Message,
        guest: caller.guest,
    };
    post(&caller.identity, &stream, draft, &context).await
}

/// Announces something to everybody.
///
/// A message of kind `announcement`, which is held against no rules. For operators.
#[utoipa::path(
    post, path = "/api/chat/announcements", tag = "ws-fanout", params(PostChatQuery), request_body = PostChat,
    responses(
        (status = 201, description = "The message.", body = ChatMessage),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The text is no chat message, or there is no message to answer.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many messages; `Retry-After` says when to go on.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn announce(
    operator: Authorized<ControlStream>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    Json(PostChat { text, reply_to }): Json<PostChat>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let draft = Draft {
        text: &text,
        reply_to,
        kind: ChatKind::Announcement,
        guest: false,
    };
    post(&operator.identity, &stream, draft, &context).await
}

async fn post(
    author: &Identity,
    stream: &StreamId,
    draft: Draft<'_>,
    context: &Context,
) -> Result<HttpResponse, ApiProblem> {
    let chat = &context.services.chat;
    let traceparent = RequestContext::current_traceparent();
    match chat.post(stream, author, draft, traceparent).await {
        Ok(Posted::Shown(message)) => Ok(HttpResponse::Created().json(message)),
        Ok(Posted::Held(held)) => Ok(HttpResponse::Accepted().json(held)),
        Err(ChatError::TooFast { wait }) => Ok(too_fast(wait, chat.config())),
        Err(error) => Err(ApiError::from(error).into()),
    }
}

/// Gives one's own message another text, for some minutes after it was posted.
///
/// Everybody who follows `chat` hears `chat.message.edited`; pictures that show the message follow.
#[utoipa::path(
    patch, path = "/api/chat/{id}", tag = "ws-fanout", params(MessagePath, PostChatQuery), request_body = EditChat,
    responses(
        (status = 200, description = "The message now.", body = ChatMessage),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The message is somebody else's (`chat.edit.not-author`), or a moderator has silenced the caller (`chat.silenced`).", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such message, or no such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The message is too old to be edited.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The text is no chat message, or the rules do not allow it (`chat.text.refused`).", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many messages; `Retry-After` says when to go on.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn edit_chat_message(
    caller: Caller,
    Path(MessagePath { id }): Path<MessagePath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    Json(EditChat { text }): Json<EditChat>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    caller.enter(&stream, &context).await?;
    let chat = &context.services.chat;
    let traceparent = RequestContext::current_traceparent();
    let edited = chat.edit(&stream, &caller.identity, id, &text, traceparent);
    match edited.await {
        Ok(message) => Ok(HttpResponse::Ok().json(message)),
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
    moderator: Authorized<ModerateChat>,
    Path(MessagePath { id }): Path<MessagePath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let chat = &context.services.chat;
    let traceparent = RequestContext::current_traceparent();
    chat.delete(&stream, &moderator.identity, id, traceparent)
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
