//! Wiring: what stream-control is made of.

use actix_web::web::Data;
use anyhow::Context as _;
use sm_bus::Bus;
use sm_service_kit::health::Need;
use sm_service_kit::{Kit, resources};

use crate::api;
use crate::config::Config;

/// Runs stream-control until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis.clone(),
        kit.about().name,
        kit.instance().clone(),
        std::sync::Arc::clone(kit.clock()),
    )
    .context("prepare Redis")?;
    let redis = bus.clone();
    kit.health().dependency("redis", Need::Required, move || {
        let redis = redis.clone();
        async move { redis.ping().await.map(drop) }
    });
    kit.start().context("start metrics and health")?;

    let reporter = bus.clone();
    kit.lifecycle().spawn(resources::report(
        kit.clone(),
        kit.lifecycle().stopping().clone(),
        move |sample| {
            let bus = reporter.clone();
            // A report that is lost is followed by the next.
            async move { drop(bus.report_instance(&sample).await) }
        },
    ));
    kit.serve(move |routes| api::routes(routes)).await.context("serve the API")
}
