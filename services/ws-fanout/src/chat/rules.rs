//! The rules of each chat.

use std::sync::{Arc, PoisonError};

use sm_bus::{Commit, Guard, keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::{ChatRules, ChatRulesChanged, ModerationAction};
use sm_common::id::StreamId;
use sm_common::problem::FieldError;

use super::admission::read_revision;
use super::judge::Judge;
use super::skeleton::phrase;
use super::stored::{read, write};
use super::{ATTEMPTS_MAX, Chat, ChatError};
use crate::config::ChatConfig;

/// Longest banned word or phrase in characters.
const WORD_CHARS_MAX: usize = 50;
/// Longest host in characters, as in DNS.
const HOST_CHARS_MAX: usize = 253;

impl Chat {
    /// The rules of a chat and their revision.
    pub(crate) async fn rules(&self, stream: &StreamId) -> Result<(u64, ChatRules), ChatError> {
        self.require_stream(stream).await?;
        self.rules_now(stream).await
    }

    async fn rules_now(&self, stream: &StreamId) -> Result<(u64, ChatRules), ChatError> {
        let key = keys::chat_rules(stream);
        let mut command = redis::cmd("HMGET");
        command.arg(&key).arg("revision").arg("doc");
        let (revision, document): (Option<String>, Option<String>) =
            self.bus.query(&command).await?;
        let rules = match document {
            Some(document) => read(&key, &document)?,
            None => complete(ChatRules::default()),
        };
        Ok((read_revision(revision)?, rules))
    }

    /// Replaces the rules that the caller has read. Returns their new revision.
    pub(crate) async fn replace_rules(
        &self,
        stream: &StreamId,
        moderator: &Identity,
        expected: &str,
        rules: ChatRules,
        traceparent: Option<String>,
    ) -> Result<(u64, ChatRules), ChatError> {
        let faults = faults(&rules, &self.config);
        if !faults.is_empty() {
            return Err(ChatError::Invalid(faults));
        }
        let rules = complete(rules);
        self.require_stream(stream).await?;
        for _ in 0..ATTEMPTS_MAX {
            let (current, _) = self.rules_now(stream).await?;
            if expected != current.to_string() {
                return Err(ChatError::RulesStale { current });
            }
            let key = keys::chat_rules(stream);
            let revision = current.saturating_add(1);
            let before = Some(current.to_string()).filter(|_| current > 0);
            let commit = Commit::new()
                .guard(Guard::field(key.clone(), "revision", before.as_deref()))
                .hash_set(key.clone(), "revision", revision.to_string())
                .hash_set(key, "doc", write(&rules)?);
            let entry = self.deed(moderator, ModerationAction::RulesChanged);
            let commit = self.log_deed(stream, &entry, commit)?;
            let changed = ChatRulesChanged {
                revision,
                slow_mode_s: rules.slow_mode_s,
                guests: rules.guests,
                links: rules.links,
            };
            let event = self.bus.event(stream, &changed, traceparent.clone())?;
            if self.committed(commit, vec![event]).await? {
                return Ok((revision, rules));
            }
        }
        Err(ChatError::Contended)
    }

    /// The rules of this revision, or of a later one: then the commit finds out.
    pub(super) async fn judge(
        &self,
        stream: &StreamId,
        revision: u64,
    ) -> Result<Arc<Judge>, ChatError> {
        let known = {
            let judges = self.judges.lock().unwrap_or_else(PoisonError::into_inner);
            judges.get(stream).cloned()
        };
        if let Some((known, judge)) = known
            && known == revision
        {
            return Ok(judge);
        }
        let (revision, rules) = self.rules_now(stream).await?;
        let judge = Arc::new(Judge::new(&rules));
        let mut judges = self.judges.lock().unwrap_or_else(PoisonError::into_inner);
        judges.insert(stream.clone(), (revision, Arc::clone(&judge)));
        Ok(judge)
    }
}

/// With every field that is kept, words trimmed, and hosts in lower case.
fn complete(rules: ChatRules) -> ChatRules {
    let words = rules.banned_words.unwrap_or_default();
    let words = words.iter().map(|word| word.trim().to_owned());
    let hosts = rules.allowed_hosts.iter();
    ChatRules {
        banned_words: Some(words.collect()),
        allowed_hosts: hosts.map(|host| host.to_lowercase()).collect(),
        ..rules
    }
}

/// What is wrong with rules, field by field.
fn faults(rules: &ChatRules, config: &ChatConfig) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if rules.slow_mode_s > config.slow_mode_max_s {
        let detail = format!("takes 0 to {} seconds", config.slow_mode_max_s);
        faults.push(FieldError::new("/slow_mode_s", detail));
    }
    let words = rules.banned_words.as_deref().unwrap_or_default();
    if words.len() > config.banned_words_max {
        let detail = format!("takes at most {} words", config.banned_words_max);
        faults.push(FieldError::new("/banned_words", detail));
    }
    for (place, word) in words.iter().enumerate() {
        let fits = word.trim().chars().count() <= WORD_CHARS_MAX;
        if !fits || phrase(word).is_none() {
            let detail = format!(
                "takes up to 8 words with letters or digits, at most {WORD_CHARS_MAX} characters"
            );
            faults.push(FieldError::new(format!("/banned_words/{place}"), detail));
        }
    }
    if rules.allowed_hosts.len() > config.allowed_hosts_max {
        let detail = format!("takes at most {} hosts", config.allowed_hosts_max);
        faults.push(FieldError::new("/allowed_hosts", detail));
    }
    for (place, host) in rules.allowed_hosts.iter().enumerate() {
        if !is_host(host) {
            let pointer = format!("/allowed_hosts/{place}");
            let detail = "takes the name of a host alone, such as \"example.org\"";
            faults.push(FieldError::new(pointer, detail));
        }
    }
    faults
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| (c.is_alphanumeric() && !c.is_whitespace()) || c == '-')
    };
    text.chars().count() <= HOST_CHARS_MAX && text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_nothing_around_it() {
        for good in ["example.org", "docs.example.org", "bücher.example"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            "org",
            ".org",
            "https://example.org",
            "a b.org",
            "example.org/x",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
