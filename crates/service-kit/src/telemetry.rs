//! Logs and traces: JSON lines on standard error's place, standard output; spans over OTLP where
//! an endpoint is set. Trace identifiers are in the log either way.

use actix_web::http::header::HeaderMap;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::About;
use crate::config::TelemetryConfig;

/// Logging and tracing could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.log` is not a filter.
    #[error("telemetry.log is not a log filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// `telemetry.otlp_endpoint` is not usable.
    #[error("telemetry.otlp_endpoint cannot be used")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Set up twice.
    #[error("logging is set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Flushes spans when dropped at the end of `main`.
#[derive(Debug)]
pub struct Telemetry(SdkTracerProvider);

impl Drop for Telemetry {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.0.shutdown();
    }
}

/// Sets up logging and tracing for the process. Call before any runtime is started: the OTLP
/// client is a blocking one.
pub fn init(config: &TelemetryConfig, about: &About) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&config.log).map_err(TelemetryError::Filter)?;
    let resource = Resource::builder().with_service_name(about.name).build();
    let mut provider = SdkTracerProvider::builder().with_resource(resource);
    if !config.otlp_endpoint.is_empty() {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(&config.otlp_endpoint)
            .build()
            .map_err(TelemetryError::Exporter)?;
        provider = provider.with_batch_exporter(exporter);
    }
    let provider = provider.build();
    let tracer = provider.tracer(about.name);
    tracing_subscriber::registry()
        .with(filter)
        .with(
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_span_list(false),
        )
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .try_init()
        .map_err(TelemetryError::Twice)?;
    Ok(Telemetry(provider))
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0
            .keys()
            .map(actix_web::http::header::HeaderName::as_str)
            .collect()
    }
}

/// One `traceparent`, read or written.
#[derive(Default)]
struct Single(Option<String>);

impl Extractor for Single {
    fn get(&self, key: &str) -> Option<&str> {
        if key == "traceparent" {
            self.0.as_deref()
        } else {
            None
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

impl Injector for Single {
    fn set(&mut self, key: &str, value: String) {
        if key == "traceparent" {
            self.0 = Some(value);
        }
    }
}

/// The trace of one request.
#[derive(Debug)]
pub(crate) struct RequestTrace {
    span: Span,
}

impl RequestTrace {
    /// Goes on with the caller's trace, or begins one.
    pub(crate) fn start(headers: &HeaderMap, method: &str) -> Self {
        let span = tracing::info_span!("request", method, trace_id = tracing::field::Empty);
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // Without a subscriber there is nothing to attach to.
        let _ = span.set_parent(parent);
        let trace = Self { span };
        if let Some(trace_id) = trace.trace_id() {
            trace.span.record("trace_id", trace_id);
        }
        trace
    }

    pub(crate) fn trace_id(&self) -> Option<String> {
        trace_id(&self.span)
    }

    pub(crate) fn traceparent(&self) -> Option<String> {
        traceparent(&self.span)
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }
}

fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let span_context = span.span_context();
    span_context
        .is_valid()
        .then(|| span_context.trace_id().to_string())
}

/// The W3C trace context of a span, to be passed on over HTTP or the bus.
pub fn traceparent(span: &Span) -> Option<String> {
    let mut carrier = Single::default();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.0
}

/// Makes `span` a child of the trace that an event carried. A field `trace_id` of the span, left
/// empty, is filled in for the log.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent {
        let parent = TraceContextPropagator::new().extract(&Single(Some(traceparent.to_owned())));
        // Without a subscriber there is nothing to attach to.
        let _ = span.set_parent(parent);
        if let Some(trace_id) = trace_id(span) {
            span.record("trace_id", trace_id);
        }
    }
}
