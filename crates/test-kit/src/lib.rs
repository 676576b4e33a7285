//! What tests share: a private Redis, minted identities, running services and clients. Never in
//! a release build.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]
#![expect(
    clippy::return_self_not_must_use,
    reason = "an assertion may be the last word"
)]

mod api;
mod capacity;
mod cluster;
mod forgery;
mod hls;
mod identity;
mod keys;
mod object_store;
mod proxy;
mod redis;
mod service;
mod wait;
mod websocket;
mod whep;

pub use api::{Answer, Api};
pub use capacity::tell_capacity;
pub use cluster::RedisCluster;
pub use forgery::Forger;
pub use hls::{HlsFollower, HlsPart, HlsSegment};
pub use identity::Issuer;
pub use keys::Keys;
pub use object_store::ObjectStore;
pub use proxy::LossyProxy;
pub use redis::Redis;
pub use service::Running;
pub use wait::{until, until_some};
pub use websocket::{Refusal, Socket, Subscription};
pub use whep::{Received, WhepOffer, WhepViewer};
