//! A publisher's connection, as the publisher has it: an engine that passes a feed on.

use super::amf::Value;
use super::chunk::{ChunkReader, ChunkWriter, Message, MessageKind};
use super::command::{CONNECT, CREATE_STREAM, Command, PUBLISH};
use super::handshake::{ClientHandshake, Seed};
use super::server::STREAM;
use super::{Limits, RtmpError};

/// What the server has said to the wish to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It may begin.
    Started,
    /// It may not, or not any more.
    Refused { code: String, description: String },
}

#[derive(Debug)]
enum Stage {
    Handshake(ClientHandshake),
    Asking,
    Publishing,
    Over,
}

/// A connection to a server. As [`super::Server`]: bytes go in and come out.
#[derive(Debug)]
pub(crate) struct Client {
    stage: Stage,
    reader: ChunkReader,
    writer: ChunkWriter,
    out: Vec<u8>,
    heard: Option<Heard>,
    address: String,
    application: String,
    key: String,
}

impl Client {
    /// Publishes to `application` at `address` with this key.
    pub(crate) fn new(
        limits: Limits,
        seed: Seed,
        address: &str,
        application: &str,
        key: &str,
    ) -> Self {
        let mut out = Vec::new();
        Self {
            stage: Stage::Handshake(ClientHandshake::begin(seed, &mut out)),
            reader: ChunkReader::new(limits),
            writer: ChunkWriter::new(),
            out,
            heard: None,
            address: address.to_owned(),
            application: application.to_owned(),
            key: key.to_owned(),
        }
    }

    /// What is to be sent now.
    pub(crate) fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// What the server has said since this was last asked.
    pub(crate) const fn heard(&mut self) -> Option<Heard> {
        self.heard.take()
    }

    /// Takes what has arrived.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), RtmpError> {
        if let Stage::Handshake(handshake) = &mut self.stage {
            let Some(rest) = handshake.take(bytes, &mut self.out)? else {
                return Ok(());
            };
            self.stage = Stage::Asking;
            self.connect();
            self.reader.feed(&rest);
        } else {
            self.reader.feed(bytes);
        }
        while let Some(message) = self.reader.next()? {
            if matches!(message.kind, MessageKind::Command | MessageKind::Command3) {
                self.answered(&Command::read(&message)?);
            }
        }
        Ok(())
    }

    /// Sends sound, picture or what is said about them, once it may.
    pub(crate) fn send(&mut self, message: &Message) {
        if matches!(self.stage, Stage::Publishing) {
            self.writer.write(message, &mut self.out);
        }
    }

    /// Says that no more comes.
    pub(crate) fn finish(&mut self) {
        if matches!(self.stage, Stage::Publishing) {
            let values = vec![Value::Null, Value::Number(f64::from(STREAM))];
            self.say(&Command::new("deleteStream", 0.0, values), 0);
        }
        self.stage = Stage::Over;
    }

    fn connect(&mut self) {
        self.writer.enlarge(&mut self.out);
        let member = |name: &str, text: &str| (name.to_owned(), Value::text(text));
        let object = Value::Object(vec![
            member("app", &self.application),
            member("type", "nonprivate"),
            member("flashVer", "FMLE/3.0 (compatible; stream-manager)"),
            member("tcUrl", &self.address),
        ]);
        self.say(&Command::new("connect", CONNECT, vec![object]), 0);
        self.say(
            &Command::new("createStream", CREATE_STREAM, vec![Value::Null]),
            0,
        );
    }

    fn answered(&mut self, command: &Command) {
        match command.name.as_str() {
            "_result" if number(command) == CREATE_STREAM.to_bits() => {
                let key = Value::text(&self.key);
                let values = vec![Value::Null, key, Value::text("live")];
                self.say(&Command::new("publish", PUBLISH, values), STREAM);
            }
            "_error" | "onStatus" => {
                let text = |name: &str| {
                    let information = command.values.get(1)?;
                    Some(information.member(name)?.as_text()?.to_owned())
                };
                let code = text("code").unwrap_or_default();
                if code == "NetStream.Publish.Start" {
                    self.stage = Stage::Publishing;
                    self.heard = Some(Heard::Started);
                } else {
                    self.stage = Stage::Over;
                    self.heard = Some(Heard::Refused {
                        code,
                        description: text("description").unwrap_or_default(),
                    });
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, command: &Command, stream: u32) {
        self.writer.write(&command.write(stream), &mut self.out);
    }
}

/// Numbers of commands are whole, and compared bit by bit.
const fn number(command: &Command) -> u64 {
    command.number.to_bits()
}
