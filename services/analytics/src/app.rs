//! Wiring: what analytics is made of.

use std::sync::Arc;

use anyhow::Context as _;
use sm_bus::{Bus, keys};
use sm_service_kit::auth::follow_revocations;
use sm_service_kit::health::Need;
use sm_service_kit::{Kit, resources};

use crate::alerts::{AlertStore, StoredSamples};
use crate::api::{self, Context, Exports};
use crate::config::Config;
use crate::delivery::{DeliveryStore, Post, Sender, guarded_client};
use crate::errors::ErrorStore;
use crate::incidents::IncidentStore;
use crate::ingest::{self, Ingest};
use crate::metrics::{Metrics, RemoteMetrics};
use crate::packing::{self, Packing};
use crate::query::Limits;
use crate::remote_write::{self, RemoteWrite};
use crate::store::Store;
use crate::watch::{self, Means, Watch};

/// Runs analytics until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis,
        kit.about().name,
        kit.instance().clone(),
        Arc::clone(kit.clock()),
    )
    .context("prepare Redis")?;
    let metrics = Metrics::register(kit.registry()).context("register metrics")?;
    watch_health(&kit, &bus, &metrics);
    follow_redis(&kit, &bus);
    kit.start().context("start metrics and health")?;

    let store = Store::new(bus.clone(), config.retention, config.ingest.stream.clone());
    let stopping = kit.lifecycle().stopping().clone();
    let told_on = config.ingest.stream.clone();
    let health = kit.health().clone();
    let packing = Packing::new(
        store.clone(),
        config.packing,
        metrics.clone(),
        health.clone(),
    );
    kit.lifecycle().spawn(packing.run(stopping.clone()));
    let remote = RemoteMetrics::register(kit.registry()).context("register metrics")?;
    let remote = RemoteWrite::new(store.clone(), config.remote_write, remote, health.clone())?;
    if let Some(remote) = remote {
        kit.health()
            .component(remote_write::COMPONENT, Need::Optional);
        kit.lifecycle().spawn(remote.run(stopping.clone()));
    }
    let ingest = Ingest::new(
        store.clone(),
        config.ingest,
        metrics.clone(),
        health.clone(),
    );
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
    let alerts = AlertStore::new(bus.clone(), &config.alerts);
    let deliveries = DeliveryStore::new(bus.clone(), &config.delivery, &config.alerts);
    let samples = StoredSamples::new(store.clone(), limits);
    let means = Means {
        store: store.clone(),
        samples: samples.clone(),
        alerts: alerts.clone(),
        deliveries: deliveries.clone(),
        metrics: metrics.clone(),
        health,
        told_on,
    };
    let watch = Watch::new(means, config.alerts.clone(), config.incidents);
    kit.lifecycle().spawn(watch.run(stopping.clone()));
    let policy = config.delivery.policy();
    let client = guarded_client(policy.clone(), config.delivery.timeout())
        .context("prepare the sending of messages")?;
    let sender = Sender::new(
        (store.clone(), deliveries.clone()),
        Post::new(client, policy.clone()),
        &config.delivery,
        &config.alertmanager,
        metrics,
    )
    .context("prepare the sending to Alertmanager")?;
    kit.lifecycle().spawn(sender.run(stopping));
    let context = Context {
        store,
        limits,
        samples,
        alerts,
        alerts_config: config.alerts,
        deliveries,
        errors: ErrorStore::new(bus.clone()),
        incidents: IncidentStore::new(bus.clone()),
        policy,
        exports: Exports::new(config.query.exports_max),
    };
    let served = kit
        .serve(api::routes(context))
        .await
        .context("serve the API");
    // Without this the instance is listed a few seconds longer.
    drop(bus.forget_instance(kit.instance()).await);
    served
}

/// Optional: what is stored can be read while nothing new comes in.
fn watch_health(kit: &Kit, bus: &Bus, metrics: &Metrics) {
    let redis = bus.clone();
    kit.health().dependency("redis", Need::ToStart, move || {
        let redis = redis.clone();
        async move { redis.ping().await.map(drop) }
    });
    for component in [ingest::COMPONENT, watch::COMPONENT, packing::COMPONENT] {
        kit.health().component(component, Need::Optional);
    }
    let lag = metrics.clone();
    kit.health()
        .indicator("ingest_lag_events", move || lag.lag());
}

/// Which tokens hold no more, and the quotas that all replicas share.
fn follow_redis(kit: &Kit, bus: &Bus) {
    let revocations = bus.clone();
    kit.lifecycle().spawn(follow_revocations(
        kit.clone(),
        Need::ToStart,
        move |mark| {
            let bus = revocations.clone();
            async move { bus.revocations_after(mark).await }
        },
    ));
    let counter = bus.clone();
    kit.limits().share(move |wish| {
        let bus = counter.clone();
        let key = keys::allowance(wish.class.as_str(), &wish.caller);
        async move { bus.take_allowance(&key, wish.quota, wish.wanted).await }
    });
}
