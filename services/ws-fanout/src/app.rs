//! Wiring: what ws-fanout is made of.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_nodelay, set_tcp_user_timeout};
use sm_bus::{Bus, keys};
use sm_service_kit::auth::{Revocations, follow_revocations};
use sm_service_kit::health::Need;
use sm_service_kit::http::{Listeners, serve_upgrading};
use sm_service_kit::{Kit, resources};
use tokio_util::sync::CancellationToken;

use crate::api::{self, Context};
use crate::chat::{Chat, Notices};
use crate::config::Config;
use crate::handshake::{Admission, Origins, Proofs};
use crate::hub::{Feed, Hub, LIVE_EVENTS};
use crate::metrics::Metrics;
use crate::people::People;
use crate::presence::Presence;
use crate::replay::Replay;
use crate::session::Services;

/// Runs ws-fanout until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis.clone(),
        kit.about().name,
        kit.instance().clone(),
        Arc::clone(kit.clock()),
    )
    .context("prepare Redis")?;
    let listeners = listeners(&config, &kit)?;
    let metrics = Metrics::register(kit.registry()).context("register metrics")?;
    let context = context(&config, &kit, &bus, metrics);
    watch_health(&kit, &bus, &context);
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

    let services = &context.services;
    let stopping = kit.lifecycle().stopping();
    kit.lifecycle().spawn(expel_revoked(
        kit.authenticator().revocations().clone(),
        services.hub.clone(),
        stopping.clone(),
    ));
    let (notices, teller) = Notices::line(&services.chat);
    if let Some(teller) = teller {
        kit.lifecycle().spawn(teller.run(stopping.clone()));
    }
    let feed = Feed {
        notices,
        bus: bus.clone(),
        hub: services.hub.clone(),
        replay: services.replay.clone(),
        metrics: services.metrics.clone(),
        health: kit.health().clone(),
        history_max: config.redis.history_max,
        check_every: config.fanout.position_check(),
        stop: stopping.clone(),
    };
    kit.lifecycle().spawn(feed.run());
    let presence = services.presence.clone();
    kit.lifecycle().spawn(presence.run(stopping.clone()));
    kit.lifecycle()
        .spawn(services.people.clone().run(stopping.clone()));
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

    let served = serve_upgrading(&kit, listeners, api::routes(context))
        .await
        .context("serve the API");
    // Without this the instance is listed a few seconds longer.
    drop(bus.forget_instance(kit.instance()).await);
    served
}

/// Closes the connections of people whose sign-in was ended, or who may do something else by now.
async fn expel_revoked(revocations: Revocations, hub: Hub, stop: CancellationToken) {
    let mut news = revocations.news();
    while let Some(Ok(())) = stop.run_until_cancelled(news.changed()).await {
        hub.expel(|identity| revocations.covering(identity));
    }
}

/// The API's socket and the WebSocket's. Accepted connections inherit the options.
fn listeners(config: &Config, kit: &Kit) -> anyhow::Result<Listeners> {
    let (websocket, address) = kit.bind_extra(config.ws.port, "ws")?;
    tracing::info!(ws = %address, "listening");
    let mut listeners: Vec<TcpListener> = kit.take_http_listener().into_iter().collect();
    listeners.push(websocket);
    for listener in &listeners {
        // Small messages go at once; little waits out of our sight; and a peer that takes nothing
        // is given up by the kernel.
        set_tcp_nodelay(listener, true).context("set TCP_NODELAY")?;
        set_tcp_user_timeout(listener, config.ws.write_timeout_ms)
            .context("set TCP_USER_TIMEOUT")?;
        set_socket_send_buffer_size(listener, config.ws.send_buffer_bytes)
            .context("set SO_SNDBUF")?;
    }
    Ok(Listeners(listeners))
}

fn context(config: &Config, kit: &Kit, bus: &Bus, metrics: Metrics) -> Context {
    let hub = Hub::new(&config.fanout, metrics.clone());
    let admission = Admission::new(&config.ws);
    let services = Services {
        config: Arc::new(config.ws.clone()),
        clock: Arc::clone(kit.clock()),
        lifecycle: kit.lifecycle().clone(),
        leeway: Duration::from_secs(kit.config().auth.leeway_s),
        drain: kit.config().http.drain(),
        proofs: Proofs::new(bus.clone(), kit.authenticator().clone()),
        people: People::new(bus.clone(), admission.clone(), &config.ws),
        presence: Presence::new(bus.clone(), hub.clone(), config.presence),
        hub,
        replay: Replay::new(bus.clone(), &config.fanout, &config.chat),
        chat: Chat::new(bus.clone(), config.chat.clone(), metrics.clone()),
        metrics,
    };
    Context {
        services: Arc::new(services),
        origins: Origins {
            listed: config.ws.origins.clone(),
            trusted_proxies: kit.config().http.trusted_proxies.clone(),
        },
        admission,
    }
}

fn watch_health(kit: &Kit, bus: &Bus, context: &Context) {
    let redis = bus.clone();
    kit.health().dependency("redis", Need::ToStart, move || {
        let redis = redis.clone();
        async move { redis.ping().await.map(drop) }
    });
    kit.health().component(LIVE_EVENTS, Need::ToStart);
    let gauge = |value: i64| i32::try_from(value).map_or(f64::INFINITY, f64::from);
    let metrics = context.services.metrics.clone();
    kit.health()
        .indicator("connections", move || gauge(metrics.connections().get()));
    let metrics = context.services.metrics.clone();
    kit.health()
        .indicator("queue_bytes", move || gauge(metrics.queue_bytes()));
}
