//! stream-control owns the desired state of every stream, its legal transitions, operations and
//! the audit list.
//!
//! Architecture invariants: it never talks to an engine, and keeps nothing in memory that another
//! replica would need. A command is one commit in Redis; the engine that holds the stream's lease
//! makes it true.

mod api;
mod app;
mod audit;
mod config;
mod domain;
mod metrics;
mod operations;
mod outputs;
mod playback;
mod schedules;
mod states;
mod store;

use sm_service_kit::About;

pub use api::openapi;
pub use app::serve;
pub use config::Config;

/// What this service is.
pub const ABOUT: About = About {
    name: "stream-control",
    version: env!("CARGO_PKG_VERSION"),
    default_config: include_str!("../config/default.toml"),
    openapi: Some(api::openapi_json),
};
