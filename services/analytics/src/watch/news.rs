//! What a page of a stream's log says to the watch. Pure.

use std::time::Duration;

use sm_bus::LogPage;
use sm_common::clock::Timestamp;
use sm_common::event::{
    Event, EventType, PayloadError, Position, StreamErrorCleared, StreamErrorRaised,
    StreamInterrupted, StreamStateChanged,
};
use sm_common::stream::{Severity, StreamError, StreamStatus};

use super::Facts;
use crate::incidents::Sign;

/// The code of the sign that a stream is coming back and nobody has said why.
pub(super) const RECONNECTING: &str = "stream.reconnecting";
/// The component of signs of the engine itself.
pub(super) const ENGINE: &str = "engine";

/// Something that may open or end an incident.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// Something is wrong.
    Raised(Sign),
    /// It is right again.
    Cleared {
        component: String,
        code: String,
        at: Timestamp,
    },
}

/// An error that was raised, to be counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counted {
    pub(super) error: StreamError,
    pub(super) at: Timestamp,
    pub(super) trace: Option<String>,
}

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) news: Vec<News>,
    pub(super) errors: Vec<Counted>,
    pub(super) position: Option<Position>,
    /// Whether there may be more.
    pub(super) is_full: bool,
}

/// Reads the page after `position`, and takes what it says into `facts`.
pub(super) fn read_page(
    position: Option<&Position>,
    page: &LogPage,
    page_max: usize,
    facts: &mut Facts,
) -> Page {
    let mut read = Page {
        position: position.cloned(),
        is_full: page.entries.len() >= page_max,
        ..Page::default()
    };
    for entry in &page.entries {
        read.position = Some(entry.position.clone());
        let outcome = match &entry.event {
            Ok(event) => take(event, facts, &mut read).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = outcome {
            // Ingest counts it.
            let offset = entry.position.offset;
            tracing::debug!(offset, error, "an event is of an unknown form");
        }
    }
    if page.entries.is_empty() {
        // A log that was removed begins anew.
        let current = page.current.as_ref();
        let is_behind = position
            .is_some_and(|position| current.map_or(0, |current| current.offset) < position.offset);
        if position.is_none() || is_behind {
            read.position = current.map(|current| Position {
                epoch: current.epoch.clone(),
                offset: 0,
            });
        }
    }
    read
}

fn take(event: &Event, facts: &mut Facts, read: &mut Page) -> Result<(), PayloadError> {
    if event.kind == EventType::StreamStateChanged {
        let StreamStateChanged(state) = event.payload()?;
        let before = facts.clone();
        facts.take(&state);
        read.news
            .extend(compare(&before, facts, state.observed.since));
    } else if event.kind == EventType::StreamErrorRaised {
        let StreamErrorRaised(error) = event.payload()?;
        facts.raise(&error);
        if error.severity.rank() >= Severity::Warning.rank() {
            read.news.push(News::Raised(sign_of(&error)));
            // What was known by its consequence alone has a name now.
            read.news.push(came_back(event.time));
        }
        read.errors.push(Counted {
            trace: event.traceparent.as_deref().and_then(trace_of),
            at: event.time,
            error,
        });
    } else if event.kind == EventType::StreamErrorCleared {
        let StreamErrorCleared(error) = event.payload()?;
        facts.clear(&error);
        read.news.push(News::Cleared {
            component: error.component,
            code: error.code,
            at: event.time,
        });
    } else if event.kind == EventType::StreamInterrupted {
        let StreamInterrupted(gap) = event.payload()?;
        let end = gap.at.plus(Duration::from_millis(gap.length_ms));
        let component = component_of(&gap.cause);
        read.news.push(News::Raised(Sign {
            component: component.to_owned(),
            code: gap.cause.clone(),
            severity: Severity::Error,
            text: format!("the picture was gone for {} ms", gap.length_ms),
            at: gap.at,
            cleared: None,
        }));
        read.news.push(News::Cleared {
            component: component.to_owned(),
            code: gap.cause,
            at: end,
        });
    }
    Ok(())
}

/// Errors of workers are told of the component `worker`.
fn component_of(cause: &str) -> &'static str {
    if cause.starts_with("worker.") {
        "worker"
    } else {
        ENGINE
    }
}

