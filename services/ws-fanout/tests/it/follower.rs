//! A client that follows chat the way the protocol asks: keeps its position, takes snapshots, and
//! comes back after a cut. Panics on anything missed or repeated.

use sm_common::event::{Channel, Position};
use sm_common::ws::{EventMessage, ServerMessage};
use sm_test_kit::Socket;

use crate::harness::{subscribe, texts};

#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// The texts of all messages, oldest first, as far as the client can know them.
    pub(crate) log: Vec<String>,
    pub(crate) position: Option<Position>,
    pub(crate) snapshots: usize,
    pub(crate) link: Option<bool>,
}

impl Follower {
    /// Subscribes on a connection, with the position where there is one. Returns whether
    /// everything missed follows.
    pub(crate) async fn follow(&mut self, socket: &mut Socket) -> bool {
        let since = self.position.clone();
        match since {
            None => socket.say(&subscribe(1, Channel::Chat)).await,
            Some(since) => {
                let message = sm_common::ws::ClientMessage::Subscribe {
                    id: 1,
                    channel: Channel::Chat,
                    stream: sm_common::id::StreamId::default(),
                    since: Some(since),
                    sample: false,
                };
                socket.say(&message).await;
            }
        }
        loop {
            let message = socket.hear().await;
            if let ServerMessage::Error { .. } = message {
                panic!("refused: {message:?}");
            }
            let answer = matches!(message, ServerMessage::Subscribed { id: 1, .. });
            let recovered = matches!(
                message,
                ServerMessage::Subscribed {
                    recovered: true,
                    ..
                }
            );
            self.take(message);
            if answer {
                return recovered;
            }
        }
    }

    /// Listens until `done`.
    pub(crate) async fn listen(&mut self, socket: &mut Socket, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            self.take(socket.hear().await);
        }
    }

    pub(crate) fn take(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Subscribed {
                recovered,
                epoch,
                offset,
                snapshot,
                ..
            } => {
                let position = Position { epoch, offset };
                if recovered {
                    assert_eq!(self.position.as_ref(), Some(&position));
                } else {
                    self.snapshots += 1;
                    self.log = texts(snapshot.unwrap().as_array().unwrap());
                    self.position = Some(position);
                }
            }
            ServerMessage::Event(event) => self.event(&event),
            ServerMessage::Batch { events } => {
                assert!(events.len() > 1, "a batch holds several events");
                for event in &events {
                    self.event(event);
                }
            }
            ServerMessage::Link { live } => self.link = Some(live),
            ServerMessage::Welcome { .. }
            | ServerMessage::Ack { .. }
            | ServerMessage::Error { .. }
            | ServerMessage::Pong { .. }
            | ServerMessage::Goodbye { .. } => {}
        }
    }

    fn event(&mut self, event: &EventMessage) {
        let position = self.position.as_mut().expect("events follow `subscribed`");
        assert_eq!(event.offset, position.offset + 1, "in order, each once");
        position.offset = event.offset;
        self.log.extend(texts([&event.data]));
    }
}
