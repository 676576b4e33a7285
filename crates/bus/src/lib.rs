//! Redis as bus and store: connections, key names, atomic commits, events with positions, live
//! subscriptions and leases.
//!
//! Architecture invariants: no business rule and no HTTP lives here. Every key comes from
//! [`keys`]. Every event is published by the one script behind [`Bus::commit`], so that it is in
//! its channel's history before anybody hears of it, with an epoch and an offset without gaps.
#![warn(missing_docs)]

mod commit;
mod config;
mod connection;
mod error;
mod history;
mod instances;
pub mod keys;
mod lane;
mod lease;
mod listen;
mod log;
mod scenes;

pub use commit::{Collection, Commit, CommitOutcome, Guard, ListBounds, OutgoingEvent};
pub use config::BusConfig;
pub use connection::Bus;
pub use deadpool_redis::redis;
pub use error::BusError;
pub use history::{Heard, History, Published};
pub use lease::{Bid, Claim, Heir, HeirKey, Lease, LeaseHolder, LeaseOutcome, Whereabouts};
pub use listen::{Listener, Signal};
pub use log::{LogEntry, LogPage};
pub use scenes::{SceneQuery, SceneStamp, StoredScene, StoredScenes, Which};
