//! Redis as bus and store: connections, key names, atomic commits, events with positions, live
//! subscriptions and leases.
//!
//! Architecture invariants: no business rule and no HTTP lives here. Every key comes from
//! [`keys`]. Every event is published by the one script behind [`Bus::commit`], so that it is in
//! its channel's history before anybody hears of it, with an epoch and an offset without gaps. Keys
//! that are touched together share a hash tag, so that all of it works on a cluster as well.
#![warn(missing_docs)]

mod allowance;
mod audience;
mod breaker;
mod cluster;
mod commit;
mod config;
mod connection;
mod error;
mod history;
mod instances;
pub mod keys;
mod lane;
mod lease;
mod link;
mod listen;
mod log;
mod request;
mod revocations;
mod scenes;
mod server;
mod sharded;

pub use audience::Followers;
pub use commit::{Collection, Commit, CommitOutcome, Guard, ListBounds, OutgoingEvent};
pub use config::BusConfig;
pub use connection::Bus;
pub use deadpool_redis::redis;
pub use error::BusError;
pub use history::{Heard, History, Published};
pub use lease::{Bid, Claim, Heir, HeirKey, Lease, LeaseHolder, LeaseOutcome, Whereabouts};
pub use listen::{Listener, Signal};
pub use log::{LogEntry, LogPage};
pub use revocations::{REVOCATIONS_MAX, RevocationMark};
pub use scenes::{SceneQuery, SceneStamp, StoredScene, StoredScenes, Which};
