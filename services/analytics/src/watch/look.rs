use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use sm_bus::{Bus, BusError, Collection, Commit, CommitOutcome, Guard, OutgoingEvent, keys};
use sm_common::alert::{Alert, AlertFired, AlertMuted, AlertResolved};
use sm_common::clock::Timestamp;
use sm_common::event::Channel;
use sm_common::health::SystemHealthChanged;
use sm_common::id::StreamId;
use sm_common::incident::{IncidentOpened, IncidentResolved, IncidentUpdated};
use sm_common::resources::InstanceResources;
use sm_common::stream::Severity;

use super::changes::recent_changes;
use super::news::{ENGINE, News, Page, read_page};
use super::state::Watched;
use super::system::{Away, BUSY, HOST, busy_sign, compare, is_busy, news_of};
use super::tracks::{self, Outcome};
use super::{Facts, Watch};
use crate::alerts::{Condition, Look, Readings, Rule, Samples, Silence, When};
use crate::catalogue::Metric;
use crate::delivery::{Delivery, Message};
use crate::errors::{ErrorGroup, ErrorStore, Occurrence};
use crate::incidents::{Change, Sign, Told};
use crate::query::Step;

/// What is known of the system besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct System {
    /// A time in which Redis did not answer.
    pub(super) away: Option<Away>,
    /// Whether this stream's channel tells of the system.
    pub(super) tells: bool,
    /// Since when samples would have been heard.
    pub(super) heard_since: Timestamp,
}

/// What a look has decided.
struct Decided {
    after: Watched,
    outcome: Outcome,
    incidents: Vec<Told>,
    health: Vec<SystemHealthChanged>,
    groups: Vec<Regrouped>,
    /// Errors that were counted in them.
    counted: usize,
}

/// A group of errors before and after.
struct Regrouped {
    before: Option<ErrorGroup>,
    /// `None` where it makes room for another.
    after: Option<ErrorGroup>,
}

impl<S: Samples + Send + Sync> Watch<S> {
    /// Looks at a stream once. True when there is more to read of it.
    pub(super) async fn look(
        &self,
        stream: &StreamId,
        rules: &[Rule],
        silences: &[Silence],
        system: System,
    ) -> Result<bool, BusError> {
        let bus = self.means.store.bus();
        let (revision, before) = Watched::read(bus, stream).await?;
        let offset = before.position.as_ref().map_or(0, |known| known.offset);
        let page_max = self.alerts.page_max.max(1);
        let log = bus
            .log_after(stream, Channel::StreamState, offset, page_max)
            .await?;
        let now = bus.clock().now();
        let mut after = before.clone();
        let page = read_page(before.position.as_ref(), &log, page_max, &mut after.facts);
        after.position.clone_from(&page.position);
        let groups = self.regroup(stream, &page).await?;
        let mut outcome = Outcome::default();
        // While more is to be read, what is known is of a moment that has passed.
        if !page.is_full {
            let look = Look {
                now,
                settle: self.alerts.settle(),
                heard_for: now.since(system.heard_since),
            };
            let readings = self.readings(stream, rules, &after.facts, now).await?;
            let seen = (stream, &after.facts.clone(), &readings);
            outcome = tracks::look(&mut after.tracks, seen, (rules, silences), look);
        }
        let (is_full, counted) = (page.is_full, page.errors.len());
        let mut news = match before.position {
            Some(_) => page.news,
            // What happened before anybody watched is history.
            None => Vec::new(),
        };
        let instances = self.instances(system, &outcome, rules, now).await?;
        let health = self.health(&mut after, system, instances.as_deref(), now);
        news.extend(system.away.iter().flat_map(|away| away.news()));
        news.extend(health.iter().map(news_of));
        news.extend(measured(&outcome, rules, &after));
        if let Some(instances) = &instances
            && is_busy(instances, self.incidents.host_busy_lag_ms)
            && outcome.fired.iter().any(|alert| is_of_engine(alert, rules))
        {
            news.push(busy_sign(now));
        }
        let incidents = self
            .correlate(stream, &mut after, news, silences, now)
            .await?;
        let decided = Decided {
            after,
            outcome,
            incidents,
            health: told_health(health, system),
            groups,
            counted,
        };
        self.commit(stream, (&revision, &before), decided, now)
            .await?;
        Ok(is_full)
    }

