use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use sm_common::alert::Alert;
use sm_common::clock::Timestamp;

use crate::config::AlertmanagerConfig;

/// How many times in a row alerts may fail to be sent again before Alertmanager takes them as
/// resolved.
const MISSES: u32 = 4;

/// What Alertmanager is to be told, and when it is due again.
///
/// It keeps no state of its own over a restart, and takes what is not repeated as resolved: everything
/// that fires is sent again and again, and so is for a while what is over.
#[derive(Clone, Debug)]
pub(crate) struct Alertmanager {
    resend: Duration,
    keep: Duration,
    console: String,
    /// What was sent last, without its times, and when.
    sent: Option<(Vec<Posted>, Timestamp)>,
}

/// An alert as Alertmanager's API v2 takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posted {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    generator: String,
    #[serde(skip)]
    is_over: bool,
}

impl Alertmanager {
    pub(crate) fn new(config: &AlertmanagerConfig) -> Self {
        Self {
            resend: config.resend(),
            keep: config.resolved_keep(),
            console: config.console_url.clone(),
            sent: None,
        }
    }

    /// How long what is over is sent.
    pub(crate) const fn keep(&self) -> Duration {
        self.keep
    }

    /// What is to be sent now: everything, when anything of it is new or the time has come.
    pub(crate) fn due(&self, alerts: &[Alert], now: Timestamp) -> Option<Vec<Posted>> {
        let posted: Vec<Posted> = alerts
            .iter()
            .filter(|alert| alert.muted.is_none())
            .filter(|alert| {
                alert
                    .resolved_at
                    .is_none_or(|resolved| now.since(resolved) <= self.keep)
            })
            .map(|alert| self.posted(alert, now))
            .collect();
        if posted.is_empty() {
            return None;
        }
        let is_due = match &self.sent {
            None => true,
            Some((sent, at)) => {
                now.since(*at) >= self.resend || timeless(sent) != timeless(&posted)
            }
        };
        is_due.then_some(posted)
    }

    /// It was taken.
    pub(crate) fn sent(&mut self, posted: Vec<Posted>, now: Timestamp) {
        self.sent = Some((posted, now));
    }

    fn posted(&self, alert: &Alert, now: Timestamp) -> Posted {
        let mut labels = alert.labels.clone();
        for (name, value) in [
            ("alertname", alert.rule.as_str()),
            ("severity", alert.severity.as_str()),
            ("stream", alert.stream.as_str()),
        ] {
            labels.insert(name.to_owned(), value.to_owned());
        }
        Posted {
            labels,
            annotations: BTreeMap::from([
                ("summary", alert.name.clone()),
                ("description", alert.reason.clone()),
                ("remedy", alert.remedy.clone()),
            ]),
            starts_at: alert.since,
            ends_at: alert
                .resolved_at
                .unwrap_or_else(|| now.plus(self.resend * MISSES)),
            generator: self.console.clone(),
            is_over: alert.resolved_at.is_some(),
        }
    }
}

/// What does not change by time alone.
fn timeless(posted: &[Posted]) -> Vec<(&BTreeMap<String, String>, Timestamp, bool)> {
    posted
        .iter()
        .map(|posted| (&posted.labels, posted.starts_at, posted.is_over))
        .collect()
}

#[cfg(test)]
mod tests {
    use sm_common::alert::{AlertState, Mute};
    use sm_common::id::{AlertId, SilenceId, StreamId};
    use sm_common::stream::Severity;

    use super::*;

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1000)
    }

    fn alert(resolved: Option<i64>) -> Alert {
        Alert {
            id: AlertId::generate(),
            rule: "low-frame-rate".parse().unwrap(),
            name: "The frame rate is low".to_owned(),
            stream: StreamId::default(),
            severity: Severity::Error,
            labels: BTreeMap::from([("team".to_owned(), "studio".to_owned())]),
            state: AlertState::Firing,
            reason: "fps is 12".to_owned(),
            remedy: "Give it CPU.".to_owned(),
            value: Some(12.0),
            since: at(10),
            fired_at: at(13),
            resolved_at: resolved.map(at),
            muted: None,
        }
    }

    fn manager() -> Alertmanager {
        Alertmanager::new(&AlertmanagerConfig {
            url: String::new(),
            console_url: String::new(),
            resend_ms: 30_000,
            resolved_keep_s: 60,
        })
    }

    #[test]
    fn what_fires_is_sent_again_in_time_and_at_once_when_it_changes() {
        let mut manager = manager();
        let first = manager.due(&[alert(None)], at(20)).unwrap();
        assert_eq!(first[0].labels["alertname"], "low-frame-rate");
        assert_eq!(first[0].ends_at, at(20 + 120));
        manager.sent(first, at(20));
        assert!(manager.due(&[alert(None)], at(49)).is_none());
        assert!(manager.due(&[alert(None)], at(50)).is_some());
        let resolved = manager.due(&[alert(Some(30))], at(31)).unwrap();
        assert_eq!(resolved[0].ends_at, at(30));
        manager.sent(resolved, at(31));
        assert!(
            manager.due(&[alert(Some(30))], at(61)).is_some(),
            "once more"
        );
        assert!(
            manager.due(&[alert(Some(30))], at(91)).is_none(),
            "long over"
        );
    }

    #[test]
    fn what_is_muted_is_not_sent() {
        let silence = SilenceId::generate();
        let muted = Alert {
            muted: Some(Mute::Silence { silence }),
            ..alert(None)
        };
        assert!(manager().due(&[muted], at(20)).is_none());
    }
}
