use std::time::Duration;

use serde::Serialize;
use sm_common::clock::Timestamp;
use sm_common::incident::Incident;
use sm_common::stream::StreamStatus;
use time::{Date, Month, Time};
use utoipa::ToSchema;

use crate::timeline::Happening;

/// How a stream did over a month.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct MonthReport {
    /// The month, such as `2026-11`.
    pub(crate) month: String,
    /// Where it begins, in UTC.
    from: Timestamp,
    /// Where it ends, or now.
    until: Timestamp,
    /// From when on the stream's status is known; null when nothing is known of the month.
    known_from: Option<Timestamp>,
    /// Time in which the stream was on air or should have been, in seconds.
    wanted_s: f64,
    /// Time of it without a picture, in seconds.
    down_s: f64,
    /// The part of the wanted time that had a picture, 0 to 1; null where the stream was not wanted.
    availability: Option<f64>,
    /// Incidents that began in the month.
    incidents: usize,
    /// Mean time from an incident's first sign to its last, in seconds; null where none is over.
    mttr_s: Option<f64>,
    /// Mean time from an incident's first sign until it was noticed, in seconds.
    mttd_s: Option<f64>,
}

/// Where a month such as `2026-11` begins and ends, in UTC.
pub(crate) fn month_span(month: &str) -> Option<(Timestamp, Timestamp)> {
    let (year, number) = month.split_once('-')?;
    if year.len() != 4 || number.len() != 2 {
        return None;
    }
    let year: i32 = year.parse().ok()?;
    let month = Month::try_from(number.parse::<u8>().ok()?).ok()?;
    let first = Date::from_calendar_date(year, month, 1).ok()?;
    let next_year = if month == Month::December {
        year + 1
    } else {
        year
    };
    let next = Date::from_calendar_date(next_year, month.next(), 1).ok()?;
    let begin = |date: Date| date.with_time(Time::MIDNIGHT).assume_utc().into();
    Some((begin(first), begin(next)))
}

/// What is known of a month, from what happened to the stream, oldest first, and its incidents.
pub(crate) fn month_report(
    month: &str,
    (from, end): (Timestamp, Timestamp),
    happenings: &[Happening],
    incidents: &[Incident],
    now: Timestamp,
) -> MonthReport {
    let until = end.min(now).max(from);
    let within = Within { from, until };
    let wanted = wanted(happenings, within);
    let down = down(happenings, within);
    let wanted_ms: i64 = wanted.iter().map(Span::length_ms).sum();
    let down_ms: i64 = down
        .iter()
        .flat_map(|span| wanted.iter().filter_map(|other| span.common(*other)))
        .map(|span| span.length_ms())
        .sum();
    let of_month: Vec<&Incident> = incidents
        .iter()
        .filter(|incident| incident.began_at >= from && incident.began_at < end)
        .collect();
    let availability = (wanted_ms > 0).then(|| 1.0 - seconds(down_ms) / seconds(wanted_ms));
    MonthReport {
        month: month.to_owned(),
        from,
        until,
        known_from: statuses(happenings)
            .map(|(since, _)| since.max(from))
            .next()
            .filter(|since| *since < until),
        wanted_s: seconds(wanted_ms),
        down_s: seconds(down_ms),
        availability,
        incidents: of_month.len(),
        mttr_s: mean(
            of_month
                .iter()
                .filter_map(|incident| incident.recovery_ms)
                .map(Duration::from_millis),
        ),
        mttd_s: mean(
            of_month
                .iter()
                .map(|incident| incident.detected_at.since(incident.began_at)),
        ),
    }
}

#[derive(Clone, Copy)]
struct Within {
    from: Timestamp,
    until: Timestamp,
}

/// A time from its beginning until its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span(Timestamp, Timestamp);

impl Span {
    fn common(self, other: Self) -> Option<Self> {
        let span = Self(self.0.max(other.0), self.1.min(other.1));
        (span.0 < span.1).then_some(span)
    }

    const fn length_ms(&self) -> i64 {
        self.1.as_unix_millis() - self.0.as_unix_millis()
    }
}

fn statuses(happenings: &[Happening]) -> impl Iterator<Item = (Timestamp, StreamStatus)> {
    happenings.iter().filter_map(|happening| match happening {
        Happening::Status(change) => Some((change.since, change.status)),
        Happening::Interruption(_) | Happening::Error(_) | Happening::Gap(_) => None,
    })
}

