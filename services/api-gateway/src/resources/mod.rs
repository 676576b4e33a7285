//! What the whole system uses: every running instance, Redis, this host, and how it was lately.

mod history;
mod host;
mod redis_server;
mod totals;

use serde::Serialize;
use sm_bus::{Bus, BusError};
use sm_common::clock::Timestamp;
use sm_common::resources::InstanceResources;
use utoipa::ToSchema;

pub(crate) use history::{History, Sample};
pub(crate) use host::HostResources;
pub(crate) use redis_server::RedisResources;
pub(crate) use totals::{ServiceTotals, Totals};

/// What the whole system uses now. What is not known is null.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SystemResources {
    /// When this was read.
    pub(crate) at: Timestamp,
    /// The host of the gateway that answers.
    pub(crate) host: HostResources,
    /// Redis.
    pub(crate) redis: RedisResources,
    /// Every running instance, as it reported last, by service and instance.
    pub(crate) instances: Vec<InstanceResources>,
    /// All instances together.
    pub(crate) totals: Totals,
    /// The samples after `since`, oldest first; empty when it was not asked for.
    pub(crate) history: Vec<Sample>,
}

/// Reads what the system uses now.
pub(crate) async fn read(bus: &Bus, now: Timestamp) -> Result<SystemResources, BusError> {
    let instances = bus.instances(now).await?;
    let redis = redis_server::read(bus).await?;
    Ok(SystemResources {
        at: now,
        host: host::read(),
        redis,
        totals: Totals::of(&instances),
        instances,
        history: Vec::new(),
    })
}
