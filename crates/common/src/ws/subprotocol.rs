//! The subprotocols: the same messages, written in one of two ways.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The subprotocol name for JSON text frames.
pub const SUBPROTOCOL_JSON: &str = "stream-manager.v1+json";
/// The subprotocol name for MessagePack binary frames.
pub const SUBPROTOCOL_MESSAGEPACK: &str = "stream-manager.v1+msgpack";

/// How deeply a message may be nested; JSON has the same limit.
const DEPTH_MAX: usize = 128;

/// How the messages of a connection are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Subprotocol {
    /// JSON, in text frames.
    #[default]
    Json,
    /// `MessagePack`, in binary frames. Its maps have the names of the JSON; identifiers, times and
    /// choices are the same strings.
    MessagePack,
}

/// A message cannot be written, which would be a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// As JSON.
    #[error("write JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// As `MessagePack`.
    #[error("write MessagePack: {0}")]
    MessagePack(#[source] rmp_serde::encode::Error),
}

/// Bytes are no message. The text is for whoever sent them.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or JSON of another shape.
    #[error("{0}")]
    Json(#[source] serde_json::Error),
    /// Not `MessagePack`, or of another shape.
    #[error("{0}")]
    MessagePack(#[source] rmp_serde::decode::Error),
    /// There is more than one value.
    #[error("there are bytes after the message")]
    Trailing,
}

impl Subprotocol {
    /// Every subprotocol.
    pub const ALL: [Self; 2] = [Self::Json, Self::MessagePack];

    /// The name in `Sec-WebSocket-Protocol`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => SUBPROTOCOL_JSON,
            Self::MessagePack => SUBPROTOCOL_MESSAGEPACK,
        }
    }

    /// The subprotocol of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Writes a message.
    pub fn write<T: Serialize>(self, message: &T) -> Result<Vec<u8>, WriteError> {
        match self {
            Self::Json => serde_json::to_vec(message).map_err(WriteError::Json),
            Self::MessagePack => {
                let mut bytes = Vec::new();
                let mut writer = rmp_serde::Serializer::new(&mut bytes)
                    .with_struct_map()
                    .with_human_readable();
                message
                    .serialize(&mut writer)
                    .map_err(WriteError::MessagePack)?;
                Ok(bytes)
            }
        }
    }

    /// Reads a message, which is all of the bytes.
    pub fn read<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, ReadError> {
        match self {
            Self::Json => serde_json::from_slice(bytes).map_err(ReadError::Json),
            Self::MessagePack => {
                let mut reader = rmp_serde::Deserializer::new(bytes).with_human_readable();
                reader.set_max_depth(DEPTH_MAX);
                let message = T::deserialize(&mut reader).map_err(ReadError::MessagePack)?;
                if reader.into_inner().is_empty() {
                    Ok(message)
                } else {
                    Err(ReadError::Trailing)
                }
            }
        }
    }

    /// A map as [`Self::write`] makes it, of fewer than 15 fields, with a `type` before them.
    pub fn write_tagged(self, kind: &str, map: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (head, fields) = map.split_first().unwrap_or((&0, &[]));
        match self {
            Self::Json => bytes.extend_from_slice(format!("{{\"type\":\"{kind}\",").as_bytes()),
            Self::MessagePack => {
                bytes.push(head.saturating_add(1));
                messagepack::short_text(&mut bytes, "type");
                messagepack::short_text(&mut bytes, kind);
            }
        }
        bytes.extend_from_slice(fields);
        bytes
    }

    /// A map of a `type`, and under `name` a list of what [`Self::write`] has made.
    pub fn write_list(self, kind: &str, name: &str, items: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Json => {
                let head = format!("{{\"type\":\"{kind}\",\"{name}\":[");
                bytes.extend_from_slice(head.as_bytes());
                bytes.extend_from_slice(&items.join(&b','));
                bytes.extend_from_slice(b"]}");
            }
            Self::MessagePack => {
                bytes.push(messagepack::MAP_OF_TWO);
                messagepack::short_text(&mut bytes, "type");
                messagepack::short_text(&mut bytes, kind);
                messagepack::short_text(&mut bytes, name);
                messagepack::list(&mut bytes, items.len());
                bytes.extend_from_slice(&items.concat());
            }
        }
        bytes
    }
}

/// The few heads of values that stand before what is written already.
mod messagepack {
    pub(super) const MAP_OF_TWO: u8 = 0x82;
    const TEXT: u8 = 0xa0;
    const TEXT_BYTES_MAX: u8 = 31;
    const LIST: u8 = 0xdd;

    /// A text of at most 31 bytes.
    pub(super) fn short_text(bytes: &mut Vec<u8>, text: &str) {
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        debug_assert!(length <= TEXT_BYTES_MAX, "{text} is no short text");
        bytes.push(TEXT | length.min(TEXT_BYTES_MAX));
        bytes.extend_from_slice(text.as_bytes());
    }

