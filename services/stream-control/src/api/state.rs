use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_common::id::StreamId;
use sm_common::problem::{Problem, ProblemCode};
use sm_common::stream::StreamState;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{ReadStream, Viewer};
use sm_service_kit::http::{Query, etag, if_none_match};
use utoipa::IntoParams;

use super::Context;
use super::error::ApiError;

/// Which stream is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    pub(crate) stream: StreamId,
}

/// What a stream does, since when and why.
///
/// Open to everybody where `PUBLIC_VIEW` is set. The `ETag` changes with every change of the
/// document; `If-None-Match` is answered with 304.
#[utoipa::path(
    get, path = "/api/stream/state", tag = "stream-control", params(StreamQuery),
    responses(
        (status = 200, description = "The state.", body = StreamState),
        (status = 304, description = "Nothing has changed."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The state cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_state(
    _caller: Viewer<ReadStream>,
    request: HttpRequest,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let state = context
        .states
        .read(&context.store, &stream)
        .await
        .map_err(ApiError::from)?
        .ok_or_else(|| {
            ApiProblem::new(ProblemCode::StreamNotFound)
                .detail(format!("there is no stream {stream}"))
        })?;
    let tag = (ETAG, etag(&state.revision));
    let cache = (CACHE_CONTROL, "no-cache");
    if if_none_match(request.headers(), &state.revision) {
        return Ok(HttpResponse::NotModified()
            .insert_header(tag)
            .insert_header(cache)
            .finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header(tag)
        .insert_header(cache)
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(state.body))
}
