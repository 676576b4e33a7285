use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::App;
use actix_web::HttpServer;
use actix_web::middleware::from_fn;
use prometheus::Registry;
use sm_common::clock::{SharedClock, Timestamp};
use sm_common::id::InstanceId;

use crate::About;
use crate::auth::{Authenticator, KeySource};
use crate::config::KitConfig;
use crate::health::{Health, Need, routes};
use crate::http::{Listeners, observe};
use crate::lifecycle::Lifecycle;
use crate::limits::Limiter;
use crate::metrics::{self, HttpMetrics};

/// A socket could not be bound, or the process's own machinery not be built.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken, not ours, or not permitted.
    #[error("cannot listen on {address} ({purpose}): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What for.
        purpose: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A metric was registered twice.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

/// What a service is given to live in: its sockets, life cycle, health, metrics and callers.
/// Cheap to clone.
#[derive(Clone)]
pub struct Kit {
    shared: Arc<Shared>,
}

struct Shared {
    about: About,
    config: KitConfig,
    instance: InstanceId,
    clock: SharedClock,
    started_at: Timestamp,
    lifecycle: Lifecycle,
    health: Health,
    registry: Registry,
    http_metrics: HttpMetrics,
    limiter: Limiter,
    authenticator: Authenticator,
    http: Mutex<Option<TcpListener>>,
    ops: Mutex<Vec<TcpListener>>,
    http_address: SocketAddr,
    metrics_address: SocketAddr,
    health_address: SocketAddr,
    extra_purposes: Mutex<Vec<(u16, &'static str)>>,
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit")
            .field("instance", &self.shared.instance)
            .finish_non_exhaustive()
    }
}

