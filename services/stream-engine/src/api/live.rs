use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, USER_AGENT};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_common::id::{RenditionName, StreamId};
use sm_common::problem::Problem;
use sm_common::sprite::Sprite;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream};
use sm_service_kit::http::{Path, client_address, etag, if_none_match};
use tokio::fs::File;
use utoipa::IntoParams;

use super::Context;
use super::access::Watcher;
use super::error::ApiError;
use super::sending::send;
use crate::live::file_name::LiveFile;
use crate::live::forward::{Forwarder, Promptness};
use crate::live::master;
use crate::live::playback::PlaybackClaim;
use crate::live::playlist::{Playlist, Standing, Wanted};
use crate::live::reload::Directives;
use crate::live::shelf::{Place, Shelf};

/// The media type of an HLS playlist (RFC 8216).
const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
const SEGMENT_TYPE: &str = "video/mp4";
const PICTURE_TYPE: &str = "image/jpeg";

#[derive(Debug, Deserialize)]
pub(crate) struct FilePath {
    file: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RenditionPath {
    rendition: RenditionName,
}

/// Where a request is answered.
enum Answering {
    /// Here, from this shelf.
    Here(Arc<Shelf>),
    /// It was answered by a sibling.
    Done(HttpResponse),
}

/// The HLS playlist of what is on air.
///
/// It lists parts of segments and takes the delivery directives of low-latency HLS where parts are
/// configured; players that know neither pass over them.
#[utoipa::path(
    get, path = "/live/{stream}/index.m3u8", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("_HLS_msn" = Option<u64>, Query, description = "Answer once the playlist holds the segment of this number."),
        ("_HLS_part" = Option<u64>, Query, description = "Or this part of it already."),
        ("_HLS_skip" = Option<String>, Query, description = "YES: leave out segments that the player knows."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    responses(
        (status = 200, description = "The playlist.", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 400, description = "The directives make no sense, or ask too far ahead.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, or it is not on air.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine that holds the stream does not answer, or what was waited for did not come.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_playlist(
    request: HttpRequest,
    watcher: Watcher,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    answer_playlist(&request, &watcher, &context, None).await
}

/// The HLS playlist of a rendition: one encoding of several. `master.m3u8` names them.
///
/// Its segments and parts have the numbers and the times of the program's own.
#[utoipa::path(
    get, path = "/live/{stream}/{rendition}.m3u8", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("rendition" = RenditionName, Path, description = "The rendition."),
        ("_HLS_msn" = Option<u64>, Query, description = "Answer once the playlist holds the segment of this number."),
        ("_HLS_part" = Option<u64>, Query, description = "Or this part of it already."),
        ("_HLS_skip" = Option<String>, Query, description = "YES: leave out segments that the player knows."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    responses(
        (status = 200, description = "The playlist.", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 400, description = "The directives make no sense, or ask too far ahead.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or rendition, or it is not on air.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine that holds the stream does not answer, or what was waited for did not come.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_rendition(
    request: HttpRequest,
    watcher: Watcher,
    Path(RenditionPath { rendition }): Path<RenditionPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    answer_playlist(&request, &watcher, &context, Some(&rendition)).await
}

/// The multivariant playlist: the program and its renditions, for players that choose by what
/// their network carries.
///
/// What it says of bandwidth is measured: the largest segment of the run, and the average of those
/// that are listed. A rendition that fails is not in it.
#[utoipa::path(
    get, path = "/live/{stream}/master.m3u8", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    responses(
        (status = 200, description = "The playlist.", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, or it is not on air.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine that holds the stream does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_master(
    request: HttpRequest,
    watcher: Watcher,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let prompt = Promptness::AtOnce;
    let shelf = match locate(&request, &watcher.stream, &context, prompt).await? {
        Answering::Here(shelf) => shelf,
        Answering::Done(answer) => return Ok(answer),
    };
    let playlist = shelf.playlist().ok_or(ApiError::NotOnAir)?;
    note_viewer(&request, &shelf, &context);
    let mut variants = Vec::new();
    for variant in playlist.variants() {
        // A small file; one that is gone says nothing.
        let section = tokio::fs::read(shelf.archive.path(&variant.init)).await;
        let codec = section.ok().and_then(|bytes| master::picture_codec(&bytes));
        variants.push((variant, codec));
    }
    if variants.is_empty() {
        return Err(ApiError::NotOnAir.into());
    }
    let query = watcher.playback.as_ref().map(PlaybackClaim::query);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, PLAYLIST_TYPE))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(master::render(&variants, &query.unwrap_or_default())))
}

/// The list of a rendition, or the program's.
fn list_of<'a>(
    playlist: &'a Playlist,
    rendition: Option<&RenditionName>,
) -> Option<Cow<'a, Playlist>> {
    match rendition {
        None => Some(Cow::Borrowed(playlist)),
        Some(name) => playlist.rendition(name).map(Cow::Owned),
    }
}

async fn answer_playlist(
    request: &HttpRequest,
    watcher: &Watcher,
    context: &Context,
    rendition: Option<&RenditionName>,
) -> Result<HttpResponse, ApiProblem> {
    let directives = Directives::read(request.query_string()).map_err(ApiError::from)?;
    let promptness = match directives.wanted {
        Some(_) => Promptness::MayWait,
        None => Promptness::AtOnce,
    };
    let shelf = match locate(request, &watcher.stream, context, promptness).await? {
        Answering::Here(shelf) => shelf,
        Answering::Done(answer) => return Ok(answer),
    };
    let playlist = shelf.playlist().ok_or(ApiError::NotOnAir)?;
    note_viewer(request, &shelf, context);
    let wanted = directives.wanted.filter(|_| playlist.can_be_awaited());
    let (playlist, caching) = match wanted {
        None => (playlist, "no-cache".to_owned()),
        Some(wanted) => {
            let playlist = awaited(&shelf, &playlist, (rendition, wanted), context).await?;
            // A player that waits is still there.
            note_viewer(request, &shelf, context);
            let seconds = playlist.cached_for().as_secs();
            (
                playlist,
                format!("{}, max-age={seconds}", context.caching_scope),
            )
        }
    };
    let query = watcher.playback.as_ref().map(PlaybackClaim::query);
    let query = query.unwrap_or_default();
    let list = list_of(&playlist, rendition).ok_or(ApiError::NoRendition)?;
    let text = if directives.delta {
        list.render_delta(&query)
    } else {
        list.render(&query)
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, PLAYLIST_TYPE))
        .insert_header((CACHE_CONTROL, caching))
        .body(text))
}

