//! What two engines say to each other when one is about to end and the other takes its stream over.
//!
//! ```text
//! holder                              Redis (the lease)            heir
//! is told to end: "leaving" ─────────▶ leaving ──────────────────▶ sees it
//!                                      heir, key ◀──────────────── claims; launches its worker
//! lets in who has the key ◀──────────────────────────────────────── copies what is listed
//! ends its worker         ◀──────────────────────────────────────── asks for the stream
//! answers with the last playlist ─────────────────────────────────▶ copies the rest
//! learns that it is gone ◀──────────── lease, newer token ◀──────── takes it
//! ```
//!
//! Whoever of them falls silent leaves the other where it would be without all this.

pub(crate) mod copying;
pub(crate) mod offer;

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::live::playlist::Playlist;

/// The header in which an heir shows its key.
pub(crate) const KEY: &str = "x-sm-heir-key";

/// The heir is ready. Answered with the holder's last playlist, once nothing is added to it.
#[derive(Debug)]
pub(crate) struct HandoverRequest {
    pub(crate) answer: oneshot::Sender<Result<Arc<Playlist>, NotNow>>,
}

impl HandoverRequest {
    /// Whether the heir is still there to hear it.
    pub(crate) fn answer(self, answer: Result<Arc<Playlist>, NotNow>) -> bool {
        self.answer.send(answer).is_ok()
    }
}

/// The holder does not give the stream away, or not at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream is not handed over now")]
pub(crate) struct NotNow;
