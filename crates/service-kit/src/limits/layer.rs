use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use sm_common::problem::ProblemCode;

use super::account::{Standing, Verdict};
use super::limiter::Caller;
use super::{Class, Limiter};
use crate::auth::{Authenticator, Bearer};
use crate::http::client_address;
use crate::problem::ApiProblem;

// draft-ietf-httpapi-ratelimit-headers
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Refuses what is beyond the caller's quota or the process's capacity, and says with every answer
/// how the caller stands.
pub(crate) async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let limiter = request.app_data::<web::Data<Limiter>>().cloned();
    let counted = limiter.and_then(|limiter| {
        let class = limiter.class_of(request.method(), request.path())?;
        Some((limiter, class))
    });
    let Some((limiter, class)) = counted else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let Some(_place) = limiter.enter(class) else {
        return Ok(refuse(request, crowded_out(class)));
    };
    let verdict = match caller(&request, &limiter).await {
        Some(caller) => limiter.admit(class, caller).await,
        None => None,
    };
    let (mut response, standing) = match verdict {
        None => return Ok(next.call(request).await?.map_into_boxed_body()),
        Some(Verdict::Admitted(standing)) => {
            (next.call(request).await?.map_into_boxed_body(), standing)
        }
        Some(Verdict::Refused(standing, wait)) => {
            (refuse(request, too_many(class, wait)), standing)
        }
    };
    if let Some(policy) = limiter.policy_header(class) {
        tell(response.headers_mut(), class, policy, standing);
    }
    Ok(response)
}

/// A person by a token that is valid now, else whoever is at the address.
async fn caller(request: &ServiceRequest, limiter: &Limiter) -> Option<Caller> {
    let authenticator = request.app_data::<web::Data<Authenticator>>();
    if let Some((authenticator, Bearer(token))) = authenticator.zip(Bearer::of(request.request()))
        && let Ok(identity) = authenticator.verify(&token).await
    {
        return Some(Caller::User(identity.user));
    }
    let peer = request.peer_addr()?.ip();
    let address = client_address(peer, request.headers(), limiter.trusted_proxies());
    Some(Caller::at(address))
}

fn refuse(request: ServiceRequest, problem: ApiProblem) -> ServiceResponse<BoxBody> {
    request.into_response(HttpResponse::from_error(problem))
}

fn too_many(class: Class, wait: Duration) -> ApiProblem {
    let wait = Duration::from_secs(whole_seconds(wait).max(1));
    ApiProblem::new(ProblemCode::RateLimited)
        .detail(format!(
            "the quota `{}` is used up; send the next request in {} s, and see `RateLimit-Policy`",
            class.as_str(),
            wait.as_secs()
        ))
        .retry_after(wait)
}

fn crowded_out(class: Class) -> ApiProblem {
    ApiProblem::new(ProblemCode::Unavailable)
        .detail(format!(
            "as many requests of the class `{}` are under way as may be; try again shortly",
            class.as_str()
        ))
        .retry_after(Duration::from_secs(1))
}

fn tell(headers: &mut HeaderMap, class: Class, policy: HeaderValue, standing: Standing) {
    let text = format!(
        "\"{}\";r={};t={}",
        class.as_str(),
        standing.remaining,
        whole_seconds(standing.restored_in)
    );
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(RATE_LIMIT_POLICY, policy);
        headers.append(RATE_LIMIT, value);
    }
}

/// Rounded up: who waits so long does not come too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}
