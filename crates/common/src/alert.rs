//! Alerts: what a broken rule says, and what becomes of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{AlertId, RuleId, SilenceId, StreamId};
use crate::stream::Severity;

/// Whether an alert is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The rule is broken.
    Firing,
    /// It holds again.
    Resolved,
}

/// Why an alert that fires is sent to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Mute {
    /// Somebody wanted to hear nothing of it.
    Silence {
        /// The silence.
        silence: SilenceId,
    },
    /// The stream is being worked on.
    Maintenance {
        /// The window.
        silence: SilenceId,
    },
    /// Another alert says more.
    Inhibition {
        /// The rule of that alert.
        rule: RuleId,
    },
}

/// One time that a rule was broken, from its firing until it is resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// This time.
    pub id: AlertId,
    /// The rule.
    pub rule: RuleId,
    /// The rule's name.
    pub name: String,
    /// The stream that it is about.
    pub stream: StreamId,
    /// How bad it is, by what the viewer notices.
    pub severity: Severity,
    /// The rule's labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is on.
    pub state: AlertState,
    /// What was seen, in a sentence.
    pub reason: String,
    /// What to do.
    pub remedy: String,
    /// The value that was last seen, in the metric's unit; null where the rule is about none.
    #[serde(default)]
    pub value: Option<f64>,
    /// Since when the rule has been broken.
    pub since: Timestamp,
    /// When it had been broken for long enough.
    pub fired_at: Timestamp,
    /// When it held again for long enough.
    #[serde(default)]
    pub resolved_at: Option<Timestamp>,
    /// Why it is sent to nobody, where it is not.
    #[serde(default)]
    pub muted: Option<Mute>,
}

/// A rule is broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct AlertFired(pub Alert);

/// It is still broken; who is to hear of it is another matter than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct AlertMuted(pub Alert);

/// It holds again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct AlertResolved(pub Alert);
