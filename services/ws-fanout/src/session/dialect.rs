//! How a connection is spoken to, and messages that are written once for everybody who is spoken to
//! in the same way.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::Serialize;
use sm_common::problem::ProblemCode;
use sm_common::ws::{ServerMessage, Subprotocol, deflate};

use super::wire;

/// How a connection is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) subprotocol: Subprotocol,
    /// From this many bytes on a message goes deflated; `None` for a client that did not ask for
    /// it.
    pub(crate) deflate_from: Option<usize>,
}

impl Dialect {
    /// The frame of a message for one connection alone.
    pub(crate) fn frame(self, message: &ServerMessage) -> Bytes {
        let written = write_message(self.subprotocol, message);
        match self.deflate_from {
            Some(from) if written.len() >= from => deflated(&written),
            Some(_) | None => None,
        }
        .unwrap_or_else(|| plain(self.subprotocol, &written))
    }
}

/// The frames of one message, each made when it is first asked for, and shared from then on.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    json: Written,
    message_pack: Written,
}

#[derive(Debug, Default)]
struct Written {
    plain: OnceLock<Bytes>,
    deflated: OnceLock<Bytes>,
}

impl Frames {
    /// The frame for connections that are spoken to like this; `write` writes the message.
    pub(crate) fn get(&self, dialect: Dialect, write: impl Fn(Subprotocol) -> Vec<u8>) -> Bytes {
        let Dialect {
            subprotocol,
            deflate_from,
        } = dialect;
        let written = match subprotocol {
            Subprotocol::Json => &self.json,
            Subprotocol::MessagePack => &self.message_pack,
        };
        let frame = written
            .plain
            .get_or_init(|| plain(subprotocol, &write(subprotocol)));
        if deflate_from.is_none_or(|from| frame.len() < from) {
            return frame.clone();
        }
        let make = || deflated(&write(subprotocol)).unwrap_or_else(|| frame.clone());
        written.deflated.get_or_init(make).clone()
    }
}

/// A message for any number of connections.
#[derive(Debug)]
pub(crate) struct Announcement {
    message: ServerMessage,
    frames: Frames,
}

impl Announcement {
    pub(crate) fn new(message: ServerMessage) -> Self {
        Self {
            message,
            frames: Frames::default(),
        }
    }

    pub(crate) fn frame(&self, dialect: Dialect) -> Bytes {
        self.frames.get(dialect, |subprotocol| {
            write_message(subprotocol, &self.message)
        })
    }
}

/// Writes a value that can always be written; nothing, and a line in the log, where it cannot.
pub(crate) fn write(subprotocol: Subprotocol, value: &impl Serialize) -> Option<Vec<u8>> {
    let written = subprotocol.write(value);
    written
        .inspect_err(|error| tracing::error!(%error, "a message cannot be written"))
        .ok()
}

fn write_message(subprotocol: Subprotocol, message: &ServerMessage) -> Vec<u8> {
    let lost = || ServerMessage::Error {
        id: None,
        code: ProblemCode::Internal.as_str().to_owned(),
        detail: "a message was lost".to_owned(),
        retry_after_ms: None,
    };
    write(subprotocol, message)
        .or_else(|| write(subprotocol, &lost()))
        .unwrap_or_default()
}

fn plain(subprotocol: Subprotocol, message: &[u8]) -> Bytes {
    match subprotocol {
        Subprotocol::Json => wire::text(message),
        Subprotocol::MessagePack => wire::binary(message),
    }
}

fn deflated(message: &[u8]) -> Option<Bytes> {
    deflate(message).map(|payload| wire::binary(&payload))
}
