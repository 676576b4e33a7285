//! The HTTP API: every path, and the document that describes it.

mod cached;
mod error;
mod metrics;
mod summary;
mod timeseries;

use std::fmt::Write as _;

use actix_web::web::{self, Data, ServiceConfig};
use sm_common::id::StreamId;
use utoipa::openapi::{OpenApi as Document, RefOr, Required};
use utoipa::{Modify, OpenApi};

use crate::catalogue::Metric;
use crate::query::Limits;
use crate::store::Store;
use error::ApiError;

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) limits: Limits,
}

impl Context {
    /// Refuses a stream that does not exist.
    async fn require(&self, stream: &StreamId) -> Result<(), ApiError> {
        if self.store.knows(stream).await? {
            return Ok(());
        }
        Err(ApiError::UnknownStream(stream.clone()))
    }
}

/// The route table.
pub(crate) fn routes(context: Context) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(Data::new(context.clone()))
            .service(web::resource("/api/analytics/timeseries").get(timeseries::read_timeseries))
            .service(web::resource("/api/analytics/summary").get(summary::read_summary))
            .service(web::resource("/api/analytics/metrics").get(metrics::list_metrics));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "analytics", description = "Samples, rollups and what they say."),
    paths(
        timeseries::read_timeseries,
        summary::read_summary,
        metrics::list_metrics,
    ),
    modifiers(&MetricNames),
    tags((name = "analytics", description = "How a stream does, and how it did."))
)]
struct Description;

/// Writes the catalogue into the description of `metric`.
struct MetricNames;

impl Modify for MetricNames {
    fn modify(&self, document: &mut Document) {
        let parameters = document
            .paths
            .paths
            .values_mut()
            .filter_map(|path| path.get.as_mut())
            .filter_map(|operation| operation.parameters.as_mut())
            .flatten();
        for parameter in parameters {
            if let RefOr::T(parameter) = parameter
                && parameter.name == "metric"
            {
                parameter.required = Required::True;
                parameter.description = Some(describe_metrics());
            }
        }
    }
}

fn describe_metrics() -> String {
    let mut text = "Comma-separated names:\n".to_owned();
    for metric in Metric::ALL {
        let spec = metric.spec();
        // Writing to a String cannot fail.
        let _ = write!(text, "\n- `{}` ({}): {}", spec.name, spec.unit, spec.help);
    }
    text
}

/// The OpenAPI document of this service.
pub fn openapi() -> Document {
    Description::openapi()
}

/// The same as JSON.
pub(crate) fn openapi_json() -> String {
    openapi().to_pretty_json().unwrap_or_default()
}
