use actix_multipart::Multipart;
use actix_web::http::header::{CONTENT_LENGTH, LOCATION};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_common::asset::{Asset, UsedAsset};
use sm_common::id::AssetId;
use sm_common::problem::{Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers, ReadStream};
use sm_service_kit::http::Path;
use utoipa::IntoParams;

use super::Context;
use super::error::ApiError;
use super::shape::UploadForm;
use crate::assets::Kept;

/// Which uploaded file is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct AssetPath {
    /// SHA-256 of its content, in lower-case hexadecimal.
    pub(crate) id: AssetId,
}

/// Takes a picture, a video, a sound or a font, as the member `file` of a form.
///
/// Its bytes decide what it is, and it is decoded before it is taken. The same content is kept once: a second upload is answered with
/// the first one's asset and 200.
#[utoipa::path(
    post, path = "/api/assets", tag = "layer-service",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The same content was there already.", body = Asset),
        (status = 201, description = "The new asset.", body = Asset, headers(("Location" = String, description = "The asset."))),
        (status = 400, description = "The form cannot be read, or was cut off.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The file did not arrive in time.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The file is too large, or the quota is used up.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "No picture, video, sound or font that is taken, not what the form says, or broken.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The file has too many pixels, lasts too long or takes too much to be decoded, or its name is a path.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many uploads at a time.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn upload_asset(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    body: Payload,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let form = Multipart::new(request.headers(), body);
    let Kept { asset, known } = context
        .assets
        .upload(form, length)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(asset.id = %asset.id, user.id = %caller.identity.user, known, "asset uploaded");
    let mut answer = if known {
        HttpResponse::Ok()
    } else {
        HttpResponse::Created()
    };
    Ok(answer
        .insert_header((LOCATION, format!("/api/assets/{}", asset.id)))
        .json(asset))
}

/// Lists the uploaded files with where each is used, newest first.
#[utoipa::path(
    get, path = "/api/assets", tag = "layer-service",
    responses(
        (status = 200, description = "The assets.", body = Vec<UsedAsset>),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The assets cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_assets(
    _caller: Authorized<ReadStream>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let listed = context.assets.list().await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(listed))
}

/// Reads what is known of an uploaded file, and where it is used.
#[utoipa::path(
    get, path = "/api/assets/{id}", tag = "layer-service", params(AssetPath),
    responses(
        (status = 200, description = "The asset.", body = UsedAsset),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such asset.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The asset cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_asset(
    _caller: Authorized<ReadStream>,
    Path(AssetPath { id }): Path<AssetPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let asset = find(&context, &id).await?;
    let uses = context.assets.uses(&id).await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(UsedAsset { asset, uses }))
}

/// Deletes an uploaded file that no layer uses.
#[utoipa::path(
    delete, path = "/api/assets/{id}", tag = "layer-service", params(AssetPath),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such asset.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A layer uses it; `detail` says which, in which scene, and whether it is on air.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_asset(
    caller: Authorized<EditLayers>,
    Path(AssetPath { id }): Path<AssetPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context.assets.remove(&id).await.map_err(ApiError::from)?;
    tracing::info!(asset.id = %id, user.id = %caller.identity.user, "asset deleted");
    Ok(HttpResponse::NoContent().finish())
}

/// An asset of the index, or the problem that there is none.
pub(crate) async fn find(context: &Context, id: &AssetId) -> Result<Asset, ApiProblem> {
    let asset = context.assets.catalog().one(id).await;
    asset.map_err(ApiError::from)?.ok_or_else(|| {
        ApiProblem::new(ProblemCode::AssetNotFound).detail(format!("there is no asset {id}"))
    })
}
