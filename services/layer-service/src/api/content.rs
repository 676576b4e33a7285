use std::ops::RangeInclusive;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    Header as _, HeaderMap, IF_RANGE, Range, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadStream};
use sm_service_kit::http::{Path, etag, if_none_match};

use super::Context;
use super::asset::{AssetPath, find};
use super::error::ApiError;

/// Content never changes under its digest, and is for signed-in people alone.
pub(crate) const CACHE: &str = "private, max-age=31536000, immutable";
/// Uploaded bytes never run as a page of ours.
pub(crate) const SANDBOX: &str = "default-src 'none'; sandbox";

/// Hands out the content of an uploaded file; one `Range` of it where asked for.
#[utoipa::path(
    get, path = "/api/assets/{id}/content", tag = "layer-service", params(AssetPath, ("Range" = Option<String>, Header, description = "One range of bytes; several are answered with the whole.")),
    responses(
        (status = 200, description = "The whole content.", content_type = "application/octet-stream"),
        (status = 206, description = "The wanted part.", content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such asset.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The asset cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_asset_content(
    _caller: Authorized<ReadStream>,
    request: HttpRequest,
    Path(AssetPath { id }): Path<AssetPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let asset = find(&context, &id).await?;
    let tag = etag(&id);
    if if_none_match(request.headers(), id.as_str()) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, CACHE))
            .finish());
    }
    let opened = context.assets.files().open(&asset).await;
    let kept = opened.map_err(ApiError::Content)?;
    let size = kept.bytes();
    let part = wanted_part(&request, &tag, size);
    let (status, start, length) = match &part {
        Some(part) => {
            let length = part.end().saturating_sub(*part.start()).saturating_add(1);
            (StatusCode::PARTIAL_CONTENT, *part.start(), length)
        }
        None => (StatusCode::OK, 0, size),
    };
    let stream = kept.part(start, length).await;
    let stream = stream.map_err(ApiError::Content)?;
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, CACHE))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((CONTENT_TYPE, asset.media_type))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, SANDBOX));
    if let Some(part) = part {
        let range = format!("bytes {}-{}/{size}", part.start(), part.end());
        answer.insert_header((CONTENT_RANGE, range));
    }
    Ok(answer.body(SizedStream::new(length, stream)))
}

/// The one part of `size` bytes that is asked for. `None` means the whole: what cannot be
/// understood or satisfied may be ignored (RFC 9110, section 14.2).
fn wanted_part(request: &HttpRequest, tag: &str, size: u64) -> Option<RangeInclusive<u64>> {
    if !is_current(request.headers(), tag) {
        return None;
    }
    let Range::Bytes(ranges) = Range::parse(request).ok()? else {
        return None;
    };
    let [range] = ranges.as_slice() else {
        return None;
    };
    let (start, end) = range.to_satisfiable_range(size)?;
    Some(start..=end)
}

/// Whether `If-Range`, where sent, names the content as it is.
fn is_current(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get(IF_RANGE)
        .is_none_or(|known| known.as_bytes() == tag.as_bytes())
}
