//! Sends the samples of every second to a receiver of Prometheus remote-write.
//!
//! What is sent is read from what is kept, so that the backlog of a receiver that is away is the
//! retention of seconds, and takes no memory. How far it got is kept for each stream and receiver;
//! one replica sends at a time, and another goes on from there.

mod receiver;
mod wire;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use sm_bus::{BusError, Commit, CommitOutcome, Guard, keys, redis};
use sm_common::event::Channel;
use sm_common::id::StreamId;
use sm_service_kit::health::Health;
use sm_service_kit::secret;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Metric, Series};
use crate::config::{RemoteWriteConfig, Target};
use crate::metrics::RemoteMetrics;
use crate::rollup::Tier;
use crate::store::{Log, Store};
use receiver::{Answer, Receiver};

/// The name of this task among the parts of the process.
pub(crate) const COMPONENT: &str = "remote-write";

/// Sends samples until the process ends.
pub(crate) struct RemoteWrite {
    store: Store,
    config: RemoteWriteConfig,
    receiver: Receiver,
    /// The field of this receiver's positions.
    field: String,
    metrics: RemoteMetrics,
    health: Health,
    /// What is waited after a failure.
    wait: Duration,
}

/// What became of an attempt.
enum Step {
    /// There is nothing more to send now.
    Idle,
    /// Something was sent, or given up: there may be more.
    Moved,
    /// The receiver cannot take it now.
    Later(String, Option<Duration>),
}

