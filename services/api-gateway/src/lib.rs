//! api-gateway owns identities: people, their sign-ins, and the keys that tokens are signed with.
//! It also answers for the whole system: resources, health, the API's documents, the console.
//!
//! Architecture invariants: no product rule lives here, and no request for another service passes
//! through it: the load balancer routes. It keeps nothing in memory that another replica would
//! need. Passwords, refresh tokens and tickets are stored as digests alone.

mod api;
mod app;
mod audit;
mod config;
mod console;
mod documents;
mod first_admin;
mod health;
mod machine_keys;
mod metrics;
mod origin;
mod passwords;
mod resources;
mod second_factor;
mod secret;
mod sign_in;
mod static_file;
mod tokens;
mod users;

use sm_service_kit::About;

pub use api::openapi;
pub use app::{own_keys, serve};
pub use config::Config;

/// What this service is.
pub const ABOUT: About = About {
    name: "api-gateway",
    version: env!("CARGO_PKG_VERSION"),
    default_config: include_str!("../config/default.toml"),
    openapi: Some(api::openapi_json),
};