    /// The head of a list of so many values.
    pub(super) fn list(bytes: &mut Vec<u8>, count: usize) {
        bytes.push(LIST);
        bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auth::Role;
    use crate::event::{Channel, Epoch, EventType, Position};
    use crate::id::{ConnectionId, StreamId, UserId};
    use crate::ws::{
        ClientMessage, ConnectionLimits, EventMessage, Present, ServerMessage, Watcher,
    };

    fn event(offset: u64, data: serde_json::Value) -> EventMessage {
        EventMessage {
            channel: Channel::Chat,
            stream: StreamId::default(),
            offset,
            time: crate::clock::Timestamp::from_unix_millis(7),
            event: EventType::ChatMessagePosted,
            data,
        }
    }

    /// One of every message that a client hears.
    fn heard() -> Vec<ServerMessage> {
        let data = serde_json::json!({"text": "é", "n": [1, -2, 0.5, null, true], "big": u64::MAX});
        vec![
            ServerMessage::Welcome {
                session: ConnectionId::generate(),
                heartbeat_ms: 10_000,
                limits: ConnectionLimits {
                    frame_bytes_max: 65_536,
                    subscriptions_max: 128,
                    messages_per_second: 20,
                },
                authenticated: true,
            },
            ServerMessage::Subscribed {
                id: 1,
                channel: Channel::StreamState,
                stream: StreamId::default(),
                recovered: false,
                epoch: Epoch::generate(),
                offset: u64::MAX,
                snapshot: Some(data.clone()),
            },
            ServerMessage::ack(2),
            ServerMessage::Event(event(3, data.clone())),
            ServerMessage::Batch {
                events: vec![event(4, data), event(5, serde_json::Value::Null)],
            },
            ServerMessage::Error {
                id: None,
                code: "internal".to_owned(),
                detail: "why".to_owned(),
                retry_after_ms: Some(5),
            },
            ServerMessage::Ack {
                id: 6,
                held: None,
                present: Some(Present {
                    connections: 2,
                    people: Some(vec![Watcher {
                        user: UserId::generate(),
                        name: "Ana".to_owned(),
                        role: Role::Moderator,
                    }]),
                    more: true,
                }),
            },
            ServerMessage::Pong { id: 6 },
            ServerMessage::Link { live: false },
            ServerMessage::Goodbye {
                reason: "going away".to_owned(),
                reconnect_after_ms: 7,
            },
        ]
    }

    #[test]
    fn every_message_reads_back_in_both_subprotocols() {
        for subprotocol in Subprotocol::ALL {
            for message in heard() {
                let bytes = subprotocol.write(&message).unwrap();
                assert_eq!(subprotocol.read::<ServerMessage>(&bytes).unwrap(), message);
            }
            let subscribe = ClientMessage::Subscribe {
                id: 1,
                channel: Channel::Metrics,
                stream: StreamId::default(),
                since: Some(Position {
                    epoch: Epoch::generate(),
                    offset: 1 << 40,
                }),
                sample: false,
            };
            let bytes = subprotocol.write(&subscribe).unwrap();
            assert_eq!(
                subprotocol.read::<ClientMessage>(&bytes).unwrap(),
                subscribe
            );
        }
    }

    #[test]
    fn a_map_in_messagepack_has_the_fields_of_the_json() {
        for message in heard() {
            let bytes = Subprotocol::MessagePack.write(&message).unwrap();
            let fields: serde_json::Value = Subprotocol::MessagePack.read(&bytes).unwrap();
            assert_eq!(fields, serde_json::to_value(&message).unwrap());
        }
    }

    #[test]
    fn what_is_put_together_from_parts_is_the_message() {
        let events: Vec<_> = (0..40).map(|n| event(n, serde_json::json!(n))).collect();
        for subprotocol in Subprotocol::ALL {
            let parts: Vec<_> = events
                .iter()
                .map(|e| subprotocol.write(e).unwrap())
                .collect();
            let single = subprotocol.write_tagged("event", &parts[7]);
            let read: ServerMessage = subprotocol.read(&single).unwrap();
            assert_eq!(read, ServerMessage::Event(events[7].clone()));
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let several = subprotocol.write_list("batch", "events", &parts);
            let read: ServerMessage = subprotocol.read(&several).unwrap();
            assert_eq!(
                read,
                ServerMessage::Batch {
                    events: events.clone()
                }
            );
        }
    }

    #[test]
    fn what_is_no_message_is_refused_in_both_subprotocols() {
        let ping = ClientMessage::Ping { id: 1 };
        for subprotocol in Subprotocol::ALL {
            let read = |bytes: &[u8]| subprotocol.read::<ClientMessage>(bytes);
            let whole = subprotocol.write(&ping).unwrap();
            assert!(read(&whole).is_ok());
            assert!(read(&[]).is_err());
            assert!(read(&whole[..whole.len() - 1]).is_err());
            assert!(read(&[&whole[..], &whole[..]].concat()).is_err());
            let extra = serde_json::json!({"type": "ping", "id": 1, "extra": true});
            assert!(read(&subprotocol.write(&extra).unwrap()).is_err());
        }
        // A tower of lists, and a list that says it has four thousand million entries.
        let read = |bytes: &[u8]| Subprotocol::MessagePack.read::<ClientMessage>(bytes);
        assert!(read(&vec![0x91; 60_000]).is_err());
        assert!(read(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_sends_makes_a_reader_panic(bytes: Vec<u8>) {
            for subprotocol in Subprotocol::ALL {
                let _ = subprotocol.read::<ClientMessage>(&bytes);
            }
        }
    }
}
