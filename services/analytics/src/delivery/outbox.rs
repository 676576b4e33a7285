use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::alert::{Alert, AlertState};
use sm_common::clock::Timestamp;
use sm_common::id::{DeliveryId, StreamId, WebhookId};
use sm_common::incident::Incident;
use sm_common::stream::Severity;
use utoipa::ToSchema;

/// What is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message<'a> {
    /// An alert fired, or was resolved.
    Alert(&'a Alert),
    /// An incident was opened, or is over.
    Incident(&'a Incident, &'static str),
}

impl Message<'_> {
    /// The type of the event that it is.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Alert(alert) => match alert.state {
                AlertState::Firing => "alert.fired",
                AlertState::Resolved => "alert.resolved",
            },
            Self::Incident(_, kind) => kind,
        }
    }

    pub(crate) const fn severity(&self) -> Severity {
        match self {
            Self::Alert(alert) => alert.severity,
            Self::Incident(incident, _) => incident.severity,
        }
    }

    /// The body that is posted.
    fn body(&self, at: Timestamp) -> Result<String, serde_json::Error> {
        let data = match self {
            Self::Alert(alert) => serde_json::to_value(alert)?,
            Self::Incident(incident, _) => serde_json::to_value(incident)?,
        };
        serde_json::to_string(&Body {
            kind: self.kind(),
            timestamp: at,
            data,
        })
    }
}

/// What is posted, as the Standard Webhooks have it.
#[derive(Serialize)]
struct Body {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: Value,
}

/// A message that is to be posted to a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct Delivery {
    /// The message; the same however often it is sent (`webhook-id`).
    pub(crate) id: DeliveryId,
    /// Whom it is for.
    pub(crate) webhook: WebhookId,
    /// The stream that it is about.
    pub(crate) stream: StreamId,
    /// The type of the event that it tells of.
    pub(crate) event: String,
    /// The body, as it is signed and sent.
    pub(crate) body: String,
    /// When it came to be.
    pub(crate) created_at: Timestamp,
    /// How often it was sent.
    pub(crate) attempts: u32,
    /// When it is sent next, or was sent last where it was given up.
    pub(crate) next_at: Timestamp,
    /// Why the last attempt failed.
    #[serde(default)]
    pub(crate) error: Option<String>,
}

/// How often and how long it is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) attempts_max: u32,
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Delivery {
    pub(crate) fn new(
        message: &Message<'_>,
        (webhook, stream): (WebhookId, &StreamId),
        now: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: DeliveryId::generate(),
            webhook,
            stream: stream.clone(),
            event: message.kind().to_owned(),
            body: message.body(now)?,
            created_at: now,
            attempts: 0,
            next_at: now,
            error: None,
        })
    }

    /// The same after another attempt that failed; the second is whether it is given up.
    pub(crate) fn failed(
        mut self,
        error: String,
        patience: &Patience,
        now: Timestamp,
    ) -> (Self, bool) {
        self.attempts = self.attempts.saturating_add(1);
        self.error = Some(error);
        let given_up = self.attempts >= patience.attempts_max;
        self.next_at = if given_up {
            now
        } else {
            now.plus(wait(self.attempts, patience))
        };
        (self, given_up)
    }

    /// The same, to be tried from the beginning.
    pub(crate) fn renewed(mut self, now: Timestamp) -> Self {
        self.attempts = 0;
        self.next_at = now;
        self
    }
}

/// The first wait, each next one twice as long, up to the longest.
fn wait(attempts: u32, patience: &Patience) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(30));
    patience.first.saturating_mul(doubled).min(patience.longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_ever_more_seldom_and_then_given_up() {
        let patience = Patience {
            attempts_max: 5,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5),
        };
        let now = Timestamp::from_unix_millis(0);
        let mut delivery = Delivery {
            id: DeliveryId::generate(),
            webhook: WebhookId::generate(),
            stream: StreamId::default(),
            event: "alert.fired".to_owned(),
            body: "{}".to_owned(),
            created_at: now,
            attempts: 0,
            next_at: now,
            error: None,
        };
        let mut waits = Vec::new();
        loop {
            let (next, given_up) = delivery.failed("503".to_owned(), &patience, now);
            waits.push(next.next_at.since(now).as_secs());
            delivery = next;
            if given_up {
                break;
            }
        }
        assert_eq!(waits, [1, 2, 4, 5, 0]);
        assert_eq!(delivery.attempts, 5);
        let renewed = delivery.clone().renewed(now);
        assert_eq!((renewed.attempts, renewed.id), (0, delivery.id));
    }
}
