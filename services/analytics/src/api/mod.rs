//! The HTTP API: every path, and the document that describes it.

mod alerts;
mod broadcasts;
mod cached;
mod compare;
mod error;
mod errors;
mod export;
mod incidents;
mod metrics;
mod streams;
mod summary;
mod timeseries;

use std::fmt::Write as _;

use actix_web::web::{self, Data, ServiceConfig};
use sm_common::address::NetworkPolicy;
use sm_common::id::StreamId;
use utoipa::openapi::{OpenApi as Document, RefOr, Required};
use utoipa::{Modify, OpenApi};

use crate::alerts::{AlertStore, StoredSamples};
use crate::catalogue::Metric;
use crate::config::AlertsConfig;
use crate::delivery::DeliveryStore;
use crate::errors::ErrorStore;
use crate::incidents::IncidentStore;
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
    pub(crate) samples: StoredSamples,
    pub(crate) alerts: AlertStore,
    pub(crate) alerts_config: AlertsConfig,
    pub(crate) deliveries: DeliveryStore,
    pub(crate) errors: ErrorStore,
    pub(crate) incidents: IncidentStore,
    /// Where messages may be sent.
    pub(crate) policy: NetworkPolicy,
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
            .service(web::resource("/api/analytics/metrics").get(metrics::list_metrics))
            .configure(alert_routes)
            .service(web::resource("/api/analytics/errors").get(errors::list_errors))
            .service(
                web::resource("/api/analytics/errors/{fingerprint}/{action}")
                    .post(errors::change_error),
            )
            .service(web::resource("/api/analytics/incidents").get(incidents::list_incidents))
            .service(web::resource("/api/analytics/incidents/report").get(incidents::read_report))
            .service(web::resource("/api/analytics/incidents/{id}").get(incidents::read_incident));
    }
}

fn alert_routes(config: &mut ServiceConfig) {
    use alerts::{deliveries, list, rules, silences, webhooks};
    config
        .service(web::resource("/api/analytics/alerts").get(list::list_alerts))
        .service(
            web::resource("/api/analytics/alerts/rules")
                .get(rules::list_rules)
                .post(rules::create_rule),
        )
        .service(web::resource("/api/analytics/alerts/rules/dry-run").post(rules::try_rule))
        .service(web::resource("/api/analytics/alerts/rules/prometheus").get(rules::export_rules))
        .service(
            web::resource("/api/analytics/alerts/rules/{id}")
                .get(rules::read_rule)
                .patch(rules::update_rule)
                .delete(rules::delete_rule),
        )
        .service(
            web::resource("/api/analytics/alerts/silences")
                .get(silences::list_silences)
                .post(silences::create_silence),
        )
        .service(
            web::resource("/api/analytics/alerts/silences/{id}").delete(silences::delete_silence),
        )
        .service(
            web::resource("/api/analytics/alerts/webhooks")
                .get(webhooks::list_webhooks)
                .post(webhooks::create_webhook),
        )
        .service(
            web::resource("/api/analytics/alerts/webhooks/{id}")
                .patch(webhooks::update_webhook)
                .delete(webhooks::delete_webhook),
        )
        .service(web::resource("/api/analytics/alerts/deliveries").get(deliveries::list_deliveries))
        .service(
            web::resource("/api/analytics/alerts/deliveries/{id}/resend")
                .post(deliveries::resend_delivery),
        );
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
        alerts::list::list_alerts,
        alerts::rules::list_rules,
        alerts::rules::create_rule,
        alerts::rules::read_rule,
        alerts::rules::update_rule,
        alerts::rules::delete_rule,
        alerts::rules::try_rule,
        alerts::rules::export_rules,
        alerts::silences::list_silences,
        alerts::silences::create_silence,
        alerts::silences::delete_silence,
        alerts::webhooks::list_webhooks,
        alerts::webhooks::create_webhook,
        alerts::webhooks::update_webhook,
        alerts::webhooks::delete_webhook,
        alerts::deliveries::list_deliveries,
        alerts::deliveries::resend_delivery,
        errors::list_errors,
        errors::change_error,
        incidents::list_incidents,
        incidents::read_incident,
        incidents::read_report,
    ),
    // Parameters alone name it.
    components(schemas(crate::errors::GroupAction)),
    modifiers(&MetricNames),
    tags(
        (name = "analytics", description = "How a stream does, and how it did."),
        (name = "alerts", description = "When somebody has to know, and who is told."),
        (name = "incidents", description = "What went wrong together, and why."),
    )
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
