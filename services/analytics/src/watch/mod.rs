//! The watch over every stream: follows what happens to it, looks at the rules, counts errors, and
//! keeps its incidents.
//!
//! One replica watches at a time. What a look decides is committed in one step, guarded by the revision
//! of what it started from: a replica that was frozen and goes on, or two that both believe to watch,
//! decide nothing twice, and a restart forgets nothing.

mod changes;
mod facts;
mod lease;
mod look;
mod news;
mod state;
mod system;
mod tracks;

use futures_util::FutureExt as _;
use sm_bus::{BusError, Signal};
use sm_common::clock::Timestamp;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_service_kit::health::Health;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::alerts::{AlertStore, Rule, Samples, Silence};
use crate::config::{AlertsConfig, IncidentsConfig};
use crate::delivery::DeliveryStore;
use crate::metrics::Metrics;
use crate::store::Store;
use lease::{leave_watch, take_watch};
use look::System;
use system::Away;

pub(crate) use facts::Facts;
#[cfg(test)]
pub(crate) use facts::facts_of;
pub(crate) use lease::holds_watch;

/// The name of this task among the parts of the process.
pub(crate) const COMPONENT: &str = "watch";

/// What the watch works with.
pub(crate) struct Means<S> {
    pub(crate) store: Store,
    pub(crate) samples: S,
    pub(crate) alerts: AlertStore,
    pub(crate) deliveries: DeliveryStore,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    /// The stream whose alerts channel tells of the system.
    pub(crate) told_on: StreamId,
}

/// Watches until the process ends.
pub(crate) struct Watch<S> {
    means: Means<S>,
    alerts: AlertsConfig,
    incidents: IncidentsConfig,
    /// Since when samples would have been heard.
    heard_since: Timestamp,
    /// Since when Redis does not answer.
    away_since: Option<Timestamp>,
    /// A time in which it did not, that has not been told yet.
    away: Option<Away>,
}

impl<S: Samples + Send + Sync> Watch<S> {
    pub(crate) fn new(means: Means<S>, alerts: AlertsConfig, incidents: IncidentsConfig) -> Self {
        let heard_since = means.store.bus().clock().now();
        Self {
            means,
            alerts,
            incidents,
            heard_since,
            away_since: None,
            away: None,
        }
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let bus = self.means.store.bus().clone();
        let mut listener = bus.listen(&[Channel::StreamState], stop.clone());
        let mut look_at = Instant::now();
        while !stop.is_cancelled() {
            tokio::select! {
                signal = listener.next() => match signal {
                    None => break,
                    Some(Signal::Event(_) | Signal::Up | Signal::Down) => {
                        // One look serves all that has been heard meanwhile.
                        while let Some(Some(_)) = listener.next().now_or_never() {}
                    }
                },
                () = sleep_until(look_at) => {}
            }
            let outcome = self.watch().await;
            self.note(&outcome);
            let outcome = outcome.map_err(|error| error.to_string());
            self.means.health.report(COMPONENT, outcome);
            look_at = Instant::now() + self.alerts.interval();
        }
        if let Err(error) = leave_watch(&bus).await {
            tracing::debug!(%error, "another replica watches a moment later");
        }
    }

    /// Remembers since when Redis does not answer, and until when it did not.
    fn note(&mut self, outcome: &Result<(), BusError>) {
        let now = self.means.store.bus().clock().now();
        if let Err(error) = outcome
            && error.is_unavailable()
        {
            self.away_since.get_or_insert(now);
        }
    }

    async fn watch(&mut self) -> Result<(), BusError> {
        let bus = self.means.store.bus();
        let is_mine = take_watch(bus, self.alerts.lease()).await?;
        let now = bus.clock().now();
        if let Some(since) = self.away_since.take() {
            let away = Away { since, until: now };
            self.heard_since = now;
            if away.length() >= self.incidents.redis_away() {
                self.away = Some(away);
            }
        }
        if !is_mine {
            // Whoever watches has seen it too.
            self.away = None;
            return Ok(());
        }
        let rules = self.means.alerts.rules().await?;
        let silences = self.means.alerts.silences(now).await?;
        for stream in self.means.store.streams().await? {
            self.look_until_done(&stream, &rules, &silences).await?;
        }
        self.away = None;
        Ok(())
    }

    /// Looks at a stream until there is nothing more to read of it.
    async fn look_until_done(
        &self,
        stream: &StreamId,
        rules: &[Rule],
        silences: &[Silence],
    ) -> Result<(), BusError> {
        let mut away = self.away;
        loop {
            let tells = *stream == self.means.told_on;
            let system = System {
                away,
                tells,
                heard_since: self.heard_since,
            };
            if !self.look(stream, rules, silences, system).await? {
                return Ok(());
            }
            away = None;
        }
    }
}