/// The playlist once it holds what is wanted.
async fn awaited(
    shelf: &Shelf,
    playlist: &Arc<Playlist>,
    (rendition, wanted): (Option<&RenditionName>, Wanted),
    context: &Context,
) -> Result<Arc<Playlist>, ApiError> {
    let list = list_of(playlist, rendition).ok_or(ApiError::NoRendition)?;
    match list.standing(wanted) {
        Standing::There => Ok(Arc::clone(playlist)),
        Standing::TooFar => Err(ApiError::TooFarAhead),
        Standing::Coming => {
            // A rendition that is not offered any more is not waited for.
            let is_there = |playlist: &Playlist| {
                list_of(playlist, rendition)
                    .is_none_or(|list| list.standing(wanted) == Standing::There)
            };
            Ok(context.waiting.playlist(shelf, is_there).await?)
        }
    }
}

/// A segment, a part of one, or what a player reads before the first one. The part that the
/// playlist hints at is waited for.
#[utoipa::path(
    get, path = "/live/{stream}/{file}", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("file" = String, Path, description = "A name from the playlist."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    responses(
        (status = 200, description = "Fragmented MP4.", content_type = "video/mp4"),
        (status = 206, description = "The range that was asked for.", content_type = "video/mp4"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or segment.", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies behind the end."),
        (status = 503, description = "The engine that holds the stream does not answer, or what was waited for did not come.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_live_file(
    request: HttpRequest,
    watcher: Watcher,
    Path(FilePath { file }): Path<FilePath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let file: LiveFile = file.parse().map_err(|_not_one| ApiError::UnknownFile)?;
    let promptness = match file {
        LiveFile::Part(..) => Promptness::MayWait,
        LiveFile::Init(_) | LiveFile::Segment(..) => Promptness::AtOnce,
    };
    let shelf = match locate(&request, &watcher.stream, &context, promptness).await? {
        Answering::Here(shelf) => shelf,
        Answering::Done(answer) => return Ok(answer),
    };
    let rendition = file.run().rendition();
    let is_hint = |playlist: &Playlist| {
        let list = list_of(playlist, rendition.as_ref());
        list.is_some_and(|list| list.hint().as_ref() == Some(&file))
    };
    if shelf.playlist().is_some_and(|playlist| is_hint(&playlist)) {
        let came = |playlist: &Playlist| !is_hint(playlist);
        drop(
            context
                .waiting
                .playlist(&shelf, came)
                .await
                .map_err(ApiError::from)?,
        );
    }
    Ok(send_file(&request, &shelf, &file, &context).await?)
}

/// The picture on air.
#[utoipa::path(
    get, path = "/live/{stream}/snapshot.jpg", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    responses(
        (status = 200, description = "The picture, at most half a second old.", content_type = "image/jpeg"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, or it is not on air.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No picture could be taken in time.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_snapshot(
    request: HttpRequest,
    watcher: Watcher,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let prompt = Promptness::AtOnce;
    let shelf = match locate(&request, &watcher.stream, &context, prompt).await? {
        Answering::Here(shelf) => shelf,
        Answering::Done(answer) => return Ok(answer),
    };
    let snapshot = shelf.snapshots.take().await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, PICTURE_TYPE))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(snapshot.picture))
}

/// Whose preview is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct PreviewPath {
    /// The stream.
    stream: StreamId,
}

