//! What has become of every rule of a stream at one look. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use sm_common::alert::{Alert, AlertState};
use sm_common::clock::Timestamp;
use sm_common::id::{AlertId, RuleId, StreamId};

use super::Facts;
use super::state::Track;
use crate::alerts::{
    Edge, Look, Phase, Readings, Rule, RuleSign, Silence, Timing, Verdict, judge, mute, step,
};

/// What follows from a look.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Alerts that began to fire.
    pub(super) fired: Vec<Alert>,
    /// Alerts that fire, and whose muting changed.
    pub(super) changed: Vec<Alert>,
    /// Alerts that are over.
    pub(super) resolved: Vec<Alert>,
    /// Of these, what webhooks are to be told, in order.
    pub(super) told: Vec<Alert>,
}

/// Looks at every rule. Of rules that are gone the alerts are resolved.
pub(super) fn look(
    tracks: &mut BTreeMap<RuleId, Track>,
    (stream, facts, readings): (&StreamId, &Facts, &Readings),
    (rules, silences): (&[Rule], &[Silence]),
    at: Look,
) -> Outcome {
    let mut outcome = Outcome::default();
    let applying: BTreeMap<&RuleId, &Rule> = rules
        .iter()
        .filter(|rule| rule.applies_to(stream))
        .map(|rule| (&rule.id, rule))
        .collect();
    for rule in applying.values() {
        let verdict = judge(rule, facts, readings, at);
        let track = tracks.remove(&rule.id).unwrap_or_default();
        if let Some(track) = turn(track, rule, stream, &verdict, at.now, &mut outcome) {
            tracks.insert(rule.id.clone(), track);
        }
    }
    let gone: Vec<RuleId> = tracks
        .keys()
        .filter(|id| !applying.contains_key(id))
        .cloned()
        .collect();
    for id in gone {
        if let Some(alert) = tracks
            .remove(&id)
            .and_then(|track| resolved(track, None, at.now))
        {
            outcome.end(alert);
        }
    }
    hush(tracks, &applying, (stream, silences), at.now, &mut outcome);
    outcome
}

