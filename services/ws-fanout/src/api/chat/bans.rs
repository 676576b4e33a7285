use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::chat::Ban;
use sm_common::id::UserId;
use sm_common::problem::{FieldError, Problem};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ModerateChat};
use sm_service_kit::http::{Json, Path, Query, RequestContext};
use utoipa::{IntoParams, ToSchema};

use super::{Context, PostChatQuery};
use crate::api::error::ApiError;
use crate::chat::Silencing;

/// Longest reason in characters.
const REASON_CHARS_MAX: usize = 200;
/// Longest time in seconds: a year. What is to be longer is for ever.
const SECONDS_MAX: u64 = 366 * 24 * 3600;

/// Who is meant.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Path)]
pub(crate) struct PersonPath {
    /// The person.
    user: UserId,
}

/// How somebody is silenced.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SilenceChatUser {
    /// For how many seconds, 1 to 31622400; null or absent for ever.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 31_622_400)]
    seconds: Option<u64>,
    /// Why, for those who moderate; at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    reason: Option<String>,
    /// Whether what they wrote lately is taken away too, and what waits of it thrown away.
    #[serde(default)]
    delete_messages: bool,
}

/// Somebody was silenced.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Silenced {
    #[serde(flatten)]
    ban: Ban,
    /// How many of their messages were taken away.
    deleted: usize,
}

/// Who may not write in a chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BanList {
    /// Whom it met last first.
    bans: Vec<Ban>,
}

/// Who may not write. For moderators.
#[utoipa::path(
    get, path = "/api/chat/bans", tag = "ws-fanout", params(PostChatQuery),
    responses(
        (status = 200, description = "The bans that hold now.", body = BanList),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_bans(
    _moderator: Authorized<ModerateChat>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let bans = context.services.chat.bans(&stream).await;
    let bans = bans.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(BanList { bans }))
}

/// Silences somebody, for a time or for ever, or changes for how long. For moderators.
///
/// No replica lets them write after the answer. Everybody who follows `chat` hears
/// `chat.user.silenced`. Whoever may moderate cannot be silenced: a ban on them has no effect.
#[utoipa::path(
    put, path = "/api/chat/bans/{user}", tag = "ws-fanout", params(PersonPath, PostChatQuery), request_body = SilenceChatUser,
    responses(
        (status = 200, description = "The ban.", body = Silenced),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "As many people are silenced as may be.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "One or more fields are not valid; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn silence(
    moderator: Authorized<ModerateChat>,
    Path(PersonPath { user }): Path<PersonPath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    Json(wanted): Json<SilenceChatUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let silencing = parse(user, wanted)?;
    let traceparent = RequestContext::current_traceparent();
    let chat = &context.services.chat;
    let silenced = chat
        .silence(&stream, &moderator.identity, silencing, traceparent)
        .await;
    let (ban, deleted) = silenced.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(Silenced { ban, deleted }))
}

/// Lets somebody write again. For moderators.
#[utoipa::path(
    delete, path = "/api/chat/bans/{user}", tag = "ws-fanout", params(PersonPath, PostChatQuery),
    responses(
        (status = 204, description = "They may write."),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The person is not silenced, or no such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn restore(
    moderator: Authorized<ModerateChat>,
    Path(PersonPath { user }): Path<PersonPath>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let traceparent = RequestContext::current_traceparent();
    let chat = &context.services.chat;
    chat.restore(&stream, &moderator.identity, user, traceparent)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::NoContent().finish())
}

fn parse(user: UserId, wanted: SilenceChatUser) -> Result<Silencing, ApiProblem> {
    let SilenceChatUser {
        seconds,
        reason,
        delete_messages,
    } = wanted;
    let mut faults = Vec::new();
    if seconds.is_some_and(|seconds| !(1..=SECONDS_MAX).contains(&seconds)) {
        let detail = format!("takes 1 to {SECONDS_MAX}, or null for ever");
        faults.push(FieldError::new("/seconds", detail));
    }
    let reason = reason.map(|reason| reason.trim().to_owned());
    let reason = reason.filter(|reason| !reason.is_empty());
    if let Some(reason) = &reason
        && (reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control))
    {
        let detail = format!("takes at most {REASON_CHARS_MAX} characters on one line");
        faults.push(FieldError::new("/reason", detail));
    }
    if !faults.is_empty() {
        return Err(ApiProblem::invalid(faults));
    }
    Ok(Silencing {
        user,
        lasts: seconds.map(Duration::from_secs),
        reason,
        delete_messages,
    })
}
