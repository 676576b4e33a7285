//! api-gateway as its callers see it: real replicas over a real Redis.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod attacks;
mod audit;
mod console;
mod cors;
mod documents;
mod first_admin;
mod harness;
mod health;
mod machine_keys;
mod outage;
mod passwords;
mod refresh;
mod resources;
mod rotation;
mod second_factor;
mod sessions;
mod sign_in;
mod tickets;
mod tokens;
mod users;
