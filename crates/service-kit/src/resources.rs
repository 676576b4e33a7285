//! What this process uses, measured from `/proc` and the clock.

use std::time::{Duration, Instant};

use procfs::process::{LimitValue, Process};
use sm_common::clock::Timestamp;
use sm_common::id::InstanceId;
use sm_common::resources::InstanceResources;
use tokio_util::sync::CancellationToken;

use crate::Kit;

/// How long the timer sleeps whose lateness is measured.
const LAG_PROBE: Duration = Duration::from_millis(10);

/// Measures a process between two calls.
#[derive(Debug)]
pub struct Sampler {
    pid: u32,
    last: Option<(Instant, f64)>,
}

impl Sampler {
    /// Measures this process.
    pub fn own() -> Self {
        Self::of(std::process::id())
    }

    /// Measures another process of this host.
    pub const fn of(pid: u32) -> Self {
        Self { pid, last: None }
    }

    /// CPU in cores since the last call, `None` at the first.
    fn cpu_cores(&mut self, process: &Process) -> Option<f64> {
        let stat = process.stat().ok()?;
        let ticks = stat.utime.saturating_add(stat.stime);
        let seconds = Duration::from_secs(ticks).as_secs_f64()
            / Duration::from_secs(procfs::ticks_per_second()).as_secs_f64();
        let now = Instant::now();
        let before = self.last.replace((now, seconds));
        let (then, used) = before?;
        let elapsed = now.duration_since(then).as_secs_f64();
        (elapsed > 0.0).then(|| ((seconds - used) / elapsed).max(0.0))
    }

    /// What the process uses now.
    pub fn sample(
        &mut self,
        (instance, service, version): (&InstanceId, &str, &str),
        (started_at, at): (Timestamp, Timestamp),
        scheduler_lag: Option<Duration>,
    ) -> InstanceResources {
        let process = i32::try_from(self.pid)
            .ok()
            .and_then(|pid| Process::new(pid).ok());
        let status = process.as_ref().and_then(|process| process.status().ok());
        let descriptors = process.as_ref().and_then(|process| process.fd_count().ok());
        let limit = process
            .as_ref()
            .and_then(|process| process.limits().ok())
            .and_then(|limits| match limits.max_open_files.soft_limit {
                LimitValue::Value(value) => Some(value),
                LimitValue::Unlimited => None,
            });
        InstanceResources {
            instance: instance.clone(),
            service: service.to_owned(),
            version: version.to_owned(),
            host: host_name(),
            pid: self.pid,
            started_at,
            at,
            cpu_cores: process.as_ref().and_then(|process| self.cpu_cores(process)),
            memory_bytes: status
                .as_ref()
                .and_then(|status| status.vmrss)
                .map(|kibibytes| kibibytes.saturating_mul(1024)),
            memory_limit_bytes: memory_limit(),
            descriptors: descriptors.and_then(|count| u64::try_from(count).ok()),
            descriptors_limit: limit,
            threads: status.map(|status| status.threads),
            scheduler_lag_ms: scheduler_lag.map(|lag| lag.as_secs_f64() * 1000.0),
            capacity: None,
        }
    }
}

/// The host's name.
pub fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// The memory limit of the control group, version 2 or 1, in bytes.
fn memory_limit() -> Option<u64> {
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()
    };
    let limit = read("/sys/fs/cgroup/memory.max")
        .or_else(|| read("/sys/fs/cgroup/memory/memory.limit_in_bytes"))?;
    // Version 1 says "no limit" with a number near the largest.
    (limit < u64::MAX / 4).then_some(limit)
}

/// Hands a measurement of this process to `publish` regularly, until `stop`.
pub async fn report<F, Fut>(kit: Kit, stop: CancellationToken, publish: F)
where
    F: Fn(InstanceResources) -> Fut + Send,
    Fut: Future<Output = ()> + Send,
{
    let every = Duration::from_millis(kit.config().ops.report_interval_ms);
    let mut sampler = Sampler::own();
    while !stop.is_cancelled() {
        let asleep = Instant::now();
        tokio::time::sleep(LAG_PROBE).await;
        let lag = asleep.elapsed().saturating_sub(LAG_PROBE);
        let identity = (kit.instance(), kit.about().name, kit.about().version);
        let times = (kit.started_at(), kit.clock().now());
        publish(sampler.sample(identity, times, Some(lag))).await;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => {}
        }
    }
}
