use actix_web::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, ContentDisposition, DispositionParam, DispositionType, ETAG,
    LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sm_common::id::{LayerId, StreamId, VariableName};
use sm_common::problem::{Problem, ProblemCode};
use sm_common::scene::Scene;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::{Path, Query, etag};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::error::ApiError;
use super::layer::StreamQuery;
use super::scene::ScenePath;
use crate::domain::scene_list;
use crate::scene_files::{Imported, Terms};

/// The media type of a scene as a file.
const ZIP: &str = "application/zip";

/// Where a scene is taken in.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// The scene's name, 1 to 100 characters; the one in the file unless said otherwise.
    name: Option<String>,
    /// What is done with variables that are set here to another value than in the file; `keep` unless said
    /// otherwise.
    #[serde(default)]
    #[param(inline)]
    variables: OnVariable,
}

/// What is done with a variable that is set to another value than in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnVariable {
    /// It keeps its value.
    #[default]
    Keep,
    /// It gets the value in the file, and its type.
    Replace,
}

/// A scene that was taken in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ImportedScene {
    /// The new scene.
    scene: Scene,
    /// Layers whose sources had a password or passphrase, which is in no file: set it again.
    needs_secrets: Vec<LayerId>,
    /// What became of the variables that its texts show.
    variables: ImportedVariables,
}

/// Variables that came with a scene.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ImportedVariables {
    /// Those that got the value in the file.
    set: Vec<VariableName>,
    /// Those that are set to another value here, and kept it.
    kept: Vec<VariableName>,
}

/// Hands a scene out as one file, with the uploaded files that its layers need.
///
/// A ZIP archive of `scene.json` and `assets/DIGEST`. The variables that its texts show are in it with their
/// values. Passwords, passphrases and stream keys are not
/// in it; `needs_secret` says of which layers. The same scene gives the same bytes.
#[utoipa::path(
    get, path = "/api/scenes/{id}/export", tag = "layer-service", params(ScenePath, StreamQuery),
    responses(
        (status = 200, description = "The file.", content_type = "application/zip"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many scenes at a time.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The scene cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn export_scene(
    caller: Authorized<EditLayers>,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let export = context.scene_files.export(&stream, id).await;
    let export = export.map_err(ApiError::from)?;
    tracing::info!(stream.id = %stream, user.id = %caller.identity.user, scene.id = %id, "scene exported");
    let name = format!("{}.scene.zip", export.name.replace(['/', '\\'], "-"));
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(name)],
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, ZIP))
        .insert_header(disposition)
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .streaming(export.pieces))
}

/// Takes a scene in from a file that `GET /api/scenes/{id}/export` made, here or elsewhere.
///
/// The scene and its layers are new and come at the end of the list; files that are there already are
/// kept once. Variables that its texts show are set where there are none of their names; others keep their
/// values unless `variables=replace` is sent. All of it is looked at before anything is kept. Layers whose sources had a secret are
/// named in the answer.
#[utoipa::path(
    post, path = "/api/scenes/import", tag = "layer-service", params(ImportQuery),
    request_body(content_type = "application/zip", description = "The file."),
    responses(
        (status = 201, description = "The new scene.", body = ImportedScene, headers(("ETag" = String, description = "The scene's revision."), ("Location" = String, description = "The scene."))),
        (status = 400, description = "The file was cut off, or scene.json is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The file did not arrive in time.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The stream has as many scenes as it may, or the scene more layers.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The file, or what it would be unpacked, is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A file of the scene is none that is taken.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The file is no scene (`scene.file.invalid`), or fields of scene.json are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many scenes at a time.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn import_scene(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(query): Query<ImportQuery>,
    body: Payload,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let ImportQuery {
        stream,
        name,
        variables,
    } = query;
    if let Some(name) = &name {
        let read = scene_list::read_new(&json!({"name": name}));
        read.map_err(|_bounds| {
            ApiProblem::new(ProblemCode::QueryInvalid)
                .detail("`name` takes 1 to 100 characters, and no control character")
        })?;
    }
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let terms = Terms {
        name,
        replace_variables: variables == OnVariable::Replace,
    };
    let imported = context.scene_files.import(&stream, body, length, terms);
    let Imported {
        scene,
        needs_secrets,
        variables,
    } = Box::pin(imported).await.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %stream, user.id = %caller.identity.user, scene.id = %scene.id,
        layers = scene.layers.len(), "scene imported"
    );
    let place = format!("/api/scenes/{}?stream={stream}", scene.id);
    Ok(HttpResponse::Created()
        .insert_header((ETAG, etag(scene.revision)))
        .insert_header((LOCATION, place))
        .json(ImportedScene {
            scene,
            needs_secrets,
            variables: ImportedVariables {
                set: variables.set,
                kept: variables.kept,
            },
        }))
}
