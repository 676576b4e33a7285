//! Text whose placeholders are filled in while it is on air.

use std::sync::Arc;

use sm_common::clock::{SharedClock, Timestamp};
use sm_common::variable::{Placeholder, TextPart, UNKNOWN, text_parts};
use sm_media_protocol::TextValues;

use super::clock::{CLOCK_FORMAT, time_of_day};
use super::failure::Failure;
use super::{Health, Surroundings};

const MILLIS_PER_SECOND: i64 = 1000;

/// A text with placeholders, and what is known to fill them with.
pub(super) struct LiveText {
    wall: SharedClock,
    parts: Vec<TextPart>,
    /// What the host has told; `None` before it has.
    values: Option<Arc<TextValues>>,
    changes_at: Option<Timestamp>,
    flaw: Option<Failure>,
}

impl LiveText {
    pub(super) fn new(text: &str, surroundings: &Surroundings) -> Self {
        Self {
            wall: SharedClock::clone(&surroundings.wall),
            parts: text_parts(text),
            values: surroundings.values.clone(),
            changes_at: None,
            flaw: None,
        }
    }

    pub(super) fn rewrite(&mut self, text: &str) {
        self.parts = text_parts(text);
    }

    pub(super) fn inform(&mut self, values: &Arc<TextValues>) {
        self.values = Some(Arc::clone(values));
    }

    /// The text as it is now.
    pub(super) fn filled(&mut self) -> String {
        let now = self.wall.now();
        let Filled {
            text,
            runs,
            unknown,
        } = fill(&self.parts, self.values.as_deref(), now);
        self.changes_at = runs.then(|| {
            let next = (now.as_unix_seconds() + 1).saturating_mul(MILLIS_PER_SECOND);
            Timestamp::from_unix_millis(next)
        });
        self.flaw = (!unknown.is_empty()).then(|| Failure::unknown_names(&unknown));
        text
    }

    /// When it changes by itself.
    pub(super) const fn changes_at(&self) -> Option<Timestamp> {
        self.changes_at
    }

    /// How a layer does that would be fine as far as its picture goes.
    pub(super) fn health(&self, drawn: Health) -> Health {
        match (&self.flaw, drawn) {
            (Some(flaw), Health::Fine) => Health::Flawed(flaw.clone()),
            (_, drawn) => drawn,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Filled {
    text: String,
    /// Whether it is another one in the next second.
    runs: bool,
    /// What stays as it is written, for nobody knows what it means.
    unknown: Vec<String>,
}

fn fill(parts: &[TextPart], values: Option<&TextValues>, now: Timestamp) -> Filled {
    let mut filled = Filled {
        text: String::new(),
        runs: false,
        unknown: Vec::new(),
    };
    for part in parts {
        match part {
            TextPart::Plain(text) => filled.text.push_str(text),
            TextPart::Named(named) => match value(named, values, now) {
                Value::Still(text) => filled.text.push_str(&text),
                Value::Running(text) => {
                    filled.runs = true;
                    filled.text.push_str(&text);
                }
                Value::None => {
                    filled.text.push_str(&named.written);
                    filled.unknown.push(named.written.clone());
                }
            },
        }
    }
    filled
}

enum Value {
    Still(String),
    /// It is another one in the next second.
    Running(String),
    /// There is no such value.
    None,
}

fn value(named: &Placeholder, values: Option<&TextValues>, now: Timestamp) -> Value {
    let unknown = || UNKNOWN.to_owned();
    match (named.name.as_str(), &named.argument) {
        ("clock", argument) => clock(argument.as_deref(), now),
        ("viewers", None) => {
            let viewers = values.and_then(|values| values.viewers);
            Value::Still(viewers.map_or_else(unknown, |viewers| viewers.to_string()))
        }
        ("uptime", None) => match values.and_then(|values| values.on_air_since) {
            Some(since) => Value::Running(uptime(now.since(since).as_secs())),
            None => Value::Still(unknown()),
        },
        (name, None) => match values {
            Some(values) => values
                .variables
                .get(name)
                .map_or(Value::None, |value| Value::Still(value.clone())),
            // The host is about to tell.
            None => Value::Still(unknown()),
        },
        (_, Some(_)) => Value::None,
    }
}

/// The time in the form and zone of `argument`: `format`, or `format|zone`.
fn clock(argument: Option<&str>, now: Timestamp) -> Value {
    let (format, zone) = match argument.map(|argument| argument.rsplit_once('|')) {
        Some(Some((format, zone))) => (format.trim(), Some(zone.trim())),
        Some(None) => (argument.unwrap_or(CLOCK_FORMAT), None),
        None => (CLOCK_FORMAT, None),
    };
    time_of_day(now, format, zone).map_or(Value::None, Value::Running)
}

/// Hours, minutes and seconds.
fn uptime(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn filled(text: &str, values: Option<&TextValues>) -> (String, bool, usize) {
        // 2026-01-15, 12:00:00 UTC.
        let now = Timestamp::from_unix_millis(1_768_478_400_000);
        let Filled {
            text,
            runs,
            unknown,
        } = fill(&text_parts(text), values, now);
        (text, runs, unknown.len())
    }

    #[test]
    fn each_name_has_its_value_and_what_is_not_known_is_not_invented() {
        let values = TextValues {
            variables: BTreeMap::from([("home".to_owned(), "3".to_owned())]),
            viewers: Some(1234),
            on_air_since: Some(Timestamp::from_unix_millis(1_768_474_676_500)),
        };
        let all = Some(&values);
        for (text, values, expected) in [
            ("{{home}} : {{home}}", all, ("3 : 3", false, 0)),
            ("{{viewers}} watch", all, ("1234 watch", false, 0)),
            ("{{uptime}}", all, ("1:02:03", true, 0)),
            ("{{clock:%H:%M|Asia/Kolkata}}", all, ("17:30", true, 0)),
            (
                "{{away}} {{home:2}}",
                all,
                ("{{away}} {{home:2}}", false, 2),
            ),
            ("{{clock:%Q}}", all, ("{{clock:%Q}}", false, 1)),
            (r"\{{home}}", all, ("{{home}}", false, 0)),
            ("{{home}}{{viewers}}{{uptime}}", None, ("–––", false, 0)),
        ] {
            let (filled, runs, unknown) = filled(text, values);
            assert_eq!((filled.as_str(), runs, unknown), expected, "{text}");
        }
        let off_air = TextValues::default();
        let (text, runs, _) = filled("{{uptime}} {{viewers}}", Some(&off_air));
        assert_eq!((text.as_str(), runs), ("– –", false));
    }
}
