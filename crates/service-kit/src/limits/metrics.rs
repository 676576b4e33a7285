use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::Class;

/// What the limits do, by class.
#[derive(Clone, Debug)]
pub(super) struct LimitMetrics {
    refused: IntCounterVec,
    asked: IntCounterVec,
    full: IntCounterVec,
    in_flight: IntGaugeVec,
}

/// What came of asking for what all replicas share.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    Granted,
    Refused,
    Unavailable,
}

impl Asked {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

impl LimitMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let in_flight = IntGaugeVec::new(
            Opts::new(
                "sm_http_requests_in_flight",
                "Requests under way; the limit is http.limits.<class>.concurrent_max.",
            ),
            &["class"],
        )?;
        registry.register(Box::new(in_flight.clone()))?;
        Ok(Self {
            refused: counter(
                "sm_http_requests_limited_total",
                "Requests beyond the quota of their caller, answered 429.",
                &["class"],
            )?,
            asked: counter(
                "sm_http_quota_asked_total",
                "Round trips for the quota that all replicas share, by what came of them.",
                &["class", "outcome"],
            )?,
            full: counter(
                "sm_http_requests_crowded_out_total",
                "Requests beyond what the process takes on at a time, answered 503.",
                &["class"],
            )?,
            in_flight,
        })
    }

    pub(super) fn refused(&self, class: Class) {
        self.refused.with_label_values(&[class.as_str()]).inc();
    }

    pub(super) fn asked(&self, class: Class, outcome: Asked) {
        let labels = [class.as_str(), outcome.as_str()];
        self.asked.with_label_values(&labels).inc();
    }

    pub(super) fn crowded_out(&self, class: Class) {
        self.full.with_label_values(&[class.as_str()]).inc();
    }

    pub(super) fn in_flight(&self, class: Class) -> prometheus::IntGauge {
        self.in_flight.with_label_values(&[class.as_str()])
    }
}