/// What has changed between two whole states: errors whose own events were lost, and a picture that
/// is gone while nobody says why.
fn compare(before: &Facts, after: &Facts, since: Timestamp) -> Vec<News> {
    let is_in = |facts: &Facts, error: &StreamError| {
        facts
            .errors()
            .iter()
            .any(|known| known.code == error.code && known.component == error.component)
    };
    let noticeable = |error: &&StreamError| error.severity.rank() >= Severity::Warning.rank();
    let mut news = Vec::new();
    for error in after.errors().iter().filter(noticeable) {
        if !is_in(before, error) {
            news.push(News::Raised(sign_of(error)));
        }
    }
    for error in before.errors() {
        if !is_in(after, error) {
            news.push(News::Cleared {
                component: error.component.clone(),
                code: error.code.clone(),
                at: since,
            });
        }
    }
    let unexplained = |facts: &Facts| {
        facts.is_wanted()
            && facts.status() == Some(StreamStatus::Reconnecting)
            && !facts.errors().iter().any(|error| noticeable(&error))
    };
    match (unexplained(before), unexplained(after)) {
        (false, true) => news.push(News::Raised(Sign {
            component: ENGINE.to_owned(),
            code: RECONNECTING.to_owned(),
            severity: Severity::Error,
            text: "the picture is coming back".to_owned(),
            at: since,
            cleared: None,
        })),
        (true, false) => news.push(came_back(since)),
        (true, true) | (false, false) => {}
    }
    news
}

fn came_back(at: Timestamp) -> News {
    News::Cleared {
        component: ENGINE.to_owned(),
        code: RECONNECTING.to_owned(),
        at,
    }
}

fn sign_of(error: &StreamError) -> Sign {
    Sign {
        component: error.component.clone(),
        code: error.code.clone(),
        severity: error.severity,
        text: error.message.clone(),
        at: error.since,
        cleared: None,
    }
}

/// The trace's identifier in a W3C trace context.
fn trace_of(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use sm_bus::LogEntry;
    use sm_common::event::{Epoch, Payload};
    use sm_common::id::StreamId;
    use sm_common::stream::Interruption;

    use super::*;

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1000)
    }

    fn position(offset: u64) -> Position {
        Position {
            epoch: Epoch::from("e".to_owned()),
            offset,
        }
    }

    fn event<P: Payload>(payload: &P) -> Event {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
        Event::new(payload, "/test", &StreamId::default(), at(9), Some(trace)).unwrap()
    }

    fn page(events: Vec<Event>) -> LogPage {
        let entries = (1..).zip(events).map(|(offset, event)| LogEntry {
            position: position(offset),
            event: Ok(event),
        });
        LogPage {
            current: Some(position(99)),
            entries: entries.collect(),
        }
    }

    fn error(severity: Severity) -> StreamError {
        StreamError {
            code: "output.refused".to_owned(),
            severity,
            component: "output:a".to_owned(),
            message: "refused".to_owned(),
            since: at(5),
            count: 1,
            recovering: true,
        }
    }

    #[test]
    fn an_error_is_counted_and_is_a_sign_where_viewers_may_notice_it() {
        for (severity, signs) in [(Severity::Info, 0), (Severity::Warning, 1)] {
            let mut facts = Facts::default();
            let raised = page(vec![event(&StreamErrorRaised(error(severity)))]);
            let read = read_page(None, &raised, 10, &mut facts);
            assert_eq!(read.errors.len(), 1);
            let trace = read.errors[0].trace.as_deref();
            assert_eq!(trace, Some("4bf92f3577b34da6a3ce929d0e0e4736"));
            let raised = read
                .news
                .iter()
                .filter(|news| matches!(news, News::Raised(_)));
            assert_eq!(raised.count(), signs, "{severity:?}");
            assert_eq!(facts.errors().len(), 1);
            assert_eq!(read.position, Some(position(1)));
        }
    }

    #[test]
    fn an_interruption_begins_and_ends_where_it_did() {
        let gap = StreamInterrupted(Interruption {
            at: at(5),
            length_ms: 1500,
            cause: "worker.killed".to_owned(),
        });
        let read = read_page(None, &page(vec![event(&gap)]), 10, &mut Facts::default());
        let [
            News::Raised(sign),
            News::Cleared {
                at: end, component, ..
            },
        ] = &read.news[..]
        else {
            panic!("{:?}", read.news);
        };
        assert_eq!((sign.at, sign.component.as_str()), (at(5), "worker"));
        assert_eq!(
            (end.as_unix_millis(), component.as_str()),
            (6_500, "worker")
        );
    }

    #[test]
    fn a_log_that_was_removed_is_read_from_its_beginning() {
        let mut facts = Facts::default();
        let empty = |offset| LogPage {
            current: Some(position(offset)),
            entries: Vec::new(),
        };
        let at_end = read_page(Some(&position(7)), &empty(7), 10, &mut facts);
        assert_eq!(at_end.position, Some(position(7)));
        let removed = read_page(Some(&position(7)), &empty(2), 10, &mut facts);
        assert_eq!(removed.position, Some(position(0)));
    }
}
