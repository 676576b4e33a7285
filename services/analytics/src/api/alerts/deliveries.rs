use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::id::DeliveryId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream, ReadAnalytics};
use sm_service_kit::http::{Path, Query};
use utoipa::{IntoParams, ToSchema};

use super::OfStream;
use crate::api::Context;
use crate::api::error::ApiError;
use crate::delivery::Delivery;

/// Which message is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct DeliveryPath {
    /// The message.
    id: DeliveryId,
}

/// Messages that were given up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetters {
    /// How many messages wait to be sent.
    waiting: usize,
    /// Messages that were given up, the newest first.
    dead: Vec<Delivery>,
}

/// Lists messages to webhooks that were given up.
#[utoipa::path(
    get, path = "/api/analytics/alerts/deliveries", tag = "alerts", params(OfStream),
    responses(
        (status = 200, description = "The messages.", body = DeadLetters),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_deliveries(
    _caller: Authorized<ReadAnalytics>,
    Query(OfStream { stream }): Query<OfStream>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context.require(&stream).await?;
    let store = &context.deliveries;
    let waiting = store.waiting(&stream).await.map_err(ApiError::from)?;
    let dead = store.dead(&stream).await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(DeadLetters { waiting, dead }))
}

/// Sends a message once more that was given up, with the same identifier.
#[utoipa::path(
    post, path = "/api/analytics/alerts/deliveries/{id}/resend", tag = "alerts",
    params(DeliveryPath, OfStream),
    responses(
        (status = 202, description = "It waits to be sent.", body = Delivery),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such message was given up.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn resend_delivery(
    caller: Authorized<ControlStream>,
    Path(DeliveryPath { id }): Path<DeliveryPath>,
    Query(OfStream { stream }): Query<OfStream>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context.require(&stream).await?;
    let now = context.store.bus().clock().now();
    let delivery = context
        .deliveries
        .resend(&stream, id, now)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(delivery.id = %id, user.id = %caller.identity.user, "message sent once more");
    Ok(HttpResponse::Accepted().json(delivery))
}