impl RemoteWrite {
    /// `None` where no receiver is configured.
    pub(crate) fn new(
        store: Store,
        config: RemoteWriteConfig,
        metrics: RemoteMetrics,
        health: Health,
    ) -> anyhow::Result<Option<Self>> {
        let Target::At(url) = config.url.clone() else {
            return Ok(None);
        };
        let bearer = secret::read(&config.bearer_token_file, "remote_write.bearer_token_file")?;
        let field = digest(url.as_str());
        let receiver = Receiver::new(url, bearer, config.timeout())
            .context("prepare the client of remote-write")?;
        Ok(Some(Self {
            store,
            wait: config.retry_min(),
            config,
            receiver,
            field,
            metrics,
            health,
        }))
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let wait = self.look(&stop).await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(wait) => {}
            }
        }
        // Without this another replica goes on a little later.
        drop(self.leave_to_others().await);
    }

    /// Sends what there is; how long to wait then.
    async fn look(&mut self, stop: &CancellationToken) -> Duration {
        match self.send_all(stop).await {
            Ok(Step::Idle | Step::Moved) => {
                self.health.report(COMPONENT, Ok(()));
                self.wait = self.config.retry_min();
                self.config.interval()
            }
            Ok(Step::Later(reason, asked)) => {
                self.metrics.failures.inc();
                tracing::warn!(reason, "samples wait for the receiver of remote-write");
                self.health.report(COMPONENT, Err(reason));
                let wait = asked.unwrap_or(self.wait).min(self.config.retry_max());
                self.wait = (self.wait * 2).min(self.config.retry_max());
                wait
            }
            Err(error) => {
                self.health.report(COMPONENT, Err(error.to_string()));
                self.config.retry_min()
            }
        }
    }

    async fn send_all(&self, stop: &CancellationToken) -> Result<Step, BusError> {
        if !self.is_the_sender().await? {
            return Ok(Step::Idle);
        }
        let mut backlog = 0;
        for stream in self.store.streams().await? {
            while !stop.is_cancelled() {
                match self.send(&stream).await? {
                    Step::Idle => break,
                    Step::Moved => {
                        if !self.is_the_sender().await? {
                            return Ok(Step::Idle);
                        }
                    }
                    later @ Step::Later(..) => {
                        self.metrics.backlog.set(self.backlog(&stream).await?);
                        return Ok(later);
                    }
                }
            }
            backlog = backlog.max(self.backlog(&stream).await?);
        }
        self.metrics.backlog.set(backlog);
        Ok(Step::Idle)
    }

    /// Whether this replica sends: the first that says so, for as long as it goes on saying so. Two
    /// that did would send the same twice, which receivers take, and neither would skip anything.
    async fn is_the_sender(&self) -> Result<bool, BusError> {
        let bus = self.store.bus();
        let name = bus.instance().to_string();
        let lifetime = self.config.sender_ms();
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("SET")
            .arg(keys::REMOTE_WRITER)
            .arg(&name)
            .arg(&["NX", "PX", &lifetime.to_string()])
            .ignore()
            .cmd("GET")
            .arg(keys::REMOTE_WRITER);
        let (sender,): (Option<String>,) = bus.pipeline(&pipeline).await?;
        if sender.as_ref() != Some(&name) {
            return Ok(false);
        }
        let mut command = redis::cmd("PEXPIRE");
        command.arg(keys::REMOTE_WRITER).arg(lifetime);
        bus.query(&command).await
    }

    async fn leave_to_others(&self) -> Result<CommitOutcome, BusError> {
        let bus = self.store.bus();
        let key = keys::REMOTE_WRITER.to_owned();
        let name = bus.instance().to_string();
        let commit = Commit::new()
            .guard(Guard::value(key.clone(), Some(&name)))
            .write("DEL", key, Vec::new());
        bus.commit(commit, Vec::new()).await
    }

    /// Sends the next seconds of a stream.
    async fn send(&self, stream: &StreamId) -> Result<Step, BusError> {
        let now_s = self.store.bus().clock().now().as_unix_seconds();
        let until = self.until(stream).await?;
        let before = self.position(stream).await?;
        let Some(from) = before else {
            let begin = now_s - i64::from(self.config.backfill_s);
            self.move_on(stream, None, begin).await?;
            return Ok(Step::Moved);
        };
        let oldest = now_s - self.store.retention().of(Tier::Seconds);
        let start = from.max(oldest);
        if start > from {
            let seconds = u64::try_from(start - from).unwrap_or(0);
            self.metrics.dropped.inc_by(seconds);
            tracing::warn!(stream.id = %stream, seconds, "seconds were not sent in time");
        }
        let end = until.min(start + i64::from(self.config.span_max_s));
        if start >= end {
            return Ok(Step::Idle);
        }
        // Not beyond the chunk that the first second lies in.
        let Some(page) = Tier::Seconds.pages(start..end).next() else {
            return Ok(Step::Idle);
        };
        let metrics: Vec<Metric> = Series::Samples.metrics().collect();
        let reader = self.store.reader(stream).await?;
        let rows = reader.page(&metrics, Tier::Seconds, page.clone()).await?;
        let (request, count) = wire::request(stream, &self.config.labels, &metrics, &rows);
        if count > 0 {
            let Ok(body) = wire::encode(&request) else {
                return Ok(Step::Later("a request cannot be packed".to_owned(), None));
            };
            let samples = u64::try_from(count).unwrap_or(u64::MAX);
            match self.receiver.send(body).await {
                Answer::Taken => self.metrics.sent.inc_by(samples),
                Answer::Refused(reason) => {
                    self.metrics.refused.inc_by(samples);
                    tracing::error!(stream.id = %stream, samples, reason, "samples were refused");
                }
                Answer::Later(reason, wait) => return Ok(Step::Later(reason, wait)),
            }
        }
        self.move_on(stream, before, page.end).await?;
        Ok(Step::Moved)
    }

    /// Until when a stream's samples have been sent.
    async fn position(&self, stream: &StreamId) -> Result<Option<i64>, BusError> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::remote_write(stream)).arg(&self.field);
        self.store.bus().query(&command).await
    }

    /// Writes down how far it got, unless another replica has been faster.
    async fn move_on(
        &self,
        stream: &StreamId,
        before: Option<i64>,
        after: i64,
    ) -> Result<(), BusError> {
        let key = keys::remote_write(stream);
        let before = before.map(|before| before.to_string());
        let commit = Commit::new()
            .guard(Guard::field(key.clone(), &self.field, before.as_deref()))
            .hash_set(key, &self.field, after.to_string());
        match self.store.bus().commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_)
            | CommitOutcome::Refused { .. }
            | CommitOutcome::Replayed(_) => Ok(()),
        }
    }

    /// Until when seconds of a stream are told: up to the last event that was read, and late enough
    /// for samples that come late.
    async fn until(&self, stream: &StreamId) -> Result<i64, BusError> {
        let log = Log {
            stream: stream.clone(),
            channel: Channel::Metrics,
        };
        let now_s = self.store.bus().clock().now().as_unix_seconds();
        let latest = now_s - i64::from(self.config.delay_s);
        let read = self.store.progress(&log).await?;
        Ok(read.map_or(i64::MIN, |read| read.at.as_unix_seconds().min(latest)))
    }

    /// Seconds that wait to be sent.
    async fn backlog(&self, stream: &StreamId) -> Result<i64, BusError> {
        let until = self.until(stream).await?;
        let sent = self.position(stream).await?;
        Ok(sent.map_or(0, |sent| until.saturating_sub(sent).max(0)))
    }
}

/// Names a receiver without telling its address.
fn digest(url: &str) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(url.as_bytes()).iter().take(8) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Labels that every sample carries besides.
pub(crate) type Labels = BTreeMap<String, String>;