    /// What the rules want to know of the last minutes.
    async fn readings(
        &self,
        stream: &StreamId,
        rules: &[Rule],
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Readings, BusError> {
        let is_settled = facts.is_settled(self.alerts.settle(), now);
        let is_looked_at =
            |rule: &&Rule| rule.applies_to(stream) && (is_settled || rule.when == When::Always);
        let mut metrics: Vec<Metric> = Vec::new();
        let mut over_s = 0;
        for rule in rules.iter().filter(is_looked_at) {
            if let Some(metric) = rule.condition.metric() {
                over_s = over_s.max(rule.condition.over_s());
                if !metrics.contains(&metric) {
                    metrics.push(metric);
                }
            }
        }
        if metrics.is_empty() {
            return Ok(Readings::default());
        }
        let from = now.minus(Duration::from_secs(u64::from(over_s) + 1));
        let second = Step::Every(NonZeroU32::MIN);
        self.means
            .samples
            .readings(stream, &metrics, (from, now), second)
            .await
    }

    /// The groups of the errors of a page, with these counted.
    async fn regroup(&self, stream: &StreamId, page: &Page) -> Result<Vec<Regrouped>, BusError> {
        if page.errors.is_empty() {
            return Ok(Vec::new());
        }
        let store = ErrorStore::new(self.means.store.bus().clone());
        let known = store.groups(stream).await?;
        let mut changed: Vec<Regrouped> = Vec::new();
        for counted in &page.errors {
            let occurrence = Occurrence {
                error: &counted.error,
                stream,
                at: counted.at,
                trace: counted.trace.clone(),
            };
            let fingerprint = ErrorGroup::fingerprint_of(&counted.error);
            let is_same = |group: &ErrorGroup| group.fingerprint == fingerprint;
            let in_hand = changed
                .iter_mut()
                .filter_map(|regrouped| regrouped.after.as_mut())
                .find(|group| is_same(group));
            if let Some(group) = in_hand {
                group.add(&occurrence);
                continue;
            }
            let before = known.iter().find(|group| is_same(group)).cloned();
            let after = match before.clone() {
                Some(mut group) => {
                    group.add(&occurrence);
                    group
                }
                None => ErrorGroup::first(&occurrence),
            };
            changed.push(Regrouped {
                before,
                after: Some(after),
            });
        }
        let new = changed.iter().filter(|one| one.before.is_none()).count();
        let excess = (known.len() + new).saturating_sub(self.alerts.error_groups_max.max(1));
        let touched: BTreeSet<String> = changed
            .iter()
            .filter_map(|one| Some(one.before.as_ref()?.fingerprint.clone()))
            .collect();
        let oldest = known
            .into_iter()
            .rev()
            .filter(|group| !touched.contains(&group.fingerprint))
            .take(excess);
        let evicted = oldest.map(|group| Regrouped {
            before: Some(group),
            after: None,
        });
        changed.extend(evicted);
        Ok(changed)
    }

    /// Who reports, where that matters now.
    async fn instances(
        &self,
        system: System,
        outcome: &Outcome,
        rules: &[Rule],
        now: Timestamp,
    ) -> Result<Option<Vec<InstanceResources>>, BusError> {
        let slow = outcome.fired.iter().any(|alert| is_of_engine(alert, rules));
        if !system.tells && !slow {
            return Ok(None);
        }
        self.means.store.bus().instances(now).await.map(Some)
    }

    /// Which services went away or came back. Nothing is said before everybody had the time to
    /// report.
    fn health(
        &self,
        after: &mut Watched,
        system: System,
        instances: Option<&[InstanceResources]>,
        now: Timestamp,
    ) -> Vec<SystemHealthChanged> {
        let silent = self.incidents.silent();
        match instances {
            Some(instances) if system.tells && now.since(system.heard_since) > silent => {
                compare(&mut after.services, instances, silent, now)
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// What the news make of the incidents.
    async fn correlate(
        &self,
        stream: &StreamId,
        after: &mut Watched,
        news: Vec<News>,
        silences: &[Silence],
        now: Timestamp,
    ) -> Result<Vec<Told>, BusError> {
        let limits = self.incidents.limits();
        let is_maintained = silences
            .iter()
            .any(|silence| silence.is_maintenance_of(stream, now));
        let is_raised = news.iter().any(|news| matches!(news, News::Raised(_)));
        let changes: Vec<Change> = if is_raised {
            // A sign may be told late.
            let window = limits.change + limits.wanted;
            recent_changes(self.means.store.bus(), stream, window, now).await?
        } else {
            Vec::new()
        };
        let mut told = Vec::new();
        for news in news {
            let next = match news {
                News::Raised(_) if is_maintained => None,
                News::Raised(sign) => {
                    let sign = (stream, sign);
                    after.book.raise(sign, &changes, &limits, now)
                }
                News::Cleared {
                    component,
                    code,
                    at,
                } => after.book.clear(&component, &code, at),
            };
            told.extend(next);
        }
        told.extend(after.book.settle(&limits, now));
        Ok(once_each(told))
    }

    /// Writes what was decided, whole or not at all: not where somebody else was faster.
    async fn commit(
        &self,
        stream: &StreamId,
        (revision, before): (&str, &Watched),
        decided: Decided,
        now: Timestamp,
    ) -> Result<(), BusError> {
        let is_same = *before == decided.after
            && decided.groups.is_empty()
            && decided.health.is_empty()
            && decided.incidents.is_empty();
        if is_same {
            return Ok(());
        }
        let bus = self.means.store.bus();
        let next: u64 = revision.parse::<u64>().unwrap_or(0) + 1;
        let key = keys::watch(stream);
        let known = (!revision.is_empty()).then_some(revision);
        let mut commit = Commit::new()
            .guard(Guard::field(key.clone(), "revision", known))
            .hash_set(key.clone(), "revision", next.to_string())
            .hash_set(key, "doc", write(&decided.after)?);
        commit = write_groups(commit, stream, &decided.groups)?;
        commit = self.write_alerts(commit, stream, &decided.outcome)?;
        commit = self.write_incidents(commit, stream, &decided.incidents)?;
        let deliveries = self.deliveries(stream, &decided, now).await?;
        if !deliveries.is_empty() {
            let waiting = self.means.deliveries.waiting(stream).await?;
            let room = self.means.deliveries.room(waiting);
            commit = self.means.deliveries.enqueue(commit, &deliveries, room)?;
        }
        let events = events(bus, stream, &decided)?;
        match bus.commit(commit, events).await? {
            CommitOutcome::Committed(_) | CommitOutcome::Replayed(_) => {
                self.means.metrics.decided(
                    decided.counted,
                    decided.outcome.fired.len(),
                    decided.outcome.resolved.len(),
                );
                for alert in &decided.outcome.fired {
                    tracing::warn!(
                        stream.id = %stream, rule.id = %alert.rule, alert.id = %alert.id,
                        reason = alert.reason, "alert fired"
                    );
                }
            }
            CommitOutcome::Refused { .. } => {
                tracing::debug!(stream.id = %stream, "another replica was faster");
            }
        }
        Ok(())
    }

    fn write_alerts(
        &self,
        mut commit: Commit,
        stream: &StreamId,
        outcome: &Outcome,
    ) -> Result<Commit, BusError> {
        let firing = keys::alerts(stream);
        for alert in outcome.fired.iter().chain(&outcome.changed) {
            commit = commit.hash_set(firing.clone(), &alert.id.to_string(), write(alert)?);
        }
        for alert in &outcome.resolved {
            let history = Collection {
                documents: keys::alerts_history(stream),
                order: keys::alerts_order(stream),
                entries_max: self.alerts.history_max,
            };
            let id = alert.id.to_string();
            commit = commit
                .hash_delete(firing.clone(), &id)
                .add(history, id, write(alert)?);
        }
        Ok(commit)
    }

    fn write_incidents(
        &self,
        mut commit: Commit,
        stream: &StreamId,
        told: &[Told],
    ) -> Result<Commit, BusError> {
        for told in told {
            let incident = told.incident();
            let id = incident.id.to_string();
            let document = write(incident)?;
            commit = match told {
                Told::Opened(_) => {
                    let collection = Collection {
                        documents: keys::incidents(stream),
                        order: keys::incidents_order(stream),
                        entries_max: self.incidents.kept_max,
                    };
                    commit.add(collection, id, document)
                }
                Told::Updated(_) | Told::Resolved(_) => {
                    commit.hash_set(keys::incidents(stream), &id, document)
                }
            };
        }
        Ok(commit)
    }

    /// One message for each webhook and each thing that it is to be told.
    async fn deliveries(
        &self,
        stream: &StreamId,
        decided: &Decided,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, BusError> {
        let mut messages: Vec<Message<'_>> =
            decided.outcome.told.iter().map(Message::Alert).collect();
        messages.extend(decided.incidents.iter().filter_map(|told| match told {
            Told::Opened(incident) => Some(Message::Incident(incident, "incident.opened")),
            Told::Resolved(incident) => Some(Message::Incident(incident, "incident.resolved")),
            Told::Updated(_) => None,
        }));
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let webhooks = self.means.deliveries.webhooks().await?;
        let mut deliveries = Vec::new();
        for message in &messages {
            for webhook in webhooks.iter().filter(|webhook| webhook.enabled) {
                if message.severity().rank() >= webhook.least.rank() {
                    let delivery = Delivery::new(message, (webhook.id, stream), now);
                    deliveries.push(delivery.map_err(BusError::Encode)?);
                }
            }
        }
        Ok(deliveries)
    }
}

fn write_groups(
    mut commit: Commit,
    stream: &StreamId,
    groups: &[Regrouped],
) -> Result<Commit, BusError> {
    let key = keys::error_groups(stream);
    for Regrouped { before, after } in groups {
        let group = after.as_ref().or(before.as_ref());
        let Some(fingerprint) = group.map(|group| group.fingerprint.clone()) else {
            continue;
        };
        // Somebody may resolve it at this very moment.
        let kept = before.as_ref().map(write).transpose()?;
        commit = commit.guard(Guard::field(key.clone(), &fingerprint, kept.as_deref()));
        commit = match after {
            Some(after) => commit.hash_set(key.clone(), &fingerprint, write(after)?),
            None => commit.hash_delete(key.clone(), &fingerprint),
        };
    }
    Ok(commit)
}

fn events(bus: &Bus, stream: &StreamId, decided: &Decided) -> Result<Vec<OutgoingEvent>, BusError> {
    let mut events = Vec::new();
    for change in &decided.health {
        events.push(bus.event(stream, change, None)?);
    }
    for alert in &decided.outcome.fired {
        events.push(bus.event(stream, &AlertFired(alert.clone()), None)?);
    }
    for alert in &decided.outcome.changed {
        events.push(bus.event(stream, &AlertMuted(alert.clone()), None)?);
    }
    for alert in &decided.outcome.resolved {
        events.push(bus.event(stream, &AlertResolved(alert.clone()), None)?);
    }
    for told in &decided.incidents {
        events.push(match told {
            Told::Opened(incident) => bus.event(stream, &IncidentOpened(incident.clone()), None)?,
            Told::Updated(incident) => {
                bus.event(stream, &IncidentUpdated(incident.clone()), None)?
            }
            Told::Resolved(incident) => {
                bus.event(stream, &IncidentResolved(incident.clone()), None)?
            }
        });
    }
    Ok(events)
}

/// Of each incident the last word, under its first heading; and its end by itself.
fn once_each(told: Vec<Told>) -> Vec<Told> {
    let mut once: Vec<Told> = Vec::new();
    for next in told {
        let known = once
            .iter_mut()
            .find(|known| known.incident().id == next.incident().id);
        match (known, next) {
            (Some(known), Told::Updated(incident)) => match known {
                Told::Opened(before) | Told::Updated(before) => *before = incident,
                Told::Resolved(_) => {}
            },
            (Some(known @ Told::Updated(_)), next @ Told::Resolved(_)) => *known = next,
            (Some(_) | None, next) => once.push(next),
        }
    }
    once
}

/// What measurements say of the engine and of those who watch.
fn measured(outcome: &Outcome, rules: &[Rule], after: &Watched) -> Vec<News> {
    let mut news = Vec::new();
    for alert in &outcome.fired {
        if let Some(component) = component_of(alert, rules) {
            news.push(News::Raised(Sign {
                component: component.to_owned(),
                code: code_of(alert),
                severity: alert.severity,
                text: alert.reason.clone(),
                at: alert.since,
                cleared: None,
            }));
        }
    }
    for alert in &outcome.resolved {
        // Also of a rule that is gone: what is not known there is not cleared.
        for component in [ENGINE, VIEWERS] {
            if let Some(at) = alert.resolved_at {
                news.push(News::Cleared {
                    component: component.to_owned(),
                    code: code_of(alert),
                    at,
                });
            }
        }
    }
    let over = outcome.resolved.last().and_then(|alert| alert.resolved_at);
    let is_slow = after
        .tracks
        .values()
        .filter_map(|track| track.alert.as_ref())
        .any(|alert| is_of_engine(alert, rules));
    if let (Some(at), false) = (over, is_slow) {
        news.push(News::Cleared {
            component: HOST.to_owned(),
            code: BUSY.to_owned(),
            at,
        });
    }
    news
}

const VIEWERS: &str = "viewers";

fn code_of(alert: &Alert) -> String {
    format!("alert.{}", alert.rule)
}

/// The part that an alert about a measurement is a sign of. Errors and states are signs by
/// themselves, and what nobody has to act on is none.
fn component_of(alert: &Alert, rules: &[Rule]) -> Option<&'static str> {
    if alert.severity == Severity::Info {
        return None;
    }
    let rule = rules.iter().find(|rule| rule.id == alert.rule)?;
    match &rule.condition {
        Condition::Absence { .. } => Some(ENGINE),
        Condition::Threshold { metric, .. } | Condition::Rate { metric, .. } => {
            if [Metric::Viewers, Metric::ViewersPeak].contains(metric) {
                Some(VIEWERS)
            } else if [Metric::ChatMessages, Metric::LayerChanges].contains(metric) {
                None
            } else {
                Some(ENGINE)
            }
        }
        Condition::Error { .. } | Condition::Status { .. } => None,
    }
}

fn is_of_engine(alert: &Alert, rules: &[Rule]) -> bool {
    component_of(alert, rules) == Some(ENGINE)
}

fn told_health(mut health: Vec<SystemHealthChanged>, system: System) -> Vec<SystemHealthChanged> {
    match system.away {
        Some(away) if system.tells => health.splice(0..0, away.told()).for_each(drop),
        Some(_) | None => {}
    }
    health
}

fn write<T: serde::Serialize>(value: &T) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(BusError::Encode)
}
