use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sm_common::clock::Timestamp;
use sm_common::id::UserId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::http::Query;
use utoipa::ToSchema;

use super::{Context, PostChatQuery};
use crate::api::error::ApiError;
use crate::api::websocket::address;
use crate::chat::Guest;

/// Somebody without an account, who may chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChatGuest {
    /// Send it as `Authorization: Bearer`, or in `auth` over `/ws`. It opens the chat and nothing else.
    token: String,
    /// Who the guest is.
    user: UserId,
    /// The guest's name, which nobody chooses.
    name: String,
    /// When the token ends.
    expires_at: Timestamp,
}

/// Comes into a chat without an account, where its rules let guests in.
#[utoipa::path(
    post, path = "/api/chat/guests", tag = "ws-fanout", params(PostChatQuery),
    responses(
        (status = 201, description = "The guest.", body = ChatGuest),
        (status = 400, description = "The query cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The rules let no guests in (`chat.guests.closed`).", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many guests come from this address; `Retry-After` says when to go on.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(()),
)]
pub(crate) async fn welcome_guest(
    request: HttpRequest,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let address = address(&request, &context);
    let guest = context.services.chat.welcome_guest(&stream, address).await;
    let Guest { token, identity } = guest.map_err(ApiError::from)?;
    Ok(HttpResponse::Created().json(ChatGuest {
        token,
        user: identity.user,
        name: identity.name,
        expires_at: identity.expires_at,
    }))
}
