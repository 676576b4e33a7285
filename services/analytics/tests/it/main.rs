//! analytics as its callers see it: a real service, a real Redis, minted identities. Engines,
//! chat and layers, which are other processes, are played by the test.
#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and numbers are kept exactly"
)]

mod export;
mod harness;
mod ingest;
mod outage;
mod quantiles;
mod refusals;
mod remote_write;
mod storage;
mod summary;
mod timeseries;
