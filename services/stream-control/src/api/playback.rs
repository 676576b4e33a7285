use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use sm_common::problem::{FieldError, Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadStream};
use sm_service_kit::http::Json;
use utoipa::ToSchema;

use super::Context;

/// What a playback address should allow.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaybackRequest {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// For how long, in seconds, 1 to 86400; an hour unless said otherwise.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86400)]
    expires_in_s: Option<u64>,
}

/// A playback address.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PlaybackUrl {
    /// The playlist, relative to the entrypoint, with its signature.
    url: String,
    /// When it stops working.
    expires_at: Timestamp,
}

/// Signs an address at which a player can watch one stream without a token.
#[utoipa::path(
    post, path = "/api/stream/playback-url", tag = "stream-control", request_body = PlaybackRequest,
    responses(
        (status = 200, description = "The address.", body = PlaybackUrl),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The lifetime is out of bounds.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No secret is configured.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_playback_url(
    _caller: Authorized<ReadStream>,
    Json(PlaybackRequest {
        stream,
        expires_in_s,
    }): Json<PlaybackRequest>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let config = &context.config.playback;
    let lifetime = expires_in_s.unwrap_or(config.lifetime_s);
    if !(1..=config.lifetime_max_s).contains(&lifetime) {
        let bound = format!("must be 1 to {}", config.lifetime_max_s);
        return Err(ApiProblem::invalid(vec![FieldError::new(
            "/expires_in_s",
            bound,
        )]));
    }
    let expires_at = context
        .store
        .bus()
        .clock()
        .now()
        .plus(Duration::from_secs(lifetime));
    let url = context
        .playback
        .as_ref()
        .and_then(|signer| signer.address(&stream, expires_at))
        .ok_or_else(|| {
            ApiProblem::new(ProblemCode::Unavailable).detail("playback.secret_file is not set")
        })?;
    Ok(HttpResponse::Ok().json(PlaybackUrl { url, expires_at }))
}
