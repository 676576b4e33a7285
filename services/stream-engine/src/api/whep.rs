//! Watching with the least delay: WHEP (draft-ietf-wish-whep).

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, LOCATION};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_common::id::StreamId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::http::{Path, read_text};
use uuid::Uuid;

use super::Context;
use super::access::Watcher;
use super::error::ApiError;
use super::live::{Found, find, player};
use crate::live::forward::Promptness;
use crate::live::playback::PlaybackClaim;
use crate::webrtc::Asking;

/// The media type of SDP (RFC 8866).
const SDP_TYPE: &str = "application/sdp";

#[derive(Debug, Deserialize)]
pub(crate) struct SessionPath {
    session: Uuid,
}

/// Opens a WebRTC session.
///
/// Send the offer of a client that receives H.264 video and, if it wants to, Opus sound. The answer
/// names every address that the session can be reached at, so that there is nothing to trickle, and a
/// client whose network changes opens a new session. The session begins with the next keyframe.
#[utoipa::path(
    post, path = "/live/{stream}/whep", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    request_body(content = String, content_type = "application/sdp", description = "The SDP offer."),
    responses(
        (status = 201, description = "The SDP answer. `Location` is the session's address, `ETag` names its ICE session, and `Link` the ICE servers there may be.", body = String, content_type = "application/sdp"),
        (status = 400, description = "The body is no SDP offer.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, it is not on air, or WebRTC is switched off.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The offer is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is of another type.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The offer takes no video that the stream can be sent as.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "There are as many sessions as there may be, or the engine or the media worker does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn open_session(
    request: HttpRequest,
    watcher: Watcher,
    payload: Payload,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let offer = read_text(&request, payload.into_inner(), SDP_TYPE).await?;
    let shelf = match find(&request, &watcher.stream, &context)? {
        Found::Here(shelf) => shelf,
        Found::At(holder) => {
            let passing = context.forwarder.pass_on_with(&request, &holder, offer);
            return Ok(passing.await.map_err(ApiError::from)?);
        }
    };
    shelf.playlist().ok_or(ApiError::NotOnAir)?;
    let (address, user_agent) = player(&request, &context)
        .ok_or_else(|| ApiProblem::internal("the request comes from nowhere"))?;
    let asking = Asking {
        stream: watcher.stream,
        shelf,
        offer,
        address,
        user_agent: user_agent.to_owned(),
    };
    let opened = context.webrtc.open(asking).await.map_err(ApiError::from)?;
    // Relative, and so right under every base path; with what lets the viewer in.
    let query = watcher.playback.as_ref().map(PlaybackClaim::query);
    let location = format!("whep/{}{}", opened.session, query.unwrap_or_default());
    let mut answer = HttpResponse::Created();
    answer
        .insert_header((CONTENT_TYPE, SDP_TYPE))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((LOCATION, location))
        .insert_header((ETAG, format!("\"{}\"", opened.ice)));
    for server in context.webrtc.ice_servers() {
        answer.append_header((LINK, server.link()));
    }
    Ok(answer.body(opened.answer))
}

/// Ends a WebRTC session.
#[utoipa::path(
    delete, path = "/live/{stream}/whep/{session}", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("session" = Uuid, Path, description = "The session."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    responses(
        (status = 200, description = "It ends."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or session, or it has ended by itself.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine that holds the stream does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn close_session(
    request: HttpRequest,
    watcher: Watcher,
    Path(SessionPath { session }): Path<SessionPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    if let Found::At(holder) = find(&request, &watcher.stream, &context)? {
        let prompt = Promptness::AtOnce;
        let passing = context.forwarder.pass_on(&request, &holder, prompt);
        return Ok(passing.await.map_err(ApiError::from)?);
    }
    if context.webrtc.close(&watcher.stream, session) {
        Ok(HttpResponse::Ok().finish())
    } else {
        Err(ApiError::UnknownSession.into())
    }
}

/// What a browser asks before it opens or ends a session from a page of another origin.
pub(crate) async fn allow_viewers() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("access-control-allow-methods", "POST, DELETE, OPTIONS"))
        .insert_header((
            "access-control-allow-headers",
            "authorization, content-type",
        ))
        .insert_header(("access-control-max-age", "86400"))
        .insert_header(("accept-post", SDP_TYPE))
        .finish()
}
