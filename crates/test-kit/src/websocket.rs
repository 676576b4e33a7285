use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use sm_common::event::{Channel, Position};
use sm_common::id::StreamId;
use sm_common::ws::{
    ClientMessage, DEFLATED, EventMessage, ServerMessage, Subprotocol, deflate, inflate,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest wait for the next message.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of a message that came deflated.
const INFLATED_BYTES_MAX: usize = 16 << 20;

/// A WebSocket client. It speaks JSON unless it was told otherwise.
#[derive(Debug)]
pub struct Socket {
    subprotocol: Subprotocol,
    /// Messages that came deflated so far.
    inflated: usize,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// The answer to a subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Where the channel is, or where the replay starts.
    pub position: Position,
    /// Whether everything after the given position follows.
    pub recovered: bool,
    /// The current value, unless recovered.
    pub snapshot: Option<serde_json::Value>,
}

/// Why a connection was refused or ended.
pub type Refusal = tokio_tungstenite::tungstenite::Error;

impl Socket {
    /// Connects to `url`, with a bearer token where given.
    pub async fn connect(url: &str, token: Option<&str>) -> Result<Self, Refusal> {
        Self::connect_speaking(Subprotocol::Json, url, token).await
    }

    /// Connects to `url` and speaks this subprotocol, with a bearer token where given.
    pub async fn connect_speaking(
        subprotocol: Subprotocol,
        url: &str,
        token: Option<&str>,
    ) -> Result<Self, Refusal> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let authorization = bearer.as_deref().map(|bearer| ("authorization", bearer));
        Self::connect_with(subprotocol, url, authorization).await
    }

    /// Connects to `url` and speaks this subprotocol, with these headers.
    pub async fn connect_with<'a>(
        subprotocol: Subprotocol,
        url: &str,
        headers: impl IntoIterator<Item = (&'static str, &'a str)>,
    ) -> Result<Self, Refusal> {
        let mut request = url.into_client_request()?;
        let name = ("sec-websocket-protocol", subprotocol.name());
        for (name, value) in headers.into_iter().chain([name]) {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (stream, _answer) = connect_async(request).await?;
        Ok(Self {
            subprotocol,
            inflated: 0,
            stream,
        })
    }

    /// Connects to `url` and asks for `host`, where given.
    pub async fn connect_to_host(url: &str, host: Option<&str>) -> Result<Self, Refusal> {
        let host = host.map(|host| ("host", host));
        Self::connect_with(Subprotocol::Json, url, host).await
    }

    /// Says something.
    pub async fn say(&mut self, message: &ClientMessage) {
        self.try_say(message).await.unwrap();
    }

    /// Says something to a server that may be gone.
    pub async fn try_say(&mut self, message: &ClientMessage) -> Result<(), Refusal> {
        let frame = self.frame(message);
        self.stream.send(frame).await
    }

    fn frame(&self, message: &ClientMessage) -> Message {
        let written = self.subprotocol.write(message).unwrap();
        match self.subprotocol {
            Subprotocol::Json => Message::text(String::from_utf8(written).unwrap()),
            Subprotocol::MessagePack => Message::binary(written),
        }
    }

    /// Says something in a deflated frame.
    pub async fn say_deflated(&mut self, message: &ClientMessage) {
        let written = self.subprotocol.write(message).unwrap();
        let payload = deflate(&written).expect("the message is long enough");
        self.say_frame(Message::binary(payload)).await;
    }

    /// How many of the messages heard so far came deflated.
    pub const fn inflated(&self) -> usize {
        self.inflated
    }

    /// Sends any text.
    pub async fn say_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Sends any frame.
    pub async fn say_frame(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// The next message; panics when the server closes or stays silent.
    pub async fn hear(&mut self) -> ServerMessage {
        match self.hear_or_close().await {
            Ok(message) => message,
            Err(close) => panic!("the server closed: {close:?}"),
        }
    }

    /// The next message, or the close frame.
    pub async fn hear_or_close(&mut self) -> Result<ServerMessage, Option<CloseFrame>> {
        self.hear_or_close_within(MESSAGE_TIMEOUT).await
    }

    /// The same, of a server that may be silent for so long.
    pub async fn hear_or_close_within(
        &mut self,
        limit: Duration,
    ) -> Result<ServerMessage, Option<CloseFrame>> {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => {
                        assert_eq!(self.subprotocol, Subprotocol::Json);
                        let message = serde_json::from_str(&text);
                        return Ok(message.unwrap_or_else(|error| panic!("{error}: {text}")));
                    }
                    Some(Ok(Message::Binary(payload))) => return Ok(self.read_binary(&payload)),
                    Some(Ok(Message::Close(frame))) => return Err(frame),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(None),
                }
            }
        };
        tokio::time::timeout(limit, next)
            .await
            .expect("the server says something")
    }

    fn read_binary(&mut self, payload: &[u8]) -> ServerMessage {
        if payload.first() == Some(&DEFLATED) {
            self.inflated += 1;
            let message = inflate(payload, INFLATED_BYTES_MAX).unwrap();
            return self.subprotocol.read(&message).unwrap();
        }
        assert_eq!(self.subprotocol, Subprotocol::MessagePack);
        self.subprotocol.read(payload).unwrap()
    }

    /// Subscribes to a channel of the main stream, after `since` where given; passes over what is
    /// heard before the answer.
    pub async fn subscribe(&mut self, channel: Channel, since: Option<Position>) -> Subscription {
        let subscription = self.try_subscribe(channel, since).await;
        subscription.expect("the subscription is answered")
    }

    /// The same; `None` where the connection is lost before the answer, or the answer is a refusal.
    pub async fn try_subscribe(
        &mut self,
        channel: Channel,
        since: Option<Position>,
    ) -> Option<Subscription> {
        let stream = StreamId::default();
        let message = ClientMessage::Subscribe {
            id: 1,
            channel,
            stream,
            since,
            sample: false,
        };
        let sent = self.stream.send(self.frame(&message)).await;
        sent.ok()?;
        loop {
            let message = self.hear_or_close().await.ok()?;
            if let ServerMessage::Error { id: Some(1), .. } = message {
                return None;
            }
            if let ServerMessage::Subscribed {
                epoch,
                offset,
                recovered,
                snapshot,
                ..
            } = message
            {
                let position = Position { epoch, offset };
                return Some(Subscription {
                    position,
                    recovered,
                    snapshot,
                });
            }
        }
    }

    /// The next `count` events or more, single or batched; passes over everything else.
    pub async fn events(&mut self, count: usize) -> Vec<EventMessage> {
        let mut events = Vec::new();
        while events.len() < count {
            let message = self.hear().await;
            if let ServerMessage::Event(event) = message {
                events.push(event);
            } else if let ServerMessage::Batch { events: batch } = message {
                events.extend(batch);
            }
        }
        events
    }

    /// Drops the connection without a closing handshake, as a lost network would.
    pub fn cut(self) {
        drop(self);
    }
}
