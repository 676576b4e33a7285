//! Wiring: what stream-engine is made of.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use sm_asset_store::Bucket;
use sm_bus::{Bus, keys};
use sm_service_kit::auth::follow_revocations;
use sm_service_kit::health::Need;
use sm_service_kit::{Kit, resources};

use crate::admission::Admission;
use crate::advertise::{advertised, own_address};
use crate::api::{self, Context};
use crate::config::Config;
use crate::copies::Copies;
use crate::ingest::{self, Door, Publishers, SrtPort, door};
use crate::lease::Address;
use crate::live::forward::Forwarder;
use crate::live::playback::PlaybackVerifier;
use crate::live::waiting::WaitingRoom;
use crate::metrics::{CopyMetrics, IngestMetrics, Metrics};
use crate::supervisor;
use crate::tasks::{Launcher, Registry};
use crate::webrtc::{self, Feeds, Webrtc};

/// Runs stream-engine until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis.clone(),
        kit.about().name,
        kit.instance().clone(),
        Arc::clone(kit.clock()),
    )
    .context("prepare Redis")?;
    follow_redis(&kit, &bus);
    let address = Address {
        host: resources::host_name(),
        url: advertised(&config.advertise, kit.http_address(), &config.redis.url),
    };
    tracing::info!(url = address.url, "siblings reach this process here");
    let live = &config.live;
    let forwarder = Forwarder::new(
        kit.instance().to_string(),
        live.forward_connect_timeout(),
        live.forward_read_timeout(),
        live.wait_max(),
    )
    .context("prepare the client for siblings")?;
    let metrics = Metrics::register(kit.registry()).context("register metrics")?;
    let registry = Registry::default();
    let recordings =
        std::path::absolute(&config.recordings.directory).context("find recordings.directory")?;
    let webrtc = Webrtc::start(
        &config.webrtc,
        kit.http_address().ip(),
        own_address(&config.redis.url),
        Feeds::new(
            config.worker.pid_directory.clone(),
            &config.webrtc,
            kit.lifecycle(),
        ),
        kit.lifecycle(),
        webrtc::Metrics::register(kit.registry()).context("register metrics of WebRTC")?,
    )
    .await
    .context("start WebRTC")?;
    let public = kit.authenticator().public_view();
    let context = Context {
        webrtc,
        bus: bus.clone(),
        recordings: recordings.clone(),
        registry: registry.clone(),
        forwarder,
        playback: PlaybackVerifier::open(&config.playback.secret_file)?,
        clock: Arc::clone(kit.clock()),
        own_url: address.url.clone(),
        trusted_proxies: kit.config().http.trusted_proxies.clone(),
        waiting: WaitingRoom::new(
            (live.waiting_max, live.wait_max()),
            kit.lifecycle().closing().clone(),
            metrics.waiting_requests(),
        ),
        file_caching: if public {
            "public, max-age=31536000, immutable"
        } else {
            "private, max-age=31536000, immutable"
        },
        caching_scope: if public { "public" } else { "private" },
    };
    let admission = Admission::new(config.admission.clone());
    let feeds = supervisor::Feeds::new(&config.worker.pid_directory)
        .context("find worker.pid_directory")?;
    let publishers = open_door(&config, &kit, &context, (feeds.clone(), metrics.ingest())).await?;
    let assets = std::path::absolute(&config.worker.assets_directory)
        .context("find worker.assets_directory")?;
    let launcher = Launcher {
        feeds,
        metrics,
        admission: admission.clone(),
        copies: open_copies(&config, &kit, &assets)?,
        assets,
        recordings,
        kit: kit.clone(),
        bus: bus.clone(),
        address,
        registry,
        config,
    };
    count_requests(&kit, &bus);
    kit.start().context("start metrics and health")?;
    launcher.run().context("prepare live.directory")?;
    let stop = kit.lifecycle().stopping().clone();
    kit.lifecycle().spawn(admission.clone().measure(stop));
    serve_publishers(&kit, publishers);
    report_resources(&kit, &bus, admission);
    let served = kit
        .serve(api::routes(context))
        .await
        .context("serve the API");
    // Without this the instance is listed a few seconds longer.
    drop(bus.forget_instance(kit.instance()).await);
    served
}

