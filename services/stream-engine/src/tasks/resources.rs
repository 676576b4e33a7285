use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::id::InstanceId;
use sm_service_kit::resources::Sampler;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::stream::Surroundings;

/// The service that a worker's row in `/api/resources` names.
const SERVICE: &str = "media-worker";

/// Reports what a worker's process, which runs since `started_at`, uses, until the guard is dropped.
pub(crate) fn report_worker(
    surroundings: &Surroundings,
    pid: u32,
    started_at: Timestamp,
) -> DropGuard {
    let end = CancellationToken::new();
    let guard = end.clone().drop_guard();
    let (bus, kit) = (surroundings.bus.clone(), surroundings.kit.clone());
    let every = Duration::from_millis(kit.config().ops.report_interval_ms);
    surroundings.lifecycle().spawn(async move {
        let instance = InstanceId::generate(SERVICE);
        let mut sampler = Sampler::of(pid);
        while !end.is_cancelled() {
            let identity = (&instance, SERVICE, kit.about().version);
            let sample = sampler.sample(identity, (started_at, kit.clock().now()), None);
            // A report that is lost is followed by the next.
            drop(bus.report_instance(&sample).await);
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = end.cancelled() => {}
            }
        }
        // Without this the worker is listed a few seconds longer.
        drop(bus.forget_instance(&instance).await);
    });
    guard
}
