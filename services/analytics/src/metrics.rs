//! What analytics counts about itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use sm_common::event::Channel;

use crate::rollup::quantity::float;
use crate::store::Log;

/// How ingest does, by channel. With several replicas each counts what it did itself; the lag is
/// the same for all.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    ingested: IntCounterVec,
    gaps: IntCounterVec,
    unreadable: IntCounterVec,
    watched_errors: IntCounter,
    alerts: IntCounterVec,
    deliveries: IntCounterVec,
    lag: IntGaugeVec,
    packed: IntCounter,
    open: IntGauge,
    lags: Arc<Mutex<BTreeMap<Log, u64>>>,
}

/// How sending to a receiver of remote-write does.
#[derive(Clone, Debug)]
pub(crate) struct RemoteMetrics {
    pub(crate) sent: IntCounter,
    pub(crate) refused: IntCounter,
    pub(crate) dropped: IntCounter,
    pub(crate) failures: IntCounter,
    pub(crate) backlog: IntGauge,
}

impl RemoteMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let backlog = IntGauge::new(
            "sm_analytics_remote_write_backlog_seconds",
            "Seconds that wait to be sent, of the stream with the most; told by the replica that sends.",
        )?;
        registry.register(Box::new(backlog.clone()))?;
        Ok(Self {
            sent: counter(
                "sm_analytics_remote_write_samples_total",
                "Samples that the receiver has taken.",
            )?,
            refused: counter(
                "sm_analytics_remote_write_refused_samples_total",
                "Samples that the receiver will never take.",
            )?,
            dropped: counter(
                "sm_analytics_remote_write_dropped_seconds_total",
                "Seconds that were not sent before they were removed.",
            )?,
            failures: counter(
                "sm_analytics_remote_write_failures_total",
                "Requests that the receiver did not take, and that are sent again.",
            )?,
            backlog,
        })
    }
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), &["channel"])?;
            for channel in Channel::ALL {
                counter.with_label_values(&[channel.as_str()]);
            }
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let lag = IntGaugeVec::new(
            Opts::new(
                "sm_analytics_lag_events",
                "Published events that have not been read yet.",
            ),
            &["channel"],
        )?;
        registry.register(Box::new(lag.clone()))?;
        let watched_errors = IntCounter::new(
            "sm_analytics_errors_total",
            "Errors of streams that were counted in their groups.",
        )?;
        let alerts = IntCounterVec::new(
            Opts::new(
                "sm_analytics_alerts_total",
                "Alerts that fired or were resolved.",
            ),
            &["change"],
        )?;
        let deliveries = IntCounterVec::new(
            Opts::new(
                "sm_analytics_deliveries_total",
                "Messages to webhooks, by what became of the attempt.",
            ),
            &["outcome"],
        )?;
        for change in ["fired", "resolved"] {
            alerts.with_label_values(&[change]);
        }
        for outcome in ["sent", "failed", "given-up"] {
            deliveries.with_label_values(&[outcome]);
        }
        registry.register(Box::new(watched_errors.clone()))?;
        registry.register(Box::new(alerts.clone()))?;
        registry.register(Box::new(deliveries.clone()))?;
        let packed = IntCounter::new(
            "sm_analytics_packed_blocks_total",
            "Blocks of ten minutes that were packed.",
        )?;
        registry.register(Box::new(packed.clone()))?;
        let open = IntGauge::new(
            "sm_analytics_open_blocks",
            "Blocks of ten minutes that are not packed, those that are not over included.",
        )?;
        registry.register(Box::new(open.clone()))?;
        Ok(Self {
            watched_errors,
            alerts,
            deliveries,
            ingested: counter(
                "sm_analytics_ingested_total",
                "Events read from the logs and committed.",
            )?,
            gaps: counter(
                "sm_analytics_gaps_total",
                "Times that events were dropped from a log before they were read.",
            )?,
            unreadable: counter(
                "sm_analytics_unreadable_total",
                "Events of a form that this version cannot read.",
            )?,
            lag,
            packed,
            open,
            lags: Arc::default(),
        })
    }

    /// Events of `channel` have been committed; `unreadable` of them said nothing.
    pub(crate) fn count(&self, channel: Channel, events: u64, unreadable: u64, gap: bool) {
        let label = [channel.as_str()];
        self.ingested.with_label_values(&label).inc_by(events);
        self.unreadable.with_label_values(&label).inc_by(unreadable);
        self.gaps.with_label_values(&label).inc_by(u64::from(gap));
    }

    /// Errors were counted in their groups, alerts have fired and were resolved.
    pub(crate) fn decided(&self, errors: usize, fired: usize, resolved: usize) {
        self.watched_errors.inc_by(count(errors));
        for (change, alerts) in [("fired", fired), ("resolved", resolved)] {
            self.alerts
                .with_label_values(&[change])
                .inc_by(count(alerts));
        }
    }

    /// A message was sent, or was not taken, or was given up.
    pub(crate) fn delivered(&self, outcome: &'static str) {
        self.deliveries.with_label_values(&[outcome]).inc();
    }

    /// So many blocks have been packed.
    pub(crate) fn count_packed(&self, blocks: usize) {
        self.packed
            .inc_by(u64::try_from(blocks).unwrap_or(u64::MAX));
    }

    /// So many blocks were open at the last look.
    pub(crate) fn set_open_blocks(&self, blocks: usize) {
        self.open.set(i64::try_from(blocks).unwrap_or(i64::MAX));
    }

    /// So many events of a log have not been read yet.
    pub(crate) fn set_lag(&self, log: &Log, events: u64) {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        lags.insert(log.clone(), events);
        let total: u64 = lags
            .iter()
            .filter(|(known, _)| known.channel == log.channel)
            .map(|(_, lag)| lag)
            .sum();
        self.lag
            .with_label_values(&[log.channel.as_str()])
            .set(i64::try_from(total).unwrap_or(i64::MAX));
    }

    /// Events of all logs that have not been read yet.
    pub(crate) fn lag(&self) -> f64 {
        let lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        let total: u64 = lags.values().sum();
        float(i64::try_from(total).unwrap_or(i64::MAX))
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
