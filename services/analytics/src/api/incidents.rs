use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use sm_common::id::{IncidentId, StreamId};
use sm_common::incident::Incident;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadAnalytics};
use sm_service_kit::http::{Path, Query};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::alerts::OfStream;
use super::cached::revalidated;
use super::error::ApiError;
use crate::incidents::{MonthReport, month_report, month_span};

/// Incidents that are listed unless said otherwise.
const LIMIT: u16 = 50;
/// Most of them.
const LIMIT_MAX: u16 = 500;

/// Which incidents.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncidentsQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// Most incidents.
    #[serde(default = "limit")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: u16,
}

const fn limit() -> u16 {
    LIMIT
}

/// Which incident is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct IncidentPath {
    /// The incident.
    id: IncidentId,
}

/// Which month is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// The month in UTC, such as `2026-11`; this month unless said otherwise.
    #[serde(default)]
    month: Option<String>,
}

/// Incidents.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct IncidentList {
    /// The newest first.
    incidents: Vec<Incident>,
}

/// Lists incidents: what went wrong together, and what most likely caused it.
#[utoipa::path(
    get, path = "/api/analytics/incidents", tag = "incidents", params(IncidentsQuery),
    responses(
        (status = 200, description = "The incidents.", body = IncidentList),
        (status = 304, description = "Nothing has changed."),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_incidents(
    _caller: Authorized<ReadAnalytics>,
    request: HttpRequest,
    Query(IncidentsQuery { stream, limit }): Query<IncidentsQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    if limit > LIMIT_MAX {
        return Err(ApiError::Limit { max: LIMIT_MAX }.into());
    }
    context.require(&stream).await?;
    let incidents = context
        .incidents
        .newest(&stream, usize::from(limit))
        .await
        .map_err(ApiError::from)?;
    revalidated(&request, &IncidentList { incidents })
}

/// Reads an incident: its causes with what speaks for each, and its timeline.
#[utoipa::path(
    get, path = "/api/analytics/incidents/{id}", tag = "incidents", params(IncidentPath, OfStream),
    responses(
        (status = 200, description = "The incident.", body = Incident),
        (status = 304, description = "Nothing has changed."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such incident.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_incident(
    _caller: Authorized<ReadAnalytics>,
    request: HttpRequest,
    Path(IncidentPath { id }): Path<IncidentPath>,
    Query(OfStream { stream }): Query<OfStream>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context.require(&stream).await?;
    let incident = context
        .incidents
        .incident(&stream, id)
        .await
        .map_err(ApiError::from)?
        .ok_or(ApiError::UnknownIncident(id))?;
    revalidated(&request, &incident)
}

/// How a stream did over a month: availability, incidents, and the mean times to notice and to repair.
#[utoipa::path(
    get, path = "/api/analytics/incidents/report", tag = "incidents", params(ReportQuery),
    responses(
        (status = 200, description = "The report.", body = MonthReport),
        (status = 400, description = "The month cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_report(
    _caller: Authorized<ReadAnalytics>,
    Query(ReportQuery { stream, month }): Query<ReportQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let now = context.store.bus().clock().now();
    let month = month.unwrap_or_else(|| now.to_string().chars().take(7).collect());
    let span = month_span(&month).ok_or(ApiError::Month)?;
    context.require(&stream).await?;
    let happenings = context
        .store
        .timeline(&stream)
        .await
        .map_err(ApiError::from)?;
    let incidents = context
        .incidents
        .newest(&stream, usize::from(LIMIT_MAX))
        .await
        .map_err(ApiError::from)?;
    let report: MonthReport = month_report(&month, span, &happenings, &incidents, now);
    Ok(HttpResponse::Ok().json(report))
}
