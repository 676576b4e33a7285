use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadAnalytics};
use sm_service_kit::http::Query;
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::cached::revalidated;
use super::error::ApiError;
use crate::catalogue::Metric;
use crate::query::{MetricPoints, Moment, Step, plan, read_series};

/// What to read.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimeseriesQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// Comma-separated names of metrics.
    #[serde(default)]
    metric: String,
    /// Where to begin: RFC 3339, or relative such as `-15m`, `-6h`, `-30d`.
    #[serde(default = "quarter_of_an_hour_ago")]
    #[param(value_type = String, default = "-15m")]
    from: Moment,
    /// Where to end, in the same forms.
    #[serde(default = "now")]
    #[param(value_type = String, default = "now")]
    to: Moment,
    /// Distance of two points: `auto`, or a whole number of `s`, `m`, `h` or `d`. Below a minute
    /// for the last 6 hours only, whole minutes beyond.
    #[serde(default)]
    #[param(value_type = String, default = "auto")]
    step: Step,
}

const fn quarter_of_an_hour_ago() -> Moment {
    Moment::Ago(900)
}

const fn now() -> Moment {
    Moment::NOW
}

/// Metrics over time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Timeseries {
    /// The stream.
    stream: StreamId,
    /// Where the first step begins.
    from: Timestamp,
    /// Where the last step ends.
    to: Timestamp,
    /// Length of a step, in seconds.
    step_s: i64,
    /// Length of the rows that the points were made from, in seconds: 1 or 60.
    resolution_s: i64,
    /// The metrics, as asked for.
    metrics: Vec<MetricPoints>,
}

/// Metrics over time.
///
/// The range is widened to whole steps. A step in which nothing was measured is `null`; nothing
/// is interpolated.
#[utoipa::path(
    get, path = "/api/analytics/timeseries", tag = "analytics", params(TimeseriesQuery),
    responses(
        (status = 200, description = "The points.", body = Timeseries),
        (status = 304, description = "Nothing has changed."),
        (status = 400, description = "A parameter cannot be read, a metric is unknown, or the range cannot be answered.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_timeseries(
    _caller: Authorized<ReadAnalytics>,
    request: HttpRequest,
    Query(query): Query<TimeseriesQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    revalidated(&request, &answer(&context, query).await?)
}

async fn answer(context: &Context, query: TimeseriesQuery) -> Result<Timeseries, ApiError> {
    let TimeseriesQuery {
        stream,
        metric,
        from,
        to,
        step,
    } = query;
    let metrics = parse_metrics(&metric)?;
    let store = &context.store;
    let now = store.bus().clock().now();
    let window = plan((from, to), step, metrics.len(), &context.limits, now)?;
    context.require(&stream).await?;
    let metrics = read_series(store, &stream, &metrics, &window).await?;
    Ok(Timeseries {
        stream,
        from: Timestamp::from_unix_millis(window.from_s * 1000),
        to: Timestamp::from_unix_millis(window.to_s * 1000),
        step_s: window.step_s,
        resolution_s: window.tier.unit_s(),
        metrics,
    })
}

/// The metrics named, each once.
fn parse_metrics(text: &str) -> Result<Vec<Metric>, ApiError> {
    let mut metrics = Vec::new();
    for name in text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let metric = Metric::named(name).ok_or_else(|| ApiError::UnknownMetric {
            name: name.to_owned(),
        })?;
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    if metrics.is_empty() {
        return Err(ApiError::NoMetric);
    }
    Ok(metrics)
}
