use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::chat::ModerationEntry;
use sm_common::id::StreamId;
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ModerateChat};
use sm_service_kit::http::Query;
use utoipa::{IntoParams, ToSchema};

use super::{Context, MESSAGES_MAX, messages_default};
use crate::api::error::ApiError;
use crate::chat::LogPage;

/// Which entries are meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// Those that are older than this one: the `next` of the answer before.
    before: Option<String>,
    /// How many, 1 to 200.
    #[serde(default = "messages_default")]
    #[param(minimum = 1, maximum = 200)]
    limit: usize,
}

/// What moderators did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ModerationLog {
    /// The newest first.
    entries: Vec<ModerationEntry>,
    /// Send it as `before` for older ones; null when there are none.
    next: Option<String>,
}

/// What moderators did, page by page. For moderators.
#[utoipa::path(
    get, path = "/api/chat/moderation", tag = "ws-fanout", params(LogQuery),
    responses(
        (status = 200, description = "The entries.", body = ModerationLog),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_moderation(
    _moderator: Authorized<ModerateChat>,
    Query(query): Query<LogQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let LogQuery {
        stream,
        before,
        limit,
    } = query;
    if !(1..=MESSAGES_MAX).contains(&limit) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail(format!("`limit` takes 1 to {MESSAGES_MAX}")));
    }
    if !before.as_deref().is_none_or(is_place) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail("`before` takes the `next` of an earlier answer"));
    }
    let chat = &context.services.chat;
    let page = chat.moderation(&stream, before.as_deref(), limit).await;
    let LogPage { entries, has_older } = page.map_err(ApiError::from)?;
    let oldest = entries.last().map(|(place, _)| place.clone());
    Ok(HttpResponse::Ok().json(ModerationLog {
        entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        next: oldest.filter(|_| has_older),
    }))
}

/// Whether the text is a place in the log: two numbers.
fn is_place(text: &str) -> bool {
    let is_number = |part: &str| part.parse::<u64>().is_ok();
    text.split_once('-')
        .is_some_and(|(one, other)| is_number(one) && is_number(other))
}
