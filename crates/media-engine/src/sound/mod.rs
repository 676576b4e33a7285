//! Sound and how it is mixed. Samples only: no time but positions, no GStreamer.
//!
//! The program is stereo at [`crate::timeline::SAMPLE_RATE`] in 32-bit floats. Silence is what
//! remains where nobody plays, so the program's sound never has a gap.

mod limiter;
mod loudness;
mod meter;
mod queue;

pub(crate) use limiter::Limiter;
pub(crate) use loudness::LoudnessMeter;
pub(crate) use meter::{Level, LevelMeter};
pub(crate) use queue::{Fader, SoundQueue};

/// Channels of the program.
pub(crate) const CHANNELS: usize = 2;
