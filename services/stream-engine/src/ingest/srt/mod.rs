//! SRT, as far as a publisher needs it. The protocol is the library's; here are the socket, what is
//! in a stream id, and what an encoder is told.
//!
//! ```text
//! UDP port ⇄ library ─▶ payloads (bounded, one queue a publisher) ─▶ remuxer ─▶ outlet
//!               ▲────── answers and ends ──────────┘
//! ```
//!
//! Architecture invariant: one task owns the port and everything that the library keeps. It waits
//! for nobody: what a publisher's own task does not take in time is lost, as on the network.

mod port;
mod publisher;
mod rejection;
mod stream_id;

pub(crate) use port::Port;
pub(super) use stream_id::StreamIdError;
