use std::collections::BTreeMap;

use sm_bus::{Bus, BusError, Commit, CommitOutcome, Guard, keys, redis};
use sm_common::clock::Timestamp;
use sm_common::id::{RuleId, SilenceId};

use super::defaults::built_in;
use super::rule::Rule;
use super::silence::Silence;
use crate::config::AlertsConfig;

/// Why a change of rules or silences is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("there is no alert rule {0}")]
    UnknownRule(RuleId),
    #[error("{0} comes with the system: disable it instead (`enabled`: false)")]
    BuiltIn(RuleId),
    #[error("there are {0} alert rules, as many as there may be; delete one first")]
    TooManyRules(usize),
    #[error("there is no silence {0}, or it is over")]
    UnknownSilence(SilenceId),
    #[error("there are {0} silences, as many as there may be; end one first")]
    TooManySilences(usize),
    #[error("the rule has changed since it was read")]
    Stale {
        /// Its revision now.
        current: u64,
    },
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Rules and silences, in Redis.
#[derive(Clone, Debug)]
pub(crate) struct AlertStore {
    bus: Bus,
    rules_max: usize,
    silences_max: usize,
}

impl AlertStore {
    pub(crate) const fn new(bus: Bus, config: &AlertsConfig) -> Self {
        Self {
            bus,
            rules_max: config.rules_max,
            silences_max: config.silences_max,
        }
    }

    /// Every rule: the built-in ones, as they came or as they were changed, then the others by their
    /// identifier.
    pub(crate) async fn rules(&self) -> Result<Vec<Rule>, BusError> {
        let stored = self.bus.hash_documents::<Rule>(keys::ALERT_RULES).await?;
        let mut stored: BTreeMap<RuleId, Rule> = stored
            .into_iter()
            .map(|(_, rule)| (rule.id.clone(), rule))
            .collect();
        let mut rules: Vec<Rule> = built_in()
            .into_iter()
            .map(|rule| stored.remove(&rule.id).unwrap_or(rule))
            .collect();
        rules.extend(stored.into_values());
        Ok(rules)
    }

    pub(crate) async fn rule(&self, id: &RuleId) -> Result<Rule, ChangeError> {
        let stored = self
            .bus
            .hash_document::<Rule>(keys::ALERT_RULES, id.as_str())
            .await?;
        stored
            .or_else(|| built_in().into_iter().find(|rule| rule.id == *id))
            .ok_or_else(|| ChangeError::UnknownRule(id.clone()))
    }

    /// Keeps a new rule.
    pub(crate) async fn create_rule(&self, rule: &Rule) -> Result<(), ChangeError> {
        let count: usize = self
            .bus
            .query(redis::cmd("HLEN").arg(keys::ALERT_RULES))
            .await?;
        if count >= self.rules_max {
            return Err(ChangeError::TooManyRules(self.rules_max));
        }
        let field = rule.id.as_str();
        let commit = Commit::new()
            .guard(Guard::field(revisions(), field, None))
            .hash_set(revisions(), field, rule.revision.to_string())
            .hash_set(documents(), field, write(rule)?);
        self.committed(commit, rule).await
    }

    /// Keeps `after` in place of `before`, unless somebody was faster.
    pub(crate) async fn replace_rule(
        &self,
        before: &Rule,
        after: &Rule,
    ) -> Result<(), ChangeError> {
        let field = before.id.as_str();
        let commit = Commit::new()
            .guard(guard(before))
            .hash_set(revisions(), field, after.revision.to_string())
            .hash_set(documents(), field, write(after)?);
        self.committed(commit, before).await
    }

    /// Takes a rule away, unless somebody has changed it.
    pub(crate) async fn delete_rule(&self, rule: &Rule) -> Result<(), ChangeError> {
        if rule.built_in {
            return Err(ChangeError::BuiltIn(rule.id.clone()));
        }
        let commit = Commit::new()
            .guard(guard(rule))
            .hash_delete(revisions(), rule.id.as_str())
            .hash_delete(documents(), rule.id.as_str());
        self.committed(commit, rule).await
    }

    async fn committed(&self, commit: Commit, before: &Rule) -> Result<(), ChangeError> {
        match self.bus.commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_) | CommitOutcome::Replayed(_) => Ok(()),
            CommitOutcome::Refused { .. } => {
                let current = self.rule(&before.id).await?.revision;
                Err(ChangeError::Stale { current })
            }
        }
    }

    /// Every silence that is not over, the one that ends first coming first.
    pub(crate) async fn silences(&self, now: Timestamp) -> Result<Vec<Silence>, BusError> {
        let stored = self.bus.hash_documents::<Silence>(keys::SILENCES).await?;
        let mut silences: Vec<Silence> = stored.into_iter().map(|(_, silence)| silence).collect();
        silences.retain(|silence| !silence.is_over(now));
        silences.sort_by_key(|silence| (silence.until, silence.id));
        Ok(silences)
    }

    /// Keeps a new silence, and sweeps those that are over.
    pub(crate) async fn create_silence(
        &self,
        silence: &Silence,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let stored = self.bus.hash_documents::<Silence>(keys::SILENCES).await?;
        let (over, kept): (Vec<_>, Vec<_>) = stored
            .into_iter()
            .map(|(_, silence)| silence)
            .partition(|silence| silence.is_over(now));
        if kept.len() >= self.silences_max {
            return Err(ChangeError::TooManySilences(self.silences_max));
        }
        let key = || keys::SILENCES.to_owned();
        let mut commit = Commit::new().hash_set(key(), &silence.id.to_string(), write(silence)?);
        for silence in over {
            commit = commit.hash_delete(key(), &silence.id.to_string());
        }
        self.bus.commit(commit, Vec::new()).await?;
        Ok(())
    }

    /// Ends a silence.
    pub(crate) async fn delete_silence(&self, id: SilenceId) -> Result<(), ChangeError> {
        let mut command = redis::cmd("HDEL");
        command.arg(keys::SILENCES).arg(id.to_string());
        let removed: u64 = self.bus.query(&command).await?;
        if removed == 0 {
            return Err(ChangeError::UnknownSilence(id));
        }
        Ok(())
    }
}

/// That the rule is kept as it was read; a built-in one as it came is not kept at all.
fn guard(rule: &Rule) -> Guard {
    let revision = rule.revision.to_string();
    let kept = (rule.revision > 0).then_some(revision.as_str());
    Guard::field(revisions(), rule.id.as_str(), kept)
}

fn documents() -> String {
    keys::ALERT_RULES.to_owned()
}

fn revisions() -> String {
    keys::ALERT_RULE_REVISIONS.to_owned()
}

fn write<T: serde::Serialize>(value: &T) -> Result<String, BusError> {
    serde_json::to_string(value).map_err(BusError::Encode)
}