/// When the stream had a status of these.
fn spans_with(
    happenings: &[Happening],
    within: Within,
    is_meant: fn(StreamStatus) -> bool,
) -> Vec<Span> {
    let changes: Vec<_> = statuses(happenings).collect();
    let ends = changes
        .iter()
        .skip(1)
        .map(|(since, _)| *since)
        .chain([within.until]);
    changes
        .iter()
        .zip(ends)
        .filter(|((_, status), _)| is_meant(*status))
        .filter_map(|((since, _), end)| Span(*since, end).common(Span(within.from, within.until)))
        .collect()
}

fn wanted(happenings: &[Happening], within: Within) -> Vec<Span> {
    spans_with(happenings, within, |status| {
        status.is_on_air() || matches!(status, StreamStatus::Reconnecting | StreamStatus::Failed)
    })
}

/// Without a picture: interruptions, and while the stream had given up. Together, without overlap.
fn down(happenings: &[Happening], within: Within) -> Vec<Span> {
    let failed = spans_with(happenings, within, |status| status == StreamStatus::Failed);
    let interrupted = happenings.iter().filter_map(|happening| match happening {
        Happening::Interruption(gap) => {
            let end = gap.at.plus(Duration::from_millis(gap.length_ms));
            Span(gap.at, end).common(Span(within.from, within.until))
        }
        Happening::Status(_) | Happening::Error(_) | Happening::Gap(_) => None,
    });
    let mut spans: Vec<Span> = failed.into_iter().chain(interrupted).collect();
    spans.sort_by_key(|span| span.0);
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.0 <= last.1 => last.1 = last.1.max(span.1),
            Some(_) | None => merged.push(span),
        }
    }
    merged
}

fn seconds(ms: i64) -> f64 {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64()
}

fn mean(lengths: impl Iterator<Item = Duration>) -> Option<f64> {
    let mut count = 0_u32;
    let mut sum = 0.0;
    for length in lengths {
        count += 1;
        sum += length.as_secs_f64();
    }
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use sm_common::stream::Interruption;

    use super::*;
    use crate::timeline::StatusChange;

    fn status(second: i64, status: StreamStatus) -> Happening {
        Happening::Status(StatusChange {
            status,
            since: at(second),
            live_since: None,
        })
    }

    /// Seconds after the first of November 2026.
    fn at(second: i64) -> Timestamp {
        let (from, _) = month_span("2026-11").unwrap();
        Timestamp::from_unix_millis(from.as_unix_millis() + second * 1000)
    }

    fn gap(second: i64, length_s: u64) -> Happening {
        Happening::Interruption(Interruption {
            at: at(second),
            length_ms: length_s * 1000,
            cause: "worker.killed".to_owned(),
        })
    }

    fn report(happenings: &[Happening], now: i64) -> MonthReport {
        let span = month_span("2026-11").unwrap();
        month_report("2026-11", span, happenings, &[], at(now))
    }

    #[test]
    fn a_month_has_its_length_and_no_other_text_is_one() {
        let (from, until) = month_span("2026-02").unwrap();
        assert_eq!(until.since(from), Duration::from_hours(28 * 24));
        let (_, until) = month_span("2026-12").unwrap();
        assert_eq!(until.to_string(), "2027-01-01T00:00:00Z");
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "26-01",
            "2026-1",
            "2026-01-01",
        ] {
            assert!(month_span(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn availability_is_of_the_time_in_which_the_stream_was_wanted() {
        let happenings = [
            status(-100, StreamStatus::Live),
            gap(10, 5),
            status(100, StreamStatus::Failed),
            // Overlaps with having given up.
            gap(99, 6),
            status(150, StreamStatus::Offline),
            gap(160, 5),
            status(200, StreamStatus::Live),
        ];
        let report = report(&happenings, 250);
        let told = (report.wanted_s, report.down_s, report.availability);
        assert_eq!(told, (200.0, 56.0, Some(1.0 - 56.0 / 200.0)));
        assert_eq!(report.known_from, Some(at(0)));
    }

    #[test]
    fn of_a_stream_that_was_not_wanted_nothing_is_said() {
        let report = report(&[status(10, StreamStatus::Offline)], 100);
        assert_eq!((report.availability, report.wanted_s), (None, 0.0));
        assert_eq!((report.mttr_s, report.mttd_s), (None, None));
    }
}
