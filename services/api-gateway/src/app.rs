//! Wiring: what api-gateway is made of.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sm_bus::{Bus, keys};
use sm_common::clock::SystemClock;
use sm_service_kit::auth::{Exchange, KeySource, KeyToken, follow_revocations};
use sm_service_kit::config::ServiceConfig as _;
use sm_service_kit::health::Need;
use sm_service_kit::{Kit, resources};

use crate::api::{self, Context};
use crate::audit::Trail;
use crate::config::Config;
use crate::console::Console;
use crate::documents::Documents;
use crate::first_admin::{self, FirstAdmin};
use crate::machine_keys::MachineKeys;
use crate::metrics::Metrics;
use crate::passwords::Passwords;
use crate::resources::History;
use crate::second_factor::Codes;
use crate::sign_in::{Challenges, Sessions, SignIns, Throttle, Tickets};
use crate::tokens::{AccessTokens, SigningKeys};
use crate::users::{Links, Users};

/// The gateway's own public keys: nobody else publishes them.
pub fn own_keys(config: &Config) -> anyhow::Result<Option<KeySource>> {
    let keys = SigningKeys::read(&config.signing, SystemClock::shared())?.key_set()?;
    Ok(Some(KeySource::Local(keys)))
}

/// Runs api-gateway until the process is told to end.
pub async fn serve(config: Config, kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::new(
        config.redis.clone(),
        kit.about().name,
        kit.instance().clone(),
        Arc::clone(kit.clock()),
    )
    .context("prepare Redis")?;
    watch_health(&kit, &bus);
    let context = context(config, &kit, bus.clone())?;
    let first_admin = FirstAdmin::prepare(
        context.config.first_admin.clone(),
        context.config.passwords.chars_min,
    )?;
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
    kit.lifecycle().spawn(first_admin.ensure(
        (context.users.clone(), context.passwords.clone()),
        kit.clone(),
        stopping.clone(),
    ));
    kit.lifecycle()
        .spawn(context.trail.clone().keep(stopping.clone()));
    kit.authenticator()
        .exchange_keys(exchange_keys(context.clone()));
    let authenticator = kit.authenticator().clone();
    let keys = Arc::clone(&context.sign_ins.access.keys);
    kit.lifecycle()
        .spawn(keys.keep_current(move |keys| authenticator.set_keys(keys), stopping.clone()));
    let history = context.history.clone();
    kit.lifecycle()
        .spawn(history.keep(Arc::clone(kit.clock()), stopping.clone()));
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

/// How this process exchanges the keys of machines; all others ask it.
fn exchange_keys(context: Context) -> Exchange {
    Arc::new(move |key| {
        let context = context.clone();
        Box::pin(async move {
            let exchanged = context.exchange(&key).await;
            let exchanged = exchanged.map_err(|error| error.to_string())?;
            Ok(exchanged.map(|token| KeyToken {
                token: token.text,
                lifetime: token.lifetime,
            }))
        })
    })
}

fn watch_health(kit: &Kit, bus: &Bus) {
    let redis = bus.clone();
    kit.health().dependency("redis", Need::ToStart, move || {
        let redis = redis.clone();
        async move { redis.ping().await.map(drop) }
    });
    kit.health()
        .component(first_admin::COMPONENT, Need::Required);
}

fn context(config: Config, kit: &Kit, bus: Bus) -> anyhow::Result<Context> {
    let keys = Arc::new(SigningKeys::read(&config.signing, Arc::clone(kit.clock()))?);
    // The keys that are published and the keys that are believed here are always the same.
    kit.authenticator().set_keys(keys.key_set()?);
    let metrics = Metrics::register(kit.registry()).context("register metrics")?;
    let passwords = Passwords::new(&config.passwords, metrics.clone())?;
    let trail = Trail::new(bus.clone(), config.audit);
    let users = Users::new(bus.clone(), trail.clone());
    let auth = config.kit().auth;
    let patience = Duration::from_millis(config.redis.timeout_ms);
    Ok(Context {
        sign_ins: SignIns {
            users: users.clone(),
            passwords: passwords.clone(),
            sessions: Sessions::new(bus.clone(), config.sessions, patience),
            throttle: Throttle::new(bus.clone(), config.sign_in),
            access: AccessTokens {
                keys,
                issuer: auth.issuer,
                audience: auth.audience,
                lifetime: config.signing.access_lifetime(),
                clock: Arc::clone(kit.clock()),
            },
            trail: trail.clone(),
            challenges: Challenges::new(bus.clone(), config.second_factor.clone()),
            codes: Codes::new(bus.clone(), config.second_factor.clone()),
            metrics: metrics.clone(),
        },
        machine_keys: MachineKeys::new(bus.clone(), trail.clone(), config.machine_keys.count_max),
        trail,
        links: Links::new(bus.clone(), Duration::from_secs(config.users.link_s)),
        users,
        passwords,
        tickets: Tickets::new(bus.clone(), config.tickets.lifetime(), metrics),
        history: History::new(bus.clone(), config.resources),
        console: Console::open(&config.console)?,
        documents: Documents::new(),
        clock: Arc::clone(kit.clock()),
        bus,
        config,
    })
}
