//! What a running process uses, as it reports it about itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::capacity::HostCapacity;
use crate::clock::Timestamp;
use crate::id::InstanceId;

/// One running instance of a service, or a media worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InstanceResources {
    /// The process.
    pub instance: InstanceId,
    /// The service it belongs to.
    pub service: String,
    /// The service's version.
    pub version: String,
    /// The host's name.
    pub host: String,
    /// Process identifier on that host.
    pub pid: u32,
    /// When the process started.
    pub started_at: Timestamp,
    /// When this was measured.
    pub at: Timestamp,
    /// CPU over the last interval, in cores: 1.0 is one core fully used.
    pub cpu_cores: Option<f64>,
    /// Resident memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The memory limit of its control group in bytes; `None` without a limit.
    pub memory_limit_bytes: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Most file descriptors it may open.
    pub descriptors_limit: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// How late a timer fired over the last interval, in milliseconds: how busy the scheduler is.
    pub scheduler_lag_ms: Option<f64>,
    /// Of an engine: what its host can carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<HostCapacity>,
}
