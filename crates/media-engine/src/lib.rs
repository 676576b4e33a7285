//! The media worker: one GStreamer program, steered over stdin and stdout.
#![warn(missing_docs)]

pub mod fmp4;
mod number;
pub mod picture;
pub mod sound;
pub mod timeline;
