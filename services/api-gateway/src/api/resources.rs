use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use sm_common::clock::Timestamp;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadResources};
use sm_service_kit::http::Query;
use utoipa::IntoParams;

use super::Context;
use super::error::ApiError;
use crate::resources::{self, SystemResources};

/// Which part of the history is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResourcesQuery {
    /// The history after this moment (RFC 3339), for the last half hour; none when absent.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

/// What the whole system uses: every running instance, Redis and the host.
#[utoipa::path(
    get, path = "/api/resources", tag = "api-gateway", params(ResourcesQuery),
    responses(
        (status = 200, description = "Now, and the history asked for.", body = SystemResources),
        (status = 400, description = "The moment cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_resources(
    _caller: Authorized<ReadResources>,
    Query(ResourcesQuery { since }): Query<ResourcesQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let mut resources = resources::read(&context.bus, context.clock.now())
        .await
        .map_err(ApiError::from)?;
    if let Some(since) = since {
        resources.history = context.history.after(since).await.map_err(ApiError::from)?;
    }
    Ok(HttpResponse::Ok().json(resources))
}
