use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use sm_common::alert::Alert;
use sm_common::id::StreamId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadAnalytics};
use sm_service_kit::http::Query;
use utoipa::{IntoParams, ToSchema};

use crate::api::Context;
use crate::api::cached::revalidated;
use crate::api::error::ApiError;

/// Alerts that are over and are listed unless said otherwise.
const LIMIT: u16 = 100;
/// Most of them.
const LIMIT_MAX: u16 = 1000;

/// Which alerts.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertsQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// Most alerts that are over; 0 for none.
    #[serde(default = "limit")]
    #[param(minimum = 0, maximum = 1000, default = 100)]
    limit: u16,
}

const fn limit() -> u16 {
    LIMIT
}

/// What fires, and what did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AlertList {
    /// Alerts that fire now, the oldest first; also those that are muted.
    firing: Vec<Alert>,
    /// Alerts that are over, the newest first.
    history: Vec<Alert>,
}

/// Lists alerts: those that fire now, and those that are over.
#[utoipa::path(
    get, path = "/api/analytics/alerts", tag = "alerts", params(AlertsQuery),
    responses(
        (status = 200, description = "The alerts.", body = AlertList),
        (status = 304, description = "Nothing has changed."),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_alerts(
    _caller: Authorized<ReadAnalytics>,
    request: HttpRequest,
    Query(AlertsQuery { stream, limit }): Query<AlertsQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    if limit > LIMIT_MAX {
        return Err(ApiError::Limit { max: LIMIT_MAX }.into());
    }
    context.require(&stream).await?;
    let store = &context.deliveries;
    let firing = store.firing(&stream).await.map_err(ApiError::from)?;
    let history = store
        .over(&stream, usize::from(limit))
        .await
        .map_err(ApiError::from)?;
    revalidated(&request, &AlertList { firing, history })
}
