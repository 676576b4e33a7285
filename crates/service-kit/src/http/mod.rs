//! What every HTTP request meets: its identifier, trace, log line, metrics, and the extractors
//! that turn its parts into values or problems.

mod client;
mod context;
mod extract;
mod json;
mod layer;
mod server;
mod upgrade;

pub use client::client_address;
pub use context::RequestContext;
pub use extract::{Json, OctetLimit, Path, Query, etag, if_match, if_none_match, read_text};
pub use layer::observe;
pub use server::{Listeners, serve, serve_upgrading};
pub use upgrade::{Upgrade, Upgraded};
