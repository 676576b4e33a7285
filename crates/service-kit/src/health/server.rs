use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use sm_common::auth::Permission;
use sm_common::problem::ProblemCode;

use super::{ComponentStatus, HealthReport, listening_sockets};
use crate::Kit;
use crate::auth::{Bearer, authorize};
use crate::http::client_address;
use crate::problem::ApiProblem;

/// The routes of the health and metrics ports.
pub(crate) fn routes(kit: Kit) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(Data::new(kit.clone()))
            .route("/health/live", web::get().to(live))
            .route("/health/ready", web::get().to(ready))
            .route("/health", web::get().to(report))
            .route("/metrics", web::get().to(metrics));
    }
}

/// The process turns its loop.
async fn live() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({"status": "live"}))
}

/// The process can do its work.
async fn ready(kit: Data<Kit>) -> HttpResponse {
    let status = status(&kit);
    let mut answer = match status {
        "ready" | "degraded" => HttpResponse::Ok(),
        _ => HttpResponse::ServiceUnavailable(),
    };
    answer
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({"status": status}))
}

/// Everything, for operators.
async fn report(request: HttpRequest, kit: Data<Kit>) -> Result<HttpResponse, ApiProblem> {
    admit(&request, &kit).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(full_report(&kit)))
}

/// Prometheus metrics.
async fn metrics(request: HttpRequest, kit: Data<Kit>) -> Result<HttpResponse, ApiProblem> {
    admit(&request, &kit).await?;
    let (body, content_type) =
        crate::metrics::render(kit.registry()).map_err(ApiProblem::internal)?;
    Ok(HttpResponse::Ok().content_type(content_type).body(body))
}

pub(crate) fn full_report(kit: &Kit) -> HealthReport {
    let now = kit.clock().now();
    HealthReport {
        status: status(kit),
        service: kit.about().name,
        version: kit.about().version,
        instance: kit.instance().to_string(),
        started_at: kit.started_at(),
        uptime_s: now.since(kit.started_at()).as_secs(),
        components: kit.health().components(),
        listening: listening_sockets(&kit.purposes()),
        indicators: kit.health().indicators(),
    }
}

fn status(kit: &Kit) -> &'static str {
    if kit.lifecycle().draining().is_cancelled() {
        "draining"
    } else if !kit.health().is_ready() {
        "not-ready"
    } else if kit
        .health()
        .components()
        .iter()
        .any(|part| part.status == ComponentStatus::Down)
    {
        "degraded"
    } else {
        "ready"
    }
}

/// Lets callers from listed networks in, and those whose token carries the permission.
async fn admit(request: &HttpRequest, kit: &Kit) -> Result<(), ApiProblem> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let config = kit.config();
    let listed = peer.is_some_and(|peer| {
        let client = client_address(peer, request.headers(), &config.http.trusted_proxies);
        config
            .ops
            .networks
            .iter()
            .any(|network| network.contains(&client))
    });
    if listed {
        return Ok(());
    }
    let Bearer(token) = Bearer::of(request).ok_or_else(|| {
        ApiProblem::new(ProblemCode::Unauthenticated)
            .detail("call from a network in ops.networks, or send a token that may read metrics")
    })?;
    let identity = kit.authenticator().verify(&token).await?;
    authorize(&identity, Permission::ReadMetrics)
}
