//! The media worker: one program, composed, encoded and cut into segments, steered by its host
//! over a Unix socket (`sm-media-protocol`).
//!
//! Where to look:
//!
//! - [`run`] is the worker's loop (`worker`); `host` is its line to the host, `memory` what
//!   the next host must know, `hosting` how the worker lives without one.
//! - `scene` finds what a new scene changes; `layer` holds one file for each kind of layer.
//! - `renderer` draws a web page, in a process of its own beside the worker.
//! - `probe` looks into an uploaded video or sound, in a process that layer-service starts.
//! - `pipeline` is what is on air: composer, encoder, segment writer. It knows no decoder.
//! - `tap` lets readers on this machine have what the encoders make, as they make it.
//! - `output` brings what the encoders make to servers and into recordings, each by itself.
//! - `picture`, `sound`, `timeline`, `fmp4`, `mkv` and `stats` compute and do nothing else.
//!
//! The only crate that links GStreamer.
#![warn(missing_docs)]

mod backoff;
mod event;
mod fmp4;
mod host;
mod hosting;
mod layer;
mod limits;
mod log;
mod memory;
mod mkv;
mod number;
mod output;
mod picture;
mod pipeline;
mod probe;
mod process;
mod renderer;
mod scene;
mod sound;
mod state;
mod stats;
mod tap;
mod timeline;
mod worker;

pub use log::Log;
pub use probe::probe;
pub use process::{lead_group, prefer, socket};
pub use renderer::render_web;
pub use worker::run;
