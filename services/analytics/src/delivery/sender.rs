use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::CONTENT_TYPE;
use sm_bus::BusError;
use sm_common::address::NetworkPolicy;
use sm_common::alert::Alert;
use sm_common::clock::Timestamp;
use sm_common::id::{StreamId, WebhookId};
use tokio_util::sync::CancellationToken;

use super::alertmanager::Alertmanager;
use super::outbox::{Delivery, Patience};
use super::signature::sign;
use super::store::DeliveryStore;
use super::webhook::Webhook;
use crate::config::{AlertmanagerConfig, DeliveryConfig};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::watch::holds_watch;

/// Most characters of a receiver's word that are kept.
const WORD_CHARS_MAX: usize = 200;
/// Alerts that are over and may still be sent to Alertmanager.
const OVER_MAX: usize = 100;

/// Posts messages. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    client: reqwest::Client,
    policy: NetworkPolicy,
}

impl Post {
    pub(crate) const fn new(client: reqwest::Client, policy: NetworkPolicy) -> Self {
        Self { client, policy }
    }

    /// Posts a signed message; an error says why it was not taken.
    async fn send(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<(), String> {
        if !webhook.url.is_permitted(&self.policy) {
            return Err("its address is no longer permitted".to_owned());
        }
        let signature = sign(&webhook.secret, delivery.id, now, &delivery.body)
            .ok_or_else(|| "the message could not be signed".to_owned())?;
        let answer = self
            .client
            .post(webhook.url.expose().clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", delivery.id.to_string())
            .header("webhook-timestamp", now.as_unix_seconds().to_string())
            .header("webhook-signature", signature)
            .body(delivery.body.clone())
            .send()
            .await
            .map_err(told)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(format!("it answered {status}"))
    }
}

/// Why a request failed, without its address: a key may be in it.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.chars().take(WORD_CHARS_MAX).collect()
}

/// Sends what waits, as long as this process is the one that watches.
pub(crate) struct Sender {
    streams: Store,
    store: DeliveryStore,
    post: Post,
    patience: Patience,
    interval: Duration,
    parallel: usize,
    metrics: Metrics,
    alertmanager: Option<(String, reqwest::Client, Alertmanager)>,
}

impl Sender {
    pub(crate) fn new(
        (streams, store): (Store, DeliveryStore),
        post: Post,
        config: &DeliveryConfig,
        alertmanager: &AlertmanagerConfig,
        metrics: Metrics,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(config.timeout())
            .build()?;
        let alertmanager = (!alertmanager.url.is_empty()).then(|| {
            let url = format!("{}/api/v2/alerts", alertmanager.url.trim_end_matches('/'));
            (url, client, Alertmanager::new(alertmanager))
        });
        Ok(Self {
            streams,
            store,
            post,
            patience: config.patience(),
            interval: config.interval(),
            parallel: config.parallel_max.max(1),
            metrics,
            alertmanager,
        })
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                outcome = self.send_due() => {
                    if let Err(error) = outcome {
                        tracing::debug!(%error, "nothing is sent while Redis is away");
                    }
                }
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn send_due(&mut self) -> Result<(), BusError> {
        if !holds_watch(self.store.bus()).await? {
            return Ok(());
        }
        let streams = self.streams.streams().await?;
        let mut alerts = Vec::new();
        for stream in &streams {
            self.send_messages(stream).await?;
            if let Some((_, _, manager)) = &self.alertmanager {
                alerts.extend(self.of_interest(stream, manager.keep()).await?);
            }
        }
        self.tell_alertmanager(&alerts).await;
        Ok(())
    }

    async fn send_messages(&self, stream: &StreamId) -> Result<(), BusError> {
        let now = self.store.bus().clock().now();
        let due = self.store.due(stream, now).await?;
        if due.is_empty() {
            return Ok(());
        }
        let known: BTreeMap<WebhookId, Webhook> = self
            .store
            .webhooks()
            .await?
            .into_iter()
            .map(|webhook| (webhook.id, webhook))
            .collect();
        let sends = due.into_iter().map(|delivery| {
            let webhook = known.get(&delivery.webhook).cloned();
            self.send_one(webhook, delivery, now)
        });
        let mut sends = futures_util::stream::iter(sends).buffer_unordered(self.parallel);
        while let Some(outcome) = sends.next().await {
            outcome?;
        }
        Ok(())
    }

    async fn send_one(
        &self,
        webhook: Option<Webhook>,
        delivery: Delivery,
        now: Timestamp,
    ) -> Result<(), BusError> {
        let Some(webhook) = webhook.filter(|webhook| webhook.enabled) else {
            // It was taken away, or wants nothing any more.
            return self.store.done(&delivery).await;
        };
        match self.post.send(&webhook, &delivery, now).await {
            Ok(()) => {
                self.metrics.delivered("sent");
                self.store.done(&delivery).await
            }
            Err(error) => {
                let attempts = delivery.attempts + 1;
                tracing::warn!(
                    webhook.id = %webhook.id, delivery.id = %delivery.id, attempts, error,
                    "a webhook did not take a message"
                );
                let now = self.store.bus().clock().now();
                let (after, given_up) = delivery.clone().failed(error, &self.patience, now);
                self.metrics
                    .delivered(if given_up { "given-up" } else { "failed" });
                self.store.failed(&delivery, (&after, given_up)).await
            }
        }
    }

    /// What fires, and what is over and may not be known to everybody.
    async fn of_interest(&self, stream: &StreamId, keep: Duration) -> Result<Vec<Alert>, BusError> {
        let now = self.store.bus().clock().now();
        let mut alerts = self.store.firing(stream).await?;
        let mut over = self.store.over(stream, OVER_MAX).await?;
        over.retain(|alert| alert.resolved_at.is_some_and(|at| now.since(at) <= keep));
        // Alertmanager knows an alert by its labels: one that fires again is not over.
        over.retain(|alert| !alerts.iter().any(|firing| firing.rule == alert.rule));
        let mut seen = BTreeSet::new();
        over.retain(|alert| seen.insert(alert.rule.clone()));
        alerts.append(&mut over);
        Ok(alerts)
    }

    async fn tell_alertmanager(&mut self, alerts: &[Alert]) {
        let now = self.store.bus().clock().now();
        let Some((url, client, manager)) = &mut self.alertmanager else {
            return;
        };
        let Some(posted) = manager.due(alerts, now) else {
            return;
        };
        let answer = client.post(url.as_str()).json(&posted).send().await;
        match answer.and_then(reqwest::Response::error_for_status) {
            Ok(_taken) => manager.sent(posted, now),
            // It stays due, and is tried at the next look.
            Err(error) => {
                tracing::warn!(error = told(error), "Alertmanager did not take the alerts");
            }
        }
    }
}
