use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use sm_common::event::{Channel, Position};
use sm_common::id::StreamId;
use sm_common::ws::{ClientMessage, EventMessage, SUBPROTOCOL_JSON, ServerMessage};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest wait for the next message.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// A WebSocket client that speaks the JSON subprotocol.
#[derive(Debug)]
pub struct Socket {
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
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", SUBPROTOCOL_JSON.parse().unwrap());
        if let Some(token) = token {
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let (stream, _answer) = connect_async(request).await?;
        Ok(Self { stream })
    }

    /// Connects to `url` and asks for `host`, where given.
    pub async fn connect_to_host(url: &str, host: Option<&str>) -> Result<Self, Refusal> {
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", SUBPROTOCOL_JSON.parse().unwrap());
        if let Some(host) = host {
            headers.insert("host", host.parse().unwrap());
        }
        let (stream, _answer) = connect_async(request).await?;
        Ok(Self { stream })
    }

    /// Says something.
    pub async fn say(&mut self, message: &ClientMessage) {
        self.say_text(&serde_json::to_string(message).unwrap())
            .await;
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
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let message = serde_json::from_str(&text);
                        return Ok(message.unwrap_or_else(|error| panic!("{error}: {text}")));
                    }
                    Some(Ok(Message::Close(frame))) => return Err(frame),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(None),
                }
            }
        };
        tokio::time::timeout(MESSAGE_TIMEOUT, next)
            .await
            .expect("the server says something")
    }

    /// Subscribes to a channel of the main stream, after `since` where given; passes over what is
    /// heard before the answer.
    pub async fn subscribe(&mut self, channel: Channel, since: Option<Position>) -> Subscription {
        let stream = StreamId::default();
        self.say(&ClientMessage::Subscribe {
            id: 1,
            channel,
            stream,
            since,
        })
        .await;
        loop {
            if let ServerMessage::Subscribed {
                epoch,
                offset,
                recovered,
                snapshot,
                ..
            } = self.hear().await
            {
                let position = Position { epoch, offset };
                return Subscription {
                    position,
                    recovered,
                    snapshot,
                };
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
