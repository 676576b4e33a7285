//! stream-engine is the data plane: it takes streams by lease, runs one media worker for each,
//! reports what it observes, and serves the picture itself.
//!
//! Architecture invariants: it needs nobody. With Redis and the whole control plane away, what is
//! on air stays on air and can be watched. Each stream has one task that owns everything about
//! it, and what only the holder of the lease may do dies with the lease. It links no media
//! library: pictures are the worker's business.

mod admission;
mod advertise;
mod api;
mod app;
mod chat;
mod config;
mod copies;
mod handover;
mod ingest;
mod lease;
mod live;
mod metrics;
mod outputs;
mod reconcile;
mod recordings;
mod restart;
mod scene;
mod status;
mod store;
mod stream;
mod supervisor;
mod tasks;
mod webrtc;

use sm_service_kit::About;

pub use api::openapi;
pub use app::serve;
pub use config::Config;

/// What this service is.
pub const ABOUT: About = About {
    name: "stream-engine",
    version: env!("CARGO_PKG_VERSION"),
    default_config: include_str!("../config/default.toml"),
    openapi: Some(api::openapi_json),
};
