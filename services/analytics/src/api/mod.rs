//! The HTTP API: every path, and the document that describes it.

mod broadcasts;
mod cached;
mod compare;
mod error;
mod export;
mod metrics;
mod streams;
mod summary;
mod timeseries;

use std::fmt::Write as _;

use actix_web::web::{self, Data, ServiceConfig};
use sm_common::id::StreamId;
use utoipa::openapi::{OpenApi as Document, RefOr, Required};
use utoipa::{Modify, OpenApi};

use crate::catalogue::Metric;
use crate::query::{Limits, Period, Summary, summarise};
use crate::store::Store;
use error::ApiError;
pub(crate) use export::Exports;
use streams::Streams;

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    pub(crate) exports: Exports,
}

impl Context {
    /// Refuses a stream that does not exist.
    async fn require(&self, stream: &StreamId) -> Result<(), ApiError> {
        if self.store.knows(stream).await? {
            return Ok(());
        }
        Err(ApiError::UnknownStream(stream.clone()))
    }

    /// Tells of a broadcast or a range, and refuses a broadcast that is not known.
    async fn summarise(&self, stream: &StreamId, period: Period) -> Result<Summary, ApiError> {
        let summary = summarise(&self.store, stream, period).await?;
        summary.ok_or(ApiError::UnknownBroadcast)
    }

    /// The streams that are meant, each once.
    async fn resolve(&self, streams: Streams) -> Result<Vec<StreamId>, ApiError> {
        match streams {
            Streams::Every => Ok(self.store.streams().await?.into_iter().collect()),
            Streams::These(streams) => {
                for stream in &streams {
                    self.require(stream).await?;
                }
                Ok(streams)
            }
        }
    }
}

/// The route table.
pub(crate) fn routes(context: Context) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(Data::new(context.clone()))
            .service(web::resource("/api/analytics/timeseries").get(timeseries::read_timeseries))
            .service(web::resource("/api/analytics/summary").get(summary::read_summary))
            .service(web::resource("/api/analytics/broadcasts").get(broadcasts::read_broadcasts))
            .service(web::resource("/api/analytics/compare").get(compare::read_comparison))
            .service(web::resource("/api/analytics/export").get(export::export_samples))
            .service(web::resource("/api/analytics/metrics").get(metrics::list_metrics));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "analytics", description = "Samples, rollups and what they say."),
    paths(
        timeseries::read_timeseries,
        summary::read_summary,
        broadcasts::read_broadcasts,
        compare::read_comparison,
        export::export_samples,
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
        for (path, item) in &mut document.paths.paths {
            let operation = item.get.as_mut();
            let parameters = operation.and_then(|operation| operation.parameters.as_mut());
            for parameter in parameters.into_iter().flatten() {
                let RefOr::T(parameter) = parameter else {
                    continue;
                };
                if parameter.name == "metric" {
                    parameter.description = Some(describe_metrics());
                    if path.ends_with("/timeseries") {
                        parameter.required = Required::True;
                    }
                }
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
