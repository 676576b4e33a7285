//! The tap: what the encoders of a program make, as it leaves them, for a reader on the same
//! machine that wants it now.
//!
//! A reader connects to the worker's socket and says [`Introduction::Tap`] in a line. From then on
//! the worker writes units, each behind a header of [`TapHeader::BYTES`] bytes: first how to decode
//! the picture, then frames from a keyframe on, and sound. What the reader does not take in time is
//! left out as whole groups of pictures. The end of the program is the end of the connection.

use serde::{Deserialize, Serialize};

use crate::command::LeaseTerms;

/// The first line of a connection to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Introduction {
    /// A host: the same line as [`crate::Command::Lease`].
    Lease(LeaseTerms),
    /// A reader of the tap.
    Tap(TapTerms),
}

/// A reader's right to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapTerms {
    /// The fencing token of the reader's lease. Older ones are refused, as those of hosts are.
    pub token: u64,
}

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapKind {
    /// How to decode the frames that follow: H.264 parameter sets behind start codes.
    Parameters,
    /// A frame that needs those before it: an H.264 access unit behind start codes.
    Frame,
    /// A frame that can be decoded by itself, its parameter sets in front.
    Keyframe,
    /// A packet of sound: 20 ms of Opus, 48 kHz, stereo.
    Sound,
}

/// What stands in front of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapHeader {
    /// What follows.
    pub kind: TapKind,
    /// The moment of the program that it shows or sounds, in nanoseconds of the machine's monotonic
    /// clock (`CLOCK_MONOTONIC`); 0 for parameters. Frames and sound of one moment belong together,
    /// also where another worker has made them.
    pub moment_ns: u64,
    /// Bytes that follow.
    pub bytes: u32,
}

/// A header that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TapError {
    /// The kind is not one of [`TapKind`].
    #[error("there is no unit of kind {0}")]
    Kind(u8),
    /// Over [`TapHeader::UNIT_BYTES_MAX`].
    #[error("a unit of {0} bytes is longer than any may be")]
    TooLong(u32),
}

impl TapHeader {
    /// Length of a header.
    pub const BYTES: usize = 16;
    /// Longest unit: more than a keyframe of the largest picture at the highest bitrate.
    pub const UNIT_BYTES_MAX: u32 = 16 * 1024 * 1024;

    /// As it is written: kind, three bytes of zero, length and moment, in the network's order.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let [l0, l1, l2, l3] = self.bytes.to_be_bytes();
        let [m0, m1, m2, m3, m4, m5, m6, m7] = self.moment_ns.to_be_bytes();
        let kind = match self.kind {
            TapKind::Parameters => 1,
            TapKind::Frame => 2,
            TapKind::Keyframe => 3,
            TapKind::Sound => 4,
        };
        [
            kind, 0, 0, 0, l0, l1, l2, l3, m0, m1, m2, m3, m4, m5, m6, m7,
        ]
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Result<Self, TapError> {
        let [
            kind,
            _,
            _,
            _,
            l0,
            l1,
            l2,
            l3,
            m0,
            m1,
            m2,
            m3,
            m4,
            m5,
            m6,
            m7,
        ] = bytes;
        let kind = match kind {
            1 => TapKind::Parameters,
            2 => TapKind::Frame,
            3 => TapKind::Keyframe,
            4 => TapKind::Sound,
            other => return Err(TapError::Kind(other)),
        };
        let bytes = u32::from_be_bytes([l0, l1, l2, l3]);
        if bytes > Self::UNIT_BYTES_MAX {
            return Err(TapError::TooLong(bytes));
        }
        Ok(Self {
            kind,
            moment_ns: u64::from_be_bytes([m0, m1, m2, m3, m4, m5, m6, m7]),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, decode, encode};

    #[test]
    fn headers_survive_the_line() {
        for kind in [
            TapKind::Parameters,
            TapKind::Frame,
            TapKind::Keyframe,
            TapKind::Sound,
        ] {
            let header = TapHeader {
                kind,
                moment_ns: 0x0102_0304_0506_0708,
                bytes: 0x0a0b,
            };
            assert_eq!(TapHeader::from_bytes(header.to_bytes()), Ok(header));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let mut bytes = [0; TapHeader::BYTES];
        assert_eq!(TapHeader::from_bytes(bytes), Err(TapError::Kind(0)));
        bytes[0] = 2;
        bytes[4] = 0xff;
        assert_eq!(
            TapHeader::from_bytes(bytes),
            Err(TapError::TooLong(0xff00_0000))
        );
    }

    #[test]
    fn a_host_introduces_itself_as_it_always_did() {
        let terms = LeaseTerms {
            token: 4,
            valid_until_ms: 9,
        };
        let line = encode(&Command::Lease(terms)).unwrap();
        let read: Introduction = decode(&line).unwrap();
        assert_eq!(read, Introduction::Lease(terms));
        let tap = Introduction::Tap(TapTerms { token: 4 });
        assert_eq!(
            encode(&tap).unwrap(),
            b"{\"command\":\"tap\",\"token\":4}\n".to_vec()
        );
    }
}
