//! What waits for one reader: bounded in bytes and in age.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sm_common::event::Channel;
use tokio::time::Instant;

use super::dialect::Dialect;
use crate::hub::Delivery;
use crate::limit::Limit;
use crate::topic::Topic;

/// How much may wait for a reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// Most bytes.
    pub(crate) bytes_max: usize,
    /// Longest wait of an event that may not be skipped.
    pub(crate) age_max: Duration,
    /// From this many bytes on, the channels that may be conflated are.
    pub(crate) conflate_above_bytes: usize,
    /// Answers to the client's pings.
    pub(crate) pongs_max: usize,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits.
    Queued,
    /// It waits, in the place of older events.
    Conflated {
        /// How many events were left out.
        left_out: usize,
    },
    /// The reader is too slow for this limit. Nothing was queued.
    TooSlow(Limit),
}

/// A frame that is due, and what it carries.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) frame: Bytes,
    /// The channel and number of its events; `None` for an answer.
    pub(crate) events: Option<(Channel, usize)>,
}

#[derive(Debug)]
struct Entry {
    frame: Bytes,
    /// The events that the frame carries; `None` for an answer.
    delivery: Option<Arc<Delivery>>,
    queued_at: Instant,
}

/// The queue of one connection.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: QueueLimits,
    entries: VecDeque<Entry>,
    /// Entries taken so far: the number of the first waiting one.
    taken: usize,
    bytes: usize,
    /// The number of the newest waiting entry of each topic that may be conflated.
    newest: BTreeMap<Topic, usize>,
}

