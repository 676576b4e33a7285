//! The HTTP API: every path, and the document that describes it.

mod alerts;
mod cached;
mod error;
mod errors;
mod incidents;
mod metrics;
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
use crate::query::Limits;
use crate::store::Store;
use error::ApiError;

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
