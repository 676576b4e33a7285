use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::alert::Mute;
use sm_common::clock::Timestamp;
use sm_common::id::{RuleId, SilenceId, StreamId};
use sm_service_kit::body::fault::{Fault, Faults};
use sm_service_kit::body::field::{Members, parsed, text};
use utoipa::ToSchema;

use super::draft::labels;
use super::rule::Rule;

/// Longest comment of a silence, in characters.
const COMMENT_CHARS_MAX: usize = 500;

/// What a silence is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertSilenceKind)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SilenceKind {
    /// Alerts fire and are told to nobody.
    #[default]
    Silence,
    /// The stream is being worked on: the same, and no incident is opened.
    Maintenance,
}

/// A time in which alerts are told to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AlertSilence)]
pub(crate) struct Silence {
    /// The silence.
    pub(crate) id: SilenceId,
    /// What it is for.
    pub(crate) kind: SilenceKind,
    /// The stream that it is about; null for every stream.
    #[serde(default)]
    pub(crate) stream: Option<StreamId>,
    /// The rule that it is about; null for every rule.
    #[serde(default)]
    pub(crate) rule: Option<RuleId>,
    /// Labels that a rule must have.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// From when.
    pub(crate) from: Timestamp,
    /// Until when.
    pub(crate) until: Timestamp,
    /// Why.
    pub(crate) comment: String,
    /// Name of who made it.
    pub(crate) created_by: String,
}

impl Silence {
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until
    }

    fn covers(&self, stream: &StreamId, now: Timestamp) -> bool {
        self.from <= now
            && !self.is_over(now)
            && self.stream.as_ref().is_none_or(|named| named == stream)
    }

    /// Whether the stream is being worked on.
    pub(crate) fn is_maintenance_of(&self, stream: &StreamId, now: Timestamp) -> bool {
        self.kind == SilenceKind::Maintenance && self.covers(stream, now)
    }

    fn mutes(&self, rule: &Rule, stream: &StreamId, now: Timestamp) -> bool {
        self.covers(stream, now)
            && self.rule.as_ref().is_none_or(|named| *named == rule.id)
            && self
                .labels
                .iter()
                .all(|(name, value)| rule.labels.get(name) == Some(value))
    }
}

/// Why an alert of `rule` is told to nobody now, if it is not. `firing` are the rules whose alerts
/// fire for the stream.
pub(crate) fn mute(
    rule: &Rule,
    stream: &StreamId,
    silences: &[Silence],
    firing: &[RuleId],
    now: Timestamp,
) -> Option<Mute> {
    let silence = silences
        .iter()
        .find(|silence| silence.mutes(rule, stream, now));
    if let Some(silence) = silence {
        let silence_id = silence.id;
        return Some(match silence.kind {
            SilenceKind::Silence => Mute::Silence {
                silence: silence_id,
            },
            SilenceKind::Maintenance => Mute::Maintenance {
                silence: silence_id,
            },
        });
    }
    let more = |id: &&RuleId| **id != rule.id && firing.contains(id);
    let inhibitor = rule.inhibited_by.iter().find(more)?;
    Some(Mute::Inhibition {
        rule: inhibitor.clone(),
    })
}

/// Reads the body of a new silence.
pub(crate) fn new_silence(body: &Value, by: &str, now: Timestamp) -> Result<Silence, Faults> {
    let mut faults = Faults::default();
    let silence = read(body, by, now, &mut faults);
    match silence {
        Some(silence) if faults.is_empty() => Ok(silence),
        Some(_) | None => Err(faults),
    }
}

