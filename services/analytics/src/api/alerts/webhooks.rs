use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::id::WebhookId;
use sm_common::problem::Problem;
use sm_common::secret::Secret;
use sm_common::stream::Severity;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream, ReadAnalytics};
use sm_service_kit::http::{Json, Path, etag, if_match};
use utoipa::{IntoParams, ToSchema};

use crate::api::Context;
use crate::api::error::ApiError;
use crate::delivery::{DeliveryError, Webhook, WebhookView, new_webhook, patched_webhook};

/// Which webhook is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct WebhookPath {
    /// The webhook.
    id: WebhookId,
}

/// Every webhook.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WebhookList {
    /// In the order of their making.
    webhooks: Vec<WebhookView>,
}

/// A webhook as somebody writes it. In a patch everything may be left out, and what is left out stays.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(crate) struct NewWebhook {
    /// Its name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Where messages are posted, by http or https. Only its origin is shown again.
    #[schema(max_length = 2048)]
    url: String,
    /// What messages are signed with. Never shown again.
    #[schema(min_length = 16, max_length = 256)]
    secret: Secret,
    /// Whether it is sent anything; true unless said otherwise.
    enabled: Option<bool>,
    /// The least severity that it is told of; `warning` unless said otherwise.
    least: Option<Severity>,
}

/// Lists webhooks. No answer holds a secret, or more of an address than its origin.
#[utoipa::path(
    get, path = "/api/analytics/alerts/webhooks", tag = "alerts",
    responses(
        (status = 200, description = "The webhooks.", body = WebhookList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_webhooks(
    _caller: Authorized<ReadAnalytics>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let webhooks = context
        .deliveries
        .webhooks()
        .await
        .map_err(ApiError::from)?;
    let webhooks = webhooks.iter().map(WebhookView::from).collect();
    Ok(HttpResponse::Ok().json(WebhookList { webhooks }))
}

/// Adds a webhook, which is told of alerts and incidents from now on.
///
/// Messages are signed as the Standard Webhooks have it: `webhook-id`, `webhook-timestamp` and
/// `webhook-signature`. One may come more than once, with the same `webhook-id`.
#[utoipa::path(
    post, path = "/api/analytics/alerts/webhooks", tag = "alerts", request_body = NewWebhook,
    responses(
        (status = 201, description = "The new webhook.", body = WebhookView, headers(("ETag" = String, description = "The webhook's revision."), ("Location" = String, description = "The webhook."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are as many webhooks as there may be.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_webhook(
    caller: Authorized<ControlStream>,
    Json(body): Json<Value>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let now = context.store.bus().clock().now();
    let webhook =
        new_webhook(&body, &context.policy, &caller.identity.name, now).map_err(ApiError::from)?;
    context
        .deliveries
        .create_webhook(&webhook)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(webhook.id = %webhook.id, user.id = %caller.identity.user, "webhook created");
    let location = format!("/api/analytics/alerts/webhooks/{}", webhook.id);
    Ok(HttpResponse::Created()
        .insert_header((ETAG, etag(webhook.revision)))
        .insert_header((LOCATION, location))
        .json(WebhookView::from(&webhook)))
}

/// Changes a webhook by a JSON merge patch; a secret that is absent stays.
#[utoipa::path(
    patch, path = "/api/analytics/alerts/webhooks/{id}", tag = "alerts",
    params(WebhookPath, ("If-Match" = String, Header, description = "The webhook's `ETag`.")),
    request_body(content((NewWebhook = "application/json"), (NewWebhook = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The webhook now.", body = WebhookView, headers(("ETag" = String, description = "The webhook's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such webhook.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The webhook has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn update_webhook(
    caller: Authorized<ControlStream>,
    request: HttpRequest,
    Path(WebhookPath { id }): Path<WebhookPath>,
    Json(patch): Json<Value>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = if_match(request.headers())?;
    let before = context.expected_webhook(id, &expected).await?;
    let now = context.store.bus().clock().now();
    let by = &caller.identity.name;
    let after =
        patched_webhook(&before, &patch, &context.policy, by, now).map_err(ApiError::from)?;
    context
        .deliveries
        .replace_webhook(&before, Some(&after))
        .await
        .map_err(ApiError::from)?;
    tracing::info!(webhook.id = %id, user.id = %caller.identity.user, "webhook changed");
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(after.revision)))
        .json(WebhookView::from(&after)))
}

/// Takes a webhook away; messages that wait for it are not sent.
#[utoipa::path(
    delete, path = "/api/analytics/alerts/webhooks/{id}", tag = "alerts",
    params(WebhookPath, ("If-Match" = String, Header, description = "The webhook's `ETag`.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such webhook.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The webhook has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_webhook(
    caller: Authorized<ControlStream>,
    request: HttpRequest,
    Path(WebhookPath { id }): Path<WebhookPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = if_match(request.headers())?;
    let before = context.expected_webhook(id, &expected).await?;
    context
        .deliveries
        .replace_webhook(&before, None)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(webhook.id = %id, user.id = %caller.identity.user, "webhook deleted");
    Ok(HttpResponse::NoContent().finish())
}

impl Context {
    /// The webhook, if it is still the one that the caller has read.
    async fn expected_webhook(&self, id: WebhookId, expected: &str) -> Result<Webhook, ApiError> {
        let webhook = self.deliveries.webhook(id).await?;
        if webhook.revision.to_string() == expected {
            return Ok(webhook);
        }
        let current = webhook.revision;
        Err(DeliveryError::Stale { current }.into())
    }
}
