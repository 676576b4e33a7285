//! The WebSocket protocol: what a client may say, what it hears, and how a connection ends.

mod deflate;
mod subprotocol;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Role;
use crate::clock::Timestamp;
use crate::event::{Channel, Epoch, EventType, Position};
use crate::id::{ConnectionId, MessageId, StreamId, UserId};

pub use deflate::{DEFLATED, InflateError, deflate, inflate};
pub use subprotocol::{
    ReadError, SUBPROTOCOL_JSON, SUBPROTOCOL_MESSAGEPACK, Subprotocol, WriteError,
};

/// What a client says. `id` is echoed in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClientMessage {
    /// Says what the client can do besides what every client can.
    Hello {
        /// Echoed in the answer.
        id: u64,
        /// Large messages may come deflated from now on, and the client may send such ones.
        #[serde(default)]
        deflate: bool,
    },
    /// Proves who connects, or replaces the proof before it ends.
    Auth {
        /// Echoed in the answer.
        id: u64,
        /// An access token.
        token: String,
    },
    /// Asks for the events of a channel, after `since` where given.
    Subscribe {
        /// Echoed in the answer.
        id: u64,
        /// The channel.
        channel: Channel,
        /// The stream.
        #[serde(default)]
        stream: StreamId,
        /// The last position the client has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Position>,
        /// On `chat`: while more is posted than can be read, only a sample of it, and how much was
        /// left out.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        sample: bool,
    },
    /// Asks for no more of them.
    Unsubscribe {
        /// Echoed in the answer.
        id: u64,
        /// The channel.
        channel: Channel,
        /// The stream.
        #[serde(default)]
        stream: StreamId,
    },
    /// Posts to `chat`.
    Publish {
        /// Echoed in the answer.
        id: u64,
        /// The channel; only `chat` takes messages from clients.
        channel: Channel,
        /// The stream.
        #[serde(default)]
        stream: StreamId,
        /// The message.
        text: String,
        /// The message that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
    },
    /// Asks who watches a channel.
    Presence {
        /// Echoed in the answer.
        id: u64,
        /// The channel.
        channel: Channel,
        /// The stream.
        #[serde(default)]
        stream: StreamId,
    },
    /// Asks whether the server is there.
    Ping {
        /// Echoed in the answer.
        id: u64,
    },
}

/// Limits that hold for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionLimits {
    /// Largest frame a client may send, in bytes.
    pub frame_bytes_max: usize,
    /// Most subscriptions.
    pub subscriptions_max: usize,
    /// Messages a client may send per second, over a short while.
    pub messages_per_second: u32,
}

/// An event as a subscriber hears it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventMessage {
    /// The channel.
    pub channel: Channel,
    /// The stream.
    pub stream: StreamId,
    /// Its number in the channel's history.
    pub offset: u64,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub event: EventType,
    /// The payload; its shape follows from `event`.
    pub data: serde_json::Value,
}

/// Somebody who watches a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Watcher {
    /// The person.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: Role,
}

