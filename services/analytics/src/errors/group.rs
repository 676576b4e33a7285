use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use sm_common::stream::{Severity, StreamError};
use utoipa::ToSchema;

use super::fingerprint::{fingerprint, kind_of, template};

/// Most components that are named of a group, and most traces.
const COMPONENTS_MAX: usize = 20;
const TRACES_MAX: usize = 5;
/// How many hours are counted one by one.
const HOURS: usize = 24;
const HOUR_S: i64 = 3600;

/// What people think of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ErrorGroupState)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupState {
    /// It has to be looked at.
    Open,
    /// Somebody says that it is put right.
    Resolved,
    /// It happened again after that.
    Regressed,
    /// Nobody wants to hear of it.
    Ignored,
}

/// What somebody makes of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = ErrorGroupAction)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupAction {
    /// It is put right.
    Resolve,
    /// It is not to be heard of.
    Ignore,
    /// It has to be looked at again.
    Reopen,
}

/// One time that an error was raised.
#[derive(Clone, Debug)]
pub(crate) struct Occurrence<'a> {
    pub(crate) error: &'a StreamError,
    pub(crate) stream: &'a StreamId,
    /// When it was raised.
    pub(crate) at: Timestamp,
    /// The trace that it was raised in.
    pub(crate) trace: Option<String>,
}

/// Errors with one cause, as far as their words tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ErrorGroup {
    /// What its errors have in common: `v1:` and a digest of code, kind of component and template.
    pub(crate) fingerprint: String,
    /// The stream that they are errors of.
    pub(crate) stream: StreamId,
    /// Stable, dotted code.
    pub(crate) code: String,
    /// The kind of component: `worker`, `output`, `layer`, …
    pub(crate) kind: String,
    /// The message, with what differs left out.
    pub(crate) template: String,
    /// The latest message.
    pub(crate) message: String,
    /// The worst severity so far.
    pub(crate) severity: Severity,
    /// What people think of it.
    pub(crate) state: GroupState,
    /// When it was first seen.
    pub(crate) first_seen: Timestamp,
    /// When it was last seen.
    pub(crate) last_seen: Timestamp,
    /// How often it was seen.
    pub(crate) count: u64,
    /// How often in each of the last 24 hours, the latest coming last.
    pub(crate) hours: Vec<u64>,
    /// The components that it was seen at, at most 20.
    pub(crate) components: BTreeSet<String>,
    /// Traces in which it was seen, the latest first, at most 5.
    pub(crate) traces: Vec<String>,
    /// Name of who changed its state, and when.
    #[serde(default)]
    pub(crate) changed_by: Option<String>,
    /// When its state was changed.
    #[serde(default)]
    pub(crate) changed_at: Option<Timestamp>,
    /// Raised by every change.
    pub(crate) revision: u64,
}

impl ErrorGroup {
    /// The group that an error belongs to.
    pub(crate) fn fingerprint_of(error: &StreamError) -> String {
        fingerprint(&error.code, &error.component, &error.message)
    }

    /// The group of an error that was never seen.
    pub(crate) fn first(occurrence: &Occurrence<'_>) -> Self {
        let error = occurrence.error;
        let mut group = Self {
            fingerprint: Self::fingerprint_of(error),
            stream: occurrence.stream.clone(),
            code: error.code.clone(),
            kind: kind_of(&error.component).to_owned(),
            template: template(&error.message),
            message: String::new(),
            severity: error.severity,
            state: GroupState::Open,
            first_seen: occurrence.at,
            last_seen: occurrence.at,
            count: 0,
            hours: vec![0; HOURS],
            components: BTreeSet::new(),
            traces: Vec::new(),
            changed_by: None,
            changed_at: None,
            revision: 0,
        };
        group.add(occurrence);
        group
    }

    /// It was seen once more.
    pub(crate) fn add(&mut self, occurrence: &Occurrence<'_>) {
        let Occurrence {
            error, at, trace, ..
        } = occurrence;
        self.shift_to(*at);
        let ago = hour(self.last_seen) - hour(*at);
        let place = usize::try_from(ago)
            .ok()
            .and_then(|ago| HOURS.checked_sub(ago + 1));
        if let Some(count) = place.and_then(|place| self.hours.get_mut(place)) {
            *count += 1;
        }
        self.count += 1;
        self.revision += 1;
        self.message.clone_from(&error.message);
        if error.severity.rank() > self.severity.rank() {
            self.severity = error.severity;
        }
        if self.components.len() < COMPONENTS_MAX {
            self.components.insert(error.component.clone());
        }
        if let Some(trace) = trace {
            self.traces.retain(|known| known != trace);
            self.traces.insert(0, trace.clone());
            self.traces.truncate(TRACES_MAX);
        }
        let since = self.changed_at.unwrap_or(*at);
        if self.state == GroupState::Resolved && *at > since {
            self.state = GroupState::Regressed;
        }
    }

