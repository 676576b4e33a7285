//! Reading a client's frames: whole messages, each bounded, and every way to break the protocol
//! told apart.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use actix_http::ws::{CloseReason, Codec, Frame, Item, ProtocolError};
use bytes::{Bytes, BytesMut};
use sm_common::ws::CloseCode;
use tokio::net::TcpStream;
use tokio_util::codec::Decoder as _;

/// Most bytes before the payload of a frame that a client sends.
const HEADER_BYTES_MAX: usize = 14;
/// What a fragment counts at least, so that endless empty ones come to an end too.
const FRAGMENT_BYTES_MIN: usize = 16;
/// Bytes that are read at once.
const READ_BYTES: usize = 4096;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Text(String),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    /// The client closes, or answers our closing.
    Close(Option<CloseReason>),
}

/// Why nothing more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// The connection is gone.
    Gone,
    /// The client broke a rule of the protocol.
    Violation(CloseCode),
}

/// The frames of one connection.
pub(crate) struct FrameReader {
    socket: Arc<TcpStream>,
    received: BytesMut,
    codec: Codec,
    /// The fragments of a message so far.
    fragments: Option<Fragments>,
    bytes_max: usize,
}

struct Fragments {
    is_text: bool,
    bytes: BytesMut,
    /// The bytes, with each fragment counted at its minimum.
    counted: usize,
}

impl FrameReader {
    /// Reads frames and messages of at most `bytes_max` bytes, of which some were `received`
    /// already.
    pub(crate) fn new(socket: Arc<TcpStream>, received: BytesMut, bytes_max: usize) -> Self {
        Self {
            socket,
            received,
            codec: Codec::new().max_size(bytes_max),
            fragments: None,
            bytes_max,
        }
    }

    /// The next message or control frame. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Incoming, ReadEnd> {
        loop {
            match self
                .codec
                .decode(&mut self.received)
                .map_err(|error| violation(&error))?
            {
                Some(frame) => {
                    if let Some(incoming) = self.accept(frame)? {
                        return Ok(incoming);
                    }
                }
                None => self.receive().await?,
            }
        }
    }

    /// Reads past what the client sends. Returns whether more may come.
    pub(crate) async fn skip(&mut self) -> bool {
        self.received.clear();
        self.receive().await.is_ok()
    }

    async fn receive(&mut self) -> Result<(), ReadEnd> {
        // The codec looks at the length of a frame only once all of it is here.
        if self.received.len() > self.bytes_max.saturating_add(HEADER_BYTES_MAX) {
            return Err(ReadEnd::Violation(CloseCode::TooLarge));
        }
        if self.received.is_empty() {
            // An idle connection keeps no buffer.
            self.received = BytesMut::new();
        }
        loop {
            self.socket
                .readable()
                .await
                .map_err(|_gone| ReadEnd::Gone)?;
            match read(&self.socket, &mut self.received) {
                Ok(0) => return Err(ReadEnd::Gone),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Err(ReadEnd::Gone),
            }
        }
    }

    fn accept(&mut self, frame: Frame) -> Result<Option<Incoming>, ReadEnd> {
        Ok(match frame {
            Frame::Text(bytes) => Some(Incoming::Text(text(bytes.into())?)),
            Frame::Binary(bytes) => Some(Incoming::Binary(bytes)),
            Frame::Ping(bytes) => Some(Incoming::Ping(bytes)),
            Frame::Pong(_) => Some(Incoming::Pong),
            Frame::Close(reason) => Some(Incoming::Close(reason)),
            Frame::Continuation(item) => self.continued(item)?,
        })
    }

    fn continued(&mut self, item: Item) -> Result<Option<Incoming>, ReadEnd> {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) => {
                self.fragments = Some(Fragments::new(true));
                (bytes, false)
            }
            Item::FirstBinary(bytes) => {
                self.fragments = Some(Fragments::new(false));
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        // The codec lets no continuation through without a first fragment.
        let mut fragments = self
            .fragments
            .take()
            .ok_or(ReadEnd::Violation(CloseCode::ProtocolError))?;
        let counted = bytes.len().max(FRAGMENT_BYTES_MIN);
        fragments.counted = fragments.counted.saturating_add(counted);
        if fragments.counted > self.bytes_max {
            return Err(ReadEnd::Violation(CloseCode::TooLarge));
        }
        fragments.bytes.extend_from_slice(&bytes);
        if !is_last {
            self.fragments = Some(fragments);
            return Ok(None);
        }
        let Fragments { is_text, bytes, .. } = fragments;
        Ok(Some(if is_text {
            Incoming::Text(text(bytes.into())?)
        } else {
            Incoming::Binary(bytes.freeze())
        }))
    }
}

impl Fragments {
    fn new(is_text: bool) -> Self {
        Self {
            is_text,
            bytes: BytesMut::new(),
            counted: 0,
        }
    }
}

/// Reads what is there. The buffer is no part of a connection that waits.
fn read(socket: &TcpStream, received: &mut BytesMut) -> io::Result<usize> {
    let mut buffer = [0; READ_BYTES];
    let count = socket.try_read(&mut buffer)?;
    received.extend_from_slice(buffer.get(..count).unwrap_or_default());
    Ok(count)
}

fn text(bytes: Vec<u8>) -> Result<String, ReadEnd> {
    String::from_utf8(bytes).map_err(|_not_utf8| ReadEnd::Violation(CloseCode::InvalidText))
}

fn violation(error: &ProtocolError) -> ReadEnd {
    ReadEnd::Violation(match error {
        ProtocolError::Overflow => CloseCode::TooLarge,
        ProtocolError::UnmaskedFrame
        | ProtocolError::MaskedFrame
        | ProtocolError::InvalidOpcode(_)
        | ProtocolError::InvalidLength(_)
        | ProtocolError::BadOpCode
        | ProtocolError::ContinuationNotStarted
        | ProtocolError::ContinuationStarted
        | ProtocolError::ContinuationFragment(_)
        | ProtocolError::Io(_) => CloseCode::ProtocolError,
    })
}
