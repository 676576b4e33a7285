use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream, ReadAnalytics};
use sm_service_kit::http::{Path, Query};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::alerts::OfStream;
use super::error::ApiError;
use crate::errors::{ErrorGroup, GroupAction};

/// Which group is meant, and what is made of it.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ErrorActionPath {
    /// The group's fingerprint, such as `v1:0123456789abcdef`.
    fingerprint: String,
    /// `resolve`, `ignore` or `reopen`.
    action: GroupAction,
}

/// Errors in groups.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ErrorGroupList {
    /// The one that was seen last comes first.
    groups: Vec<ErrorGroup>,
}

/// Lists the errors of a stream in groups: what has one cause, as far as its words tell, is counted once.
///
/// A group that somebody has resolved and that is seen again is `regressed`.
#[utoipa::path(
    get, path = "/api/analytics/errors", tag = "analytics", params(OfStream),
    responses(
        (status = 200, description = "The groups.", body = ErrorGroupList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_errors(
    _caller: Authorized<ReadAnalytics>,
    Query(OfStream { stream }): Query<OfStream>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context.require(&stream).await?;
    let now = context.store.bus().clock().now();
    let groups = context
        .errors
        .groups(&stream)
        .await
        .map_err(ApiError::from)?;
    let groups = groups.into_iter().map(|group| group.told_at(now)).collect();
    Ok(HttpResponse::Ok().json(ErrorGroupList { groups }))
}

/// Resolves a group of errors, ignores it, or opens it again.
#[utoipa::path(
    post, path = "/api/analytics/errors/{fingerprint}/{action}", tag = "analytics",
    params(ErrorActionPath, OfStream),
    responses(
        (status = 200, description = "The group now.", body = ErrorGroup),
        (status = 400, description = "The action is unknown.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such group.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn change_error(
    caller: Authorized<ControlStream>,
    Path(ErrorActionPath {
        fingerprint,
        action,
    }): Path<ErrorActionPath>,
    Query(OfStream { stream }): Query<OfStream>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context.require(&stream).await?;
    let now = context.store.bus().clock().now();
    let by = (action, caller.identity.name.as_str());
    let group = context
        .errors
        .change(&stream, &fingerprint, by, now)
        .await
        .map_err(ApiError::from)?
        .ok_or(ApiError::UnknownErrorGroup { fingerprint })?;
    Ok(HttpResponse::Ok().json(group.told_at(now)))
}