    /// What somebody makes of it.
    pub(crate) fn change(&mut self, action: GroupAction, by: &str, now: Timestamp) {
        self.state = match action {
            GroupAction::Resolve => GroupState::Resolved,
            GroupAction::Ignore => GroupState::Ignored,
            GroupAction::Reopen => GroupState::Open,
        };
        self.changed_by = Some(by.to_owned());
        self.changed_at = Some(now);
        self.revision += 1;
    }

    /// The same as it is told at `now`: hours that have passed since are empty.
    pub(crate) fn told_at(mut self, now: Timestamp) -> Self {
        let seen = self.last_seen;
        self.shift_to(now);
        self.last_seen = seen;
        self
    }

    /// Moves the hours on, so that the last is that of `now`.
    fn shift_to(&mut self, now: Timestamp) {
        let passed = hour(now) - hour(self.last_seen);
        if let Ok(passed @ 1..) = usize::try_from(passed) {
            self.hours.drain(..passed.min(self.hours.len()));
            self.hours.resize(HOURS, 0);
        }
        self.last_seen = self.last_seen.max(now);
    }
}

const fn hour(at: Timestamp) -> i64 {
    at.as_unix_seconds().div_euclid(HOUR_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(hour: i64) -> Timestamp {
        Timestamp::from_unix_millis(hour * HOUR_S * 1000)
    }

    fn error(component: &str, severity: Severity) -> StreamError {
        StreamError {
            code: "output.refused".to_owned(),
            severity,
            component: component.to_owned(),
            message: "refused after 3 tries".to_owned(),
            since: at(0),
            count: 1,
            recovering: true,
        }
    }

    fn seen<'a>(error: &'a StreamError, stream: &'a StreamId, hour: i64) -> Occurrence<'a> {
        Occurrence {
            error,
            stream,
            at: at(hour),
            trace: Some(format!("trace-{hour}")),
        }
    }

    #[test]
    fn a_group_counts_and_remembers_where_and_when() {
        let stream = StreamId::default();
        let (a, b) = (
            error("output:a", Severity::Warning),
            error("output:b", Severity::Error),
        );
        let mut group = ErrorGroup::first(&seen(&a, &stream, 100));
        group.add(&seen(&b, &stream, 100));
        group.add(&seen(&a, &stream, 102));
        // Late, and still of its hour.
        group.add(&seen(&a, &stream, 101));
        assert_eq!(group.count, 4);
        assert_eq!(group.hours[21..], [2, 1, 1]);
        assert_eq!((group.first_seen, group.last_seen), (at(100), at(102)));
        assert_eq!(group.severity, Severity::Error);
        assert_eq!(group.components.len(), 2);
        assert_eq!(group.traces[0], "trace-101");
        let told = group.told_at(at(104));
        assert_eq!(told.hours[19..], [2, 1, 1, 0, 0]);
        assert_eq!(told.last_seen, at(102));
        assert_eq!(told.clone().told_at(at(1000)).hours.iter().sum::<u64>(), 0);
    }

    #[test]
    fn what_happens_again_after_it_was_resolved_has_regressed() {
        let stream = StreamId::default();
        let error = error("output:a", Severity::Warning);
        for (action, again, state) in [
            (GroupAction::Resolve, 12, GroupState::Regressed),
            // Raised before somebody put it right, and read after it.
            (GroupAction::Resolve, 9, GroupState::Resolved),
            (GroupAction::Ignore, 12, GroupState::Ignored),
            (GroupAction::Reopen, 12, GroupState::Open),
        ] {
            let mut group = ErrorGroup::first(&seen(&error, &stream, 8));
            group.change(action, "olga", at(10));
            group.add(&seen(&error, &stream, again));
            assert_eq!(group.state, state, "{action:?} {again}");
        }
    }
}
