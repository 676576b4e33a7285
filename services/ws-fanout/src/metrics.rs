//! What ws-fanout counts.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use sm_common::event::Channel;

use crate::limit::Limit;

/// Every metric of this service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Shared>);

struct Shared {
    connections: IntGauge,
    subscriptions: IntGaugeVec,
    delivered: [IntCounter; Channel::ALL.len()],
    conflated: IntCounter,
    queue_bytes: IntGauge,
    received: IntCounter,
    closes: IntCounterVec,
    refused: IntCounterVec,
    limits: IntCounterVec,
    recoveries: IntCounterVec,
    repairs: IntCounterVec,
    lost: IntCounterVec,
    resubscriptions: IntCounter,
    link: IntGauge,
    chat: IntCounterVec,
}

/// Events by channel, counted apart from the counters that all threads share.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally([u64; Channel::ALL.len()]);

impl Tally {
    pub(crate) fn add(&mut self, channel: Channel, events: usize) {
        let place = Channel::ALL.iter().position(|known| *known == channel);
        if let Some(count) = place.and_then(|place| self.0.get_mut(place)) {
            *count = count.saturating_add(unsigned(events));
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let counters = |name: &str, help: &str, label: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let subscriptions = IntGaugeVec::new(
            Opts::new("sm_ws_subscriptions", "Subscriptions now."),
            &["channel"],
        )?;
        registry.register(Box::new(subscriptions.clone()))?;
        let delivered = counters(
            "sm_ws_delivered_total",
            "Events handed to sockets.",
            "channel",
        )?;
        Ok(Self(Arc::new(Shared {
            connections: gauge("sm_ws_connections", "Open connections.")?,
            subscriptions,
            delivered: Channel::ALL.map(|channel| delivered.with_label_values(&[channel.as_str()])),
            conflated: counter(
                "sm_ws_conflated_total",
                "Events left out for newer ones: for one slow reader, or for all in a window.",
            )?,
            queue_bytes: gauge("sm_ws_queue_bytes", "Bytes that wait for readers.")?,
            received: counter("sm_ws_received_total", "Frames read from clients.")?,
            closes: counters(
                "sm_ws_closes_total",
                "Ended connections by close code.",
                "code",
            )?,
            refused: counters(
                "sm_ws_refused_total",
                "Handshakes and requests that were refused, by code.",
                "code",
            )?,
            limits: {
                let limits = counters(
                    "sm_ws_limits_total",
                    "Times that a client ran into a limit.",
                    "limit",
                )?;
                for limit in Limit::ALL {
                    limits.with_label_values(&[limit.as_str()]);
                }
                limits
            },
            recoveries: counters(
                "sm_ws_recoveries_total",
                "Subscriptions that gave a position, by outcome.",
                "outcome",
            )?,
            repairs: counters(
                "sm_ws_repairs_total",
                "Gaps in the live feed that were closed, by how.",
                "outcome",
            )?,
            lost: counters(
                "sm_ws_lost_total",
                "Times that events were published and not heard.",
                "channel",
            )?,
            resubscriptions: counter(
                "sm_ws_resubscriptions_total",
                "Live subscriptions that were replaced because they did not hear what was published.",
            )?,
            link: gauge("sm_ws_link_up", "Whether live events arrive.")?,
            chat: counters(
                "sm_ws_chat_messages_total",
                "Chat posts by outcome.",
                "outcome",
            )?,
        })))
    }

    /// Moves the count of open connections.
    pub(crate) fn connections(&self) -> &IntGauge {
        &self.0.connections
    }

    /// The count of subscriptions to a channel.
    pub(crate) fn subscriptions(&self, channel: Channel) -> IntGauge {
        self.0.subscriptions.with_label_values(&[channel.as_str()])
    }

    /// Bytes that wait for readers.
    pub(crate) fn queue_bytes(&self) -> i64 {
        self.0.queue_bytes.get()
    }

    /// A connection's queue went from `before` to `after` bytes.
    pub(crate) fn queue_moved(&self, before: usize, after: usize) {
        let signed = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0
            .queue_bytes
            .add(signed(after).saturating_sub(signed(before)));
    }

    /// Events were handed to sockets.
    pub(crate) fn delivered(&self, tally: &Tally) {
        for (counter, events) in self.0.delivered.iter().zip(tally.0) {
            if events > 0 {
                counter.inc_by(events);
            }
        }
    }

    pub(crate) fn conflated(&self, events: usize) {
        self.0.conflated.inc_by(unsigned(events));
    }

    pub(crate) fn received(&self) {
        self.0.received.inc();
    }

    /// A connection ended with this code; 1000 stands for a client that left in good order, 1006
    /// for one that was cut.
    pub(crate) fn closed(&self, code: u16) {
        self.0
            .closes
            .with_label_values(&[code.to_string().as_str()])
            .inc();
    }

    pub(crate) fn refused(&self, code: &str) {
        self.0.refused.with_label_values(&[code]).inc();
    }

    /// A client ran into a limit.
    pub(crate) fn limited(&self, limit: Limit) {
        self.0.limits.with_label_values(&[limit.as_str()]).inc();
    }

    pub(crate) fn recovery(&self, outcome: &str) {
        self.0.recoveries.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn repair(&self, outcome: &str) {
        self.0.repairs.with_label_values(&[outcome]).inc();
    }

    /// Something on a channel was published and not heard.
    pub(crate) fn lost(&self, channel: Channel) {
        self.0.lost.with_label_values(&[channel.as_str()]).inc();
    }

    pub(crate) fn resubscribed(&self) {
        self.0.resubscriptions.inc();
    }

    pub(crate) fn link(&self, live: bool) {
        self.0.link.set(i64::from(live));
    }

    pub(crate) fn chat(&self, outcome: &str) {
        self.0.chat.with_label_values(&[outcome]).inc();
    }
}

fn unsigned(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