/// Who watches a channel, over all replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Present {
    /// Connections that are subscribed to it.
    pub connections: u64,
    /// Who they are, each person once; only for those who may moderate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<Watcher>>,
    /// Whether there are more people than `people` lists.
    #[serde(default)]
    pub more: bool,
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ServerMessage {
    /// The first message on a connection.
    Welcome {
        /// The connection, for the log.
        session: ConnectionId,
        /// The server pings at least this often; a client that hears nothing for twice as long
        /// should reconnect.
        heartbeat_ms: u64,
        /// Limits.
        limits: ConnectionLimits,
        /// Whether the connection has proven who it is.
        authenticated: bool,
    },
    /// The answer to `subscribe`. Missed events follow at once.
    Subscribed {
        /// The request.
        id: u64,
        /// The channel.
        channel: Channel,
        /// The stream.
        stream: StreamId,
        /// Whether everything after `since` follows; when false, take the snapshot.
        recovered: bool,
        /// The history.
        epoch: Epoch,
        /// The position that the snapshot stands for, or that the replay starts after.
        offset: u64,
        /// The current value, unless recovered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<serde_json::Value>,
    },
    /// The answer to `hello`, `unsubscribe`, `publish`, `auth` and `presence`.
    Ack {
        /// The request.
        id: u64,
        /// Who watches, where `presence` asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        present: Option<Present>,
        /// The message that `publish` sent, where it waits for a moderator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<MessageId>,
    },
    /// An event.
    Event(EventMessage),
    /// Several events, in order.
    Batch {
        /// The events.
        events: Vec<EventMessage>,
    },
    /// A request was refused. The connection goes on.
    Error {
        /// The request, where it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// Stable, dotted code.
        code: String,
        /// What to change.
        detail: String,
        /// When to try again, where that helps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// The answer to `ping`.
    Pong {
        /// The request.
        id: u64,
    },
    /// Whether the server hears new events: `false` while Redis is away, `true` when it is back
    /// and everything missed has been delivered.
    Link {
        /// Whether events arrive.
        live: bool,
    },
    /// The server is about to close; reconnect after the given time.
    Goodbye {
        /// Why.
        reason: String,
        /// When to reconnect.
        reconnect_after_ms: u64,
    },
}

impl ServerMessage {
    /// The answer to a request that has been carried out, and says nothing else.
    pub const fn ack(id: u64) -> Self {
        Self::Ack {
            id,
            present: None,
            held: None,
        }
    }
}

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal, $reconnect:literal;)+) => {
        /// How the server ends a connection. 1001 and 4000 to 4499: come back with your position;
        /// every other code: do not, before something has changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CloseCode {
            $($(#[$doc])* $name),+
        }

        impl CloseCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The number in the close frame.
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code),+ }
            }

            /// The reason in the close frame.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$name => $reason),+ }
            }

            /// Whether the client should come back with its position.
            pub const fn reconnect(self) -> bool {
                match self { $(Self::$name => $reconnect),+ }
            }
        }
    };
}

close_codes! {
    /// The server is being stopped or replaced.
    GoingAway = 1001, "going away", true;
    /// A frame broke the WebSocket protocol.
    ProtocolError = 1002, "protocol error", false;
    /// A text frame is not UTF-8.
    InvalidText = 1007, "text is not UTF-8", false;
    /// A frame or message is larger than the limit.
    TooLarge = 1009, "message too large", false;
    /// The client reads too slowly for a channel that may not skip.
    TooSlow = 4000, "reading too slowly", true;
    /// The client answers no ping.
    HeartbeatTimeout = 4001, "no heartbeat", true;
    /// The token's time is over.
    TokenExpired = 4002, "token expired", true;
    /// Nothing proved who connects in time.
    Unauthenticated = 4500, "not authenticated", false;
    /// The client sends too much, again and again.
    Flooding = 4501, "too many messages", false;
    /// Frames that hold no message of the protocol, again and again.
    BadMessages = 4502, "too many unreadable messages", false;
    /// One person or address has too many connections.
    TooManyConnections = 4503, "too many connections", false;
    /// The sign-in was ended: signed out, revoked, disabled, or the password is another.
    SignedOut = 4504, "signed out", false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_close_code_says_whether_to_come_back() {
        for code in CloseCode::ALL {
            let by_range = code.code() == 1001 || (4000..4500).contains(&code.code());
            assert_eq!(code.reconnect(), by_range, "{code:?}");
        }
    }

    #[test]
    fn a_client_message_with_an_unknown_field_is_refused() {
        let extra = r#"{"type":"ping","id":1,"extra":true}"#;
        assert!(serde_json::from_str::<ClientMessage>(extra).is_err());
        let plain = r#"{"type":"subscribe","id":1,"channel":"chat"}"#;
        let read: ClientMessage = serde_json::from_str(plain).unwrap();
        assert_eq!(
            read,
            ClientMessage::Subscribe {
                id: 1,
                channel: Channel::Chat,
                stream: StreamId::default(),
                since: None,
                sample: false
            }
        );
    }
}
