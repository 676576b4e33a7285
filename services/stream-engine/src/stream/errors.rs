//! What is wrong with a stream now, and what of it is news. Pure.

use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::stream::{Severity, StreamError};

/// Most errors kept at a time.
const ERRORS_MAX: usize = 256;

/// Something that is wrong.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) severity: Severity,
    pub(super) component: String,
    pub(super) message: String,
    pub(super) recovering: bool,
}

/// News about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ErrorNews {
    Raised(StreamError),
    Cleared(StreamError),
}

/// The active errors.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors {
    active: Vec<Active>,
}

#[derive(Clone, Debug)]
struct Active {
    error: StreamError,
    /// When it counts as over, for errors whose end nobody reports.
    until: Option<Timestamp>,
}

impl Errors {
    /// What was wrong when another process last looked.
    pub(super) fn inherit(errors: &[StreamError]) -> Self {
        let active = errors.iter().map(|error| Active {
            error: error.clone(),
            until: None,
        });
        Self {
            active: active.collect(),
        }
    }

    /// Every active error.
    pub(super) fn list(&self) -> Vec<StreamError> {
        self.active
            .iter()
            .map(|active| active.error.clone())
            .collect()
    }

    /// Whether an error with this code is active.
    pub(super) fn contains(&self, code: &str) -> bool {
        self.active.iter().any(|active| active.error.code == code)
    }

    /// The first error that a viewer can notice.
    pub(super) fn noticeable(&self) -> Option<&StreamError> {
        self.active
            .iter()
            .map(|active| &active.error)
            .find(|error| match error.severity {
                Severity::Info => false,
                Severity::Warning | Severity::Error | Severity::Critical => true,
            })
    }

    /// Notes an error; one that is known already is counted. `lasts` is for errors whose end
    /// nobody reports.
    pub(super) fn raise(
        &mut self,
        problem: Problem,
        now: Timestamp,
        lasts: Option<Duration>,
    ) -> Option<ErrorNews> {
        let Problem {
            code,
            severity,
            component,
            message,
            recovering,
        } = problem;
        let until = lasts.map(|lasts| now.plus(lasts));
        let known = self
            .active
            .iter_mut()
            .find(|active| active.error.code == code && active.error.component == component);
        if let Some(Active { error, until: end }) = known {
            error.count = error.count.saturating_add(1);
            (error.severity, error.recovering) = (severity, recovering);
            error.message = message;
            *end = until;
            return None;
        }
        if self.active.len() >= ERRORS_MAX {
            return None;
        }
        let error = StreamError {
            code,
            severity,
            component,
            message,
            since: now,
            count: 1,
            recovering,
        };
        self.active.push(Active {
            error: error.clone(),
            until,
        });
        Some(ErrorNews::Raised(error))
    }

    /// Nobody reports the end of what `which` names: it is over when it is not seen again.
    pub(super) fn limit(&mut self, which: impl Fn(&StreamError) -> bool, until: Timestamp) {
        for active in self.active.iter_mut().filter(|one| which(&one.error)) {
            active.until = Some(until);
        }
    }

    /// What `is_over` names is right again.
    pub(super) fn clear(&mut self, is_over: impl Fn(&StreamError) -> bool) -> Vec<ErrorNews> {
        self.remove(|active| is_over(&active.error))
    }

    /// Errors that have not been seen again for their time are over.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<ErrorNews> {
        self.remove(|active| active.until.is_some_and(|until| until <= now))
    }

    fn remove(&mut self, is_over: impl Fn(&Active) -> bool) -> Vec<ErrorNews> {
        let (over, active) = std::mem::take(&mut self.active)
            .into_iter()
            .partition(is_over);
        self.active = active;
        let over: Vec<Active> = over;
        over.into_iter()
            .map(|active| ErrorNews::Cleared(active.error))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: &str, severity: Severity) -> Problem {
        Problem {
            code: code.to_owned(),
            severity,
            component: "worker".to_owned(),
            message: "so".to_owned(),
            recovering: true,
        }
    }

    #[test]
    fn an_error_is_news_once_and_counted_from_then_on() {
        let mut errors = Errors::default();
        let now = Timestamp::from_unix_millis(5);
        let first = errors.raise(problem("a", Severity::Info), now, None);
        assert!(matches!(first, Some(ErrorNews::Raised(_))));
        assert!(errors.noticeable().is_none(), "viewers notice nothing");
        let again = errors.raise(problem("a", Severity::Error), now, None);
        assert_eq!(again, None);
        let listed = errors.list();
        assert_eq!((listed.len(), listed[0].count), (1, 2));
        assert!(errors.noticeable().is_some());
        let cleared = errors.clear(|error| error.code == "a");
        assert!(matches!(cleared.as_slice(), [ErrorNews::Cleared(_)]));
        assert!(errors.list().is_empty());
    }

    #[test]
    fn an_error_whose_end_nobody_reports_ends_when_it_is_not_seen_again() {
        let mut errors = Errors::default();
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        let lasts = Some(Duration::from_secs(10));
        errors.raise(problem("a", Severity::Error), at(0), lasts);
        errors.raise(problem("a", Severity::Error), at(5), lasts);
        assert!(errors.expire(at(14)).is_empty());
        assert_eq!(errors.expire(at(15)).len(), 1);
        errors.raise(problem("b", Severity::Error), at(20), None);
        assert!(errors.expire(at(1000)).is_empty());
        errors.limit(|error| error.code == "b", at(1001));
        assert_eq!(errors.expire(at(1001)).len(), 1);
    }
}
