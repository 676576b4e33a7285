use std::net::TcpListener;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpServer};

use super::{OctetLimit, observe};
use crate::Kit;
use crate::config::HttpConfig;

/// Bound sockets of an HTTP server.
#[derive(Debug)]
pub struct Listeners(pub Vec<TcpListener>);

/// Serves `routes` until the process ends: drains first, then closes.
pub async fn serve<F>(kit: &Kit, listeners: Listeners, routes: F) -> std::io::Result<()>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let config = kit.config().http.clone();
    let server = server(kit, listeners, &config, routes)?;
    let handle = server.handle();
    let lifecycle = kit.lifecycle().clone();
    let drain = config.drain();
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
        handle.stop(true).await;
    });
    server.await
}

fn server<F>(
    kit: &Kit,
    listeners: Listeners,
    config: &HttpConfig,
    routes: F,
) -> std::io::Result<actix_web::dev::Server>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let limit = OctetLimit {
        bytes_max: config.json_bytes_max,
        timeout: Duration::from_millis(config.body_timeout_ms),
    };
    let metrics = web::Data::new(kit.http_metrics().clone());
    let authenticator = web::Data::new(kit.authenticator().clone());
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(limit)
            .app_data(metrics.clone())
            .app_data(authenticator.clone())
            .configure(routes.clone())
            .wrap(from_fn(observe))
    })
    .workers(config.workers.max(1))
    .max_connections(config.connections_max)
    .client_request_timeout(Duration::from_millis(config.head_timeout_ms))
    .shutdown_timeout(config.shutdown_timeout_s)
    .disable_signals();
    for listener in listeners.0 {
        server = server.listen(listener)?;
    }
    Ok(server.run())
}
