use std::net::IpAddr;
use std::sync::Arc;

use actix_http::ws::hash_key;
use actix_web::http::header::{
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    USER_AGENT,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde::Deserialize;
use sm_common::id::UserId;
use sm_common::problem::{Problem, ProblemCode};
use sm_common::ws::{CloseCode, Subprotocol};
use sm_service_kit::ApiProblem;
use sm_service_kit::http::{Query, Upgrade, Upgraded, client_address};
use utoipa::IntoParams;

use super::Context;
use crate::handshake::{Full, Place, require_websocket, subprotocol};
use crate::limit::Limit;
use crate::session::{FrameReader, Outbox, Services, Session, Writer, echo, turn_away};

/// How a browser proves who connects.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConnectQuery {
    /// A one-time ticket from `POST /api/auth/ws-ticket`, for browsers, which cannot send headers.
    ticket: Option<String>,
}

/// Opens a WebSocket.
///
/// Messages, errors and close codes are described in `docs/reference/websocket.md` and in the
/// AsyncAPI document. The caller is proven by `ticket`, by `Authorization`, or by a first message
/// of type `auth`.
#[utoipa::path(
    get, path = "/ws", tag = "ws-fanout", params(ConnectQuery),
    responses(
        (status = 101, description = "The connection is a WebSocket now."),
        (status = 400, description = "None of the offered subprotocols is supported.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The ticket or token is not valid.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The page's origin may not connect.", body = Problem, content_type = "application/problem+json"),
        (status = 426, description = "This is no WebSocket handshake.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "There is no room, or the service is about to stop.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn connect_websocket(
    request: HttpRequest,
    query: Result<Query<ConnectQuery>, ApiProblem>,
    context: Data<Context>,
) -> HttpResponse {
    match connect(&request, query, &context).await {
        Ok(response) => response,
        Err(problem) => refused(&problem, &context),
    }
}

async fn connect(
    request: &HttpRequest,
    query: Result<Query<ConnectQuery>, ApiProblem>,
    context: &Context,
) -> Result<HttpResponse, ApiProblem> {
    let services = &context.services;
    let (protocol, upgrade) = admit(request, context)?;
    let Query(ConnectQuery { ticket }) = query?;
    // Before the ticket is taken: whoever finds no room can come back with it.
    let agent = request.headers().get(USER_AGENT);
    let agent = agent.and_then(|agent| agent.to_str().ok());
    let place = context
        .admission
        .enter(address(request, context), agent.unwrap_or_default());
    if matches!(place, Err(Full::Process)) {
        services.metrics.limited(Limit::Connections);
        return Err(unavailable(
            "this instance holds as many connections as it may",
        ));
    }
    let identity = services
        .proofs
        .of_request(request, ticket.as_deref())
        .await?;
    let place = match (place, &identity) {
        (Ok(place), Some(identity)) => settled(place, identity.user, services).await,
        (place, _) => place,
    };
    let services = Arc::clone(services);
    let subprotocol = protocol.unwrap_or_default();
    match place {
        Ok(place) => upgrade.then(move |upgraded| {
            let (outbox, frames) = taken_over(&services, subprotocol, upgraded);
            Session::new(services, identity, place, outbox).run(frames)
        }),
        // A browser learns a close code, and nothing of an HTTP status.
        Err(full) => upgrade.then(move |upgraded| {
            services.metrics.limited(full.into());
            let (outbox, frames) = taken_over(&services, subprotocol, upgraded);
            turn_away(services, outbox, frames, CloseCode::TooManyConnections)
        }),
    }
    Ok(switching(request, protocol))
}

/// The place of a connection, counted for its person.
async fn settled(mut place: Place, user: UserId, services: &Services) -> Result<Place, Full> {
    services.people.admit(&mut place, user).await?;
    Ok(place)
}

/// Opens a WebSocket that sends everything back, with the limits of `/ws`.
pub(crate) async fn connect_echo(request: HttpRequest, context: Data<Context>) -> HttpResponse {
    let services = Arc::clone(&context.services);
    let (protocol, upgrade) = match admit(&request, &context) {
        Ok(admitted) => admitted,
        Err(problem) => return refused(&problem, &context),
    };
    upgrade.then(move |upgraded| {
        let (outbox, frames) = taken_over(&services, protocol.unwrap_or_default(), upgraded);
        echo(services, outbox, frames)
    });
    switching(&request, protocol)
}

/// The two ways of a connection that this thread serves from now on.
fn taken_over(
    services: &Services,
    subprotocol: Subprotocol,
    Upgraded { stream, received }: Upgraded,
) -> (Outbox, FrameReader) {
    let socket = Arc::new(stream);
    let outbox = services.outbox(subprotocol);
    outbox.open(Arc::clone(&socket), Writer::here(&services.metrics));
    let frames = FrameReader::new(socket, received, services.config.frame_bytes_max);
    (outbox, frames)
}

/// What holds for every WebSocket. Returns the subprotocol, and the connection.
fn admit(
    request: &HttpRequest,
    context: &Context,
) -> Result<(Option<Subprotocol>, Upgrade), ApiProblem> {
    require_websocket(request)?;
    let peer = request.peer_addr().map(|peer| peer.ip());
    context.origins.require(request.headers(), peer)?;
    let protocol = subprotocol(request.headers())?;
    if context.services.lifecycle.draining().is_cancelled() {
        return Err(unavailable("this instance is about to stop"));
    }
    // A handshake has no body.
    let upgrade = Upgrade::of(request).ok_or_else(|| {
        ApiProblem::new(ProblemCode::UpgradeRequired).detail("send the handshake without a body")
    })?;
    Ok((protocol, upgrade))
}

fn unavailable(detail: &str) -> ApiProblem {
    ApiProblem::new(ProblemCode::Unavailable)
        .detail(detail)
        .retry_after(std::time::Duration::from_secs(1))
}

/// The client's address, for counting. A connection without one counts with all others that have
/// none.
pub(super) fn address(request: &HttpRequest, context: &Context) -> IpAddr {
    let unknown = IpAddr::from([0, 0, 0, 0]);
    let peer = request.peer_addr().map_or(unknown, |peer| peer.ip());
    client_address(peer, request.headers(), &context.origins.trusted_proxies)
}

/// The answer that opens a WebSocket.
fn switching(request: &HttpRequest, protocol: Option<Subprotocol>) -> HttpResponse {
    let mut response = HttpResponse::SwitchingProtocols();
    response.upgrade("websocket");
    if let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) {
        let accept = hash_key(key.as_bytes());
        response.insert_header((SEC_WEBSOCKET_ACCEPT, accept.as_slice()));
    }
    if let Some(protocol) = protocol {
        response.insert_header((SEC_WEBSOCKET_PROTOCOL, protocol.name()));
    }
    response.finish()
}

/// A refused handshake, counted. Says which version is spoken where none was.
fn refused(problem: &ApiProblem, context: &Context) -> HttpResponse {
    let code = problem.code();
    context.services.metrics.refused(code.as_str());
    if let Some(cause) = problem.cause_chain() {
        tracing::info!(cause, code = code.as_str(), "handshake refused");
    }
    let mut response = problem.error_response();
    if code == ProblemCode::UpgradeRequired {
        let version = actix_web::http::header::HeaderValue::from_static("13");
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, version);
    }
    response
}
