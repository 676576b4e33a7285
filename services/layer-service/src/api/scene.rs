use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_bus::Which;
use sm_common::auth::Identity;
use sm_common::id::{SceneId, StreamId};
use sm_common::problem::Problem;
use sm_common::scene::{Scene, SceneList};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers, ReadStream};
use sm_service_kit::http::{Path, Query, etag};
use utoipa::IntoParams;

use super::Context;
use super::body::Document;
use super::error::ApiError;
use super::layer::{StreamQuery, required};
use super::shape::{NewScene, SceneOrder, ScenePatch};
use crate::domain::scene_list;
use crate::scenes::SceneError;

/// Which scene is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ScenePath {
    /// The scene.
    pub(super) id: SceneId,
}

/// Lists the scenes of a stream, without their layers.
///
/// Which of them is on air, in preview and the slate is part of the stream's state.
#[utoipa::path(
    get, path = "/api/scenes", tag = "layer-service", params(StreamQuery),
    responses(
        (status = 200, description = "The scenes.", body = SceneList, headers(("ETag" = String, description = "The list's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The scenes cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_scenes(
    _caller: Authorized<ReadStream>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let scenes = context.scenes.list(&stream).await.map_err(ApiError::from)?;
    Ok(list(&scenes))
}

/// Creates a scene without a layer, at the end of the list.
#[utoipa::path(
    post, path = "/api/scenes", tag = "layer-service", params(StreamQuery), request_body = NewScene,
    responses(
        (status = 201, description = "The new scene.", body = Scene, headers(("ETag" = String, description = "The scene's revision."), ("Location" = String, description = "The scene."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The stream has as many scenes as it may.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_scene(
    caller: Authorized<EditLayers>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let name = scene_list::read_new(&body).map_err(invalid)?;
    let created = context.scenes.create(&stream, name).await;
    let scene = created.map_err(ApiError::from)?;
    note(&caller.identity, &stream, scene.id, "scene created");
    Ok(made(scene))
}

/// Reads a scene with its layers.
#[utoipa::path(
    get, path = "/api/scenes/{id}", tag = "layer-service", params(ScenePath, StreamQuery),
    responses(
        (status = 200, description = "The scene.", body = Scene, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The scene cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_scene(
    _caller: Authorized<ReadStream>,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let scene = context.scenes.read(&stream, Which::Scene(id)).await;
    Ok(tagged(scene.map_err(ApiError::from)?.joined()))
}

/// Changes a scene by a JSON merge patch: its name.
///
/// `If-Match` is the scene's revision that the caller has read. A patch that changes nothing
/// raises no revision.
#[utoipa::path(
    patch, path = "/api/scenes/{id}", tag = "layer-service", params(ScenePath, StreamQuery, ("If-Match" = String, Header, description = "The scene's `ETag`.")),
    request_body(content((ScenePatch = "application/json"), (ScenePatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The scene now.", body = Scene, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn update_scene(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = required(request.headers())?;
    let name = scene_list::read_patch(&body).map_err(invalid)?;
    let renamed = context.scenes.rename(&stream, id, &expected, name).await;
    let scene = renamed.map_err(ApiError::from)?;
    note(&caller.identity, &stream, id, "scene changed");
    Ok(tagged(scene))
}

/// Deletes a scene with its layers.
///
/// A scene that is wanted on air, in preview or as the slate is not deleted, nor is the last one.
/// `If-Match` is the scene's revision that the caller has read.
#[utoipa::path(
    delete, path = "/api/scenes/{id}", tag = "layer-service", params(ScenePath, StreamQuery, ("If-Match" = String, Header, description = "The scene's `ETag`.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene is in use, or the last one; `detail` says what to do.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_scene(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = required(request.headers())?;
    let deleted = context.scenes.delete(&stream, id, &expected).await;
    deleted.map_err(ApiError::from)?;
    note(&caller.identity, &stream, id, "scene deleted");
    Ok(HttpResponse::NoContent().finish())
}

/// Copies a scene with its layers; the copy comes behind it in the list.
#[utoipa::path(
    post, path = "/api/scenes/{id}/duplicate", tag = "layer-service", params(ScenePath, StreamQuery),
    responses(
        (status = 201, description = "The copy.", body = Scene, headers(("ETag" = String, description = "The scene's revision."), ("Location" = String, description = "The scene."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The stream has as many scenes as it may.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn duplicate_scene(
    caller: Authorized<EditLayers>,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let copied = context.scenes.duplicate(&stream, id).await;
    let scene = copied.map_err(ApiError::from)?;
    note(&caller.identity, &stream, scene.id, "scene copied");
    Ok(made(scene))
}

/// Puts the scenes into another order. What is on air stays on air.
///
/// `If-Match` is the list's revision that the caller has read.
#[utoipa::path(
    put, path = "/api/scenes/order", tag = "layer-service", params(StreamQuery, ("If-Match" = String, Header, description = "The `ETag` of the list.")),
    request_body = SceneOrder,
    responses(
        (status = 200, description = "The scenes in their new order.", body = SceneList, headers(("ETag" = String, description = "The list's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The list has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The order does not name each scene once.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn reorder_scenes(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = required(request.headers())?;
    let reordered = context.scenes.reorder(&stream, &expected, &body).await;
    let scenes = reordered.map_err(ApiError::from)?;
    tracing::info!(stream.id = %stream, user.id = %caller.identity.user, "scenes reordered");
    Ok(list(&scenes))
}

fn note(caller: &Identity, stream: &StreamId, scene: SceneId, what: &'static str) {
    tracing::info!(stream.id = %stream, user.id = %caller.user, scene.id = %scene, "{what}");
}

fn invalid(faults: crate::domain::Faults) -> ApiProblem {
    ApiError::Scene(SceneError::Invalid(faults)).into()
}

fn list(scenes: &SceneList) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, etag(scenes.revision)))
        .json(scenes)
}

fn made(scene: Scene) -> HttpResponse {
    let (id, stream) = (scene.id, &scene.stream);
    HttpResponse::Created()
        .insert_header((ETAG, etag(scene.revision)))
        .insert_header((LOCATION, format!("/api/scenes/{id}?stream={stream}")))
        .json(scene)
}

fn tagged(scene: Scene) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, etag(scene.revision)))
        .json(scene)
}
