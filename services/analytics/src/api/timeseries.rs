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
use super::streams::Streams;
use crate::catalogue::Metric;
use crate::query::{
    Group, MetricPoints, Moment, Part, Step, View, plan, read_quantiles, read_series,
};

/// What to read.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimeseriesQuery {
    /// Comma-separated streams, or `*` for every one; `main` unless said otherwise.
    #[serde(default)]
    #[param(value_type = String, default = "main")]
    stream: Streams,
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
    /// Distance of two points: `auto`, or a whole number of `s`, `m`, `h` or `d`. Any for the last 6
    /// hours, whole tens of seconds for the last 3 days, whole minutes for the last 30 days, whole
    /// hours for 2 years.
    #[serde(default)]
    #[param(value_type = String, default = "auto")]
    step: Step,
    /// What of a counter: its values, or by how much it grows per second. Others are told as they
    /// are.
    #[serde(default)]
    #[param(inline)]
    view: View,
    /// A quantile between 0 and 1 instead of the mean, of metrics that have a distribution (see
    /// `/api/analytics/metrics`). Exact of seconds; in steps of whole minutes it is within 1 %.
    #[serde(default)]
    #[param(value_type = Option<f64>, minimum = 0, maximum = 1)]
    quantile: Option<Part>,
    /// How several streams are told: each for itself, or as their sum, mean or highest.
    #[serde(default)]
    #[param(inline)]
    group: Group,
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
    /// The streams.
    streams: Vec<StreamId>,
    /// Where the first step begins.
    from: Timestamp,
    /// Where the last step ends.
    to: Timestamp,
    /// Length of a step, in seconds.
    step_s: i64,
    /// Length of the rows that the points were made from, in seconds: 1, 10, 60 or 3600.
    resolution_s: i64,
    /// The metrics as asked for, of one stream after the other.
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
        view,
        quantile,
        group,
    } = query;
    let metrics = parse_metrics(&metric)?;
    let store = &context.store;
    let streams = context.resolve(stream).await?;
    let now = store.bus().clock().now();
    let series = metrics.len().saturating_mul(streams.len());
    let window = plan((from, to), step, series, &context.limits, now)?;
    let mut found = Vec::new();
    for stream in &streams {
        let series = match quantile {
            None => read_series(store, stream, &metrics, &window, view).await?,
            Some(part) if view == View::Value => {
                let limits = &context.limits;
                read_quantiles(store, stream, &metrics, (&window, limits), part).await?
            }
            Some(_) => return Err(ApiError::RateOrQuantile),
        };
        found.extend(series);
    }
    Ok(Timeseries {
        streams,
        from: Timestamp::from_unix_millis(window.from_s * 1000),
        to: Timestamp::from_unix_millis(window.to_s * 1000),
        step_s: window.step_s,
        resolution_s: window.tier.unit_s(),
        metrics: group.join(found),
    })
}

/// The metrics named, each once.
pub(super) fn parse_metrics(text: &str) -> Result<Vec<Metric>, ApiError> {
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
