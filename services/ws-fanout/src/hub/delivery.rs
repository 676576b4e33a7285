//! Events as subscribers hear them, written once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::Serialize;
use sm_bus::{Heard, Published};
use sm_common::clock::Timestamp;
use sm_common::event::{Channel, Event, EventType, Payload};
use sm_common::id::StreamId;
use sm_common::ws::Subprotocol;

use crate::session::{Dialect, Frames, write};
use crate::topic::Topic;

/// An event of a topic. The parts of messages that it makes are written once for each subprotocol.
#[derive(Debug)]
pub(crate) struct EncodedEvent {
    /// Its number in the history.
    pub(crate) offset: u64,
    pub(crate) kind: EventType,
    heard: Heard,
    json: Vec<u8>,
    message_pack: OnceLock<Vec<u8>>,
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
    pub(crate) fn new(heard: Heard) -> Option<Arc<Self>> {
        let json = body(&heard, Subprotocol::Json)?;
        Some(Arc::new(Self {
            offset: heard.offset,
            kind: heard.event.kind,
            heard,
            json,
            message_pack: OnceLock::new(),
        }))
    }

    /// Its size in bytes, as JSON.
    pub(crate) const fn len(&self) -> usize {
        self.json.len()
    }

    /// What it carries.
    pub(crate) fn data(&self) -> &serde_json::Value {
        &self.heard.event.data
    }

    /// What is sent in its place, in no history; `None` when it cannot be written.
    pub(crate) fn replaced_by<P: Payload>(&self, payload: &P) -> Option<Arc<Self>> {
        let Published {
            channel,
            stream,
            epoch,
            offset,
            event,
        } = &*self.heard;
        let told = Event::new(payload, &event.source, stream, event.time, None).ok()?;
        Self::new(Arc::new(Published {
            channel: *channel,
            stream: stream.clone(),
            epoch: epoch.clone(),
            offset: *offset,
            event: told,
        }))
    }

    fn written(&self, subprotocol: Subprotocol) -> &[u8] {
        match subprotocol {
            Subprotocol::Json => &self.json,
            // What could be written as JSON can be written.
            Subprotocol::MessagePack => self
                .message_pack
                .get_or_init(|| body(&self.heard, subprotocol).unwrap_or_default()),
        }
    }
}

/// `EventMessage` of an event.
fn body(heard: &Heard, subprotocol: Subprotocol) -> Option<Vec<u8>> {
    let body = EventBody {
        channel: heard.channel,
        stream: &heard.stream,
        offset: heard.offset,
        time: heard.event.time,
        event: heard.event.kind,
        data: &heard.event.data,
    };
    write(subprotocol, &body)
}

/// Consecutive or conflated events of a topic, and the frames that carry them to every subscriber
/// who is due all of them.
#[derive(Debug)]
pub(crate) struct Delivery {
    topic: Arc<Topic>,
    events: Vec<Arc<EncodedEvent>>,
    is_conflatable: bool,
    frames: Frames,
}

impl Delivery {
    pub(crate) fn new(
        topic: Arc<Topic>,
        events: Vec<Arc<EncodedEvent>>,
        is_conflatable: bool,
    ) -> Self {
        Self {
            topic,
            events,
            is_conflatable,
            frames: Frames::default(),
        }
    }

    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The frame that everybody gets who is spoken to like this.
    pub(crate) fn frame(&self, dialect: Dialect) -> Bytes {
        let write = |subprotocol| message(subprotocol, &self.events);
        self.frames.get(dialect, write)
    }

    /// Whether a reader that is behind may be given the newest events alone.
    pub(crate) const fn is_conflatable(&self) -> bool {
        self.is_conflatable
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
        (!due.is_empty()).then(|| Arc::new(self.with(due)))
    }

    /// What is left for a slow reader of this and the `newer` delivery: the newest event of each
    /// type, in order.
    pub(crate) fn conflate(&self, newer: &Self) -> Self {
        let mut left: Vec<Arc<EncodedEvent>> = Vec::new();
        for event in self.events.iter().chain(&newer.events) {
            left.retain(|older| older.kind != event.kind);
            left.push(Arc::clone(event));
        }
        self.with(left)
    }