/// Copies of files from the object store, where there is one.
fn open_copies(config: &Config, kit: &Kit, directory: &Path) -> anyhow::Result<Option<Copies>> {
    let bucket = Bucket::open(&config.object_store).context("open the object store")?;
    let Some(bucket) = bucket else {
        return Ok(None);
    };
    let metrics =
        CopyMetrics::register(kit.registry()).context("register metrics of asset copies")?;
    let counted = (kit.lifecycle().clone(), metrics);
    let copies = Copies::open(bucket, directory.to_owned(), config.asset_copies, counted);
    copies
        .context("look through worker.assets_directory")
        .map(Some)
}

/// Whether Redis answers, and which tokens hold no more. What is on air stays on air without it.
fn follow_redis(kit: &Kit, bus: &Bus) {
    let redis = bus.clone();
    kit.health().dependency("redis", Need::Optional, move || {
        let redis = redis.clone();
        async move { redis.ping().await.map(drop) }
    });
    let bus = bus.clone();
    kit.lifecycle().spawn(follow_revocations(
        kit.clone(),
        Need::Optional,
        move |mark| {
            let bus = bus.clone();
            async move { bus.revocations_after(mark).await }
        },
    ));
}

/// Callers have one quota over all replicas.
fn count_requests(kit: &Kit, bus: &Bus) {
    kit.limits().classify(api::LIMITS);
    let counter = bus.clone();
    kit.limits().share(move |wish| {
        let bus = counter.clone();
        let key = keys::allowance(wish.class.as_str(), &wish.caller);
        async move { bus.take_allowance(&key, wish.quota, wish.wanted).await }
    });
}

/// The ports for publishers, and what lets them in.
struct Entrance {
    door: Arc<Door>,
    rtmp: Publishers,
    srt: SrtPort,
}

/// Nobody comes in where there is no secret.
async fn open_door(
    config: &Config,
    kit: &Kit,
    context: &Context,
    (feeds, metrics): (supervisor::Feeds, IngestMetrics),
) -> anyhow::Result<Option<Entrance>> {
    let surroundings = door::Surroundings {
        bus: context.bus.clone(),
        registry: context.registry.clone(),
        own_url: context.own_url.clone(),
        trusted_proxies: context.trusted_proxies.clone(),
        lifecycle: kit.lifecycle().clone(),
        feeds,
        connect_timeout: config.live.forward_connect_timeout(),
        metrics,
    };
    let Some(door) = Door::open(&config.ingest, surroundings)? else {
        tracing::info!("ingest.secret_file is empty: nobody can publish");
        return Ok(None);
    };
    let (socket, _address) = kit
        .bind_extra(config.ingest.rtmp_port, "rtmp")
        .context("listen for publishers")?;
    Ok(Some(Entrance {
        door: Arc::new(door),
        rtmp: ingest::listen(socket).context("listen for publishers")?,
        srt: SrtPort::open(kit.http_address().ip(), &config.ingest).await?,
    }))
}

fn serve_publishers(kit: &Kit, entrance: Option<Entrance>) {
    if let Some(Entrance { door, rtmp, srt }) = entrance {
        let lifecycle = kit.lifecycle();
        lifecycle.spawn(rtmp.serve(Arc::clone(&door), lifecycle.clone()));
        lifecycle.spawn(srt.serve(door));
    }
}

/// What this process uses, and what its host can carry.
fn report_resources(kit: &Kit, bus: &Bus, admission: Admission) {
    let bus = bus.clone();
    let stop = kit.lifecycle().stopping().clone();
    kit.lifecycle()
        .spawn(resources::report(kit.clone(), stop, move |mut sample| {
            let bus = bus.clone();
            sample.capacity = Some(admission.capacity());
            // A report that is lost is followed by the next.
            async move { drop(bus.report_instance(&sample).await) }
        }));
}
