//! Sending files, whole and in parts.

use std::io::SeekFrom;

use actix_web::body::{BoxBody, SizedStream};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use actix_web::{HttpRequest, HttpResponse};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::error::ApiError;
use crate::live::range::{Span, span};

/// Sends what the request wants of a file, as long as it is now.
pub(super) async fn send(
    request: &HttpRequest,
    mut file: File,
    media_type: &str,
    caching: &str,
) -> Result<HttpResponse, ApiError> {
    let length = file.metadata().await.map_err(ApiError::Read)?.len();
    let wanted = request
        .headers()
        .get(RANGE)
        .and_then(|value| value.to_str().ok());
    let (status, first, size) = match span(wanted, length) {
        Span::Whole => (StatusCode::OK, 0, length),
        Span::Part { first, last } => {
            let size = last.saturating_sub(first).saturating_add(1);
            (StatusCode::PARTIAL_CONTENT, first, size)
        }
        Span::Unsatisfiable => {
            return Ok(HttpResponse::RangeNotSatisfiable()
                .insert_header((CONTENT_RANGE, format!("bytes */{length}")))
                .insert_header((CONTENT_TYPE, media_type))
                .finish());
        }
    };
    let mut answer = HttpResponse::build(status);
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first.saturating_add(size).saturating_sub(1);
        answer.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{length}")));
        let seek = file.seek(SeekFrom::Start(first)).await;
        seek.map_err(ApiError::Read)?;
    }
    let body = SizedStream::new(size, ReaderStream::new(file.take(size)));
    Ok(answer
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((CACHE_CONTROL, caching))
        .body(BoxBody::new(body)))
}