/// One rule's next step. `None` when nothing has to be remembered of it.
fn turn(
    mut track: Track,
    rule: &Rule,
    stream: &StreamId,
    verdict: &Verdict,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Option<Track> {
    let timing = Timing {
        fires_after: Duration::from_secs(u64::from(rule.for_s)),
        clears_after: Duration::from_secs(u64::from(rule.clear_for_s)),
    };
    let (phase, edge) = step(track.phase, verdict.sign, timing, now);
    track.phase = phase;
    match edge {
        Some(Edge::Fired { since }) => {
            let alert = alert(rule, stream, verdict, (since, now));
            outcome.fired.push(alert.clone());
            track.alert = Some(alert);
            track.told = false;
        }
        Some(Edge::Resolved) => {
            if let Some(alert) = resolved(track, Some(verdict), now) {
                outcome.end(alert);
            }
            return None;
        }
        None => {}
    }
    (track.phase != Phase::Quiet).then_some(track)
}

fn alert(
    rule: &Rule,
    stream: &StreamId,
    verdict: &Verdict,
    (since, now): (Timestamp, Timestamp),
) -> Alert {
    Alert {
        id: AlertId::generate(),
        rule: rule.id.clone(),
        name: rule.name.clone(),
        stream: stream.clone(),
        severity: rule.severity,
        labels: rule.labels.clone(),
        state: AlertState::Firing,
        reason: verdict.reason.clone(),
        remedy: rule.remedy.clone(),
        value: verdict.value,
        since,
        fired_at: now,
        resolved_at: None,
        muted: None,
    }
}

/// The alert of a track, over; and whether webhooks know of it.
fn resolved(track: Track, verdict: Option<&Verdict>, now: Timestamp) -> Option<(Alert, bool)> {
    let mut alert = track.alert?;
    alert.state = AlertState::Resolved;
    alert.resolved_at = Some(now);
    if let Some(verdict) = verdict {
        if verdict.sign != RuleSign::Idle {
            alert.value = verdict.value;
        }
        alert.reason.clone_from(&verdict.reason);
    }
    Some((alert, track.told))
}

/// Says who is to hear of what fires. A mute that ends while it fires lets it be told.
fn hush(
    tracks: &mut BTreeMap<RuleId, Track>,
    applying: &BTreeMap<&RuleId, &Rule>,
    (stream, silences): (&StreamId, &[Silence]),
    now: Timestamp,
    outcome: &mut Outcome,
) {
    let firing: Vec<RuleId> = tracks
        .iter()
        .filter(|(_, track)| track.alert.is_some())
        .map(|(id, _)| id.clone())
        .collect();
    for (id, track) in tracks {
        let (Some(rule), Some(alert)) = (applying.get(id), track.alert.as_mut()) else {
            continue;
        };
        let muted = mute(rule, stream, silences, &firing, now);
        let fresh = outcome.fired.iter_mut().find(|fired| fired.id == alert.id);
        if alert.muted != muted {
            alert.muted = muted;
            match fresh {
                Some(fired) => *fired = alert.clone(),
                None => outcome.changed.push(alert.clone()),
            }
        }
        if alert.muted.is_none() && !track.told {
            track.told = true;
            outcome.told.push(alert.clone());
        }
    }
}

impl Outcome {
    fn end(&mut self, (alert, told): (Alert, bool)) {
        if told {
            self.told.push(alert.clone());
        }
        self.resolved.push(alert);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sm_common::alert::Mute;
    use sm_common::stream::StreamStatus;

    use super::*;
    use crate::alerts::{Condition, any_rule, new_silence};
    use crate::watch::facts_of;

    struct Stage {
        tracks: BTreeMap<RuleId, Track>,
        rules: Vec<Rule>,
        silences: Vec<Silence>,
    }

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1000)
    }

    fn rule(id: &str, status: StreamStatus) -> Rule {
        let mut rule = any_rule(
            id,
            Condition::Status {
                statuses: vec![status],
            },
        );
        rule.when = crate::alerts::When::Always;
        rule
    }

    impl Stage {
        fn new(rules: Vec<Rule>) -> Self {
            Self {
                tracks: BTreeMap::new(),
                rules,
                silences: Vec::new(),
            }
        }

        fn look(&mut self, status: StreamStatus, second: i64) -> Outcome {
            let facts = facts_of(status, Some(at(0)));
            look(
                &mut self.tracks,
                (&StreamId::default(), &facts, &Readings::default()),
                (&self.rules, &self.silences),
                Look {
                    now: at(second),
                    settle: Duration::ZERO,
                    heard_for: Duration::MAX,
                },
            )
        }
    }

    #[test]
    fn an_alert_is_told_once_when_it_fires_and_once_when_it_is_over() {
        let mut stage = Stage::new(vec![rule("failed", StreamStatus::Failed)]);
        assert_eq!(stage.look(StreamStatus::Live, 1), Outcome::default());
        let fired = stage.look(StreamStatus::Failed, 2);
        assert_eq!((fired.fired.len(), fired.told.len()), (1, 1));
        assert_eq!(stage.look(StreamStatus::Failed, 3), Outcome::default());
        let over = stage.look(StreamStatus::Live, 4);
        assert_eq!((over.resolved.len(), over.told.len()), (1, 1));
        assert_eq!(over.resolved[0].id, fired.fired[0].id);
        assert_eq!(over.resolved[0].resolved_at, Some(at(4)));
        assert!(stage.tracks.is_empty());
    }

    #[test]
    fn what_is_remembered_reads_back_and_goes_on() {
        let mut stage = Stage::new(vec![rule("failed", StreamStatus::Failed)]);
        let fired = stage.look(StreamStatus::Failed, 2);
        let text = serde_json::to_string(&stage.tracks).unwrap();
        stage.tracks = serde_json::from_str(&text).unwrap();
        assert_eq!(stage.look(StreamStatus::Failed, 3), Outcome::default());
        let over = stage.look(StreamStatus::Live, 4);
        assert_eq!(over.resolved[0].id, fired.fired[0].id);
    }

    #[test]
    fn the_alert_of_a_rule_that_is_gone_is_resolved() {
        let mut stage = Stage::new(vec![rule("failed", StreamStatus::Failed)]);
        stage.look(StreamStatus::Failed, 2);
        stage.rules[0].enabled = false;
        let over = stage.look(StreamStatus::Failed, 3);
        assert_eq!((over.resolved.len(), over.told.len()), (1, 1));
    }

    #[test]
    fn a_silenced_alert_is_told_when_the_silence_ends_before_it_does() {
        let mut stage = Stage::new(vec![rule("failed", StreamStatus::Failed)]);
        let body = json!({"until": at(10).to_string(), "comment": "known"});
        stage.silences = vec![new_silence(&body, "olga", at(0)).unwrap()];
        let fired = stage.look(StreamStatus::Failed, 2);
        assert!(matches!(fired.fired[0].muted, Some(Mute::Silence { .. })));
        assert!(fired.told.is_empty());
        let told = stage.look(StreamStatus::Failed, 10);
        assert_eq!((told.changed.len(), told.told.len()), (1, 1));
        assert_eq!(told.told[0].muted, None);
    }

    #[test]
    fn nobody_hears_the_end_of_what_they_were_not_told() {
        let mut stage = Stage::new(vec![rule("failed", StreamStatus::Failed)]);
        let body = json!({"until": at(10).to_string(), "comment": "known"});
        stage.silences = vec![new_silence(&body, "olga", at(0)).unwrap()];
        stage.look(StreamStatus::Failed, 2);
        let over = stage.look(StreamStatus::Live, 3);
        assert_eq!((over.resolved.len(), over.told.len()), (1, 0));
    }

    #[test]
    fn an_alert_is_inhibited_by_one_that_fires_at_the_same_look() {
        let mut slow = rule("a-slow", StreamStatus::Failed);
        slow.inhibited_by = vec!["failed".parse().unwrap()];
        let mut stage = Stage::new(vec![slow, rule("failed", StreamStatus::Failed)]);
        let fired = stage.look(StreamStatus::Failed, 2);
        assert_eq!(fired.fired.len(), 2);
        assert_eq!(fired.told.len(), 1);
        assert_eq!(fired.told[0].rule.as_str(), "failed");
        assert!(matches!(
            fired.fired[0].muted,
            Some(Mute::Inhibition { .. })
        ));
    }
}
