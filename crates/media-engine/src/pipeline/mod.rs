//! The program's own pipeline: composing, encoding, cutting into segments.
//!
//! It never sees a decoder or a file of a layer. Layers leave frames and sound in bounded queues
//! ([`FrameSlot`], [`crate::sound::SoundQueue`]); the composer takes what is due, on its own
//! clock, and black and silence where nothing is. So nothing a layer does can stop, stall or
//! renegotiate what is on air.

mod acts;
mod apart;
mod clock;
mod composer;
mod crossing;
mod drawing;
mod easel;
mod encoded;
mod encoder;
mod fanout;
mod fitter;
mod frame_queue;
mod frame_slot;
mod further;
mod gallery;
mod inspector;
mod ladder;
mod monitor;
mod motion;
mod picture_slot;
mod pool;
mod program;
mod rendition;
mod segment_writer;
mod segmenter;
mod snapshot;
mod sprite;
mod stack;
mod stage;
mod strip;
mod takers;
mod tracks;
mod voices;

pub(crate) use apart::{Apart, ApartListener, ENCODER_FAILED};
pub(crate) use clock::ProgramClock;
pub(crate) use encoded::{Encoded, EncodedFrame, EncodedPacket};
pub(crate) use encoder::{EncoderError, sound_caps};
pub(crate) use fanout::{Fanout, Listener};
pub(crate) use fitter::{Frame, bitmap_of, scale_bitmap};
pub(crate) use frame_slot::FrameSlot;
pub(crate) use monitor::{Monitor, SoundListener};
pub(crate) use picture_slot::PictureSlot;
pub(crate) use program::{Program, ProgramError, ProgramSettings};
pub(crate) use segmenter::{Origin, Piece, Segmenter, frames_in};
pub(crate) use stack::{Card, Layout, Ramp, Stack};
pub(crate) use stage::{Act, Item, Stage, Surface, Voice};
pub(crate) use strip::{Motion, Strip};
pub(crate) use tracks::Tracks;
