//! Web pages: what the worker may do, and what it and its renderers say to each other.
//!
//! A renderer is a process of its own beside the worker, of the same executable. Its standard input
//! is a socket: one [`RenderOrder`] comes in, [`RenderNews`] go out, each a JSON line. Its standard
//! output is memory that both share, [`SLOTS`] pictures long.

use serde::{Deserialize, Serialize};
use sm_common::layer::WebSource;

/// Pictures in the shared memory: one that is read, one that is written, and one between them.
pub const SLOTS: u32 = 3;

/// How web pages are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebSettings {
    /// Most pages of a worker at a time.
    pub pages_max: u32,
    /// Most memory of a page's processes together; one that takes more is ended.
    pub memory_bytes_max: u64,
    /// Longest time from the start of a renderer to its first picture.
    pub start_ms: u64,
    /// Longest time without a sign of life of a page.
    pub stall_ms: u64,
}

/// What a renderer is to show. Never an argument: addresses may hold keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderOrder {
    /// The page.
    pub page: WebSource,
    /// Height of the program, which decides the form of its colours.
    pub program_height: u32,
}

/// What a renderer tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RenderNews {
    /// The page looks different now.
    Picture {
        /// Where its picture is in the shared memory, counted in pictures.
        slot: u32,
        /// Whether nothing shows through.
        opaque: bool,
    },
    /// The page runs, and looks as before.
    Alive,
    /// The page cannot be shown.
    Failed {
        /// Why.
        why: RenderFailure,
    },
}

/// Why a page cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenderFailure {
    /// What draws pages is not installed.
    Unavailable,
    /// The page was not loaded.
    NotLoaded,
    /// The process that runs the page ended.
    Crashed,
    /// Something else of the renderer does not work.
    Renderer,
}
