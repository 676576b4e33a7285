//! ws-fanout owns the WebSocket connections, their subscriptions, and chat.
//!
//! Architecture invariants: a subscriber hears the events of a channel in order, each once, and
//! without a gap, or is given a snapshot; on `stream-state` and `metrics` a slow reader may be
//! given the newest value alone. An event is encoded once for all of its subscribers. What waits
//! for a reader is bounded, and nobody waits for a slow one. Nothing that another replica would
//! need is kept in memory: positions and histories are the bus's.

mod api;
mod app;
mod chat;
mod config;
mod handshake;
mod hub;
mod limit;
mod metrics;
mod people;
mod presence;
mod replay;
mod session;
mod topic;

use sm_service_kit::About;

pub use api::openapi;
pub use app::serve;
pub use config::Config;

/// What this service is.
pub const ABOUT: About = About {
    name: "ws-fanout",
    version: env!("CARGO_PKG_VERSION"),
    default_config: include_str!("../config/default.toml"),
    openapi: Some(api::openapi_json),
};
