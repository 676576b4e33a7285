//! The rules of a chat, ready to judge texts by. Pure.

use std::collections::HashMap;
use std::time::Duration;

use linkify::{LinkFinder, LinkKind};
use sm_common::chat::{ChatRules, HoldCause, LinkRule, MatchRule};

use super::skeleton::{Readings, Word, phrase, readings, visible};

/// What becomes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    Hold(HoldCause),
    Refuse(HoldCause),
}

/// The rules of a chat.
#[derive(Debug)]
pub(super) struct Judge {
    /// Phrases by the letters of their first word.
    banned: HashMap<String, Vec<Vec<Word>>>,
    on_banned_word: MatchRule,
    links: LinkRule,
    allowed_hosts: Vec<String>,
    slow_mode: Option<Duration>,
    guests: bool,
}

impl Judge {
    pub(super) fn new(rules: &ChatRules) -> Self {
        let mut banned: HashMap<String, Vec<Vec<Word>>> = HashMap::new();
        let words = rules.banned_words.iter().flatten();
        for phrase in words.filter_map(|word| phrase(word)) {
            if let Some(first) = phrase.first() {
                let letters = first.letters.clone();
                banned.entry(letters).or_default().push(phrase);
            }
        }
        let slow_mode = Duration::from_secs(rules.slow_mode_s.into());
        Self {
            banned,
            on_banned_word: rules.on_banned_word,
            links: rules.links,
            allowed_hosts: rules.allowed_hosts.clone(),
            guests: rules.guests,
            slow_mode: Some(slow_mode).filter(|pause| !pause.is_zero()),
        }
    }

    /// The pause between two messages of a person.
    pub(super) const fn slow_mode(&self) -> Option<Duration> {
        self.slow_mode
    }

    /// Whether people without an account may write.
    pub(super) const fn lets_guests_in(&self) -> bool {
        self.guests
    }

    /// What becomes of a text. What is to be refused for one reason is not held for another.
    pub(super) fn judge(&self, text: &str) -> Verdict {
        let word = match self.on_banned_word {
            MatchRule::Refuse => Verdict::Refuse(HoldCause::BannedWord),
            MatchRule::Hold => Verdict::Hold(HoldCause::BannedWord),
        };
        let word = self.holds_banned_word(text).then_some(word);
        let link = match self.links {
            LinkRule::Allow => None,
            LinkRule::Refuse => Some(Verdict::Refuse(HoldCause::Link)),
            LinkRule::Hold => Some(Verdict::Hold(HoldCause::Link)),
        };
        let link = link.filter(|_| self.holds_link(text));
        match (word, link) {
            (Some(Verdict::Hold(_)), Some(Verdict::Refuse(cause))) => Verdict::Refuse(cause),
            (Some(word), _) => word,
            (None, link) => link.unwrap_or(Verdict::Fine),
        }
    }

    fn holds_banned_word(&self, text: &str) -> bool {
        if self.banned.is_empty() {
            return false;
        }
        let (places, joined) = readings(text);
        let in_order = (0..places.len()).any(|start| {
            let rest = places.get(start..).unwrap_or_default();
            self.begins_with_banned(rest)
        });
        in_order || joined.iter().any(|word| self.is_banned(word))
    }

    fn begins_with_banned(&self, places: &[Readings]) -> bool {
        let Some(first) = places.first() else {
            return false;
        };
        let phrases = first
            .iter()
            .filter_map(|word| self.banned.get(&word.letters))
            .flatten();
        let mut phrases = phrases.filter(|phrase| phrase.len() <= places.len());
        phrases.any(|phrase| {
            phrase
                .iter()
                .zip(places)
                .all(|(banned, readings)| readings.iter().any(|word| word.is(banned)))
        })
    }

    fn is_banned(&self, word: &Word) -> bool {
        let phrases = self.banned.get(&word.letters).into_iter().flatten();
        let mut alone = phrases.filter_map(|phrase| match phrase.as_slice() {
            [banned] => Some(banned),
            _ => None,
        });
        alone.any(|banned| word.is(banned))
    }

