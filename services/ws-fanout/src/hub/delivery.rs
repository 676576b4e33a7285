//! Events as subscribers hear them, encoded once.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use sm_bus::Published;
use sm_common::clock::Timestamp;
use sm_common::event::{Channel, EventType};
use sm_common::id::StreamId;

use crate::session::wire;
use crate::topic::Topic;

/// An event of a topic.
#[derive(Debug)]
pub(crate) struct EncodedEvent {
    /// Its number in the history.
    pub(crate) offset: u64,
    kind: EventType,
    /// `EventMessage` as a JSON object.
    json: Vec<u8>,
}

/// `EventMessage`, borrowed.
#[derive(Serialize)]
struct EventBody<'a> {
    channel: Channel,
    stream: &'a StreamId,
    offset: u64,
    time: Timestamp,
    event: EventType,
    data: &'a serde_json::Value,
}

impl EncodedEvent {
    /// Encodes an event; `None` when it cannot be written, which would be a fault of ours.
    pub(crate) fn new(published: &Published) -> Option<Arc<Self>> {
        let body = EventBody {
            channel: published.channel,
            stream: &published.stream,
            offset: published.offset,
            time: published.event.time,
            event: published.event.kind,
            data: &published.event.data,
        };
        match serde_json::to_vec(&body) {
            Ok(json) => Some(Arc::new(Self {
                offset: published.offset,
                kind: published.event.kind,
                json,
            })),
            Err(error) => {
                tracing::error!(%error, "an event cannot be written as JSON");
                None
            }
        }
    }

    /// Its size in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.json.len()
    }
}

/// Consecutive or conflated events of a topic, and the one frame that carries them to every
/// subscriber who is due all of them.
#[derive(Debug)]
pub(crate) struct Delivery {
    topic: Arc<Topic>,
    events: Vec<Arc<EncodedEvent>>,
    frame: Bytes,
}

impl Delivery {
    pub(crate) fn new(topic: Arc<Topic>, events: Vec<Arc<EncodedEvent>>) -> Self {
        let frame = wire::text(&message(&events));
        Self {
            topic,
            events,
            frame,
        }
    }

    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    pub(crate) fn frame(&self) -> Bytes {
        self.frame.clone()
    }

    /// How many events it carries.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The part of it that a subscriber at `offset` is due: all, some or nothing.
    pub(crate) fn after(self: &Arc<Self>, offset: u64) -> Option<Arc<Self>> {
        if self
            .events
            .first()
            .is_some_and(|event| event.offset > offset)
        {
            return Some(Arc::clone(self));
        }
        let due: Vec<_> = self
            .events
            .iter()
            .filter(|event| event.offset > offset)
            .cloned()
            .collect();
        (!due.is_empty()).then(|| Arc::new(Self::new(Arc::clone(&self.topic), due)))
    }

    /// What is left for a slow reader of this and the `newer` delivery: the newest event of each
    /// type, in order.
    pub(crate) fn conflate(&self, newer: &Self) -> Self {
        let mut left: Vec<Arc<EncodedEvent>> = Vec::new();
        for event in self.events.iter().chain(&newer.events) {
            left.retain(|older| older.kind != event.kind);
            left.push(Arc::clone(event));
        }
        Self::new(Arc::clone(&self.topic), left)
    }
}

/// `ServerMessage::Event` of one event, `ServerMessage::Batch` of several.
fn message(events: &[Arc<EncodedEvent>]) -> Vec<u8> {
    let mut json = Vec::new();
    if let [event] = events {
        json.extend_from_slice(br#"{"type":"event","#);
        json.extend_from_slice(event.json.strip_prefix(b"{").unwrap_or_default());
        return json;
    }
    json.extend_from_slice(br#"{"type":"batch","events":["#);
    for (place, event) in events.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        json.extend_from_slice(&event.json);
    }
    json.extend_from_slice(b"]}");
    json
}

#[cfg(test)]
pub(crate) mod tests {
    use sm_common::event::{Epoch, Event, StreamErrorCleared, StreamErrorRaised};
    use sm_common::stream::{Severity, StreamError};
    use sm_common::ws::ServerMessage;

    use super::*;

    fn error() -> StreamError {
        StreamError {
            code: "worker.killed".to_owned(),
            severity: Severity::Error,
            component: "worker".to_owned(),
            message: "the worker \"ended\"".to_owned(),
            since: Timestamp::from_unix_millis(1),
            count: 1,
            recovering: true,
        }
    }

    pub(crate) fn topic(channel: Channel) -> Arc<Topic> {
        Arc::new(Topic {
            channel,
            stream: StreamId::default(),
        })
    }

    /// Event number `offset` of `epoch`; the numbers that divide by three are of another type.
    pub(crate) fn published(channel: Channel, epoch: &str, offset: u64) -> Published {
        let (stream, at) = (StreamId::default(), Timestamp::from_unix_millis(7));
        let event = if offset.is_multiple_of(3) {
            Event::new(&StreamErrorCleared(error()), "/test", &stream, at, None)
        } else {
            Event::new(&StreamErrorRaised(error()), "/test", &stream, at, None)
        };
        Published {
            channel,
            stream,
            epoch: Epoch::from(epoch.to_owned()),
            offset,
            event: event.unwrap(),
        }
    }

    pub(crate) fn delivery(channel: Channel, offsets: &[u64]) -> Arc<Delivery> {
        let events = offsets
            .iter()
            .map(|offset| EncodedEvent::new(&published(channel, "e", *offset)).unwrap());
        Arc::new(Delivery::new(topic(channel), events.collect()))
    }

    /// The offsets in the frame of a delivery.
    pub(crate) fn offsets(frame: &[u8]) -> Vec<u64> {
        let start = frame.iter().position(|byte| *byte == b'{').unwrap();
        let message: serde_json::Value = serde_json::from_slice(&frame[start..]).unwrap();
        let offset = |event: &serde_json::Value| event["offset"].as_u64().unwrap();
        match message["events"].as_array() {
            Some(events) => events.iter().map(offset).collect(),
            None => vec![offset(&message)],
        }
    }

    #[test]
    fn a_frame_reads_back_as_the_events_it_was_made_of() {
        let frame = delivery(Channel::Chat, &[4]).frame();
        let read: ServerMessage = serde_json::from_slice(&frame[4..]).unwrap();
        let ServerMessage::Event(event) = &read else {
            panic!("{read:?}")
        };
        assert_eq!(event.event, EventType::StreamErrorRaised);
        assert_eq!(event.data, serde_json::to_value(error()).unwrap());
        assert_eq!(
            offsets(&delivery(Channel::Chat, &[4, 5, 6]).frame()),
            [4, 5, 6]
        );
    }

    #[test]
    fn a_subscriber_is_due_what_comes_after_its_position() {
        let all = delivery(Channel::Chat, &[4, 5, 6]);
        assert!(Arc::ptr_eq(&all.after(3).unwrap(), &all));
        assert_eq!(offsets(&all.after(5).unwrap().frame()), [6]);
        assert!(all.after(6).is_none());
    }

    #[test]
    fn conflation_keeps_the_newest_event_of_each_type_in_order() {
        let older = delivery(Channel::StreamState, &[1, 2, 3]);
        let newer = delivery(Channel::StreamState, &[4, 5]);
        assert_eq!(offsets(&older.conflate(&newer).frame()), [3, 5]);
    }
}
