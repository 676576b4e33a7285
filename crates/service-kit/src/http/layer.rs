use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};
use sm_common::problem::ProblemCode;
use tracing::Instrument as _;
use uuid::Uuid;

use super::RequestContext;
use crate::metrics::HttpMetrics;
use crate::problem::ApiProblem;
use crate::telemetry::RequestTrace;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request identifier that is taken over from the caller.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// The middleware of every server: gives the request an identifier and a trace, turns bare
/// refusals of the router into problems, counts, and writes one log line.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let start = Instant::now();
    let metrics = request.app_data::<web::Data<HttpMetrics>>().cloned();
    let trace = RequestTrace::start(request.headers(), request.method().as_str());
    let context = RequestContext {
        request_id: request_id(&request),
        trace_id: trace.trace_id(),
        traceparent: trace.traceparent(),
    };
    let span = trace.span();
    let method = request.method().clone();
    let path = request.path().to_owned();
    let request_id = context.request_id.clone();

    let answer = async {
        let response = match next.call(request).await {
            Ok(response) => response.map_into_boxed_body(),
            // The request itself is consumed by the failed service: answer at the server's edge.
            Err(error) => return Err(error),
        };
        Ok(with_problem_body(response))
    };
    let answered = context.scope(answer).instrument(span.clone()).await;

    let mut response = answered?;
    harden(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status();
    let elapsed = start.elapsed();
    if let Some(metrics) = metrics {
        metrics.observe(method.as_str(), &route, status.as_u16(), elapsed);
    }
    let duration_ms = elapsed.as_secs_f64() * 1000.0;
    span.in_scope(|| match failure(&response) {
        Some(cause) if status.is_server_error() => tracing::error!(
            %method, path, route, status = status.as_u16(), duration_ms, request_id, cause, "request"
        ),
        Some(cause) => tracing::info!(
            %method, path, route, status = status.as_u16(), duration_ms, request_id, cause, "request"
        ),
        None => tracing::debug!(
            %method, path, route, status = status.as_u16(), duration_ms, request_id, "request"
        ),
    });
    Ok(response)
}

/// Keeps browsers careful with what was not made for them: an answer is of the type that it names, and
/// nothing in it is run or shown in a frame. A service that has pages says itself what these may do.
fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// The caller's identifier, where it is harmless, or a new one.
fn request_id(request: &ServiceRequest) -> String {
    request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_CHARS_MAX)
        .filter(|id| {
            id.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        })
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// The router's own refusals have no body: give them one.
fn with_problem_body(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if response.headers().contains_key(CONTENT_TYPE) {
        return response;
    }
    let code = match response.status() {
        StatusCode::NOT_FOUND => ProblemCode::RouteNotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
        _ => return response,
    };
    let (request, old) = response.into_parts();
    let mut new = ApiProblem::new(code).error_response();
    for (name, value) in old.headers() {
        new.headers_mut().append(name.clone(), value.clone());
    }
    ServiceResponse::new(request, new)
}

/// What the log should say about a refused request.
fn failure(response: &ServiceResponse<BoxBody>) -> Option<String> {
    let error = response.response().error()?;
    let problem = error.as_error::<ApiProblem>();
    Some(match problem {
        Some(problem) => match problem.cause_chain() {
            Some(chain) => format!("{problem}: {chain}"),
            None => problem.to_string(),
        },
        None => error.to_string(),
    })
}