    fn with(&self, events: Vec<Arc<EncodedEvent>>) -> Self {
        Self::new(Arc::clone(&self.topic), events, self.is_conflatable)
    }
}

/// `ServerMessage::Event` of one event, `ServerMessage::Batch` of several.
fn message(subprotocol: Subprotocol, events: &[Arc<EncodedEvent>]) -> Vec<u8> {
    if let [event] = events {
        return subprotocol.write_tagged("event", event.written(subprotocol));
    }
    let written: Vec<_> = events
        .iter()
        .map(|event| event.written(subprotocol))
        .collect();
    subprotocol.write_list("batch", "events", &written)
}

#[cfg(test)]
pub(crate) mod tests {
    use sm_bus::Published;
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
    pub(crate) fn published(channel: Channel, epoch: &str, offset: u64) -> Heard {
        let (stream, at) = (StreamId::default(), Timestamp::from_unix_millis(7));
        let event = if offset.is_multiple_of(3) {
            Event::new(&StreamErrorCleared(error()), "/test", &stream, at, None)
        } else {
            Event::new(&StreamErrorRaised(error()), "/test", &stream, at, None)
        };
        Arc::new(Published {
            channel,
            stream,
            epoch: Epoch::from(epoch.to_owned()),
            offset,
            event: event.unwrap(),
        })
    }

    pub(crate) fn delivery(channel: Channel, offsets: &[u64]) -> Arc<Delivery> {
        let events = offsets
            .iter()
            .map(|offset| EncodedEvent::new(published(channel, "e", *offset)).unwrap());
        let is_conflatable = channel.is_conflatable();
        Arc::new(Delivery::new(
            topic(channel),
            events.collect(),
            is_conflatable,
        ))
    }

    /// The frame for a client that asked for nothing.
    pub(crate) fn frame(delivery: &Delivery) -> Bytes {
        delivery.frame(Dialect::default())
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
        for subprotocol in Subprotocol::ALL {
            let dialect = Dialect {
                subprotocol,
                deflate_from: None,
            };
            let read = |offsets: &[u64]| {
                let frame = delivery(Channel::Chat, offsets).frame(dialect);
                let head = if frame[1] < 126 { 2 } else { 4 };
                subprotocol.read::<ServerMessage>(&frame[head..]).unwrap()
            };
            let ServerMessage::Event(event) = read(&[4]) else {
                panic!("one event is no batch")
            };
            assert_eq!(event.event, EventType::StreamErrorRaised);
            assert_eq!(event.data, serde_json::to_value(error()).unwrap());
            let ServerMessage::Batch { events } = read(&[4, 5, 6]) else {
                panic!("several events are a batch")
            };
            let offsets: Vec<_> = events.iter().map(|event| event.offset).collect();
            assert_eq!(offsets, [4, 5, 6]);
        }
    }

    #[test]
    fn everybody_who_is_spoken_to_alike_is_given_the_same_bytes() {
        let delivery = delivery(Channel::Chat, &(1..=20).collect::<Vec<_>>());
        let mut all = std::collections::HashSet::new();
        for subprotocol in Subprotocol::ALL {
            for deflate_from in [None, Some(100)] {
                let dialect = Dialect {
                    subprotocol,
                    deflate_from,
                };
                let bytes = delivery.frame(dialect).as_ptr();
                assert_eq!(delivery.frame(dialect).as_ptr(), bytes);
                all.insert(bytes);
            }
            let small_is_not_deflated = Dialect {
                subprotocol,
                deflate_from: Some(1 << 20),
            };
            all.insert(delivery.frame(small_is_not_deflated).as_ptr());
        }
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_subscriber_is_due_what_comes_after_its_position() {
        let all = delivery(Channel::Chat, &[4, 5, 6]);
        assert!(Arc::ptr_eq(&all.after(3).unwrap(), &all));
        assert_eq!(offsets(&frame(&all.after(5).unwrap())), [6]);
        assert!(all.after(6).is_none());
    }

    #[test]
    fn conflation_keeps_the_newest_event_of_each_type_in_order() {
        let older = delivery(Channel::StreamState, &[1, 2, 3]);
        let newer = delivery(Channel::StreamState, &[4, 5]);
        assert_eq!(offsets(&frame(&older.conflate(&newer))), [3, 5]);
    }
}
