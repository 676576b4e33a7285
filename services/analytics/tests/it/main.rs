//! analytics as its callers see it: a real service, a real Redis, minted identities. Engines,
//! chat and layers, which are other processes, are played by the test.
#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and numbers are kept exactly"
)]

mod alertmanager;
mod alerts;
mod errors;
mod export;
mod harness;
mod incidents;
mod ingest;
mod outage;
mod prometheus;
mod quantiles;
mod refusals;
mod remote_write;
mod rules;
mod storage;
mod summary;
mod timeseries;
mod webhooks;
