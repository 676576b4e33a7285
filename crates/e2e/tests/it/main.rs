//! The whole system, as its users meet it: through Traefik, with the real engine.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod editing;
mod faults;
mod hostile;
mod ingest;
mod layers;
mod ledger;
mod on_air;
mod permissions;
mod production;
mod recovery;
mod redis_faults;
mod scene_files;
mod secrets;
mod slow_clients;
mod soak;
mod traces;