/// Binds a listening socket.
pub(crate) fn listen(
    bind: IpAddr,
    port: u16,
    purpose: &'static str,
) -> Result<(TcpListener, SocketAddr), BindError> {
    let address = SocketAddr::new(bind, port);
    let failed = |source| BindError::Listen {
        address,
        purpose,
        source,
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

impl Kit {
    /// Binds the sockets of a process and builds its machinery. `keys` says where public keys
    /// come from when it is not the configured address.
    pub fn bind(
        about: About,
        config: KitConfig,
        clock: SharedClock,
        keys: Option<KeySource>,
    ) -> Result<Self, BindError> {
        let bind = config.http.bind;
        let (http, http_address) = listen(bind, config.http.port, "api")?;
        let (metrics_socket, metrics_address) = listen(bind, config.ops.metrics_port, "metrics")?;
        let (health_socket, health_address) = listen(bind, config.ops.health_port, "health")?;
        let registry = metrics::registry(&about)?;
        let http_metrics = HttpMetrics::register(&registry)?;
        let limiter = Limiter::new(
            config.http.limits.clone(),
            config.http.trusted_proxies.clone(),
            &registry,
        )?;
        let keys = keys.unwrap_or_else(|| KeySource::Url(config.auth.jwks_url.clone()));
        let authenticator = Authenticator::new(&config.auth, keys, Arc::clone(&clock));
        Ok(Self {
            shared: Arc::new(Shared {
                about,
                instance: InstanceId::generate(about.name),
                started_at: clock.now(),
                lifecycle: Lifecycle::new(),
                health: Health::new(Arc::clone(&clock)),
                clock,
                registry,
                http_metrics,
                limiter,
                authenticator,
                http: Mutex::new(Some(http)),
                ops: Mutex::new(vec![metrics_socket, health_socket]),
                http_address,
                metrics_address,
                health_address,
                extra_purposes: Mutex::default(),
                config,
            }),
        })
    }

    /// What the service is.
    pub fn about(&self) -> &About {
        &self.shared.about
    }

    /// The sections that every service has.
    pub fn config(&self) -> &KitConfig {
        &self.shared.config
    }

    /// This process.
    pub fn instance(&self) -> &InstanceId {
        &self.shared.instance
    }

    /// The clock.
    pub fn clock(&self) -> &SharedClock {
        &self.shared.clock
    }

    /// When the process started.
    pub fn started_at(&self) -> Timestamp {
        self.shared.started_at
    }

    /// The life of the process.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.shared.lifecycle
    }

    /// Health.
    pub fn health(&self) -> &Health {
        &self.shared.health
    }

    /// The metrics registry.
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// Requests by route.
    pub fn http_metrics(&self) -> &HttpMetrics {
        &self.shared.http_metrics
    }

    /// Counts requests.
    pub fn limits(&self) -> &Limiter {
        &self.shared.limiter
    }

    /// Recognises callers.
    pub fn authenticator(&self) -> &Authenticator {
        &self.shared.authenticator
    }

    /// Where the API listens.
    pub fn http_address(&self) -> SocketAddr {
        self.shared.http_address
    }

    /// Where `/metrics` listens.
    pub fn metrics_address(&self) -> SocketAddr {
        self.shared.metrics_address
    }

    /// Where `/health` listens.
    pub fn health_address(&self) -> SocketAddr {
        self.shared.health_address
    }

    /// The API's socket. Gives it away: `None` the second time.
    pub fn take_http_listener(&self) -> Option<TcpListener> {
        lock(&self.shared.http).take()
    }

    /// Binds one more socket on the process's address, such as the WebSocket's.
    pub fn bind_extra(
        &self,
        port: u16,
        purpose: &'static str,
    ) -> Result<(TcpListener, SocketAddr), BindError> {
        let bound = listen(self.shared.config.http.bind, port, purpose)?;
        lock(&self.shared.extra_purposes).push((bound.1.port(), purpose));
        Ok(bound)
    }

    /// What each bound port is for.
    pub(crate) fn purposes(&self) -> Vec<(u16, &'static str)> {
        let mut purposes = vec![
            (self.shared.http_address.port(), "api"),
            (self.shared.metrics_address.port(), "metrics"),
            (self.shared.health_address.port(), "health"),
        ];
        purposes.extend(lock(&self.shared.extra_purposes).iter().copied());
        purposes
    }

    /// Starts what runs beside the API: metrics, health, dependency checks, public keys and the
    /// signal watch. Call once, inside the runtime, after the dependencies have been added.
    pub fn start(&self) -> std::io::Result<()> {
        let lifecycle = self.lifecycle().clone();
        let ops = &self.shared.config.ops;
        self.watch_event_handler();
        if !self.shared.config.auth.jwks_url.is_empty() {
            self.health().dependency("token-keys", Need::Required, {
                let authenticator = self.authenticator().clone();
                move || {
                    let known = authenticator.has_keys();
                    async move { if known { Ok(()) } else { Err("not read yet") } }
                }
            });
            let every = Duration::from_secs(self.shared.config.auth.jwks_refresh_s.max(1));
            let stop = lifecycle.stopping().clone();
            lifecycle.spawn(self.authenticator().clone().keep_current(every, stop));
        }
        lifecycle.spawn(self.health().clone().watch(
            Duration::from_millis(ops.check_interval_ms),
            Duration::from_millis(ops.check_timeout_ms),
            lifecycle.stopping().clone(),
        ));
        self.serve_ops()
    }

    /// Serves the API on the process's main socket until the process ends.
    pub async fn serve<F>(&self, routes: F) -> std::io::Result<()>
    where
        F: Fn(&mut actix_web::web::ServiceConfig) + Clone + Send + 'static,
    {
        let listeners = Listeners(self.take_http_listener().into_iter().collect());
        crate::http::serve(self, listeners, routes).await
    }

    fn watch_event_handler(&self) {
        let url = self.shared.config.event_handler.url.clone();
        if url.is_empty() {
            return;
        }
        let client = reqwest::Client::new();
        self.health()
            .dependency("event-handler", Need::Optional, move || {
                let request = client.get(&url);
                async move { request.send().await?.error_for_status().map(drop) }
            });
    }

    /// Metrics and health outlive the API's drain, so that the load balancer can read "draining".
    fn serve_ops(&self) -> std::io::Result<()> {
        let routes = routes(self.clone());
        let mut server =
            HttpServer::new(move || App::new().configure(routes.clone()).wrap(from_fn(observe)))
                .workers(1)
                .shutdown_timeout(1)
                .disable_signals();
        for listener in lock(&self.shared.ops).drain(..) {
            server = server.listen(listener)?;
        }
        let server = server.run();
        let handle = server.handle();
        let stopping = self.lifecycle().stopping().clone();
        self.lifecycle().spawn(async move {
            stopping.cancelled().await;
            handle.stop(true).await;
        });
        self.lifecycle().spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "metrics and health ended");
            }
        });
        Ok(())
    }
}

/// What the lock guards stays whole whatever a panicking thread did.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
