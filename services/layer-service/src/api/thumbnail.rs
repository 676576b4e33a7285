use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadStream};
use sm_service_kit::http::{Path, etag, if_none_match};

use super::Context;
use super::asset::{AssetPath, find};
use super::content::{CACHE, SANDBOX};
use super::error::ApiError;

/// Hands out a small picture of an uploaded file: of a picture, of a video soon after its
/// beginning, of two letters of a font.
#[utoipa::path(
    get, path = "/api/assets/{id}/thumbnail", tag = "layer-service", params(AssetPath),
    responses(
        (status = 200, description = "The thumbnail, a JPEG or a PNG.", content_type = "image/*"),
        (status = 304, description = "The caller has it."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such asset, or nothing to be seen of it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The asset cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_asset_thumbnail(
    _caller: Authorized<ReadStream>,
    request: HttpRequest,
    Path(AssetPath { id }): Path<AssetPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let none = || {
        ApiProblem::new(ProblemCode::AssetThumbnailNone)
            .detail(format!("there is no thumbnail of asset {id}"))
    };
    let media_type = find(&context, &id).await?.thumbnail.ok_or_else(none)?;
    let tag = etag(&id);
    if if_none_match(request.headers(), id.as_str()) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, CACHE))
            .finish());
    }
    let thumbnail = context.assets.files().thumbnail(&id).await;
    let thumbnail = thumbnail.map_err(ApiError::Content)?.ok_or_else(none)?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, CACHE))
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, SANDBOX))
        .body(thumbnail))
}
