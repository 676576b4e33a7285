//! Takes alerts and incidents to others: webhooks of their own, and Alertmanager.
//!
//! What is to be sent is written together with the alert that it tells of, and goes when its receiver
//! has taken it: a message may come twice, with the same `id`, and never not at all. What a receiver
//! does not take is tried again, ever more seldom, and is then kept among those that were given up.

mod alertmanager;
mod guard;
mod outbox;
mod sender;
mod signature;
mod store;
mod webhook;

pub(crate) use guard::guarded_client;
pub(crate) use outbox::{Delivery, Message, Patience};
pub(crate) use sender::{Post, Sender};
pub(crate) use store::{DeliveryError, DeliveryStore};
pub(crate) use webhook::{Webhook, WebhookView, new_webhook, patched_webhook};
