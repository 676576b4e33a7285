use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::chat::ChatMessage;
use sm_common::id::StreamId;
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::http::Query;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::{Context, MESSAGES_MAX, messages_default};
use crate::api::error::ApiError;
use crate::chat::{MessagePage, Place};

/// Which messages are meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// Those that are older than this one: the `next` of the answer before, or a message.
    before: Option<String>,
    /// How many, 1 to 200.
    #[serde(default = "messages_default")]
    #[param(minimum = 1, maximum = 200)]
    limit: usize,
}

/// Some messages of a chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MessageList {
    /// The newest of those that were asked for, oldest first.
    messages: Vec<ChatMessage>,
    /// Send it as `before` for older ones; null when there are none.
    next: Option<String>,
}

/// The kept messages of a chat, page by page.
///
/// Each as it is now, with what was edited; what was taken away is not among them.
#[utoipa::path(
    get, path = "/api/chat/messages", tag = "ws-fanout", params(PageQuery),
    responses(
        (status = 200, description = "The messages.", body = MessageList),
        (status = 400, description = "A parameter cannot be read, or `before` names no message that is kept.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_messages(
    caller: Caller,
    Query(query): Query<PageQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let PageQuery {
        stream,
        before,
        limit,
    } = query;
    if !(1..=MESSAGES_MAX).contains(&limit) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail(format!("`limit` takes 1 to {MESSAGES_MAX}")));
    }
    caller.enter(&stream, &context).await?;
    let before: Option<Place> = before
        .map(|before| before.parse())
        .transpose()
        .map_err(ApiError::Chat)?;
    let page = context.services.chat.page(&stream, before, limit).await;
    let MessagePage { messages, next } = page.map_err(ApiError::from)?;
    let next = next.map(|number| number.to_string());
    Ok(HttpResponse::Ok().json(MessageList { messages, next }))
}
