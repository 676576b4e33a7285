//! Where a reader of a log is after the next page. Pure.

use sm_bus::{LogEntry, LogPage};
use sm_common::clock::Timestamp;
use sm_common::event::{Channel, Epoch, Position};

use crate::store::Progress;
use crate::timeline::Gap;

/// What a page means for a reader.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Everything has been read.
    Idle,
    /// The reader moves on.
    Move {
        /// Where it is then.
        after: Progress,
        /// What was dropped before it could be read.
        gap: Option<Gap>,
    },
}

/// Where a reader at `before` is after `page`.
///
/// Offsets go on after a restart of Redis, so that a new epoch by itself is no gap: the log, the
/// reader's position and all that was made of it are in the same Redis and lost the same moment.
pub(super) fn next(
    channel: Channel,
    before: Option<&Progress>,
    page: &LogPage,
    now: Timestamp,
) -> Next {
    match (before, page.entries.first(), page.entries.last()) {
        (None, None, _) | (None, _, None) => begin(page, now),
        (None, Some(first), Some(last)) => Next::Move {
            after: Progress {
                position: last.position.clone(),
                at: time_of(last, now),
                since: time_of(first, now),
            },
            gap: None,
        },
        (Some(before), Some(first), Some(last)) => {
            let passed = last.position.offset.saturating_sub(before.position.offset);
            let read = u64::try_from(page.entries.len()).unwrap_or(u64::MAX);
            let missed = passed.saturating_sub(read);
            let gap = (missed > 0).then(|| Gap {
                channel,
                from: before.at,
                until: time_of(first, now),
                missed: Some(missed),
            });
            Next::Move {
                after: Progress {
                    position: last.position.clone(),
                    at: time_of(last, now),
                    since: before.since,
                },
                gap,
            }
        }
        (Some(before), None, _) | (Some(before), _, None) => {
            let current = page.current.as_ref().map_or(0, |current| current.offset);
            if current >= before.position.offset {
                return Next::Idle;
            }
            rewind(channel, before, page, now)
        }
    }
}

/// The first look at a log that holds nothing: from now on its silence means something.
fn begin(page: &LogPage, now: Timestamp) -> Next {
    Next::Move {
        after: Progress {
            position: page.current.clone().unwrap_or_else(before_the_first),
            at: now,
            since: now,
        },
        gap: None,
    }
}

/// The log ends before the reader's position: it was removed, and starts from the beginning.
fn rewind(channel: Channel, before: &Progress, page: &LogPage, now: Timestamp) -> Next {
    let epoch = page.current.as_ref().map(|current| current.epoch.clone());
    Next::Move {
        after: Progress {
            position: Position {
                epoch: epoch.unwrap_or_else(|| before_the_first().epoch),
                offset: 0,
            },
            at: now,
            since: before.since,
        },
        gap: Some(Gap {
            channel,
            from: before.at,
            until: now,
            missed: None,
        }),
    }
}

fn before_the_first() -> Position {
    Position {
        epoch: Epoch::from(String::new()),
        offset: 0,
    }
}

/// An event's time; now for one that cannot be read.
fn time_of(entry: &LogEntry, now: Timestamp) -> Timestamp {
    entry.event.as_ref().map_or(now, |event| event.time)
}

#[cfg(test)]
mod tests {
    use sm_common::event::{Event, LayerDeleted};
    use sm_common::id::{LayerId, SceneId, StreamId};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(9_000_000);

    fn position(epoch: &str, offset: u64) -> Position {
        Position {
            epoch: Epoch::from(epoch.to_owned()),
            offset,
        }
    }

    fn at(offset: u64) -> Timestamp {
        Timestamp::from_unix_millis(i64::try_from(offset).unwrap() * 1000)
    }

    fn page(entries: &[(&str, u64)], current: Option<(&str, u64)>) -> LogPage {
        let payload = LayerDeleted {
            layer: LayerId::generate(),
            scene: SceneId::generate(),
            scene_revision: 1,
        };
        LogPage {
            current: current.map(|(epoch, offset)| position(epoch, offset)),
            entries: entries
                .iter()
                .map(|(epoch, offset)| LogEntry {
                    position: position(epoch, *offset),
                    event: Ok(Event::new(
                        &payload,
                        "/test",
                        &StreamId::default(),
                        at(*offset),
                        None,
                    )
                    .unwrap()),
                })
                .collect(),
        }
    }

    fn progress(epoch: &str, offset: u64) -> Progress {
        Progress {
            position: position(epoch, offset),
            at: at(offset),
            since: at(0),
        }
    }

    fn step(before: Option<&Progress>, page: &LogPage) -> Next {
        next(Channel::LayerUpdates, before, page, NOW)
    }

    fn moved(after: Progress, gap: Option<(u64, u64, Option<u64>)>) -> Next {
        let gap = gap.map(|(from, until, missed)| Gap {
            channel: Channel::LayerUpdates,
            from: at(from),
            until: at(until),
            missed,
        });
        Next::Move { after, gap }
    }

    #[test]
    fn the_next_events_move_the_reader_without_a_gap() {
        let page = page(&[("a", 5), ("a", 6)], Some(("a", 9)));
        assert_eq!(
            step(Some(&progress("a", 4)), &page),
            moved(progress("a", 6), None)
        );
    }

    #[test]
    fn a_reader_at_the_end_is_idle() {
        let page = page(&[], Some(("a", 4)));
        assert_eq!(step(Some(&progress("a", 4)), &page), Next::Idle);
    }

    #[test]
    fn dropped_events_are_a_gap() {
        let page = page(&[("a", 8), ("a", 9)], Some(("a", 9)));
        assert_eq!(
            step(Some(&progress("a", 4)), &page),
            moved(progress("a", 9), Some((4, 8, Some(3))))
        );
    }

    #[test]
    fn a_new_epoch_whose_offsets_go_on_is_no_gap() {
        let page = page(&[("a", 5), ("b", 6)], Some(("b", 6)));
        assert_eq!(
            step(Some(&progress("a", 4)), &page),
            moved(progress("b", 6), None)
        );
    }

    #[test]
    fn the_first_look_reads_what_is_kept_and_calls_nothing_a_gap() {
        let page = page(&[("a", 8), ("a", 9)], Some(("a", 9)));
        let after = Progress {
            since: at(8),
            ..progress("a", 9)
        };
        assert_eq!(step(None, &page), moved(after, None));
    }

    #[test]
    fn the_first_look_at_an_empty_log_remembers_since_when() {
        let after = Progress {
            position: position("", 0),
            at: NOW,
            since: NOW,
        };
        assert_eq!(step(None, &page(&[], None)), moved(after, None));
    }

    #[test]
    fn a_log_that_was_removed_is_read_from_its_beginning() {
        let page = page(&[], Some(("b", 2)));
        let after = Progress {
            position: position("b", 0),
            at: NOW,
            since: at(0),
        };
        let gap = (7, 9_000, None);
        assert_eq!(
            step(Some(&progress("a", 7)), &page),
            moved(after, Some(gap))
        );
    }
}
