//! Uploads that come in pieces, as tus 1.0 has them.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LOCATION, CONTENT_TYPE, HeaderMap, HeaderName, HttpDate, LOCATION,
};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Deserialize;
use sm_common::clock::Timestamp;
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::Path;
use utoipa::IntoParams;
use uuid::Uuid;

use super::Context;
use super::error::ApiError;
use crate::assets::Progress;
use crate::domain::resumable::{EXTENSIONS, VERSION, describe};

pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// The media type of a piece.
const PIECE: &str = "application/offset+octet-stream";

/// Which upload is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct UploadPath {
    /// The upload.
    #[param(value_type = String, format = Uuid)]
    pub(crate) id: Uuid,
}

/// Says what is spoken of tus, and how large a file may be.
#[utoipa::path(
    options, path = "/api/assets/uploads", tag = "layer-service",
    responses(
        (status = 204, description = "See the headers.", headers(
            ("Tus-Version" = String, description = "1.0.0"),
            ("Tus-Extension" = String, description = "creation, expiration, termination"),
            ("Tus-Max-Size" = u64, description = "Bytes of the largest file."),
        )),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn describe_uploads(
    _caller: Authorized<EditLayers>,
    context: Data<Context>,
) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((TUS_VERSION, VERSION))
        .insert_header((TUS_EXTENSION, EXTENSIONS))
        .insert_header((TUS_MAX_SIZE, context.assets.file_bytes_max().to_string()))
        .finish()
}

