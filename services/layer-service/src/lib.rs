//! layer-service owns scenes, their layers, and uploaded files.
//!
//! Architecture invariants: it never talks to an engine, and keeps nothing in memory that another
//! replica would need. A change is one commit in Redis, made for the revision that was read, with
//! the events that tell of it; so any number of replicas can write. An uploaded file never
//! changes: its name is the digest of its content.

mod api;
mod app;
mod assets;
mod config;
mod domain;
mod metrics;
mod probe;
mod scene_files;
mod scenes;
mod schedules;
mod store;
mod tasks;

use sm_service_kit::About;

pub use api::openapi;
pub use app::serve;
pub use config::Config;
pub use probe::probe;

/// What this service is.
pub const ABOUT: About = About {
    name: "layer-service",
    version: env!("CARGO_PKG_VERSION"),
    default_config: include_str!("../config/default.toml"),
    openapi: Some(api::openapi_json),
};
