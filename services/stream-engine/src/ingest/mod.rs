//! Feeds that others push to us: RTMP or SRT with a stream key.
//!
//! A connection is read here, in the process that holds no picture, and goes on to the layer's
//! source in the media worker as FLV, over a local socket. Publishers therefore outlive workers:
//! while there is none, or the layer is in a scene that is not open, what they send is dropped,
//! and the next whole picture after that shows. An engine that does not hold the stream publishes
//! to the one that does.
//!
//! Architecture invariant: nobody who has not shown a valid key is remembered, read for longer
//! than `ingest.open_timeout_ms`, or makes anything grow. A key is in no log.

mod connection;
pub(crate) mod door;
mod flv;
mod guesses;
mod listener;
mod outlet;
mod passage;
mod proxy;
mod relay;
mod rtmp;
mod seats;
mod srt;
mod ts;
mod worker_feed;

pub(crate) use door::Door;
pub(crate) use listener::{Publishers, listen};
pub(crate) use srt::Port as SrtPort;
