//! What somebody is sent of a chat that is faster than anybody reads. Pure: time is an argument.
//!
//! Messages of people pass at a steady pace, and what is above it is left out; everything else passes:
//! announcements, deletions, what happens to people. The last event that is left out of a batch
//! gives its place in the history to a notice, so nothing is left out silently, and a reader's position
//! stays one that it can come back with.

use std::sync::Arc;
use std::time::Duration;

use sm_common::chat::ChatSampled;
use sm_common::event::EventType;
use tokio::time::Instant;

use super::delivery::EncodedEvent;

const SECOND: Duration = Duration::from_secs(1);

/// What passes of a topic.
#[derive(Debug)]
pub(super) struct Sampler {
    per_second: u32,
    /// When everything that passed is earned.
    earned_at: Option<Instant>,
    second: Option<Instant>,
    left_out_in_second: u64,
}

impl Sampler {
    /// A sampler that lets so many messages of people pass a second; 0 for all.
    pub(super) const fn new(per_second: u32) -> Self {
        Self {
            per_second,
            earned_at: None,
            second: None,
            left_out_in_second: 0,
        }
    }

    /// What is sent of these events; `None` for all of them.
    pub(super) fn take(
        &mut self,
        events: &[Arc<EncodedEvent>],
        now: Instant,
    ) -> Option<Vec<Arc<EncodedEvent>>> {
        let passes: Vec<bool> = events.iter().map(|event| self.passes(event, now)).collect();
        let last = passes.iter().rposition(|passes| !passes)?;
        let left_out = passes.iter().filter(|passes| !**passes).count();
        let left_out = u64::try_from(left_out).unwrap_or(u64::MAX);
        if self.second.is_none_or(|began| began + SECOND <= now) {
            self.second = Some(now);
            self.left_out_in_second = 0;
        }
        self.left_out_in_second = self.left_out_in_second.saturating_add(left_out);
        let notice = ChatSampled {
            left_out,
            left_out_this_second: self.left_out_in_second,
        };
        let sent = events.iter().zip(passes).enumerate();
        let sent = sent.filter_map(|(place, (event, passes))| {
            if passes {
                Some(Arc::clone(event))
            } else if place == last {
                event.replaced_by(&notice)
            } else {
                None
            }
        });
        Some(sent.collect())
    }

    fn passes(&mut self, event: &EncodedEvent, now: Instant) -> bool {
        if self.per_second == 0 || !is_of_a_person(event) {
            return true;
        }
        let earned_at = self.earned_at.unwrap_or(now).max(now);
        // As many as pass in a second may pass at once after a pause.
        if earned_at.duration_since(now) >= SECOND {
            return false;
        }
        self.earned_at = Some(earned_at + SECOND / self.per_second);
        true
    }
}

/// Whether the event is a message that a person posted for no more than conversation.
fn is_of_a_person(event: &EncodedEvent) -> bool {
    let kind = event.data().get("kind").and_then(|kind| kind.as_str());
    event.kind == EventType::ChatMessagePosted && kind.is_none_or(|kind| kind == "message")
}

#[cfg(test)]
mod tests {
    use sm_bus::Published;
    use sm_common::auth::Role;
    use sm_common::chat::{ChatKind, ChatMessage, ChatMessageDeleted};
    use sm_common::clock::Timestamp;
    use sm_common::event::{Channel, Epoch, Event, Payload};
    use sm_common::id::{MessageId, StreamId, UserId};

    use super::*;

    fn encoded<P: Payload>(offset: u64, payload: &P) -> Arc<EncodedEvent> {
        let (stream, at) = (StreamId::default(), Timestamp::from_unix_millis(7));
        EncodedEvent::new(Arc::new(Published {
            channel: Channel::Chat,
            event: Event::new(payload, "/test", &stream, at, None).unwrap(),
            stream,
            epoch: Epoch::from("e".to_owned()),
            offset,
        }))
        .unwrap()
    }

    fn message(kind: ChatKind) -> ChatMessage {
        let at = Timestamp::from_unix_millis(7);
        ChatMessage {
            kind,
            ..ChatMessage::new(UserId::generate(), "Ada", Role::Viewer, "hi", at)
        }
    }

    fn messages(offsets: std::ops::Range<u64>) -> Vec<Arc<EncodedEvent>> {
        offsets
            .map(|offset| encoded(offset, &message(ChatKind::Message)))
            .collect()
    }

    fn offsets(sent: &[Arc<EncodedEvent>]) -> Vec<u64> {
        sent.iter().map(|event| event.offset).collect()
    }

    #[test]
    fn what_is_left_out_is_told_at_its_place() {
        let mut sampler = Sampler::new(4);
        let now = Instant::now();
        assert!(sampler.take(&messages(1..5), now).is_none(), "all pass");
        let mut flood = messages(5..10);
        let gone = ChatMessageDeleted {
            id: MessageId::generate(),
        };
        flood.push(encoded(10, &gone));
        flood.push(encoded(11, &message(ChatKind::Announcement)));
        let sent = sampler.take(&flood, now).unwrap();
        assert_eq!(offsets(&sent), [9, 10, 11]);
        assert_eq!(sent[0].kind, EventType::ChatSampled);
        let told = serde_json::json!({"left_out": 5, "left_out_this_second": 5});
        assert_eq!(*sent[0].data(), told);
        let later = now + SECOND / 4;
        let sent = sampler.take(&messages(12..15), later).unwrap();
        assert_eq!(offsets(&sent), [12, 14]);
        let told = serde_json::json!({"left_out": 2, "left_out_this_second": 7});
        assert_eq!(*sent[1].data(), told);
        let next = now + SECOND * 3;
        let sent = sampler.take(&messages(15..20), next).unwrap();
        assert_eq!(offsets(&sent), [15, 16, 17, 18, 19]);
        let told = serde_json::json!({"left_out": 1, "left_out_this_second": 1});
        assert_eq!(*sent[4].data(), told);
    }

    #[test]
    fn nothing_is_left_out_where_that_is_switched_off() {
        let mut sampler = Sampler::new(0);
        assert!(sampler.take(&messages(1..500), Instant::now()).is_none());
    }
}
