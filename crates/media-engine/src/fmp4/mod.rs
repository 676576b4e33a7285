//! Fragmented MP4 (ISO/IEC 14496-12, -14 and -15): one H.264 and one AAC track, as HLS (RFC 8216)
//! wants its initialisation section and its segments. Bytes only: no files, no GStreamer.
//!
//! The engine writes its own because it knows the structure beforehand: every segment holds the
//! frames from one keyframe to the next, and may be published the moment the next one arrives.

mod boxes;
mod fragment;
mod initialization;

pub(crate) use fragment::{AudioRun, Sample, VideoRun, fragment};
pub(crate) use initialization::{AudioTrack, VideoTrack, initialization};

const VIDEO_TRACK: u32 = 1;
const AUDIO_TRACK: u32 = 2;

/// Samples in an AAC packet.
pub(crate) const AAC_PACKET_SAMPLES: u32 = 1024;
