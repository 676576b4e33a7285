//! A private native stack for end-to-end tests, and what a user does with it: everything goes
//! through Traefik.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod collector;
mod drill;
mod editing;
mod fleet;
mod hostile;
mod ledger;
mod peers;
mod picture;
mod playlist;
mod recording;
mod redis_control;
mod soak;
mod stack;

pub use collector::Collector;
pub use drill::{DrillReport, DrillRow, drill};
pub use editing::{EditingPlan, EditingReport, edit};
pub use fleet::Fleet;
pub use hostile::{HostilePlan, HostileReport, attack};
pub use ledger::{LedgerPlan, LedgerReport, keep_ledger};
pub use peers::{Camera, Mortal, RtmpServer, SrtListener};
pub use picture::{Rgb, Still};
pub use playlist::{Playlist, Probe, Watched, watch};
pub use recording::{Recording, record};
pub use redis_control::{REDIS_PORT, RedisControl};
pub use soak::{SoakPlan, SoakReport, soak};
pub use stack::{Stack, StackOptions};