impl Queue {
    pub(crate) const fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            taken: 0,
            bytes: 0,
            newest: BTreeMap::new(),
        }
    }

    /// Bytes that wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether so much waits that requests of the client should wait too.
    pub(crate) const fn is_congested(&self) -> bool {
        self.bytes > self.limits.bytes_max / 2
    }

    /// Queues an answer. One frame may exceed the limit, so that no answer is too large for a
    /// reader that has caught up.
    pub(crate) fn push_answer(&mut self, frame: Bytes, now: Instant) -> Pushed {
        if self.is_full() {
            return Pushed::TooSlow(Limit::QueueBytes);
        }
        self.push(frame, None, now);
        Pushed::Queued
    }

    /// Queues events, as the dialect has them. Where the reader is behind on a channel that may be
    /// conflated, they take the place of the older ones.
    pub(crate) fn push_events(
        &mut self,
        delivery: &Arc<Delivery>,
        dialect: Dialect,
        now: Instant,
    ) -> Pushed {
        let topic = delivery.topic();
        if delivery.is_conflatable() {
            if self.bytes > self.limits.conflate_above_bytes
                && let Some(left_out) = self.conflate(delivery, dialect)
            {
                return Pushed::Conflated { left_out };
            }
            if self.is_full() {
                return Pushed::TooSlow(Limit::QueueBytes);
            }
            let number = self.taken.wrapping_add(self.entries.len());
            self.newest.insert(topic.clone(), number);
        } else if self.is_full() {
            return Pushed::TooSlow(Limit::QueueBytes);
        } else if self.is_stale(now) {
            return Pushed::TooSlow(Limit::QueueAge);
        }
        self.push(delivery.frame(dialect), Some(Arc::clone(delivery)), now);
        Pushed::Queued
    }

    /// Whether an event that may not be skipped has waited for too long.
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        self.entries
            .iter()
            .find(|entry| {
                let delivery = entry.delivery.as_ref();
                delivery.is_some_and(|delivery| !delivery.is_conflatable())
            })
            .is_some_and(|entry| now.duration_since(entry.queued_at) > self.limits.age_max)
    }

    /// Takes the next frame.
    pub(crate) fn pop(&mut self) -> Option<Due> {
        let Entry {
            frame, delivery, ..
        } = self.entries.pop_front()?;
        if self.entries.is_empty() {
            // The next one comes to the same place, not to memory that was not used for long.
            self.entries.clear();
        }
        let number = self.taken;
        self.taken = self.taken.wrapping_add(1);
        self.bytes = self.bytes.saturating_sub(frame.len());
        let events = delivery.map(|delivery| {
            let topic = delivery.topic();
            if self.newest.get(topic) == Some(&number) {
                self.newest.remove(topic);
            }
            (topic.channel, delivery.len())
        });
        Some(Due { frame, events })
    }

    /// Forgets everything that waits.
    pub(crate) fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.newest.clear();
        self.bytes = 0;
    }

    const fn is_full(&self) -> bool {
        self.bytes >= self.limits.bytes_max
    }

    fn push(&mut self, frame: Bytes, delivery: Option<Arc<Delivery>>, queued_at: Instant) {
        self.bytes = self.bytes.saturating_add(frame.len());
        self.entries.push_back(Entry {
            frame,
            delivery,
            queued_at,
        });
    }

    /// Merges `newer` into the newest waiting entry of its topic, where there is one. Returns how
    /// many events were left out.
    fn conflate(&mut self, newer: &Delivery, dialect: Dialect) -> Option<usize> {
        let number = *self.newest.get(newer.topic())?;
        let place = number.wrapping_sub(self.taken);
        let entry = self.entries.get_mut(place)?;
        let older = entry.delivery.as_ref()?;
        let merged = older.conflate(newer);
        let events = older.len().saturating_add(newer.len());
        let left_out = events.saturating_sub(merged.len());
        let frame = merged.frame(dialect);
        self.bytes = self
            .bytes
            .saturating_sub(entry.frame.len())
            .saturating_add(frame.len());
        entry.frame = frame;
        entry.delivery = Some(Arc::new(merged));
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use sm_common::ws::Subprotocol;

    use super::*;
    use crate::hub::delivery_tests::{delivery, offsets};

    const LIMITS: QueueLimits = QueueLimits {
        bytes_max: 4_000,
        age_max: Duration::from_secs(10),
        conflate_above_bytes: 1_000,
        pongs_max: 16,
    };

    const PLAIN: Dialect = Dialect {
        subprotocol: Subprotocol::Json,
        deflate_from: None,
    };

    fn taken(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop())
            .flat_map(|due| offsets(&due.frame))
            .collect()
    }

    #[test]
    fn a_reader_that_keeps_up_gets_everything_in_order() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        for offset in 1..=3 {
            let pushed = queue.push_events(&delivery(Channel::StreamState, &[offset]), PLAIN, now);
            assert_eq!(pushed, Pushed::Queued);
        }
        assert_eq!(taken(&mut queue), [1, 2, 3]);
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn a_slow_reader_of_a_state_gets_the_newest_and_memory_stays_bounded() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        let mut left_out = 0;
        for offset in 1..=5_000 {
            match queue.push_events(&delivery(Channel::StreamState, &[offset]), PLAIN, now) {
                Pushed::Queued => {}
                Pushed::Conflated { left_out: more } => left_out += more,
                Pushed::TooSlow(_) => panic!("a state may be conflated"),
            }
            assert!(queue.bytes() < 2_500, "{}", queue.bytes());
        }
        let heard = taken(&mut queue);
        assert_eq!(heard.len() + left_out, 5_000);
        assert_eq!(heard[heard.len() - 2..], [4_998, 5_000], "{heard:?}");
        assert!(heard.is_sorted());
        assert!(queue.newest.is_empty());
    }

    #[test]
    fn a_slow_reader_of_chat_is_told_so_before_anything_is_left_out() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        let mut offset = 0;
        let queued = loop {
            offset += 1;
            match queue.push_events(&delivery(Channel::Chat, &[offset]), PLAIN, now) {
                Pushed::Queued => {}
                Pushed::TooSlow(_) => break offset - 1,
                conflated @ Pushed::Conflated { .. } => panic!("{conflated:?}"),
            }
        };
        assert!(queue.bytes() < LIMITS.bytes_max + 500);
        assert_eq!(taken(&mut queue), (1..=queued).collect::<Vec<_>>());
    }

    #[test]
    fn an_event_that_waits_for_too_long_makes_the_reader_too_slow() {
        let mut queue = Queue::new(LIMITS);
        let start = Instant::now();
        let later = start + LIMITS.age_max + Duration::from_millis(1);
        queue.push_answer(Bytes::from_static(b"old answer"), start);
        queue.push_events(&delivery(Channel::Metrics, &[1]), PLAIN, start);
        let chat = delivery(Channel::Chat, &[1]);
        assert_eq!(queue.push_events(&chat, PLAIN, later), Pushed::Queued);
        let much_later = later + LIMITS.age_max + Duration::from_millis(1);
        assert!(queue.is_stale(much_later));
        assert_eq!(
            queue.push_events(&chat, PLAIN, much_later),
            Pushed::TooSlow(Limit::QueueAge)
        );
    }

    #[test]
    fn one_answer_may_be_larger_than_the_queue() {
        let mut queue = Queue::new(LIMITS);
        let now = Instant::now();
        let large = Bytes::from(vec![0; 10_000]);
        assert_eq!(queue.push_answer(large.clone(), now), Pushed::Queued);
        assert!(queue.is_congested());
        assert_eq!(
            queue.push_answer(large, now),
            Pushed::TooSlow(Limit::QueueBytes)
        );
    }
}
