use std::fmt::Write as _;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sm_service_kit::ApiProblem;
use sm_service_kit::http::{etag, if_none_match};

/// Bytes of the digest that make the `ETag`.
const TAG_BYTES: usize = 12;

/// An answer that its reader may keep, but must ask about: 304 while it is the same. The `ETag`
/// is of the content, so that all replicas give the same.
pub(super) fn revalidated<T: Serialize>(
    request: &HttpRequest,
    body: &T,
) -> Result<HttpResponse, ApiProblem> {
    let body = serde_json::to_vec(body).map_err(ApiProblem::internal)?;
    let mut revision = String::with_capacity(TAG_BYTES * 2);
    for byte in Sha256::digest(&body).iter().take(TAG_BYTES) {
        // Writing to a String cannot fail.
        let _ = write!(revision, "{byte:02x}");
    }
    let mut response = if if_none_match(request.headers(), &revision) {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, etag(&revision)))
        .insert_header((CACHE_CONTROL, "private, no-cache"));
    if if_none_match(request.headers(), &revision) {
        return Ok(response.finish());
    }
    Ok(response
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(body))
}
