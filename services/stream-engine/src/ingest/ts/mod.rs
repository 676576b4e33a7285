//! MPEG transport streams (ISO 13818-1), as far as encoders send them: H.264 and AAC of the first
//! program. Bytes go in and FLV tags come out; nothing here waits or knows a socket.
//!
//! ```text
//! bytes ─▶ packets ─┬▶ sections ─▶ tables: which packets are picture and sound
//!                   ├▶ PES ─▶ Annex B to AVCC ─┬▶ tags
//!                   └▶ PES ─▶ ADTS to raw AAC ─┘
//! ```
//!
//! Architecture invariant: whatever a peer sends, what is kept for it stays within [`Limits`]. What
//! is lost on the way costs the frames that it belongs to, and pictures up to the next keyframe.

mod aac;
mod avc;
mod bits;
mod clock;
mod packet;
mod pes;
mod remux;
#[cfg(test)]
mod remux_tests;
mod section;
mod tables;

pub(crate) use remux::Remuxer;

use super::flv::Unsupported;

/// What a peer may make us keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest frame in bytes, and most bytes without one.
    pub(crate) frame_bytes_max: usize,
}

/// What a peer sent is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TsError {
    #[error("no MPEG transport stream, or none with a picture or sound")]
    NoFrames,
    #[error("a frame is larger than it may be")]
    TooLarge,
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}
