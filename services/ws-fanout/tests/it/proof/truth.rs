//! What was published, and whether a diary agrees with it.

use std::collections::{BTreeMap, HashSet};

use sm_common::event::{Epoch, Position};

use super::diary::{Diary, Entry};
use super::stage::{HISTORY_MAX, RECOVERED_MAX};

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(BTreeMap<&'static str, usize>);

impl Counts {
    pub(super) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn of(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(super) struct Truth {
    /// What was acknowledged, by offset: offsets go on through every epoch.
    kept: BTreeMap<u64, (Epoch, String)>,
    /// What was tried and not acknowledged; some of it is kept nevertheless.
    unsure: HashSet<String>,
    /// Offsets up to here are in no history any more.
    shortened_to: u64,
}

impl Truth {
    /// How many events were acknowledged.
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn unsure(&self) -> usize {
        self.unsure.len()
    }

    pub(super) fn keep(&mut self, position: Position, text: String) {
        let former = self.kept.insert(position.offset, (position.epoch, text));
        assert_eq!(former, None, "an offset is given out once");
    }

    pub(super) fn doubt(&mut self, text: String) {
        self.unsure.insert(text);
    }

    pub(super) fn shorten(&mut self, offset: u64) {
        self.shortened_to = self.shortened_to.max(offset);
    }

    /// Panics where a diary is not what the protocol promises.
    pub(super) fn check(&self, diary: &Diary, counts: &mut Counts) {
        let mut at: Option<Position> = None;
        for entry in &diary.entries {
            match entry {
                Entry::Began {
                    since,
                    position,
                    recovered,
                    asked,
                    snapshot,
                } => {
                    assert_eq!(*since, at, "a client knows where it is");
                    let begun = if *asked {
                        self.begun(since.as_ref(), position, *recovered)
                    } else {
                        replaced(since.as_ref(), position, *recovered)
                    };
                    counts.count(begun);
                    if !recovered {
                        self.check_snapshot(position, snapshot);
                    }
                    at = Some(position.clone());
                }
                Entry::Heard { offset, text } => {
                    let at = at.as_mut().expect("events follow `subscribed`");
                    assert_eq!(*offset, at.offset + 1, "in order, each once");
                    at.offset = *offset;
                    self.check_event(at, text);
                    counts.count("event heard");
                }
            }
        }
        let last = self.kept.last_key_value();
        let end = last.map(|(offset, (epoch, _))| Position {
            epoch: epoch.clone(),
            offset: *offset,
        });
        assert_eq!(at, end, "everybody gets to the end");
        for _ in 1..diary.connections {
            counts.count("reconnect");
        }
    }

    fn begun(
        &self,
        since: Option<&Position>,
        position: &Position,
        recovered: bool,
    ) -> &'static str {
        let Some(since) = since else {
            assert!(!recovered, "there was nothing to go on from");
            return "first snapshot";
        };
        if recovered {
            assert_eq!(since, position, "goes on where it was");
            return "recovered";
        }
        if position.epoch != since.epoch {
            return "not recovered: another history";
        }
        let missed = position.offset.saturating_sub(since.offset);
        if usize::try_from(missed).unwrap() > RECOVERED_MAX.min(HISTORY_MAX) {
            return "not recovered: too much";
        }
        assert!(
            since.offset < self.shortened_to,
            "{missed} events could have been recovered after {since:?}"
        );
        "not recovered: history too short"
    }

    fn check_event(&self, at: &Position, text: &str) {
        match self.kept.get(&at.offset) {
            Some((epoch, kept)) => assert_eq!((&at.epoch, text), (epoch, kept.as_str())),
            None => assert!(self.unsure.contains(text), "{text} was never published"),
        }
    }

    /// A snapshot is the newest of what was published up to its position, without a gap.
    fn check_snapshot(&self, position: &Position, snapshot: &[String]) {
        let known: Vec<&str> = snapshot
            .iter()
            .map(String::as_str)
            .filter(|text| !self.unsure.contains(*text))
            .collect();
        let newest = self.kept.range(..=position.offset).rev();
        let mut expected: Vec<&str> = newest
            .take(known.len())
            .map(|(_, (_, text))| text.as_str())
            .collect();
        expected.reverse();
        assert_eq!(known, expected);
    }
}

/// A gap that a replica cannot close for the furthest behind of its subscribers is closed for all of them
/// by a snapshot. Whoever has just come may have been further than that, and hears the rest again.
fn replaced(since: Option<&Position>, position: &Position, recovered: bool) -> &'static str {
    let since = since.expect("there was a subscription");
    assert!(!recovered);
    if since.epoch == position.epoch {
        "replaced: a neighbour could not go on"
    } else {
        "replaced: another history"
    }
}