/// Begins an upload that may come in pieces, to any replica, and go on after a loss: tus 1.0.
///
/// Space is kept free for it until it is complete or given up. Each piece follows as a `PATCH`;
/// after the last one the file is taken as `POST /api/assets` would, and `Content-Location` is the asset.
#[utoipa::path(
    post, path = "/api/assets/uploads", tag = "layer-service",
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "Bytes of the whole file."),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename` and `filetype`, each with its value in Base64."),
    ),
    responses(
        (status = 201, description = "The upload may begin.", headers(
            ("Location" = String, description = "The upload, relative to this address."),
            ("Upload-Expires" = String, description = "When it is given up, unless something arrives before."),
        )),
        (status = 400, description = "A header cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Another version of tus.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The file is too large, or the quota is used up.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many uploads have begun.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn begin_upload(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let headers = request.headers();
    check_version(headers)?;
    let length = number(headers, &UPLOAD_LENGTH)?;
    if length == 0 {
        return Err(invalid(
            "`Upload-Length` is the number of bytes of the file, 1 or more",
        ));
    }
    let description = describe(text(headers, &UPLOAD_METADATA)?);
    let description = description.map_err(|fault| invalid(fault.to_string()))?;
    let upload = context.assets.begin(description, length).await;
    let upload = upload.map_err(ApiError::from)?;
    tracing::info!(upload.id = %upload.id, user.id = %caller.identity.user, length, "upload begun");
    Ok(HttpResponse::Created()
        // Relative, so that it holds behind a prefix as well.
        .insert_header((LOCATION, format!("uploads/{}", upload.id)))
        .insert_header((UPLOAD_EXPIRES, date(upload.expires_at)))
        .finish())
}

/// Says how far an upload has come, and what it has become.
#[utoipa::path(
    head, path = "/api/assets/uploads/{id}", tag = "layer-service",
    params(UploadPath, ("Tus-Resumable" = String, Header, description = "1.0.0")),
    responses(
        (status = 200, description = "See the headers.", headers(
            ("Upload-Offset" = u64, description = "Bytes that have arrived: where the next piece begins."),
            ("Upload-Length" = u64, description = "Bytes of the whole file."),
            ("Content-Location" = String, description = "The asset, once the upload is complete."),
        )),
        (status = 401, description = "No or no valid token."),
        (status = 403, description = "The role does not allow it."),
        (status = 404, description = "No such upload."),
        (status = 412, description = "Another version of tus."),
        (status = 503, description = "Redis is away; try again."),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_upload(
    _caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(UploadPath { id }): Path<UploadPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    check_version(request.headers())?;
    let progress = context.assets.progress(id).await.map_err(ApiError::from)?;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((UPLOAD_LENGTH, progress.upload.length.to_string()));
    Ok(told(&mut answer, &progress).finish())
}

/// Takes the next piece of an upload, and with the last one the file.
///
/// A piece that is cut off is not lost: `HEAD` says how much of it has arrived. A file that is refused is
/// gone with its upload. When the last answer was lost, or the file could not be taken for now, an empty
/// piece at the end asks again.
#[utoipa::path(
    patch, path = "/api/assets/uploads/{id}", tag = "layer-service",
    params(
        UploadPath,
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where in the file the piece begins: what has arrived so far."),
    ),
    request_body(content = String, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "The piece has arrived.", headers(
            ("Upload-Offset" = u64, description = "Bytes that have arrived in all."),
            ("Upload-Expires" = String, description = "When the upload is given up, unless something arrives before."),
            ("Content-Location" = String, description = "The asset, after the last piece."),
        )),
        (status = 400, description = "A header cannot be read, or the piece was cut off.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such upload.", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "Nothing more of the piece has arrived in time.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The upload goes on at another offset; `HEAD` says which.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Another version of tus.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The piece goes beyond the announced length.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The file is not taken, or this is no piece.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The file has too many pixels, lasts too long or takes too much to be decoded.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "Another piece is just arriving.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many uploads at a time.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn continue_upload(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(UploadPath { id }): Path<UploadPath>,
    piece: Payload,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let headers = request.headers();
    check_version(headers)?;
    let is_piece = headers
        .get(CONTENT_TYPE)
        .is_some_and(|found| found == PIECE);
    if !is_piece {
        return Err(ApiProblem::new(ProblemCode::MediaTypeUnsupported)
            .detail(format!("send `Content-Type: {PIECE}`")));
    }
    let offset = number(headers, &UPLOAD_OFFSET)?;
    let progress = context.assets.append(id, offset, piece).await;
    let progress = progress.map_err(ApiError::from)?;
    if let Some(asset) = progress.asset() {
        tracing::info!(upload.id = %id, asset.id = %asset, user.id = %caller.identity.user, "asset uploaded");
    }
    Ok(told(&mut HttpResponse::NoContent(), &progress).finish())
}

/// Gives an upload up, and its space back. What it has become stays.
#[utoipa::path(
    delete, path = "/api/assets/uploads/{id}", tag = "layer-service",
    params(UploadPath, ("Tus-Resumable" = String, Header, description = "1.0.0")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such upload.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Another version of tus.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "A piece is just arriving.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn cancel_upload(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(UploadPath { id }): Path<UploadPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    check_version(request.headers())?;
    context.assets.cancel(id).await.map_err(ApiError::from)?;
    tracing::info!(upload.id = %id, user.id = %caller.identity.user, "upload cancelled");
    Ok(HttpResponse::NoContent().finish())
}

fn told<'a>(
    answer: &'a mut HttpResponseBuilder,
    progress: &Progress,
) -> &'a mut HttpResponseBuilder {
    answer
        .insert_header((UPLOAD_OFFSET, progress.arrived.to_string()))
        .insert_header((UPLOAD_EXPIRES, date(progress.upload.expires_at)));
    if let Some(asset) = progress.asset() {
        answer.insert_header((CONTENT_LOCATION, format!("../{asset}")));
    }
    answer
}

fn check_version(headers: &HeaderMap) -> Result<(), ApiProblem> {
    if headers
        .get(&TUS_RESUMABLE)
        .is_some_and(|found| found == VERSION)
    {
        return Ok(());
    }
    Err(ApiProblem::new(ProblemCode::AssetUploadVersion)
        .detail(format!("send `Tus-Resumable: {VERSION}`")))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiProblem> {
    let value = headers.get(name).map(|value| value.to_str());
    value
        .transpose()
        .map_err(|_no_text| invalid(format!("`{name}` is not text")))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, ApiProblem> {
    let found = text(headers, name)?.and_then(|text| text.parse().ok());
    found.ok_or_else(|| invalid(format!("send `{name}`, a whole number of bytes")))
}

fn invalid(detail: impl Into<String>) -> ApiProblem {
    ApiProblem::new(ProblemCode::HeaderInvalid).detail(detail)
}

fn date(at: Timestamp) -> HttpDate {
    let millis = u64::try_from(at.as_unix_millis()).unwrap_or_default();
    HttpDate::from(UNIX_EPOCH + Duration::from_millis(millis))
}
