use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::clock::Timestamp;
use sm_common::id::{RuleId, SilenceId, StreamId};
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream, ReadAnalytics};
use sm_service_kit::http::{Json, Path};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::{Silence, SilenceKind, new_silence};
use crate::api::Context;
use crate::api::error::ApiError;

/// Which silence is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct SilencePath {
    /// The silence.
    id: SilenceId,
}

/// Every silence that is not over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SilenceList {
    /// The one that ends first comes first.
    silences: Vec<Silence>,
}

/// A silence as somebody writes it.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(crate) struct NewSilence {
    /// `silence` unless said otherwise; `maintenance` lets no incident be opened either.
    kind: Option<SilenceKind>,
    /// The stream; every stream unless said otherwise.
    stream: Option<StreamId>,
    /// The rule; every rule unless said otherwise.
    rule: Option<RuleId>,
    /// Labels that a rule must have.
    labels: Option<BTreeMap<String, String>>,
    /// From when; now unless said otherwise.
    from: Option<Timestamp>,
    /// Until when.
    until: Timestamp,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    comment: String,
}

/// Lists silences and maintenance windows that are not over.
#[utoipa::path(
    get, path = "/api/analytics/alerts/silences", tag = "alerts",
    responses(
        (status = 200, description = "The silences.", body = SilenceList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_silences(
    _caller: Authorized<ReadAnalytics>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let now = context.store.bus().clock().now();
    let silences = context.alerts.silences(now).await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(SilenceList { silences }))
}

/// Silences alerts for a time, or says that a stream is being worked on.
///
/// Alerts still fire, and say in `muted` why nobody is sent them. What still fires when the silence ends
/// is sent then.
#[utoipa::path(
    post, path = "/api/analytics/alerts/silences", tag = "alerts", request_body = NewSilence,
    responses(
        (status = 201, description = "The silence.", body = Silence),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are as many silences as there may be.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_silence(
    caller: Authorized<ControlStream>,
    Json(body): Json<Value>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let now = context.store.bus().clock().now();
    let silence = new_silence(&body, &caller.identity.name, now).map_err(ApiError::from)?;
    context
        .alerts
        .create_silence(&silence, now)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(silence.id = %silence.id, user.id = %caller.identity.user, "alerts silenced");
    Ok(HttpResponse::Created().json(silence))
}

/// Ends a silence.
#[utoipa::path(
    delete, path = "/api/analytics/alerts/silences/{id}", tag = "alerts", params(SilencePath),
    responses(
        (status = 204, description = "It is over."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such silence.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_silence(
    caller: Authorized<ControlStream>,
    Path(SilencePath { id }): Path<SilencePath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context
        .alerts
        .delete_silence(id)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(silence.id = %id, user.id = %caller.identity.user, "silence ended");
    Ok(HttpResponse::NoContent().finish())
}
