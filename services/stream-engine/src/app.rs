//! Wiring: what stream-engine is made of.

use anyhow::Context as _;
use sm_bus::Bus;
use sm_service_kit::health::Need;
use sm_service_kit::{Kit, resources};

use crate::advertise::{advertised, own_address};
use crate::api::{self, Context};
use crate::config::Config;
use crate::lease::Address;
use crate::live::forward::Forwarder;
use crate::live::playback::PlaybackVerifier;
use crate::live::waiting::WaitingRoom;
use crate::metrics::Metrics;
use crate::tasks::{Launcher, Registry};
use crate::webrtc::{self, Feeds, Webrtc};

/// Runs stream-engine until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis.clone(),
        kit.about().name,
        kit.instance().clone(),
        std::sync::Arc::clone(kit.clock()),
    )
    .context("prepare Redis")?;
    let redis = bus.clone();
    // What is on air stays on air without it.
    kit.health().dependency("redis", Need::Optional, move || {
        let redis = redis.clone();
        async move { redis.ping().await.map(drop) }
    });
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
    let context = Context {
        webrtc,
        bus: bus.clone(),
        recordings: recordings.clone(),
        registry: registry.clone(),
        forwarder,
        playback: PlaybackVerifier::open(&config.playback.secret_file)?,
        clock: std::sync::Arc::clone(kit.clock()),
        own_url: address.url.clone(),
        trusted_proxies: kit.config().http.trusted_proxies.clone(),
        waiting: WaitingRoom::new(
            (live.waiting_max, live.wait_max()),
            kit.lifecycle().draining().clone(),
            metrics.waiting_requests(),
        ),
        file_caching: if kit.authenticator().public_view() {
            "public, max-age=31536000, immutable"
        } else {
            "private, max-age=31536000, immutable"
        },
        caching_scope: if kit.authenticator().public_view() {
            "public"
        } else {
            "private"
        },
    };
    let launcher = Launcher {
        metrics,
        assets: std::path::absolute(&config.worker.assets_directory)
            .context("find worker.assets_directory")?,
        recordings,
        kit: kit.clone(),
        bus: bus.clone(),
        address,
        registry,
        config,
    };
    kit.start().context("start metrics and health")?;
    launcher.run().context("prepare live.directory")?;
    report_resources(&kit, &bus);
    let served = kit
        .serve(api::routes(context))
        .await
        .context("serve the API");
    // Without this the instance is listed a few seconds longer.
    drop(bus.forget_instance(kit.instance()).await);
    served
}

fn report_resources(kit: &Kit, bus: &Bus) {
    let bus = bus.clone();
    let stop = kit.lifecycle().stopping().clone();
    kit.lifecycle()
        .spawn(resources::report(kit.clone(), stop, move |sample| {
            let bus = bus.clone();
            // A report that is lost is followed by the next.
            async move { drop(bus.report_instance(&sample).await) }
        }));
}