/// The scene in preview, as it would be on air, in a small picture.
///
/// It is drawn while somebody asks, so ask for the next one when you have this one: `If-None-Match`
/// is answered 304 while it looks the same.
#[utoipa::path(
    get, path = "/live/{stream}/preview.jpg", tag = "stream-engine",
    params(PreviewPath, ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the last picture.")),
    responses(
        (status = 200, description = "The picture.", content_type = "image/jpeg", headers(("ETag" = String, description = "The same for the same picture."))),
        (status = 304, description = "It looks the same."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, it is not on air, or no scene is in preview.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No picture could be taken in time.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_preview(
    request: HttpRequest,
    _caller: Authorized<ControlStream>,
    Path(PreviewPath { stream }): Path<PreviewPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let shelf = match locate(&request, &stream, &context, Promptness::AtOnce).await? {
        Answering::Here(shelf) => shelf,
        Answering::Done(answer) => return Ok(answer),
    };
    let snapshot = shelf.preview.take().await.map_err(ApiError::from)?;
    let is_known = if_none_match(request.headers(), &snapshot.tag);
    let mut answer = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer
        .insert_header((ETAG, etag(&snapshot.tag)))
        .insert_header((CACHE_CONTROL, "private, no-cache"));
    if is_known {
        return Ok(answer.finish());
    }
    Ok(answer
        .insert_header((CONTENT_TYPE, PICTURE_TYPE))
        .body(snapshot.picture))
}

/// Small pictures of the last minutes, in one file. `sprite.json` says which is where.
#[utoipa::path(
    get, path = "/live/{stream}/sprite.jpg", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    responses(
        (status = 200, description = "The pictures.", content_type = "image/jpeg"),
        (status = 206, description = "The range that was asked for.", content_type = "image/jpeg"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, it is not on air, or no picture was taken yet.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine that holds the stream does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_sprite(
    request: HttpRequest,
    watcher: Watcher,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let prompt = Promptness::AtOnce;
    let shelf = match locate(&request, &watcher.stream, &context, prompt).await? {
        Answering::Here(shelf) => shelf,
        Answering::Done(answer) => return Ok(answer),
    };
    sprite_of(&shelf)?;
    let file = File::open(shelf.archive.sprite()).await;
    let file = file.map_err(ApiError::Read)?;
    Ok(send(&request, file, PICTURE_TYPE, "no-cache").await?)
}

/// Which small picture is where in `sprite.jpg`, and when it was on air. A new one takes the place of
/// the oldest, all others stay where they are.
#[utoipa::path(
    get, path = "/live/{stream}/sprite.json", tag = "stream-engine",
    params(
        ("stream" = StreamId, Path, description = "The stream."),
        ("expires" = Option<i64>, Query, description = "Of a signed playback address."),
        ("signature" = Option<String>, Query, description = "Of a signed playback address."),
    ),
    responses(
        (status = 200, description = "The pictures' places and times.", body = Sprite),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The playback address is not valid, or not any more.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, it is not on air, or no picture was taken yet.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine that holds the stream does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("bearer" = [])),
)]
pub(crate) async fn read_sprite_index(
    request: HttpRequest,
    watcher: Watcher,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let prompt = Promptness::AtOnce;
    let shelf = match locate(&request, &watcher.stream, &context, prompt).await? {
        Answering::Here(shelf) => shelf,
        Answering::Done(answer) => return Ok(answer),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .json(sprite_of(&shelf)?))
}

fn sprite_of(shelf: &Shelf) -> Result<Sprite, ApiError> {
    let playlist = shelf.playlist().ok_or(ApiError::NotOnAir)?;
    playlist.sprite.clone().ok_or(ApiError::NoSprite)
}

/// What a browser asks before a player's first request from another origin.
pub(crate) async fn allow_players() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("access-control-allow-methods", "GET, HEAD, OPTIONS"))
        .insert_header(("access-control-allow-headers", "authorization, range"))
        .insert_header(("access-control-max-age", "86400"))
        .finish()
}

/// The shelf of a stream that this process holds, or the answer of the sibling that does.
async fn locate(
    request: &HttpRequest,
    stream: &StreamId,
    context: &Context,
    promptness: Promptness,
) -> Result<Answering, ApiError> {
    match find(request, stream, context)? {
        Found::Here(shelf) => Ok(Answering::Here(shelf)),
        Found::At(holder) => {
            let passing = context.forwarder.pass_on(request, &holder, promptness);
            let answer = match promptness {
                Promptness::AtOnce => passing.await?,
                Promptness::MayWait => context.waiting.hold(passing).await??,
            };
            Ok(Answering::Done(answer))
        }
    }
}

/// Who answers for a stream's picture.
pub(super) enum Found {
    /// This process, from this shelf.
    Here(Arc<Shelf>),
    /// The sibling at this base address.
    At(String),
}

/// Finds who holds the stream.
pub(super) fn find(
    request: &HttpRequest,
    stream: &StreamId,
    context: &Context,
) -> Result<Found, ApiError> {
    let shelf = context
        .registry
        .shelf(stream)
        .ok_or_else(|| ApiError::UnknownStream(stream.clone()))?;
    match shelf.place() {
        Place::Here => Ok(Found::Here(shelf)),
        Place::Nowhere => Err(ApiError::NotOnAir),
        Place::Unknown => Err(ApiError::HolderUnknown),
        // The lease is a predecessor's at this very address, or changes hands right now.
        Place::Elsewhere(holder)
            if holder == context.own_url || Forwarder::was_passed_on(request) =>
        {
            Err(ApiError::NotOnAir)
        }
        Place::Elsewhere(holder) => Ok(Found::At(holder)),
    }
}

fn note_viewer(request: &HttpRequest, shelf: &Shelf, context: &Context) {
    if let Some((address, user_agent)) = player(request, context) {
        shelf.watching.saw(address, user_agent, Instant::now());
    }
}

/// The address and the user agent of the player that asks.
pub(super) fn player<'a>(request: &'a HttpRequest, context: &Context) -> Option<(IpAddr, &'a str)> {
    let headers = request.headers();
    let peer = request.peer_addr()?;
    let address = client_address(peer.ip(), headers, &context.trusted_proxies);
    let user_agent = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    Some((address, user_agent))
}

pub(super) async fn send_file(
    request: &HttpRequest,
    shelf: &Shelf,
    file: &LiveFile,
    context: &Context,
) -> Result<HttpResponse, ApiError> {
    let segment = match File::open(shelf.archive.path(file)).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ApiError::UnknownFile);
        }
        opened => opened.map_err(ApiError::Read)?,
    };
    send(request, segment, SEGMENT_TYPE, context.file_caching).await
}
