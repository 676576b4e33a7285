//! Messages between `stream-engine` and the media worker. No I/O.
//!
//! One JSON document a line: [`Command`]s on the worker's standard input, [`Report`]s on its
//! standard output. Standard error is the worker's log. Addresses with secrets travel in
//! commands, never in arguments or the environment.
//!
//! The worker starts, says [`Report::Ready`], and waits for [`Command::Configure`]; from then on
//! it is on air until [`Command::Stop`], the end of its standard input, or the end of its parent.
#![warn(missing_docs)]

mod command;
mod framing;
mod report;

pub use command::{
    Command, HlsSettings, LayerContent, RecordingSettings, SceneLayer, WantedOutput, WantedScene,
};
pub use framing::{FrameError, LINE_BYTES_MAX, decode, encode};
pub use report::{
    FinishReason, LayerReport, OutputReport, OutputStats, Part, Report, Segment, Stats, WorkerState,
};
