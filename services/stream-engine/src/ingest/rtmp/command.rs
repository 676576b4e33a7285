//! Commands and the answers to them.

use bytes::Bytes;

use super::amf::{self, Value};
use super::chunk::{Message, MessageKind};
use super::{RtmpError, Status};

/// A command: a name, the number that its answer repeats, and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) number: f64,
    pub(super) values: Vec<Value>,
}

impl Command {
    pub(super) fn new(name: &str, number: f64, values: Vec<Value>) -> Self {
        Self {
            name: name.to_owned(),
            number,
            values,
        }
    }

    /// A message as a command.
    pub(super) fn read(message: &Message) -> Result<Self, RtmpError> {
        let payload = if message.kind == MessageKind::Command3 {
            // The byte before it says that it is in the older form all the same.
            message.payload.get(1..).unwrap_or_default()
        } else {
            &message.payload
        };
        let mut values = amf::read(payload)?.into_iter();
        let name = values
            .next()
            .as_ref()
            .and_then(Value::as_text)
            .map(str::to_owned);
        let number = values.next().as_ref().and_then(Value::as_number);
        Ok(Self {
            name: name.ok_or(RtmpError::Command)?,
            // `onStatus` and its like have none, in some programs.
            number: number.unwrap_or(0.0),
            values: values.collect(),
        })
    }

    /// The command as a message on this message stream.
    pub(super) fn write(&self, stream: u32) -> Message {
        let mut values = vec![Value::text(&self.name), Value::Number(self.number)];
        values.extend_from_slice(&self.values);
        Message {
            kind: MessageKind::Command,
            stream,
            timestamp: 0,
            payload: Bytes::from(amf::write(&values)),
        }
    }

    /// The text at a place.
    pub(super) fn text(&self, place: usize) -> Option<&str> {
        self.values.get(place).and_then(Value::as_text)
    }
}

/// `onStatus` with this level, `status` or `error`.
pub(super) fn on_status(level: &str, status: &Status) -> Command {
    Command::new(
        "onStatus",
        0.0,
        vec![Value::Null, information(level, status)],
    )
}

/// The object that says how something went.
pub(super) fn information(level: &str, status: &Status) -> Value {
    let member = |name: &str, text: &str| (name.to_owned(), Value::text(text));
    Value::Object(vec![
        member("level", level),
        member("code", &status.code),
        member("description", &status.description),
    ])
}

/// The number of a command among those that are made here.
pub(super) const CONNECT: f64 = 1.0;
pub(super) const CREATE_STREAM: f64 = 2.0;
pub(super) const PUBLISH: f64 = 3.0;
