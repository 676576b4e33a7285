use std::sync::Arc;

use sm_common::clock::Timestamp;

/// What leaves the encoders. Copies share their bytes.
#[derive(Clone, Debug)]
pub(crate) enum Encoded {
    /// How to decode the frames that follow.
    VideoConfiguration(Arc<[u8]>),
    /// How to decode the packets that follow.
    AudioConfiguration(Arc<[u8]>),
    /// A frame.
    Video(EncodedFrame),
    /// A packet of sound.
    Audio(EncodedPacket),
    /// No more frames.
    VideoEnd,
    /// No more packets.
    AudioEnd,
}

/// A frame of the program, as one access unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EncodedFrame {
    /// Its number in the program.
    pub(crate) number: u64,
    /// Whether it can be decoded by itself.
    pub(crate) keyframe: bool,
    /// Wall clock at which it was due to be composed.
    pub(crate) due_at: Option<Timestamp>,
    /// How to decode it, where that is not how the program's are decoded: of an encoding for one
    /// reader alone.
    pub(crate) apart: Option<Arc<[u8]>>,
    /// Its bytes, each unit with its length in front.
    pub(crate) data: Arc<[u8]>,
}

/// A packet of the program's sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EncodedPacket {
    /// Its first sample.
    pub(crate) position: u64,
    /// Its bytes.
    pub(crate) data: Arc<[u8]>,
}
