//! Wiring: what layer-service is made of.

use std::sync::Arc;

use anyhow::Context as _;
use sm_asset_store::{Bucket, OBJECT_BYTES_MAX};
use sm_bus::{Bus, keys};
use sm_service_kit::auth::follow_revocations;
use sm_service_kit::health::Need;
use sm_service_kit::{Kit, resources};

use crate::api::{self, Context, Ingest};
use crate::assets::{Assets, Catalog, Prober, StoreHealth};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::scene_files::SceneFiles;
use crate::scenes::Scenes;
use crate::schedules::Schedules;
use crate::store::SceneStore;
use crate::tasks;

/// Runs layer-service until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis.clone(),
        kit.about().name,
        kit.instance().clone(),
        Arc::clone(kit.clock()),
    )
    .context("prepare Redis")?;
    let metrics = Metrics::register(kit.registry()).context("register metrics")?;
    let catalog = Catalog::new(bus.clone());
    let scenes = Scenes::new(
        config.clone(),
        SceneStore::new(bus.clone(), &config.scene),
        catalog.clone(),
        Arc::clone(kit.clock()),
        metrics.clone(),
    );
    let bucket = Bucket::open(&config.object_store).context("open the object store")?;
    anyhow::ensure!(
        bucket.is_none() || config.assets.file_bytes_max <= OBJECT_BYTES_MAX,
        "assets.file_bytes_max is more than the {OBJECT_BYTES_MAX} bytes that an object store renames"
    );
    let assets = Assets::new(
        (config.assets.clone(), bucket),
        Prober::new(config.probe.clone(), &config.assets),
        catalog,
        scenes.clone(),
        Arc::clone(kit.clock()),
        metrics,
    );
    watch_health(&kit, &bus, &assets);
    let revocations = bus.clone();
    kit.lifecycle().spawn(follow_revocations(
        kit.clone(),
        Need::ToStart,
        move |mark| {
            let bus = revocations.clone();
            async move { bus.revocations_after(mark).await }
        },
    ));
    kit.limits().classify(api::LIMITS);
    let counter = bus.clone();
    kit.limits().share(move |wish| {
        let bus = counter.clone();
        let key = keys::allowance(wish.class.as_str(), &wish.caller);
        async move { bus.take_allowance(&key, wish.quota, wish.wanted).await }
    });
    kit.start().context("start metrics and health")?;
    start_tasks(&kit, &config, &bus, &scenes, &assets);
    let operations_max = config.scene.operations_max;
    let scene_files = SceneFiles::new(
        config.scene_files,
        config.assets.clone(),
        config.scene.layers_max,
        scenes.clone(),
        assets.clone(),
    );
    let schedules = Schedules::new(&config, scenes.clone(), bus.clone());
    // In a box, because it is large.
    let keeping = Box::pin(schedules.clone().keep(kit.lifecycle().stopping().clone()));
    kit.lifecycle().spawn(keeping);
    let context = Context {
        operations_max,
        template_parameters_max: config.templates.parameters_max,
        scenes,
        schedules,
        assets,
        scene_files,
        ingest: Ingest::open(&config.ingest)?,
    };
    // In a box, as the one above.
    let serving = Box::pin(kit.serve(api::routes(context)));
    let served = serving.await.context("serve the API");
    // Without this the instance is listed a few seconds longer.
    drop(bus.forget_instance(kit.instance()).await);
    served
}

/// Layers can be edited while files cannot be written, so the directory is not required.
fn watch_health(kit: &Kit, bus: &Bus, assets: &Assets) {
    let redis = bus.clone();
    kit.health().dependency("redis", Need::ToStart, move || {
        let redis = redis.clone();
        async move { redis.ping().await.map(drop) }
    });
    let files = assets.files().clone();
    kit.health()
        .dependency("assets-directory", Need::Optional, move || {
            let files = files.clone();
            async move { files.check().await }
        });
    if let Some(bucket) = assets.files().bucket() {
        let store = StoreHealth::new(bucket.clone());
        kit.health()
            .dependency("object-store", Need::Optional, move || {
                let store = store.clone();
                async move { store.check().await }
            });
    }
    let prober = assets.prober().clone();
    kit.health()
        .dependency("media-probe", Need::Optional, move || {
            let prober = prober.clone();
            async move { prober.check().await }
        });
    kit.health().component(tasks::COMPONENT, Need::Required);
}

fn start_tasks(kit: &Kit, config: &Config, bus: &Bus, scenes: &Scenes, assets: &Assets) {
    let stop = || kit.lifecycle().stopping().clone();
    kit.lifecycle().spawn(tasks::make_first_scenes(
        scenes.clone(),
        config.stream.ids.clone(),
        kit.health().clone(),
        stop(),
    ));
    kit.lifecycle().spawn(tasks::sweep(
        assets.clone(),
        scenes.clone(),
        config.assets.sweep_interval(),
        stop(),
    ));
    let reporter = bus.clone();
    kit.lifecycle()
        .spawn(resources::report(kit.clone(), stop(), move |sample| {
            let bus = reporter.clone();
            // A report that is lost is followed by the next.
            async move { drop(bus.report_instance(&sample).await) }
        }));
}
