use std::collections::BTreeMap;

use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sm_common::auth::Identity;
use sm_common::id::StreamId;
use sm_common::problem::Problem;
use sm_common::variable::{VariableValue, Variables};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers, ReadStream};
use sm_service_kit::http::{Query, etag};
use utoipa::ToSchema;

use super::Context;
use super::body::Document;
use super::error::ApiError;
use super::layer::{StreamQuery, optional, required};
use crate::domain::Expected;
use crate::domain::variables::Manner;

/// All variables of a stream. A name is 1 to 32 of a-z, 0-9 and `_`, starts with a letter, and is
/// none of `viewers`, `uptime` and `clock`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct NewVariables {
    /// Texts of at most 200 characters, numbers, true and false.
    values: BTreeMap<String, VariableValue>,
}

/// A JSON merge patch (RFC 7396) of a stream's variables.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct VariablesPatch {
    /// Texts, numbers, true and false; null removes. What is left out stays, and what there is keeps
    /// its type.
    values: BTreeMap<String, serde_json::Value>,
}

/// Reads the variables of a stream, which texts show where they say `{{name}}`.
#[utoipa::path(
    get, path = "/api/variables", tag = "layer-service", params(StreamQuery),
    responses(
        (status = 200, description = "The variables.", body = Variables, headers(("ETag" = String, description = "Their revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The variables cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_variables(
    _caller: Authorized<ReadStream>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let variables = context.scenes.variables(&stream).await;
    Ok(tagged(&variables.map_err(ApiError::from)?))
}

/// Replaces the variables of a stream: those that are not named are gone.
///
/// `If-Match` is the revision that the caller has read.
#[utoipa::path(
    put, path = "/api/variables", tag = "layer-service", params(StreamQuery, ("If-Match" = String, Header, description = "The `ETag` of the variables.")),
    request_body = NewVariables,
    responses(
        (status = 200, description = "The variables now.", body = Variables, headers(("ETag" = String, description = "Their revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "They have changed; `ETag` is their revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Names or values are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn replace_variables(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = Some(required(request.headers())?);
    change(
        &context,
        &caller.identity,
        &stream,
        (Manner::Replace, &body),
        expected,
    )
    .await
}

/// Changes variables of a stream by a JSON merge patch; texts on air show them at once.
///
/// `If-Match`, where sent, is the revision that the caller has read.
#[utoipa::path(
    patch, path = "/api/variables", tag = "layer-service", params(StreamQuery, ("If-Match" = Option<String>, Header, description = "The `ETag` of the variables.")),
    request_body(content((VariablesPatch = "application/json"), (VariablesPatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The variables now.", body = Variables, headers(("ETag" = String, description = "Their revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and they have changed; `ETag` is their revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Names or values are out of bounds, or of another type than before; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn update_variables(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = optional(request.headers())?;
    change(
        &context,
        &caller.identity,
        &stream,
        (Manner::Patch, &body),
        expected,
    )
    .await
}

async fn change(
    context: &Context,
    caller: &Identity,
    stream: &StreamId,
    (manner, body): (Manner, &serde_json::Value),
    expected: Option<Expected>,
) -> Result<HttpResponse, ApiProblem> {
    let changed = context
        .scenes
        .change_variables(stream, manner, body, expected.as_ref())
        .await;
    let variables = changed.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %stream, user.id = %caller.user, variables.revision = variables.revision,
        "variables changed"
    );
    Ok(tagged(&variables))
}

fn tagged(variables: &Variables) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, etag(variables.revision)))
        .json(variables)
}
