//! A publisher's connection, as the server has it.

use super::amf::{self, Value};
use super::chunk::{ChunkReader, ChunkWriter, Message, MessageKind, control};
use super::command::{Command, information, on_status};
use super::handshake::{Seed, ServerHandshake};
use super::{Limits, RtmpError, Status};

/// Bytes after which each side says how many it has got.
const WINDOW_BYTES: u32 = 5_000_000;
/// The one message stream of a connection.
pub(in crate::ingest) const STREAM: u32 = 1;
/// What a data message begins with when the rest is to be kept as it is.
const SET_DATA_FRAME: &str = "@setDataFrame";

/// What a publisher wants or sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It wants to publish to this application with this key. The answer is
    /// [`Server::accept`] or [`Server::refuse`]; until then it is not read.
    Publish { application: String, key: String },
    /// Sound, picture or what is said about them.
    Media(Message),
    /// It has said that it is done.
    Done,
}

#[derive(Debug)]
enum Stage {
    Handshake(Box<ServerHandshake>),
    /// The handshake is over; connecting comes first.
    Open,
    Connected {
        application: String,
    },
    /// It waits to be let in.
    Asking,
    Publishing,
    Over,
}

/// A publisher's connection. Bytes go in by [`Self::take`], events come out of [`Self::next`],
/// and what is to be sent out of [`Self::output`].
#[derive(Debug)]
pub(crate) struct Server {
    stage: Stage,
    reader: ChunkReader,
    writer: ChunkWriter,
    out: Vec<u8>,
    received: u32,
    acknowledged: u32,
}

impl Server {
    /// `seed` is for the handshake alone.
    pub(crate) fn new(limits: Limits, seed: Seed) -> Self {
        Self {
            stage: Stage::Handshake(Box::new(ServerHandshake::new(seed))),
            reader: ChunkReader::new(limits),
            writer: ChunkWriter::new(),
            out: Vec::new(),
            received: 0,
            acknowledged: 0,
        }
    }

