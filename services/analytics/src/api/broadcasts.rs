use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_common::id::StreamId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadSummary};
use sm_service_kit::http::Query;
use utoipa::IntoParams;

use super::Context;
use super::cached::revalidated;
use super::error::ApiError;
use crate::query::{BroadcastList, list_broadcasts};

/// Most broadcasts in one answer.
const LIMIT_MAX: u16 = 500;

/// Which broadcasts to list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BroadcastsQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// How many at most, the latest first.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: u16,
}

const fn fifty() -> u16 {
    50
}

/// The broadcasts of a stream, the latest first.
///
/// A broadcast lasts from going on air to going off air; being away in between is part of it. Ask
/// `/api/analytics/summary` for more, with `broadcast` set to its `started_at`.
#[utoipa::path(
    get, path = "/api/analytics/broadcasts", tag = "analytics", params(BroadcastsQuery),
    responses(
        (status = 200, description = "The broadcasts.", body = BroadcastList),
        (status = 304, description = "Nothing has changed."),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_broadcasts(
    _caller: Authorized<ReadSummary>,
    request: HttpRequest,
    Query(BroadcastsQuery { stream, limit }): Query<BroadcastsQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context.require(&stream).await?;
    let limit = usize::from(limit.clamp(1, LIMIT_MAX));
    let list = list_broadcasts(&context.store, &stream, limit).await;
    revalidated(&request, &list.map_err(ApiError::from)?)
}
