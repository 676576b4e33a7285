use std::net::TcpListener;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{IntoServiceFactory as _, ServiceFactory, ServiceFactoryExt as _, map_config};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Server, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, HttpServer};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::upgrade::upgrading;
use super::{OctetLimit, observe};
use crate::Kit;
use crate::auth::Authenticator;
use crate::config::HttpConfig;
use crate::limits::{Limiter, limit};
use crate::metrics::HttpMetrics;

/// Bound sockets of an HTTP server.
#[derive(Debug)]
pub struct Listeners(pub Vec<TcpListener>);

/// Serves `routes` until the process ends: drains first, then closes.
pub async fn serve<F>(kit: &Kit, listeners: Listeners, routes: F) -> std::io::Result<()>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let config = &kit.config().http;
    let parts = Parts::new(kit, routes);
    let mut server = HttpServer::new(move || parts.app())
        .workers(config.workers.max(1))
        .max_connections(config.connections_max)
        .client_request_timeout(head_timeout(config))
        .shutdown_timeout(config.shutdown_timeout_s)
        .disable_signals();
    for listener in listeners.0 {
        server = server.listen(listener)?;
    }
    run(kit, server.run(), TaskTracker::new()).await
}

/// The same, where handlers may take connections over ([`Upgrade`](super::Upgrade)). These do not
/// count for `connections_max`.
pub async fn serve_upgrading<F>(kit: &Kit, listeners: Listeners, routes: F) -> std::io::Result<()>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let config = &kit.config().http;
    let (parts, connections) = (Parts::new(kit, routes), TaskTracker::new());
    let head_timeout = head_timeout(config);
    let mut server = Server::build()
        .workers(config.workers.max(1))
        .max_concurrent_connections(config.connections_max)
        .shutdown_timeout(config.shutdown_timeout_s)
        .disable_signals();
    for listener in listeners.0 {
        let (parts, connections) = (parts.clone(), connections.clone());
        let ending = server.graceful_shutdown_signal();
        server = server.listen("http", listener, move || {
            let ending = ending.clone();
            let plain = parts.app().into_factory();
            let plain = plain.map_err(|error: Error| error.error_response());
            HttpService::build()
                .graceful_shutdown_signal(move || {
                    let ending = ending.clone();
                    async move { ending.notified().await }
                })
                .client_request_timeout(head_timeout)
                .client_disconnect_timeout(Duration::from_secs(1))
                .upgrade(upgrading(parts.app(), connections.clone()))
                .finish(map_config(plain, |()| AppConfig::default()))
                .tcp()
        })?;
    }
    run(kit, server.run(), connections).await
}

/// Lets a server run until the process ends, and its connections end before it.
async fn run(kit: &Kit, server: Server, connections: TaskTracker) -> std::io::Result<()> {
    let config = &kit.config().http;
    let handle = server.handle();
    let lifecycle = kit.lifecycle().clone();
    let drain = config.drain();
    let shutdown = Duration::from_secs(config.shutdown_timeout_s);
    lifecycle.clone().spawn(async move {
        lifecycle.draining().cancelled().await;
        let drained = async {
            tokio::time::sleep(drain).await;
            lifecycle.closing().cancelled().await;
        };
        tokio::select! {
            () = drained => {}
            () = lifecycle.stopping().cancelled() => {}
        }
        lifecycle.stop();
        connections.close();
        let _ended_or_cut = timeout(shutdown, connections.wait()).await;
        handle.stop(true).await;
    });
    server.await
}

/// What an application is made of, in each thread.
#[derive(Clone)]
struct Parts<F> {
    limit: OctetLimit,
    metrics: web::Data<HttpMetrics>,
    authenticator: web::Data<Authenticator>,
    limiter: web::Data<Limiter>,
    routes: F,
}

impl<F: Fn(&mut ServiceConfig) + Clone + 'static> Parts<F> {
    fn new(kit: &Kit, routes: F) -> Self {
        let config = &kit.config().http;
        Self {
            limit: OctetLimit {
                bytes_max: config.json_bytes_max,
                depth_max: config.json_depth_max,
                timeout: Duration::from_millis(config.body_timeout_ms),
            },
            metrics: web::Data::new(kit.http_metrics().clone()),
            authenticator: web::Data::new(kit.authenticator().clone()),
            limiter: web::Data::new(kit.limits().clone()),
            routes,
        }
    }

    /// The routes with what surrounds them.
    fn app(
        &self,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + use<F>,
    > {
        App::new()
            .app_data(self.limit)
            .app_data(self.metrics.clone())
            .app_data(self.authenticator.clone())
            .app_data(self.limiter.clone())
            .configure(self.routes.clone())
            .wrap(from_fn(limit))
            .wrap(from_fn(observe))
    }
}

const fn head_timeout(config: &HttpConfig) -> Duration {
    Duration::from_millis(config.head_timeout_ms)
}
