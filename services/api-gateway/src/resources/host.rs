use procfs::Current as _;
use serde::{Deserialize, Serialize};
use sm_service_kit::resources::host_name;
use utoipa::ToSchema;

/// A host, as its kernel says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct HostResources {
    /// Its name.
    pub(crate) host: String,
    /// Processors.
    pub(crate) cpus: Option<usize>,
    /// Processes that ran or waited to run, averaged over 1, 5 and 15 minutes.
    pub(crate) load_1m: Option<f64>,
    /// See `load_1m`.
    pub(crate) load_5m: Option<f64>,
    /// See `load_1m`.
    pub(crate) load_15m: Option<f64>,
    /// Memory in bytes.
    pub(crate) memory_total_bytes: Option<u64>,
    /// Memory that new processes could have, in bytes.
    pub(crate) memory_available_bytes: Option<u64>,
}

/// This host, from `/proc`.
pub(crate) fn read() -> HostResources {
    let load = procfs::LoadAverage::current().ok();
    let load = load.as_ref();
    let memory = procfs::Meminfo::current().ok();
    HostResources {
        host: host_name(),
        cpus: procfs::CpuInfo::current().ok().map(|cpus| cpus.num_cores()),
        load_1m: load.map(|load| hundredths(load.one)),
        load_5m: load.map(|load| hundredths(load.five)),
        load_15m: load.map(|load| hundredths(load.fifteen)),
        memory_total_bytes: memory.as_ref().map(|memory| memory.mem_total),
        memory_available_bytes: memory.and_then(|memory| memory.mem_available),
    }
}

/// The kernel writes two decimals; widening alone would add noise behind them.
fn hundredths(load: f32) -> f64 {
    (f64::from(load) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_processors_and_memory() {
        let host = read();
        assert!(host.cpus.unwrap() > 0);
        assert!(host.memory_total_bytes.unwrap() >= host.memory_available_bytes.unwrap());
        assert!(host.load_1m.is_some());
    }
}
