//! Wiring: what analytics is made of.

use std::sync::Arc;

use anyhow::Context as _;
use sm_bus::Bus;
use sm_service_kit::health::Need;
use sm_service_kit::{Kit, resources};

use crate::api::{self, Context, Exports};
use crate::config::Config;
use crate::ingest::{self, Ingest};
use crate::metrics::{Metrics, RemoteMetrics};
use crate::packing::{self, Packing};
use crate::query::Limits;
use crate::remote_write::{self, RemoteWrite};
use crate::store::Store;

/// Runs analytics until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis,
        kit.about().name,
        kit.instance().clone(),
        Arc::clone(kit.clock()),
    )
    .context("prepare Redis")?;
    let redis = bus.clone();
    kit.health().dependency("redis", Need::ToStart, move || {
        let redis = redis.clone();
        async move { redis.ping().await.map(drop) }
    });
    // Optional: what is stored can be read while nothing new comes in.
    kit.health().component(ingest::COMPONENT, Need::Optional);
    kit.health().component(packing::COMPONENT, Need::Optional);
    let metrics = Metrics::register(kit.registry()).context("register metrics")?;
    let lag = metrics.clone();
    kit.health()
        .indicator("ingest_lag_events", move || lag.lag());
    kit.start().context("start metrics and health")?;

    let store = Store::new(bus.clone(), config.retention, config.ingest.stream.clone());
    let stopping = kit.lifecycle().stopping();
    let packing = Packing::new(
        store.clone(),
        config.packing,
        metrics.clone(),
        kit.health().clone(),
    );
    kit.lifecycle().spawn(packing.run(stopping.clone()));
    let remote = RemoteMetrics::register(kit.registry()).context("register metrics")?;
    let remote = RemoteWrite::new(
        store.clone(),
        config.remote_write,
        remote,
        kit.health().clone(),
    )?;
    if let Some(remote) = remote {
        kit.health()
            .component(remote_write::COMPONENT, Need::Optional);
        kit.lifecycle().spawn(remote.run(stopping.clone()));
    }
    let ingest = Ingest::new(store.clone(), config.ingest, metrics, kit.health().clone());
    kit.lifecycle().spawn(ingest.run(stopping.clone()));
    let reporter = bus.clone();
    kit.lifecycle().spawn(resources::report(
        kit.clone(),
        stopping.clone(),
        move |sample| {
            let bus = reporter.clone();
            // A report that is lost is followed by the next.
            async move { drop(bus.report_instance(&sample).await) }
        },
    ));

    let limits = Limits {
        retention: config.retention,
        points_max: i64::from(config.query.points_max),
        points_auto: i64::from(config.query.points_auto),
    };
    let served = kit
        .serve(api::routes(Context {
            store,
            limits,
            exports: Exports::new(config.query.exports_max),
        }))
        .await
        .context("serve the API");
    // Without this the instance is listed a few seconds longer.
    drop(bus.forget_instance(kit.instance()).await);
    served
}
