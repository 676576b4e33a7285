use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadSummary};
use sm_service_kit::http::Query;
use utoipa::IntoParams;

use super::Context;
use super::cached::revalidated;
use super::error::ApiError;
use crate::query::{Moment, Period, Summary, WindowError};

/// What to sum up.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SummaryQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// Where to begin: RFC 3339, or relative such as `-15m`, `-6h`, `-30d`. Without it, the
    /// summary is of the broadcast on air, or else of the last.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    from: Option<Moment>,
    /// Where to end, in the same forms; now unless said otherwise.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    to: Option<Moment>,
    /// A time when the broadcast that is meant was on air, such as its `started_at`. Not together
    /// with `from` and `to`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    broadcast: Option<Moment>,
}

/// How a stream did.
///
/// Over the broadcast on air, over the last one, or over a range. What was not measured is
/// `null`, and what was missed is told in `gaps`.
#[utoipa::path(
    get, path = "/api/analytics/summary", tag = "analytics", params(SummaryQuery),
    responses(
        (status = 200, description = "The summary.", body = Summary),
        (status = 304, description = "Nothing has changed."),
        (status = 400, description = "A parameter cannot be read, or the range cannot be answered.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, or no such broadcast.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_summary(
    _caller: Authorized<ReadSummary>,
    request: HttpRequest,
    Query(query): Query<SummaryQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    revalidated(&request, &answer(&context, query).await?)
}

async fn answer(context: &Context, query: SummaryQuery) -> Result<Summary, ApiError> {
    let SummaryQuery {
        stream,
        from,
        to,
        broadcast,
    } = query;
    let now = context.store.bus().clock().now();
    let period = parse_period(broadcast, from, to, now)?;
    context.require(&stream).await?;
    context.summarise(&stream, period).await
}

fn parse_period(
    broadcast: Option<Moment>,
    from: Option<Moment>,
    to: Option<Moment>,
    now: Timestamp,
) -> Result<Period, ApiError> {
    match (broadcast, from, to) {
        (None, None, None) => Ok(Period::LatestBroadcast),
        (Some(at), None, None) => Ok(Period::BroadcastAt(at.resolve(now))),
        (None, Some(from), to) => parse_range(from, to.unwrap_or(Moment::NOW), now),
        (None, None, Some(_)) => Err(ApiError::OpenRange),
        (Some(_), _, _) => Err(ApiError::BroadcastOrRange),
    }
}

/// A range that is not empty.
pub(super) fn parse_range(from: Moment, to: Moment, now: Timestamp) -> Result<Period, ApiError> {
    let (from, to) = (from.resolve(now), to.resolve(now));
    if from >= to.min(now) {
        return Err(WindowError::Empty { from, to }.into());
    }
    Ok(Period::Range(from, to))
}
