//! RTMP, as far as a publisher needs it: both sides of the handshake, chunks, and the commands
//! from `connect` to `publish`. Bytes go in and come out; nothing here waits, knows a socket or
//! what a key is worth.
//!
//! Architecture invariant: whatever a peer sends, what is kept for it stays within [`Limits`].

mod amf;
mod chunk;
mod client;
mod command;
mod handshake;
mod server;

pub(crate) use chunk::{Message, MessageKind};
pub(crate) use client::{Client, Heard};
pub(crate) use handshake::Seed;
pub(super) use server::STREAM;
pub(crate) use server::{Event, Server};

/// What a peer may make us keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest message in bytes: a keyframe of a large picture fits.
    pub(crate) message_bytes_max: usize,
}

/// Chunk streams that a peer may use; encoders use four or five.
const LANES_MAX: usize = 32;

/// What a peer sent is not RTMP, or more than there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RtmpError {
    #[error("the handshake is not one of RTMP version 3")]
    Version,
    #[error("a chunk refers to one that was never sent")]
    NoPrevious,
    #[error("a message is larger than it may be")]
    TooLarge,
    #[error("more chunk streams than there may be")]
    TooManyLanes,
    #[error("a chunk size that makes no sense")]
    ChunkSize,
    #[error("a command that cannot be read")]
    Command,
    #[error("a command that comes at the wrong time")]
    OutOfOrder,
}

/// What the server says of a publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// Such as `NetStream.Publish.BadName`.
    pub(crate) code: std::borrow::Cow<'static, str>,
    /// For the person who sees the encoder's log.
    pub(crate) description: String,
}
