use std::time::Duration;

use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::stream::{DesiredStatus, StreamError, StreamState, StreamStatus};

/// Most errors that are remembered of a stream; its engine keeps as many.
const ERRORS_MAX: usize = 256;

/// What is known of a stream, from its own events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    status: Option<StreamStatus>,
    /// When it went on air, while it is.
    live_since: Option<Timestamp>,
    /// Whether somebody wants it to be on air.
    wanted: bool,
    errors: Vec<StreamError>,
}

impl Facts {
    pub(crate) const fn status(&self) -> Option<StreamStatus> {
        self.status
    }

    pub(crate) fn errors(&self) -> &[StreamError] {
        &self.errors
    }

    /// Whether it should be on air.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether it is on air, or is coming back.
    fn is_on_air(&self) -> bool {
        self.status.is_some_and(|status| {
            status.is_on_air() || matches!(status, StreamStatus::Reconnecting)
        })
    }

    /// How long it has been on air; zero while it is not.
    pub(crate) fn on_air_for(&self, now: Timestamp) -> Duration {
        if !self.is_on_air() {
            return Duration::ZERO;
        }
        self.live_since
            .map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Whether it has been on air for as long as `settle`.
    pub(crate) fn is_settled(&self, settle: Duration, now: Timestamp) -> bool {
        self.is_on_air() && self.live_since.is_some() && self.on_air_for(now) >= settle
    }

    /// Takes over what an event says of the whole stream.
    pub(crate) fn take(&mut self, state: &StreamState) {
        let observed = &state.observed;
        self.status = Some(observed.status);
        self.live_since = observed.live_since;
        self.wanted = !matches!(state.desired_status, DesiredStatus::Offline);
        self.errors.clone_from(&observed.errors);
        self.errors.truncate(ERRORS_MAX);
    }

    /// An error was raised.
    pub(crate) fn raise(&mut self, error: &StreamError) {
        self.clear(error);
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error.clone());
        }
    }

    /// It is over.
    pub(crate) fn clear(&mut self, error: &StreamError) {
        self.errors
            .retain(|known| known.code != error.code || known.component != error.component);
    }

    /// As the stream was while it had this status.
    pub(crate) fn past(status: Option<StreamStatus>, live_since: Option<Timestamp>) -> Self {
        Self {
            status,
            live_since,
            wanted: live_since.is_some(),
            errors: Vec::new(),
        }
    }
}

/// A stream with this status.
#[cfg(test)]
pub(crate) fn facts_of(status: StreamStatus, live_since: Option<Timestamp>) -> Facts {
    Facts::past(Some(status), live_since)
}

#[cfg(test)]
mod tests {
    use sm_common::stream::Severity;

    use super::*;

    fn error(code: &str, component: &str) -> StreamError {
        StreamError {
            code: code.to_owned(),
            severity: Severity::Warning,
            component: component.to_owned(),
            message: "broken".to_owned(),
            since: Timestamp::from_unix_millis(0),
            count: 1,
            recovering: true,
        }
    }

    #[test]
    fn an_error_is_known_by_its_code_and_its_component() {
        let mut facts = Facts::default();
        facts.raise(&error("output.refused", "output:a"));
        facts.raise(&error("output.refused", "output:b"));
        facts.raise(&error("output.refused", "output:a"));
        assert_eq!(facts.errors().len(), 2);
        facts.clear(&error("output.refused", "output:a"));
        assert_eq!(facts.errors()[0].component, "output:b");
        facts.clear(&error("output.stalled", "output:b"));
        assert_eq!(facts.errors().len(), 1);
    }

    #[test]
    fn a_stream_that_is_coming_back_is_still_on_air() {
        let now = Timestamp::from_unix_millis(20_000);
        let since = Some(Timestamp::from_unix_millis(10_000));
        let settle = Duration::from_secs(10);
        assert!(facts_of(StreamStatus::Reconnecting, since).is_settled(settle, now));
        assert!(!facts_of(StreamStatus::Live, since).is_settled(settle * 2, now));
        assert!(!facts_of(StreamStatus::Failed, since).is_settled(settle, now));
    }
}
