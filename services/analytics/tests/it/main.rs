//! analytics as its callers see it: a real service, a real Redis, minted identities. Engines,
//! chat and layers, which are other processes, are played by the test.
#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and numbers are kept exactly"
)]

mod harness;
mod ingest;
mod outage;
mod refusals;
mod storage;
mod summary;
mod timeseries;
