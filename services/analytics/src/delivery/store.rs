use sm_bus::{Bus, BusError, Collection, Commit, CommitOutcome, Guard, keys, redis};
use sm_common::alert::Alert;
use sm_common::clock::Timestamp;
use sm_common::id::{DeliveryId, StreamId, WebhookId};

use super::outbox::Delivery;
use super::webhook::Webhook;
use crate::config::{AlertsConfig, DeliveryConfig};
use crate::incidents::newest_documents;

/// Why a change of webhooks, or a message, is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    #[error("there is no webhook {0}")]
    UnknownWebhook(WebhookId),
    #[error("there are {0} webhooks, as many as there may be; delete one first")]
    TooManyWebhooks(usize),
    #[error("no message {0} was given up")]
    UnknownDelivery(DeliveryId),
    #[error("the webhook has changed since it was read")]
    Stale {
        /// Its revision now.
        current: u64,
    },
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Webhooks and what is to be sent to them, in Redis.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryStore {
    bus: Bus,
    webhooks_max: usize,
    outbox_max: usize,
    dead_max: usize,
    alerts_max: usize,
}

impl DeliveryStore {
    pub(crate) const fn new(bus: Bus, config: &DeliveryConfig, alerts: &AlertsConfig) -> Self {
        Self {
            bus,
            webhooks_max: config.webhooks_max,
            outbox_max: config.outbox_max,
            dead_max: config.dead_max,
            alerts_max: alerts.history_max,
        }
    }

    pub(crate) const fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Every webhook, in the order of their making.
    pub(crate) async fn webhooks(&self) -> Result<Vec<Webhook>, BusError> {
        let stored = self.bus.hash_documents::<Webhook>(keys::WEBHOOKS).await?;
        let mut webhooks: Vec<Webhook> = stored.into_iter().map(|(_, webhook)| webhook).collect();
        webhooks.sort_by_key(|webhook| webhook.id);
        Ok(webhooks)
    }

    pub(crate) async fn webhook(&self, id: WebhookId) -> Result<Webhook, DeliveryError> {
        let stored = self
            .bus
            .hash_document(keys::WEBHOOKS, &id.to_string())
            .await?;
        stored.ok_or(DeliveryError::UnknownWebhook(id))
    }

    pub(crate) async fn create_webhook(&self, webhook: &Webhook) -> Result<(), DeliveryError> {
        let count: usize = self
            .bus
            .query(redis::cmd("HLEN").arg(keys::WEBHOOKS))
            .await?;
        if count >= self.webhooks_max {
            return Err(DeliveryError::TooManyWebhooks(self.webhooks_max));
        }
        let commit = Commit::new().hash_set(webhooks(), &webhook.id.to_string(), write(webhook)?);
        self.bus.commit(commit, Vec::new()).await?;
        Ok(())
    }

