//! Messages between `stream-engine` and the media worker. No I/O.
//!
//! One JSON document a line over a Unix socket: [`Command`]s to the worker, [`Report`]s from it.
//! The worker's standard input is the socket that it listens on, its argument the stream, its
//! standard error its log. Addresses with secrets travel in commands, never in arguments or the
//! environment.
//!
//! A host connects and says [`Command::Lease`]; the worker answers [`Report::Ready`], and waits for
//! [`Command::Configure`]; from then on it is on air until [`Command::Stop`], or until it had no
//! host for [`Hosting::orphan_ms`]. A host that connects later, such as the successor of one that
//! died, finds in [`OnAir`] what it needs to go on. A new connection takes an older one's place.
//!
//! Beside the host, readers of the tap may connect: they say [`Introduction::Tap`], and are given
//! what the encoders make.
#![warn(missing_docs)]

mod adaptive;
mod chat;
mod command;
mod environment;
mod framing;
mod picture;
mod report;
mod tap;
mod values;
mod web;

pub use adaptive::{AdaptiveTerms, NotAPercentage, Percent};
pub use chat::{CHAT_LINES_MAX, CHAT_NAME_CHARS_MAX, CHAT_TEXT_CHARS_MAX, ChatFeed, ChatLine};
pub use command::{
    Clip, Command, Countdown, Cover, CoverReason, HlsSettings, Hosting, LayerContent, LeaseTerms,
    PlaylistEntry, RecordingSettings, RetryTerms, SceneLayer, SpriteSettings, WantedOutput,
    WantedScene,
};
pub use environment::ENVIRONMENT;
pub use framing::{FrameError, LINE_BYTES_MAX, decode, encode};
pub use picture::{CoverPicture, ScenePicture};
pub use report::{
    FinishReason, LayerReport, OnAir, OutputReport, OutputStats, Part, RenditionFailure,
    RenditionOnAir, RenditionReport, Report, Segment, Stats, WorkerState,
};
pub use tap::{Introduction, TapError, TapHeader, TapKind, TapTerms};
pub use values::TextValues;
pub use web::{RenderFailure, RenderNews, RenderOrder, SLOTS, WebSettings};
