//! stream-control as its callers see it: a real service, a real Redis, minted identities. The
//! engine, which is another process, is played by the test.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod control;
mod harness;
mod limits;
mod outage;
mod outputs;
mod scenes;
mod schedules;
mod state;
