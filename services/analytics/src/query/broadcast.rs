//! From changes of status to broadcasts. Pure.

use sm_common::clock::Timestamp;
use sm_common::stream::StreamStatus;

use crate::timeline::StatusChange;

/// A stretch of time, in milliseconds since the Unix epoch; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Span {
    pub(super) const fn length_ms(self) -> i64 {
        self.until - self.from
    }

    /// What lies in both; `None` when nothing does.
    pub(super) fn within(self, other: Self) -> Option<Self> {
        let from = self.from.max(other.from);
        let until = self.until.min(other.until);
        (from < until).then_some(Self { from, until })
    }
}

/// A time without a picture, as the status tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) span: Span,
    pub(super) status: StreamStatus,
    /// Whether it goes on.
    pub(super) ongoing: bool,
}

/// From going on air to going off air. Being away in between, or having failed, is part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broadcast {
    pub(super) started_at: Timestamp,
    /// `None` while it goes on.
    pub(super) ended_at: Option<Timestamp>,
    pub(super) on_air: Vec<Span>,
    pub(super) outages: Vec<Outage>,
}

impl Broadcast {
    /// From going on to going off air; to `now` while it goes on.
    pub(super) fn span(&self, now: Timestamp) -> Span {
        Span {
            from: self.started_at.as_unix_millis(),
            until: self.ended_at.unwrap_or(now).as_unix_millis(),
        }
    }
}

/// What a status means for a broadcast.
enum Phase {
    OnAir,
    /// Away, where a broadcast goes on; not yet there, where none does.
    Away,
    OffAir,
}

const fn phase(status: StreamStatus) -> Phase {
    match status {
        StreamStatus::Live | StreamStatus::Paused | StreamStatus::Degraded => Phase::OnAir,
        StreamStatus::Starting | StreamStatus::Reconnecting | StreamStatus::Failed => Phase::Away,
        StreamStatus::Offline | StreamStatus::Stopping => Phase::OffAir,
    }
}

/// The broadcasts that `changes` tell of, oldest first, as known at `now`.
pub(super) fn broadcasts(mut changes: Vec<StatusChange>, now: Timestamp) -> Vec<Broadcast> {
    let order = |change: &StatusChange| {
        let place = StreamStatus::ALL.iter().position(|s| *s == change.status);
        (change.since, place)
    };
    changes.sort_by_key(order);
    let mut broadcasts: Vec<Broadcast> = Vec::new();
    let mut current: Option<Broadcast> = None;
    for (index, change) in changes.iter().enumerate() {
        let next = changes.get(index + 1).map(|next| next.since);
        let span = Span {
            from: change.since.as_unix_millis(),
            until: next.unwrap_or(now).as_unix_millis(),
        };
        match (phase(change.status), &mut current) {
            (Phase::OnAir, broadcast) => {
                let broadcast = broadcast.get_or_insert_with(|| begin(change));
                broadcast.on_air.push(span);
            }
            (Phase::Away, Some(broadcast)) => broadcast.outages.push(Outage {
                span,
                status: change.status,
                ongoing: next.is_none(),
            }),
            (Phase::OffAir, broadcast) => {
                broadcasts.extend(broadcast.take().map(|broadcast| Broadcast {
                    ended_at: Some(change.since),
                    ..broadcast
                }));
            }
            (Phase::Away, None) => {}
        }
    }
    broadcasts.extend(current);
    broadcasts
}

/// A broadcast may have begun before its first known change of status; then the engine says when.
fn begin(first: &StatusChange) -> Broadcast {
    let since = first.since;
    Broadcast {
        started_at: first.live_since.map_or(since, |live| live.min(since)),
        ended_at: None,
        on_air: Vec::new(),
        outages: Vec::new(),
    }
}

/// How much of `spans`, which do not overlap, no part of `holes` covers, in milliseconds.
pub(super) fn uncovered_ms(spans: &[Span], holes: &[Span]) -> i64 {
    let mut holes = holes.to_vec();
    holes.sort_by_key(|hole| hole.from);
    spans
        .iter()
        .map(|span| {
            let mut covered = 0;
            let mut reached = span.from;
            for hole in holes.iter().filter_map(|hole| hole.within(*span)) {
                covered += (hole.until - hole.from.max(reached)).max(0);
                reached = reached.max(hole.until);
            }
            span.length_ms() - covered
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1000)
    }

    fn span(from: i64, until: i64) -> Span {
        Span {
            from: from * 1000,
            until: until * 1000,
        }
    }

    fn told(changes: &[(i64, StreamStatus)], now: i64) -> Vec<Broadcast> {
        let changes = changes
            .iter()
            .map(|(second, status)| StatusChange {
                status: *status,
                since: at(*second),
                live_since: None,
            })
            .collect();
        broadcasts(changes, at(now))
    }

    #[test]
    fn a_broadcast_lasts_from_on_air_to_off_air() {
        use StreamStatus::{Degraded, Live, Offline, Starting, Stopping};
        let told = told(
            &[
                (0, Offline),
                (10, Starting),
                (12, Live),
                (20, Degraded),
                (30, Live),
                (40, Stopping),
                (41, Offline),
            ],
            100,
        );
        assert_eq!(
            told,
            [Broadcast {
                started_at: at(12),
                ended_at: Some(at(40)),
                on_air: vec![span(12, 20), span(20, 30), span(30, 40)],
                outages: Vec::new(),
            }]
        );
    }

    #[test]
    fn being_away_belongs_to_the_broadcast_it_interrupts() {
        use StreamStatus::{Failed, Live, Reconnecting, Starting};
        let told = told(
            &[
                (0, Starting),
                (1, Live),
                (5, Reconnecting),
                (6, Live),
                (9, Failed),
            ],
            20,
        );
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].ended_at, None);
        assert_eq!(told[0].on_air, [span(1, 5), span(6, 9)]);
        let away: Vec<_> = told[0]
            .outages
            .iter()
            .map(|outage| (outage.span, outage.ongoing))
            .collect();
        assert_eq!(away, [(span(5, 6), false), (span(9, 20), true)]);
    }

    #[test]
    fn the_engine_says_when_a_broadcast_began_that_was_not_seen_to_begin() {
        let change = StatusChange {
            status: StreamStatus::Degraded,
            since: at(50),
            live_since: Some(at(10)),
        };
        let told = broadcasts(vec![change], at(60));
        assert_eq!(told[0].started_at, at(10));
        assert_eq!(told[0].on_air, [span(50, 60)], "only what is known");
    }

    #[test]
    fn a_stream_that_never_was_on_air_has_no_broadcast() {
        assert_eq!(told(&[(0, StreamStatus::Starting)], 9), []);
        assert_eq!(told(&[], 9), []);
    }

    #[test]
    fn holes_are_counted_once_and_only_within() {
        let spans = [span(0, 10), span(20, 30)];
        let holes = [span(4, 6), span(5, 7), span(8, 22), span(40, 50)];
        assert_eq!(uncovered_ms(&spans, &holes), (10 - 3 - 2 + 10 - 2) * 1000);
        assert_eq!(uncovered_ms(&spans, &[]), 20_000);
    }
}
