use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::chat::ChatColor;
use sm_common::id::UserId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, Chat};
use sm_service_kit::http::{Json, Query};
use utoipa::ToSchema;

use super::{Context, PostChatQuery};
use crate::api::error::ApiError;

/// What somebody chooses for themselves.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnLook {
    /// The colour of one's name; null for the one that follows from who one is.
    color: Option<ChatColor>,
}

/// How somebody appears in a chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Appearance {
    /// The caller.
    user: UserId,
    /// The caller's name.
    name: String,
    /// The colour of the name, from the next message on.
    color: ChatColor,
}

/// Gives one's own name another colour.
#[utoipa::path(
    put, path = "/api/chat/me", tag = "ws-fanout", params(PostChatQuery), request_body = OwnLook,
    responses(
        (status = 200, description = "How the caller appears now.", body = Appearance),
        (status = 400, description = "The path, the query or the body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn choose_color(
    caller: Authorized<Chat>,
    Query(PostChatQuery { stream }): Query<PostChatQuery>,
    Json(OwnLook { color }): Json<OwnLook>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let identity = &caller.identity;
    let chosen = context.services.chat.choose_color(&stream, identity, color);
    Ok(HttpResponse::Ok().json(Appearance {
        user: identity.user,
        name: identity.name.clone(),
        color: chosen.await.map_err(ApiError::from)?,
    }))
}
