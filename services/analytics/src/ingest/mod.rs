//! Follows the logs of the bus.
//!
//! The log is the only input: a live event merely says that there is something to read. So there
//! is one way for an event into the store, whether it is new or was missed, and each step along a
//! log is committed only by the replica that takes it first.

mod cursor;
mod page;

use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use sm_bus::{BusError, Listener, Signal};
use sm_common::event::Channel;
use sm_service_kit::health::Health;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::IngestConfig;
use crate::metrics::Metrics;
use crate::store::{Advance, Log, Store};
use crate::timeline::Happening;
use cursor::Next;
use page::{read_page, series_of};

/// The name of this task among the parts of the process.
pub(crate) const COMPONENT: &str = "ingest";

/// Follows every log until the process ends.
pub(crate) struct Ingest {
    store: Store,
    config: IngestConfig,
    metrics: Metrics,
    health: Health,
    /// Logs that may hold something new.
    due: BTreeSet<Log>,
    /// Whether every log of every known stream is due.
    all_due: bool,
}

impl Ingest {
    pub(crate) fn new(
        store: Store,
        config: IngestConfig,
        metrics: Metrics,
        health: Health,
    ) -> Self {
        Self {
            store,
            config,
            metrics,
            health,
            due: BTreeSet::new(),
            all_due: true,
        }
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut listener = self.store.bus().listen(&Channel::ALL, stop.clone());
        let mut look_at = Instant::now();
        while !stop.is_cancelled() {
            tokio::select! {
                signal = listener.next() => {
                    let Some(signal) = signal else { return };
                    self.heed(signal);
                    self.heed_waiting(&mut listener);
                }
                () = sleep_until(look_at) => self.all_due = true,
            }
            let outcome = self.follow_due(&stop).await;
            let now = Instant::now();
            if outcome.is_err() {
                look_at = now + self.config.retry();
            } else if look_at <= now {
                look_at = now + self.config.poll_interval();
            }
            self.health
                .report(COMPONENT, outcome.map_err(|error| error.to_string()));
        }
    }

    fn heed(&mut self, signal: Signal) {
        match signal {
            Signal::Up => self.all_due = true,
            Signal::Event(event) => {
                self.due.insert(Log {
                    stream: event.stream.clone(),
                    channel: event.channel,
                });
            }
            Signal::Down => {}
        }
    }

    /// Takes what has been heard meanwhile, so that many events are read at once.
    fn heed_waiting(&mut self, listener: &mut Listener) {
        while let Some(Some(signal)) = listener.next().now_or_never() {
            self.heed(signal);
        }
    }

    /// Reads every log that is due to its end. What fails stays due.
    async fn follow_due(&mut self, stop: &CancellationToken) -> Result<(), BusError> {
        if self.all_due {
            for stream in self.store.streams().await? {
                for channel in Channel::ALL {
                    let stream = stream.clone();
                    self.due.insert(Log { stream, channel });
                }
            }
            self.all_due = false;
        }
        let mut outcome = Ok(());
        for log in self.due.clone() {
            match self.follow_to_the_end(&log, stop).await {
                Ok(()) => drop(self.due.remove(&log)),
                Err(error) if error.is_unavailable() => return Err(error),
                // A fault of this log alone: the others go on.
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    async fn follow_to_the_end(&self, log: &Log, stop: &CancellationToken) -> Result<(), BusError> {
        while !stop.is_cancelled() && self.follow(log).await? {}
        Ok(())
    }

    /// Takes one step along a log. False at its end.
    async fn follow(&self, log: &Log) -> Result<bool, BusError> {
        // The position first: what is read after it may be newer, and is then refused.
        let before = self.store.progress(log).await?;
        let offset = before.as_ref().map_or(0, |before| before.position.offset);
        let bus = self.store.bus();
        let limit = self.config.page_max.max(1);
        let found = bus
            .log_after(&log.stream, log.channel, offset, limit)
            .await?;
        let now = bus.clock().now();
        let current = found.current.as_ref().map_or(0, |current| current.offset);
        let Next::Move { after, gap } = cursor::next(log.channel, before.as_ref(), &found, now)
        else {
            self.metrics.set_lag(log, 0);
            return Ok(false);
        };
        let page = read_page(log.channel, &found.entries);
        let seconds = page.seconds;
        let rows = series_of(log.channel)
            .filter(|_| !seconds.is_empty())
            .map(|series| (series, seconds));
        let mut happenings = page.happenings;
        happenings.extend(gap.map(Happening::Gap));
        let reached = after.position.offset;
        let step = Advance {
            before,
            after,
            rows,
            happenings,
        };
        if self.store.advance(log, &step, now).await? {
            let read = u64::try_from(found.entries.len()).unwrap_or(u64::MAX);
            self.metrics
                .count(log.channel, read, page.unreadable, gap.is_some());
            if let Some(gap) = gap {
                tracing::warn!(
                    stream.id = %log.stream, channel = %log.channel, missed = gap.missed,
                    "events were dropped before they were read"
                );
            }
        }
        self.metrics.set_lag(log, current.saturating_sub(reached));
        Ok(true)
    }
}
