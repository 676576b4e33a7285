use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadAnalytics};
use utoipa::ToSchema;

use super::cached::revalidated;
use crate::catalogue::{Metric, MetricKind};

/// Every metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MetricList {
    metrics: Vec<MetricInfo>,
}

/// A metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MetricInfo {
    /// Its name in queries and answers.
    name: &'static str,
    /// The unit of its values.
    unit: &'static str,
    /// What its values mean over time.
    kind: MetricKind,
    /// The smallest difference that is kept.
    resolution: f64,
    /// Whether quantiles can be asked for.
    distribution: bool,
    /// What it is.
    help: &'static str,
}

impl From<Metric> for MetricInfo {
    fn from(metric: Metric) -> Self {
        let spec = metric.spec();
        Self {
            name: spec.name,
            unit: spec.unit,
            kind: spec.kind,
            resolution: metric.decimals().resolution(),
            distribution: metric.is_distribution(),
            help: spec.help,
        }
    }
}

/// What can be asked for.
#[utoipa::path(
    get, path = "/api/analytics/metrics", tag = "analytics",
    responses(
        (status = 200, description = "Every metric.", body = MetricList),
        (status = 304, description = "Nothing has changed."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_metrics(
    _caller: Authorized<ReadAnalytics>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiProblem> {
    let metrics = Metric::ALL.iter().copied().map(MetricInfo::from).collect();
    revalidated(&request, &MetricList { metrics })
}