    /// Keeps `after` in place of `before`, or nothing, unless somebody was faster.
    pub(crate) async fn replace_webhook(
        &self,
        before: &Webhook,
        after: Option<&Webhook>,
    ) -> Result<(), DeliveryError> {
        let field = before.id.to_string();
        let commit = Commit::new().guard(Guard::field(webhooks(), &field, Some(&write(before)?)));
        let commit = match after {
            Some(after) => commit.hash_set(webhooks(), &field, write(after)?),
            None => commit.hash_delete(webhooks(), &field),
        };
        match self.bus.commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_) | CommitOutcome::Replayed(_) => Ok(()),
            CommitOutcome::Refused { .. } => {
                let current = self.webhook(before.id).await?.revision;
                Err(DeliveryError::Stale { current })
            }
        }
    }

    /// How many messages wait.
    pub(crate) async fn waiting(&self, stream: &StreamId) -> Result<usize, BusError> {
        self.bus
            .query(redis::cmd("HLEN").arg(keys::alert_outbox(stream)))
            .await
    }

    /// How many more may wait.
    pub(crate) const fn room(&self, waiting: usize) -> usize {
        self.outbox_max.saturating_sub(waiting)
    }

    /// Adds messages to a commit of their stream. What is above `room` is given up at once.
    pub(crate) fn enqueue(
        &self,
        mut commit: Commit,
        deliveries: &[Delivery],
        room: usize,
    ) -> Result<Commit, BusError> {
        for (place, delivery) in deliveries.iter().enumerate() {
            commit = if place < room {
                let field = delivery.id.to_string();
                commit.hash_set(
                    keys::alert_outbox(&delivery.stream),
                    &field,
                    write(delivery)?,
                )
            } else {
                let error = "too many messages wait already".to_owned();
                let delivery = Delivery {
                    error: Some(error),
                    ..delivery.clone()
                };
                self.bury(commit, &delivery)?
            };
        }
        Ok(commit)
    }

    fn bury(&self, commit: Commit, delivery: &Delivery) -> Result<Commit, BusError> {
        let collection = Collection {
            documents: keys::alert_dead(&delivery.stream),
            order: keys::alert_dead_order(&delivery.stream),
            entries_max: self.dead_max,
        };
        Ok(commit.add(collection, delivery.id.to_string(), write(delivery)?))
    }

    /// Messages that are due, the oldest first.
    pub(crate) async fn due(
        &self,
        stream: &StreamId,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, BusError> {
        let key = keys::alert_outbox(stream);
        let stored = self.bus.hash_documents::<Delivery>(&key).await?;
        let mut due: Vec<Delivery> = stored.into_iter().map(|(_, delivery)| delivery).collect();
        due.retain(|delivery| delivery.next_at <= now);
        due.sort_by_key(|delivery| (delivery.created_at, delivery.id));
        Ok(due)
    }

    /// A message was taken, or nobody wants it any more.
    pub(crate) async fn done(&self, delivery: &Delivery) -> Result<(), BusError> {
        let mut command = redis::cmd("HDEL");
        command
            .arg(keys::alert_outbox(&delivery.stream))
            .arg(delivery.id.to_string());
        let _removed: u64 = self.bus.query(&command).await?;
        Ok(())
    }

    /// A message was not taken: `after` says when it is tried again, unless it is given up.
    pub(crate) async fn failed(
        &self,
        before: &Delivery,
        (after, given_up): (&Delivery, bool),
    ) -> Result<(), BusError> {
        let key = keys::alert_outbox(&before.stream);
        let field = before.id.to_string();
        // Somebody else may have sent it meanwhile.
        let commit = Commit::new().guard(Guard::field(key.clone(), &field, Some(&write(before)?)));
        let commit = if given_up {
            self.bury(commit.hash_delete(key, &field), after)?
        } else {
            commit.hash_set(key, &field, write(after)?)
        };
        self.bus.commit(commit, Vec::new()).await?;
        Ok(())
    }

    /// Messages that were given up, the newest first.
    pub(crate) async fn dead(&self, stream: &StreamId) -> Result<Vec<Delivery>, BusError> {
        let (order, documents) = (keys::alert_dead_order(stream), keys::alert_dead(stream));
        newest_documents(&self.bus, &order, &documents, self.dead_max).await
    }

    /// Sends a message once more that was given up.
    pub(crate) async fn resend(
        &self,
        stream: &StreamId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Delivery, DeliveryError> {
        let (documents, field) = (keys::alert_dead(stream), id.to_string());
        let dead: Option<Delivery> = self.bus.hash_document(&documents, &field).await?;
        let dead = dead.ok_or(DeliveryError::UnknownDelivery(id))?;
        let renewed = dead.clone().renewed(now);
        let commit = Commit::new()
            .guard(Guard::field(
                documents.clone(),
                &field,
                Some(&write(&dead)?),
            ))
            .hash_set(keys::alert_outbox(stream), &field, write(&renewed)?)
            .hash_delete(documents, &field)
            .write("ZREM", keys::alert_dead_order(stream), vec![field.clone()]);
        match self.bus.commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_) | CommitOutcome::Replayed(_) => Ok(renewed),
            CommitOutcome::Refused { .. } => Err(DeliveryError::UnknownDelivery(id)),
        }
    }

    /// Alerts that fire now, the oldest first.
    pub(crate) async fn firing(&self, stream: &StreamId) -> Result<Vec<Alert>, BusError> {
        let stored = self
            .bus
            .hash_documents::<Alert>(&keys::alerts(stream))
            .await?;
        let mut alerts: Vec<Alert> = stored.into_iter().map(|(_, alert)| alert).collect();
        alerts.sort_by_key(|alert| (alert.fired_at, alert.id));
        Ok(alerts)
    }

    /// The newest `limit` alerts that are over, the newest first.
    pub(crate) async fn over(
        &self,
        stream: &StreamId,
        limit: usize,
    ) -> Result<Vec<Alert>, BusError> {
        let (order, documents) = (keys::alerts_order(stream), keys::alerts_history(stream));
        newest_documents(&self.bus, &order, &documents, limit.min(self.alerts_max)).await
    }
}

fn webhooks() -> String {
    keys::WEBHOOKS.to_owned()
}

fn write<T: serde::Serialize>(value: &T) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(BusError::Encode)
}
