use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::id::StreamId;
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadAudit};
use sm_service_kit::http::Query;
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::error::ApiError;
use crate::audit::{self, AuditEntry};

/// Most entries in one answer.
const ENTRIES_MAX: usize = 1000;

/// Which part of the list is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// How many of the newest entries, 1 to 1000.
    #[serde(default = "entries_default")]
    #[param(minimum = 1, maximum = 1000)]
    limit: usize,
}

const fn entries_default() -> usize {
    100
}

/// The newest commands, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AuditList {
    entries: Vec<AuditEntry>,
}

/// Who steered a stream, when and how.
#[utoipa::path(
    get, path = "/api/stream/audit", tag = "stream-control", params(AuditQuery),
    responses(
        (status = 200, description = "The newest commands, newest first.", body = AuditList),
        (status = 400, description = "The limit is out of bounds.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_audit(
    _caller: Authorized<ReadAudit>,
    Query(AuditQuery { stream, limit }): Query<AuditQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    if !(1..=ENTRIES_MAX).contains(&limit) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail(format!("`limit` takes 1 to {ENTRIES_MAX}")));
    }
    let entries = audit::newest(context.store.bus(), &stream, limit)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(AuditList { entries }))
}
