use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::web::Data;
use sm_common::auth::Permission;

use super::Context;
use super::caller::Caller;
use crate::health::{Reports, SystemHealth, SystemStatus};

/// How the whole system does. Everybody sees the services; operators see their instances too.
#[utoipa::path(
    get, path = "/api/health", tag = "api-gateway",
    responses(
        (status = 200, description = "The system works, perhaps not all of it: see `status`.", body = SystemHealth),
        (status = 503, description = "Redis does not answer; what is on air stays on air.", body = SystemHealth),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_health(caller: Option<Caller>, context: Data<Context>) -> HttpResponse {
    let now = context.clock.now();
    let settings = &context.config.health;
    let health = SystemHealth::judge(
        &settings.expected_services,
        reports(&context).await,
        now,
        settings.stale_after(),
    );
    // Whoever cannot prove more is one of the public: health is asked for when things are wrong.
    let may_see_all =
        caller.is_some_and(|Caller(identity)| identity.may(Permission::ReadResources));
    let health = if may_see_all {
        health
    } else {
        health.without_details()
    };
    match health.status {
        SystemStatus::Up | SystemStatus::Degraded => HttpResponse::Ok().json(health),
        SystemStatus::Down => HttpResponse::ServiceUnavailable().json(health),
    }
}

async fn reports(context: &Context) -> Reports {
    let asked = Instant::now();
    let instances = context.bus.instances(context.clock.now()).await;
    instances
        .map(|instances| (instances, asked.elapsed()))
        .map_err(|error| error.to_string())
}
