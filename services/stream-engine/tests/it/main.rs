//! stream-engine as its callers see it: a real service, a real Redis, minted identities. The
//! control plane is played by the test, and the media worker by `examples/fake_worker.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests fail by panicking, and need not be small"
)]

mod access;
mod admission;
mod adoption;
mod control;
mod copies;
mod format;
mod handover;
mod harness;
mod ingest;
mod ingest_srt;
mod ladder;
mod low_latency;
mod outage;
mod outputs;
mod playlist;
mod preview;
mod recordings;
mod scene_adoption;
mod scenes;
mod secrets;
mod sprite;
mod takeover;
mod worker;
