use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadAudit};
use sm_service_kit::http::Query;
use utoipa::IntoParams;

use super::Context;
use super::error::ApiError;
use crate::audit::{AuditList, Page};

/// Entries of an answer, unless asked otherwise.
const ENTRIES: usize = 50;

/// Which entries to read.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// `actions`, or `attempts`: what anybody can do, such as to fail to sign in.
    #[serde(default)]
    #[param(inline)]
    list: AuditList,
    /// The `next` of the page before.
    before: Option<String>,
    /// Most entries, 1 to 200 unless configured otherwise.
    limit: Option<usize>,
}

/// What happened that security is about, newest first.
///
/// Who signed in, failed to, was signed out, was created, changed or deleted; by whom, and from
/// where as far as that is kept. There is no way to change or remove entries here: they go when
/// they are too old or too many, as `[audit]` of the configuration says.
#[utoipa::path(
    get, path = "/api/auth/audit", tag = "api-gateway", params(AuditQuery),
    responses(
        (status = 200, description = "A page of entries.", body = Page),
        (status = 400, description = "The query cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_security_audit(
    _caller: Authorized<ReadAudit>,
    Query(AuditQuery {
        list,
        before,
        limit,
    }): Query<AuditQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let page_max = context.config.audit.page_max;
    let limit = limit.unwrap_or(ENTRIES.min(page_max));
    if !(1..=page_max).contains(&limit) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail(format!("limit must be 1 to {page_max}")));
    }
    if before.as_deref().is_some_and(|id| !is_place(id)) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail("before must be the `next` of the page before"));
    }
    let page: Page = context
        .trail
        .page(list, before.as_deref(), limit)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(page))
}

/// Whether the text is a place in a list: two numbers.
fn is_place(text: &str) -> bool {
    let is_number = |digits: &str| digits.parse::<u64>().is_ok() && !digits.starts_with('+');
    text.split_once('-')
        .is_some_and(|(millis, sequence)| is_number(millis) && is_number(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_two_numbers_and_nothing_of_redis_syntax() {
        assert!(is_place("1700000000000-0"));
        for other in ["", "-", "+", "1", "(1-0", "1-0-0", "+1-1", "1-x"] {
            assert!(!is_place(other), "{other}");
        }
    }
}