fn read(body: &Value, by: &str, now: Timestamp, faults: &mut Faults) -> Option<Silence> {
    let mut members = Members::of(body, "", faults)?;
    let kind = members.or("kind", SilenceKind::default(), faults, parsed);
    let stream = members.or("stream", None, faults, |value| parsed(value).map(Some));
    let rule = members.or("rule", None, faults, |value| parsed(value).map(Some));
    let labels = members.or("labels", BTreeMap::new(), faults, labels);
    let from = members.or("from", now, faults, parsed);
    let until = members.required("until", faults, |value| {
        let until: Timestamp = parsed(value)?;
        if until <= now || from.is_some_and(|from| until <= from) {
            let detail = "must lie after `from`, and in the future";
            return Err(Fault::Value(detail.to_owned()));
        }
        Ok(until)
    });
    let comment = members.required("comment", faults, text(1, COMMENT_CHARS_MAX, true));
    members.finish(faults);
    Some(Silence {
        id: SilenceId::generate(),
        kind: kind?,
        stream: stream?,
        rule: rule?,
        labels: labels?,
        from: from?,
        until: until?,
        comment: comment?,
        created_by: by.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::alerts::any_rule;
    use crate::alerts::rule::Condition;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_800_000_000_000);

    fn silence(body: &Value) -> Silence {
        new_silence(body, "olga", NOW).unwrap()
    }

    fn until() -> String {
        NOW.plus(std::time::Duration::from_mins(1)).to_string()
    }

    fn status_rule(id: &str) -> Rule {
        let statuses = Vec::new();
        any_rule(id, Condition::Status { statuses })
    }

    #[test]
    fn a_silence_mutes_what_it_names_for_as_long_as_it_lasts() {
        let stream = StreamId::default();
        let mut rule = status_rule("low-fps");
        rule.labels.insert("team".to_owned(), "studio".to_owned());
        let later = NOW.plus(std::time::Duration::from_mins(1));
        for (body, mutes) in [
            (json!({}), true),
            (json!({"rule": "low-fps"}), true),
            (json!({"rule": "other"}), false),
            (json!({"stream": "main"}), true),
            (json!({"stream": "other"}), false),
            (json!({"labels": {"team": "studio"}}), true),
            (json!({"labels": {"team": "network"}}), false),
            (json!({"labels": {"site": "a"}}), false),
        ] {
            let mut body = body;
            body["until"] = json!(until());
            body["comment"] = json!("known");
            let silences = [silence(&body)];
            let muted = |now| mute(&rule, &stream, &silences, &[], now).is_some();
            assert_eq!(muted(NOW), mutes, "{body}");
            assert!(!muted(later), "{body}");
        }
    }

    #[test]
    fn an_alert_is_inhibited_by_the_rules_it_names_and_never_by_itself() {
        let stream = StreamId::default();
        let mut rule = status_rule("low-fps");
        rule.inhibited_by = vec!["low-fps".parse().unwrap(), "no-picture".parse().unwrap()];
        let firing =
            |ids: &[&str]| -> Vec<RuleId> { ids.iter().map(|id| id.parse().unwrap()).collect() };
        let muted = |ids: &[&str]| mute(&rule, &stream, &[], &firing(ids), NOW);
        assert_eq!(muted(&["low-fps"]), None);
        assert_eq!(
            muted(&["low-fps", "no-picture"]),
            Some(Mute::Inhibition {
                rule: "no-picture".parse().unwrap()
            })
        );
    }

    #[test]
    fn a_maintenance_window_says_so() {
        let body = json!({"kind": "maintenance", "until": until(), "comment": "new encoder"});
        let window = silence(&body);
        assert!(window.is_maintenance_of(&StreamId::default(), NOW));
        let muted = mute(
            &status_rule("a"),
            &StreamId::default(),
            std::slice::from_ref(&window),
            &[],
            NOW,
        );
        assert_eq!(muted, Some(Mute::Maintenance { silence: window.id }));
    }

    #[test]
    fn everything_that_is_wrong_with_a_silence_is_told_at_once() {
        let body = json!({"kind": "quiet", "until": NOW.to_string(), "comment": "", "colour": 1});
        let faults = new_silence(&body, "olga", NOW).unwrap_err();
        let pointers: Vec<&str> = faults
            .errors()
            .iter()
            .map(|error| error.pointer.as_str())
            .collect();
        assert_eq!(pointers, ["/kind", "/until", "/comment", "/colour"]);
    }
}