    fn holds_link(&self, text: &str) -> bool {
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]).url_must_have_scheme(false);
        let text = visible(text);
        finder
            .links(&text)
            .any(|link| !self.is_allowed(host(link.as_str())))
    }

    fn is_allowed(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        self.allowed_hosts.iter().any(|allowed| {
            host.strip_suffix(allowed.as_str())
                .is_some_and(|below| below.is_empty() || below.ends_with('.'))
        })
    }
}

/// The host of a link, with or without a scheme.
fn host(link: &str) -> &str {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    host.split(':').next().unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn banning(words: &[&str]) -> Judge {
        Judge::new(&ChatRules {
            banned_words: Some(words.iter().map(ToString::to_string).collect()),
            ..ChatRules::default()
        })
    }

    #[test]
    fn a_banned_word_is_found_however_it_is_spelled() {
        let judge = banning(&["badger", "kick rocks", "ass", "für", "барсук", "悪い"]);
        for text in [
            "badger",
            "you BADGER!",
            "b\u{200b}ad\u{ad}ger",
            "ｂａｄｇｅｒ",
            "𝓫𝓪𝓭𝓰𝓮𝓻",
            "bаdgеr", // with Cyrillic letters
            "b4dg3r",
            "b@dger",
            "baaadgeeer",
            "b.a.d.g.e.r",
            "bad-ger",
            "b a d g e r",
            "(badger)",
            "bádgér",
            "kick  rocks",
            "go K1CK, R0CKS",
            "a$$",
            "asssss",
            "Für dich",
            "БАРСУК",
            "悪い",
        ] {
            let verdict = judge.judge(text);
            assert_eq!(verdict, Verdict::Refuse(HoldCause::BannedWord), "{text}");
        }
    }

    #[test]
    fn what_only_resembles_a_banned_word_is_fine() {
        let judge = banning(&["badger", "kick rocks", "ass", "hell"]);
        for text in [
            "badgers",
            "bad germ",
            "as I said",
            "classic assessment",
            "hello",
            "kick the rocks",
            "rocks kick",
            "shell",
            "!!!",
            "😀",
        ] {
            assert_eq!(judge.judge(text), Verdict::Fine, "{text}");
        }
    }

    #[test]
    fn links_are_found_and_some_hosts_may_be_linked_to() {
        let judge = Judge::new(&ChatRules {
            links: LinkRule::Hold,
            allowed_hosts: vec!["example.org".to_owned()],
            ..ChatRules::default()
        });
        for text in [
            "see https://evil.test/x",
            "evil.com",
            "go to www.evil.com now",
            "ev\u{200b}il.com",
            "ｅｖｉｌ.com",
            "http://example.org.evil.com",
            "https://example.org@evil.com/",
            "notexample.org",
            "https://example.org and evil.com",
        ] {
            let verdict = judge.judge(text);
            assert_eq!(verdict, Verdict::Hold(HoldCause::Link), "{text}");
        }
        for text in [
            "https://example.org/a?b",
            "EXAMPLE.org",
            "https://docs.example.org:8443/",
            "well. that is it",
            "1.5 or 2.0",
            "...",
        ] {
            assert_eq!(judge.judge(text), Verdict::Fine, "{text}");
        }
    }

    #[test]
    fn the_stricter_of_two_rules_decides() {
        let rules = ChatRules {
            banned_words: Some(vec!["badger".to_owned()]),
            on_banned_word: MatchRule::Hold,
            links: LinkRule::Refuse,
            ..ChatRules::default()
        };
        let judge = Judge::new(&rules);
        let both = "badger evil.com";
        assert_eq!(judge.judge(both), Verdict::Refuse(HoldCause::Link));
        assert_eq!(judge.judge("badger"), Verdict::Hold(HoldCause::BannedWord));
        assert_eq!(judge.slow_mode(), None);
    }
}
