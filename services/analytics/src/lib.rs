//! analytics owns samples, their rollups and what they say about a stream.
//!
//! The way of a number: an event on the bus (`ingest`) becomes a row of a second, kept in Redis
//! (`store`), which is packed after some minutes (`packing`) together with the statistics that
//! follow from it (`rollup`), and is read back as a series or a summary (`query`, `api`).
//! [`catalogue`] names every metric.
//!
//! Beside it, one replica at a time watches every stream (`watch`): it looks at the rules (`alerts`),
//! groups errors (`errors`), puts what went wrong together into incidents (`incidents`), and tells
//! others (`delivery`).
//!
//! Architecture invariants: the event log is the only input, never another service's documents.
//! What is derived from an event is committed together with the position behind it, so that a
//! restart or a second replica loses and doubles nothing. Nothing is interpolated: what was not
//! measured is `null`.

mod alerts;
mod api;
mod app;
mod catalogue;
mod config;
mod delivery;
mod errors;
mod format;
mod incidents;
mod ingest;
mod metrics;
mod packing;
mod query;
mod remote_write;
mod rollup;
mod store;
mod timeline;
mod watch;

use sm_service_kit::About;

pub use api::openapi;
pub use app::serve;
pub use config::Config;

/// The names of the metrics that samples carry.
pub fn sampled_metrics() -> Vec<&'static str> {
    let metrics = catalogue::Series::Samples.metrics();
    metrics.map(|metric| metric.spec().name).collect()
}

/// What this service is.
pub const ABOUT: About = About {
    name: "analytics",
    version: env!("CARGO_PKG_VERSION"),
    default_config: include_str!("../config/default.toml"),
    openapi: Some(api::openapi_json),
};
