//! How every service starts, stops, logs, authenticates and answers errors.
//!
//! A service's `main` calls [`run`]; everything it needs to serve reaches it as a [`Kit`].
//! Architecture invariants: no product noun (stream, layer) and no Redis in here.
#![warn(missing_docs)]

mod about;
pub mod auth;
pub mod body;
mod cli;
pub mod config;
mod entry;
pub mod health;
pub mod http;
mod kit;
mod lifecycle;
pub mod limits;
pub mod metrics;
pub mod problem;
pub mod resources;
pub mod secret;
pub mod telemetry;

pub use about::About;
pub use entry::run;
pub use kit::{BindError, Kit};
pub use lifecycle::{Hold, Lifecycle};
pub use problem::ApiProblem;
