//! Reads a stream's chat for as long as it is wanted: exactly, also over outages of Redis.

use std::sync::Arc;
use std::time::Duration;

use sm_bus::{Bus, BusError, History, Signal};
use sm_common::chat::ChatChange;
use sm_common::event::Channel;
use sm_common::id::StreamId;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ReaderEnds;
use super::record::{Record, Taken};
use crate::config::ChatConfig;

/// Wait before a failed read is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// How often an empty history is read again because an event came meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// Reads the chat of one stream.
#[derive(Debug)]
pub(crate) struct ChatReader {
    pub(crate) bus: Bus,
    pub(crate) stream: StreamId,
    pub(crate) ends: ReaderEnds,
    pub(crate) config: ChatConfig,
    /// Most events that are read to close a gap.
    pub(crate) history_max: usize,
    /// Distance between two comparisons with the published position.
    pub(crate) check_every: Duration,
}

/// What a reader that follows the chat knows and is about to do.
#[derive(Debug)]
struct Following {
    record: Option<Record>,
    /// When to read the history: at first, after a gap, and when events may have been missed.
    read_at: Option<Instant>,
    check_at: Instant,
    tell_at: Option<Instant>,
    told_at: Option<Instant>,
}

impl Following {
    /// The next moment at which there is something to do.
    fn due(&self) -> Instant {
        let moments = [self.read_at, self.tell_at].into_iter().flatten();
        moments.fold(self.check_at, Instant::min)
    }

    /// Has what changed told: what is new together with what comes within `every`, what was
    /// deleted at once.
    fn tell(&mut self, change: ChatChange, every: Duration, now: Instant) {
        let soon = self.told_at.map_or(now, |told| now.max(told + every));
        let moment = match change {
            ChatChange::Nothing => return,
            ChatChange::Posted | ChatChange::Edited => soon,
            ChatChange::Deleted => now,
        };
        self.tell_at = Some(self.tell_at.map_or(moment, |known| known.min(moment)));
    }
}

impl ChatReader {
    /// Follows the chat whenever it is wanted, until `stop`.
    pub(crate) async fn keep(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                wanted = self.ends.wanted.wait_for(|wanted| *wanted) => if wanted.is_err() {
                    return;
                },
                () = stop.cancelled() => return,
            }
            let end = stop.child_token();
            let _unsubscribes = end.clone().drop_guard();
            let followed = Box::pin(stop.run_until_cancelled(self.follow(end)));
            if followed.await.is_none() {
                return;
            }
            self.ends.feed.send_replace(None);
        }
    }

    /// Follows the chat until it is not wanted any more. What is known stays told while Redis is
    /// away.
    async fn follow(&mut self, end: CancellationToken) {
        let mut listener = self.bus.listen(&[Channel::Chat], end);
        let now = Instant::now();
        let mut following = Following {
            record: None,
            read_at: None,
            check_at: now + self.check_every,
            tell_at: None,
            told_at: None,
        };
        loop {
            tokio::select! {
                signal = listener.next() => match signal {
                    Some(signal) => self.hear(signal, &mut following),
                    None => return,
                },
                Ok(()) = self.ends.wanted.changed() => {
                    if !*self.ends.wanted.borrow_and_update() {
                        return;
                    }
                }
                () = sleep_until(following.due()) => {}
            }
            self.act(&mut following).await;
        }
    }

    fn hear(&self, signal: Signal, following: &mut Following) {
        let now = Instant::now();
        match signal {
            // What came before has to be read.
            Signal::Up => following.read_at = Some(now),
            Signal::Event(event) if event.stream == self.stream => {
                let Some(record) = &mut following.record else {
                    return;
                };
                match record.take(&event) {
                    Taken::Next(change) => {
                        following.tell(change, self.config.tell_every(), now);
                    }
                    Taken::Known => {}
                    Taken::Gap => following.read_at = Some(now),
                }
            }
            Signal::Event(_) | Signal::Down => {}
        }
    }

    async fn act(&self, following: &mut Following) {
        let now = Instant::now();
        if following.check_at <= now {
            following.check_at = now + self.check_every;
            self.check(following).await;
        }
        if following.read_at.is_some_and(|moment| moment <= now) {
            self.read(following).await;
        }
        let now = Instant::now();
        if following.tell_at.is_some_and(|moment| moment <= now)
            && let Some(record) = &following.record
        {
            (following.tell_at, following.told_at) = (None, Some(now));
            self.ends.feed.send_replace(Some(Arc::new(record.feed())));
        }
    }

    /// Notices an event that was published and never heard, when none follows it.
    async fn check(&self, following: &mut Following) {
        let Some(record) = &following.record else {
            return;
        };
        let published = self.bus.current_position(&self.stream, Channel::Chat).await;
        if let Ok(Some(published)) = published
            && record.is_behind(&published)
        {
            following.read_at = Some(Instant::now());
        }
    }

    async fn read(&self, following: &mut Following) {
        match self.try_read(following.record.as_mut()).await {
            Ok(anew) => {
                following.read_at = None;
                if let Some(record) = anew {
                    following.record = Some(record);
                }
                following.tell_at = Some(Instant::now());
            }
            Err(error) => {
                let stream = &self.stream;
                if error.is_unavailable() {
                    tracing::debug!(stream.id = %stream, %error, "the chat was not read");
                } else {
                    tracing::warn!(stream.id = %stream, %error, "the chat was not read");
                }
                following.read_at = Some(Instant::now() + RETRY);
            }
        }
    }

    /// Brings `known` up to date, or returns a record that replaces it.
    async fn try_read(&self, known: Option<&mut Record>) -> Result<Option<Record>, BusError> {
        if let Some(known) = known {
            let missed = self
                .bus
                .history_since(
                    &self.stream,
                    Channel::Chat,
                    known.position(),
                    self.history_max,
                )
                .await?;
            if let History::Complete(missed) = missed {
                for event in &missed {
                    known.take(event);
                }
                return Ok(None);
            }
        }
        let mut attempts = 0;
        loop {
            attempts += 1;
            let read_at = self.bus.clock().now();
            let newest = self
                .bus
                .newest(&self.stream, Channel::Chat, self.config.history_events)
                .await?;
            if let Some(last) = newest.last() {
                return Ok(Some(Record::read(read_at, last.position(), &newest)));
            }
            let begun = self.bus.begin_history(&self.stream, Channel::Chat).await?;
            // Only the beginning of a history stands for no messages.
            if begun.offset == 0 || attempts >= ATTEMPTS_MAX {
                return Ok(Some(Record::read(read_at, begun, &[])));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_gathered_and_what_is_deleted_is_told_at_once() {
        let every = Duration::from_millis(100);
        let start = Instant::now();
        let mut following = Following {
            record: None,
            read_at: None,
            check_at: start + Duration::from_secs(1),
            tell_at: None,
            told_at: None,
        };
        following.tell(ChatChange::Nothing, every, start);
        assert_eq!(following.tell_at, None);
        following.tell(ChatChange::Posted, every, start);
        assert_eq!(following.tell_at, Some(start), "nothing was told lately");
        (following.tell_at, following.told_at) = (None, Some(start));
        let later = start + Duration::from_millis(10);
        following.tell(ChatChange::Posted, every, later);
        following.tell(ChatChange::Posted, every, start + Duration::from_millis(50));
        assert_eq!(following.due(), start + every);
        following.tell(ChatChange::Deleted, every, later);
        assert_eq!(following.due(), later);
    }
}