    /// Takes what has arrived.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), RtmpError> {
        let Stage::Handshake(handshake) = &mut self.stage else {
            self.feed(bytes);
            return Ok(());
        };
        if let Some(rest) = handshake.take(bytes, &mut self.out)? {
            self.stage = Stage::Open;
            self.feed(&rest);
        }
        Ok(())
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.reader.feed(bytes);
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.received = self.received.wrapping_add(count);
        if self.received.wrapping_sub(self.acknowledged) >= WINDOW_BYTES / 2 {
            self.acknowledged = self.received;
            let received = self.received.to_be_bytes();
            self.say(&control(MessageKind::Acknowledgement, &received));
        }
    }

    /// What the publisher wants or sends next; `None` until more has arrived, or while it waits to
    /// be let in.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, RtmpError> {
        while !matches!(
            self.stage,
            Stage::Asking | Stage::Over | Stage::Handshake(_)
        ) {
            let Some(message) = self.reader.next()? else {
                return Ok(None);
            };
            let event = match message.kind {
                MessageKind::Command | MessageKind::Command3 => {
                    self.command(&Command::read(&message)?)?
                }
                MessageKind::Audio | MessageKind::Video => self.media(message),
                MessageKind::Data => self.data(message),
                MessageKind::UserControl => {
                    self.answer_ping(&message.payload);
                    None
                }
                MessageKind::SetChunkSize
                | MessageKind::Abort
                | MessageKind::Acknowledgement
                | MessageKind::WindowSize
                | MessageKind::PeerBandwidth
                | MessageKind::Other(_) => None,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// What is to be sent now.
    pub(crate) fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Lets the publisher publish.
    pub(crate) fn accept(&mut self) {
        let begin = [[0, 0].as_slice(), &STREAM.to_be_bytes()].concat();
        self.say(&control(MessageKind::UserControl, &begin));
        let started = Status {
            code: "NetStream.Publish.Start".into(),
            description: "publishing".to_owned(),
        };
        self.say(&on_status("status", &started).write(STREAM));
        self.stage = Stage::Publishing;
    }

    /// Tells the publisher why it may not, or not any more. Nothing is read after that.
    pub(crate) fn refuse(&mut self, status: &Status) {
        // Who never spoke RTMP would not understand.
        if !matches!(self.stage, Stage::Handshake(_)) {
            self.say(&on_status("error", status).write(STREAM));
        }
        self.stage = Stage::Over;
    }

    fn media(&self, message: Message) -> Option<Event> {
        (matches!(self.stage, Stage::Publishing) && !message.payload.is_empty())
            .then_some(Event::Media(message))
    }

    /// What is said about sound and picture, as it stands in a file.
    fn data(&self, mut message: Message) -> Option<Event> {
        if let Some((text, length)) = amf::leading_text(&message.payload)
            && text == SET_DATA_FRAME
        {
            message.payload = message.payload.slice(length..);
        }
        self.media(message)
    }

    fn command(&mut self, command: &Command) -> Result<Option<Event>, RtmpError> {
        match command.name.as_str() {
            "connect" => self.connect(command)?,
            "createStream" => {
                let values = vec![Value::Null, Value::Number(f64::from(STREAM))];
                self.say(&Command::new("_result", command.number, values).write(0));
            }
            "publish" => return self.publish(command).map(Some),
            "play" | "play2" => {
                self.refuse(&Status {
                    code: "NetStream.Play.Failed".into(),
                    description: "nothing is played here; publish instead".to_owned(),
                });
                return Ok(Some(Event::Done));
            }
            "FCUnpublish" | "deleteStream" | "closeStream" => {
                if matches!(self.stage, Stage::Publishing) {
                    self.stage = Stage::Over;
                    return Ok(Some(Event::Done));
                }
            }
            // `releaseStream`, `FCPublish`, `_checkbw` and the like: nobody waits for an answer.
            _ => {}
        }
        Ok(None)
    }

    fn connect(&mut self, command: &Command) -> Result<(), RtmpError> {
        if !matches!(self.stage, Stage::Open) {
            return Err(RtmpError::OutOfOrder);
        }
        let application = command
            .values
            .first()
            .and_then(|object| object.member("app")?.as_text())
            .ok_or(RtmpError::Command)?;
        let application = application.trim_matches('/').to_owned();
        let window = WINDOW_BYTES.to_be_bytes();
        self.say(&control(MessageKind::WindowSize, &window));
        // The limit is one that may be changed by both sides.
        let bandwidth = [window.as_slice(), &[2]].concat();
        self.say(&control(MessageKind::PeerBandwidth, &bandwidth));
        self.writer.enlarge(&mut self.out);
        let properties = Value::Object(vec![
            ("fmsVer".to_owned(), Value::text("FMS/3,0,1,123")),
            ("capabilities".to_owned(), Value::Number(31.0)),
        ]);
        let connected = Status {
            code: "NetConnection.Connect.Success".into(),
            description: "connected".to_owned(),
        };
        let values = vec![properties, information("status", &connected)];
        self.say(&Command::new("_result", command.number, values).write(0));
        self.stage = Stage::Connected { application };
        Ok(())
    }

    fn publish(&mut self, command: &Command) -> Result<Event, RtmpError> {
        let Stage::Connected { application } = &self.stage else {
            return Err(RtmpError::OutOfOrder);
        };
        let key = command.text(1).ok_or(RtmpError::Command)?;
        let event = Event::Publish {
            application: application.clone(),
            key: key.to_owned(),
        };
        self.stage = Stage::Asking;
        Ok(event)
    }

    fn answer_ping(&mut self, payload: &[u8]) {
        if let Some(moment) = payload.strip_prefix(&[0, 6])
            && moment.len() == 4
        {
            let pong = [[0, 7].as_slice(), moment].concat();
            self.say(&control(MessageKind::UserControl, &pong));
        }
    }

    fn say(&mut self, message: &Message) {
        self.writer.write(message, &mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::rtmp::client::{Client, Heard};
    use crate::ingest::rtmp::handshake::PACKET_BYTES;

    const LIMITS: Limits = Limits {
        message_bytes_max: 100_000,
    };

    fn media(kind: MessageKind, timestamp: u32, payload: bytes::Bytes) -> Message {
        Message {
            kind,
            stream: STREAM,
            timestamp,
            payload,
        }
    }

    fn server() -> Server {
        Server::new(LIMITS, [0; 16])
    }

    /// Lets both talk until neither has anything more to say; what the server was asked.
    fn talk(client: &mut Client, server: &mut Server) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let (to_server, to_client) = (client.output(), server.output());
            if to_server.is_empty() && to_client.is_empty() {
                return events;
            }
            server.take(&to_server).unwrap();
            while let Some(event) = server.next().unwrap() {
                events.push(event);
            }
            client.take(&to_client).unwrap();
        }
    }

    fn asking() -> (Client, Server) {
        let mut client = Client::new(LIMITS, [1; 16], "rtmp://a/live", "live", "a key");
        let mut server = server();
        let asked = talk(&mut client, &mut server);
        let publish = Event::Publish {
            application: "live".to_owned(),
            key: "a key".to_owned(),
        };
        assert_eq!(asked, [publish]);
        assert_eq!(client.heard(), None, "it waits");
        (client, server)
    }

    #[test]
    fn a_publisher_is_let_in_and_what_it_sends_arrives() {
        let (mut client, mut server) = asking();
        server.accept();
        talk(&mut client, &mut server);
        assert_eq!(client.heard(), Some(Heard::Started));
        let frame = media(MessageKind::Video, 40, vec![0x17; 9000].into());
        client.send(&frame);
        let mut about = amf::write(&[Value::text(SET_DATA_FRAME)]);
        let kept = amf::write(&[Value::text("onMetaData"), Value::Object(Vec::new())]);
        about.extend(&kept);
        client.send(&media(MessageKind::Data, 0, about.into()));
        let seen = talk(&mut client, &mut server);
        let kept = media(MessageKind::Data, 0, kept.into());
        assert_eq!(seen, [Event::Media(frame), Event::Media(kept)]);
        client.finish();
        assert_eq!(talk(&mut client, &mut server), [Event::Done]);
    }

    #[test]
    fn a_publisher_that_is_refused_hears_why() {
        let (mut client, mut server) = asking();
        let status = Status {
            code: "NetStream.Publish.BadName".into(),
            description: "no".to_owned(),
        };
        server.refuse(&status);
        talk(&mut client, &mut server);
        let heard = Heard::Refused {
            code: status.code.into_owned(),
            description: status.description,
        };
        assert_eq!(client.heard(), Some(heard));
        client.send(&media(MessageKind::Video, 0, vec![1; 10].into()));
        assert!(talk(&mut client, &mut server).is_empty());
    }

    #[test]
    fn commands_at_the_wrong_time_are_refused() {
        let connect = || {
            let object = Value::Object(vec![("app".to_owned(), Value::text("live"))]);
            Command::new("connect", 1.0, vec![object])
        };
        let publish = Command::new("publish", 2.0, vec![Value::Null, Value::text("key")]);
        let keyless = Command::new("publish", 2.0, vec![Value::Null]);
        let nowhere = Command::new("connect", 1.0, vec![Value::Null]);
        let cases = [
            (vec![publish], RtmpError::OutOfOrder),
            (vec![connect(), connect()], RtmpError::OutOfOrder),
            (vec![connect(), keyless], RtmpError::Command),
            (vec![nowhere], RtmpError::Command),
        ];
        for (commands, expected) in cases {
            let mut server = server();
            let mut bytes = vec![3];
            bytes.extend([0; 2 * PACKET_BYTES]);
            let writer = ChunkWriter::new();
            for command in &commands {
                writer.write(&command.write(0), &mut bytes);
            }
            server.take(&bytes).unwrap();
            assert_eq!(server.next(), Err(expected), "{commands:?}");
        }
    }

    #[test]
    fn whoever_wants_to_watch_is_told_where_it_is() {
        let mut server = server();
        let mut bytes = vec![3];
        bytes.extend([0; 2 * PACKET_BYTES]);
        let play = Command::new("play", 0.0, vec![Value::Null, Value::text("key")]);
        ChunkWriter::new().write(&play.write(1), &mut bytes);
        server.take(&bytes).unwrap();
        assert_eq!(server.next(), Ok(Some(Event::Done)));
        let said = String::from_utf8_lossy(&server.output()).into_owned();
        assert!(said.contains("NetStream.Play.Failed"));
    }

    proptest! {
        #[test]
        fn garbage_after_the_handshake_never_panics(garbage in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let mut server = server();
            server.take(&[[3].as_slice(), &[0; 2 * PACKET_BYTES]].concat()).unwrap();
            if server.take(&garbage).is_ok() {
                while let Ok(Some(_)) = server.next() {}
            }
        }
    }
}
