//! How an uploaded file is looked into: by a process of its own, which gets the file, an order and
//! nothing else, and gives a verdict.
//!
//! The file is the process's standard input, opened for reading. The [`Order`] is its second
//! argument, as JSON, after [`ARGUMENT`]. On its standard output it writes one line, the
//! [`Verdict`] as JSON, and then the bytes of the thumbnail. Before it reads the first byte of the
//! file it gives up whatever it does not need for that; see [`confine`].

#![warn(missing_docs)]

mod answer;
mod order;
mod sandbox;
mod verdict;

pub use answer::{answer, could_not_work};
pub use order::{ARGUMENT, Limits, Order};
pub use sandbox::{SandboxError, confine};
pub use verdict::{Findings, Look, Refusal, RefusalKind, Verdict, VerdictError};
