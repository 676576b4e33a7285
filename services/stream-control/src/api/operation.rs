use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use sm_common::id::OperationId;
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream};
use sm_service_kit::http::{Path, Query};

use super::Context;
use super::error::ApiError;
use super::state::StreamQuery;
use crate::domain::Operation;
use crate::operations;

/// Which operation is meant.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OperationPath {
    id: OperationId,
}

/// What became of a command.
#[utoipa::path(
    get, path = "/api/stream/operations/{id}", tag = "stream-control",
    params(("id" = OperationId, Path, description = "The operation."), StreamQuery),
    responses(
        (status = 200, description = "The operation.", body = Operation),
        (status = 400, description = "The identifier cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such operation, or it is too old.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_operation(
    _caller: Authorized<ControlStream>,
    Path(OperationPath { id }): Path<OperationPath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let operation = context
        .store
        .operation(&stream, id)
        .await
        .map_err(ApiError::from)?
        .ok_or_else(|| ApiProblem::new(ProblemCode::OperationNotFound))?;
    let seen = operations::look(&context.store, &operation)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(seen))
}
