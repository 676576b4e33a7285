//! Wiring: what stream-control is made of.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sm_bus::{Bus, keys};
use sm_common::stream::{ChosenScenes, DesiredState, DesiredStatus};
use sm_service_kit::auth::follow_revocations;
use sm_service_kit::health::Need;
use sm_service_kit::{Kit, resources};

use crate::api::{self, Context};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::playback::PlaybackSigner;
use crate::schedules::Schedules;
use crate::states::States;
use crate::store::Store;

/// Wait before the configured streams are looked for again, after Redis did not answer.
const CREATE_RETRY: Duration = Duration::from_millis(300);

/// Runs stream-control until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis.clone(),
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
    kit.health().component("streams", Need::Required);
    let context = Context {
        store: Store::new(
            bus.clone(),
            config.stream.clone(),
            config.schedules.ended_max,
        ),
        states: States::new(),
        metrics: Metrics::register(kit.registry()).context("register metrics")?,
        playback: PlaybackSigner::open(&config.playback.secret_file)?,
        config,
    };
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

    let stopping = kit.lifecycle().stopping();
    let states = context.states.clone();
    kit.lifecycle()
        .spawn(states.keep_current(context.store.clone(), stopping.clone()));
    let schedules = Schedules {
        store: context.store.clone(),
        metrics: context.metrics.clone(),
        look_every: context.config.schedules.look_every(),
    };
    kit.lifecycle().spawn(schedules.keep(stopping.clone()));
    let creation = Box::pin(create_streams(
        kit.clone(),
        context.store.clone(),
        context.config.clone(),
    ));
    let stopped = stopping.clone();
    kit.lifecycle().spawn(async move {
        stopped.run_until_cancelled(creation).await;
    });
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

    let served = kit
        .serve(api::routes(context))
        .await
        .context("serve the API");
    // Without this the instance is listed a few seconds longer.
    drop(bus.forget_instance(kit.instance()).await);
    served
}

/// Creates the configured streams where they do not exist, as soon as Redis answers.
async fn create_streams(kit: Kit, store: Store, config: Config) {
    for stream in &config.stream.ids {
        let now = kit.clock().now();
        let start = config.demo.start;
        let desired = DesiredState {
            stream: stream.clone(),
            status: if start {
                DesiredStatus::Live
            } else {
                DesiredStatus::Offline
            },
            generation: 1,
            revision: 1,
            since: now,
            changed_by: kit.about().name.to_owned(),
            program: config.stream.program.clone(),
            ladder: Vec::new(),
            outputs: Vec::new(),
            forced: false,
            chosen: ChosenScenes::default(),
        };
        loop {
            match store.create(&desired, now).await {
                Ok(true) => tracing::info!(stream.id = %stream, "stream created"),
                Ok(false) => {}
                Err(error) => {
                    kit.health().report("streams", Err(error.to_string()));
                    tokio::time::sleep(CREATE_RETRY).await;
                    continue;
                }
            }
            break;
        }
    }
    kit.health().report("streams", Ok(()));
}
