use std::time::Duration;

use actix_web::http::header::{HeaderMap, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream};
use sm_service_kit::http::Json;

use super::Context;
use super::error::ApiError;
use super::idempotency::idempotency;
use super::request::ControlRequest;
use crate::domain::{Operation, OperationStatus};
use crate::operations::{self, Accepted};
use crate::store::Occasion;

/// Steers a stream.
///
/// The command becomes desired state and is kept, whatever happens to this service; the engine
/// makes it true. `Idempotency-Key` replays the first answer. `Prefer: wait=10` waits that many
/// seconds at most for the stream to be as wanted.
#[utoipa::path(
    post, path = "/api/stream/control", tag = "stream-control", request_body = ControlRequest,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "At most 255 visible characters; the same key answers the same for a day."),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`."),
    ),
    responses(
        (status = 200, description = "The stream is as wanted, or the command has failed: see `status`.", body = Operation),
        (status = 202, description = "Accepted; `Location` tells what becomes of it.", body = Operation),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Not legal in this status, nothing is in preview to be taken, or what is to be taken is a draft (`scene.draft.no-scene`).", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is out of bounds or not for this action, or the idempotency key belongs to another request.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No host has enough CPU left (`stream.capacity.exceeded`: how much is needed, what is left and of what). Or Redis does not answer, and the command may have been kept: send it again with the same `Idempotency-Key`.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn control_stream(
    caller: Authorized<ControlStream>,
    request: HttpRequest,
    Json(body): Json<ControlRequest>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let command = body.command().map_err(ApiProblem::invalid)?;
    let idempotency = idempotency(request.headers(), &caller.identity, &body)?;
    let limit = preferred_wait(request.headers(), context.config.stream.wait_max_s);
    let ControlRequest {
        action,
        stream,
        force,
        ..
    } = body;
    let outcome = Box::pin(operations::command(
        &context.store,
        &stream,
        &command,
        ((&caller.identity).into(), force),
        &Occasion::Request(idempotency),
    ))
    .await;
    let label = operations::label(&outcome);
    context.metrics.count(action.as_str(), label);
    let Accepted {
        operation,
        replayed,
    } = outcome.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %stream, action = action.as_str(), user.id = %caller.identity.user,
        operation.id = %operation.id, replayed, "command accepted"
    );
    let operation = operations::wait(&context.store, &context.states, operation, limit)
        .await
        .map_err(ApiError::from)?;
    Ok(answer(&operation, replayed))
}

fn answer(operation: &Operation, replayed: bool) -> HttpResponse {
    let mut response = if operation.status == OperationStatus::Pending {
        HttpResponse::Accepted()
    } else {
        HttpResponse::Ok()
    };
    if replayed {
        response.insert_header(("idempotency-replayed", "true"));
    }
    let location = format!(
        "/api/stream/operations/{}?stream={}",
        operation.id, operation.stream
    );
    response.insert_header((LOCATION, location)).json(operation)
}

/// The wait that `Prefer` asks for. A preference that cannot be read is none (RFC 7240).
fn preferred_wait(headers: &HeaderMap, max_s: u64) -> Duration {
    let wait = headers
        .get_all("prefer")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|preference| preference.trim().strip_prefix("wait=")?.trim().parse().ok());
    Duration::from_secs(wait.unwrap_or(0).min(max_s))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_preferred_wait_is_bounded_and_optional() {
        let wait = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                HeaderName::from_static("prefer"),
                HeaderValue::from_static(text),
            );
            preferred_wait(&headers, 30).as_secs()
        };
        assert_eq!(wait("wait=10"), 10);
        assert_eq!(wait("respond-async, wait=5"), 5);
        assert_eq!(wait("wait=900"), 30);
        assert_eq!(wait("wait=soon"), 0);
        assert_eq!(preferred_wait(&HeaderMap::new(), 30), Duration::ZERO);
    }
}
