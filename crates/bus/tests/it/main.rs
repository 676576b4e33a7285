//! What the bus promises, against a real Redis: commits that happen whole or not at all, events
//! with positions, recovery, leases, and behaviour while Redis is away.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod allowance;
mod cluster;
mod commit;
mod lease;
mod live;
mod position;
mod protected;
mod scenes;
mod silence;
