use std::sync::Arc;

use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_bus::Which;
use sm_common::id::{LayerId, SceneId, StreamId};
use sm_common::layer::Layer;
use sm_common::problem::{Problem, ProblemCode};
use sm_common::scene::{LayerList, Scene};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers, ReadStream};
use sm_service_kit::http::{Path, Query, etag, if_match};
use utoipa::IntoParams;

use super::Context;
use super::body::Document;
use super::error::ApiError;
use super::shape::{LayerPatch, NewLayer};
use crate::domain::{Action, Expected, Proposal};
use crate::scenes::ReadyScene;
use crate::store::Loaded;

/// Which stream is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    pub(crate) stream: StreamId,
}

/// Which stream and scene are meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LayersQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    pub(crate) stream: StreamId,
    /// The scene; the one that is wanted on air unless said otherwise.
    pub(crate) scene: Option<SceneId>,
}

impl LayersQuery {
    pub(crate) fn which(&self) -> Which {
        self.scene.map_or(Which::OnAir, Which::Scene)
    }
}

/// Which layer is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct LayerPath {
    /// The layer.
    pub(crate) id: LayerId,
}

/// Lists the layers of a scene, from the back of the picture to the front.
///
/// The `ETag` is the scene's revision, which every change of any layer raises. A layer's `status`
/// is how the engine does with it, absent while the stream is off air.
#[utoipa::path(
    get, path = "/api/layers", tag = "layer-service", params(LayersQuery),
    responses(
        (status = 200, description = "The layers.", body = LayerList, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The layers cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_layers(
    _caller: Authorized<ReadStream>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let scene = ready(&context, &query).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(scene.list.scene.revision)))
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(scene.body.clone()))
}

/// The layers of a scene, with how they do in the picture.
pub(crate) async fn ready(
    context: &Context,
    query: &LayersQuery,
) -> Result<Arc<ReadyScene>, ApiProblem> {
    let scene = context.scenes.ready(&query.stream, query.which()).await;
    Ok(scene.map_err(ApiError::from)?)
}

pub(crate) async fn read(context: &Context, query: &LayersQuery) -> Result<Loaded, ApiProblem> {
    let scene = context.scenes.read(&query.stream, query.which()).await;
    Ok(scene.map_err(ApiError::from)?)
}

/// A scene's layers, with the scene's entity tag.
pub(crate) fn list(scene: Scene) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, etag(scene.revision)))
        .json(LayerList::from(scene))
}

/// Reads one layer.
#[utoipa::path(
    get, path = "/api/layers/{id}", tag = "layer-service", params(LayerPath, LayersQuery),
    responses(
        (status = 200, description = "The layer.", body = Layer, headers(("ETag" = String, description = "The layer's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The layer cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_layer(
    _caller: Authorized<ReadStream>,
    Path(LayerPath { id }): Path<LayerPath>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let scene = ready(&context, &query).await?;
    let mut layers = scene.list.layers.iter();
    let layer = layers.find(|layer| layer.id == id);
    Ok(tagged(layer.ok_or_else(|| no_layer(id))?))
}

/// Creates a layer, at the front of the picture unless `index` says otherwise.
#[utoipa::path(
    post, path = "/api/layers", tag = "layer-service", params(LayersQuery), request_body = NewLayer,
    responses(
        (status = 201, description = "The new layer.", body = Layer, headers(("ETag" = String, description = "The layer's revision."), ("Location" = String, description = "The layer."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene holds as many layers as it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_layer(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(query): Query<LayersQuery>,
    Document(layer): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let id = LayerId::generate();
    let proposal =
        Proposal::of(Action::Create { id, layer }).expecting(optional(request.headers())?);
    let scene = context.change(&caller.identity, &query, &proposal).await?;
    Ok(made(one(scene.scene, id)?))
}

/// Changes a layer by a JSON merge patch.
///
/// `If-Match` is the layer's revision that the caller has read. A patch that changes nothing
/// raises no revision. One that comes too late is answered with both versions of each field that it
/// would change: those that nobody else has changed since can be sent again as they are.
#[utoipa::path(
    patch, path = "/api/layers/{id}", tag = "layer-service", params(LayerPath, LayersQuery, ("If-Match" = String, Header, description = "The layer's `ETag`.")),
    request_body(content((LayerPatch = "application/json"), (LayerPatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The layer now.", body = Layer, headers(("ETag" = String, description = "The layer's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The layer has changed; `ETag` is its revision now, and `conflicts` has both versions of each field that the patch would change.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "The layer is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn update_layer(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(LayerPath { id }): Path<LayerPath>,
    Query(query): Query<LayersQuery>,
    Document(patch): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = Some(required(request.headers())?);
    let proposal = Proposal::of(Action::Update {
        id,
        expected,
        patch,
    });
    let scene = context.change(&caller.identity, &query, &proposal).await?;
    Ok(tagged(&one(scene.scene, id)?))
}

/// Deletes a layer.
#[utoipa::path(
    delete, path = "/api/layers/{id}", tag = "layer-service", params(LayerPath, LayersQuery, ("If-Match" = String, Header, description = "The layer's `ETag`.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The layer has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "The layer is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_layer(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(LayerPath { id }): Path<LayerPath>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = Some(required(request.headers())?);
    let proposal = Proposal::of(Action::Delete { id, expected });
    context.change(&caller.identity, &query, &proposal).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The revision in `If-Match`, which must be there.
pub(crate) fn required(headers: &HeaderMap) -> Result<Expected, ApiProblem> {
    if_match(headers).map(Expected::new)
}

/// The revision in `If-Match`, where it is there.
pub(crate) fn optional(headers: &HeaderMap) -> Result<Option<Expected>, ApiProblem> {
    if headers.contains_key(IF_MATCH) {
        required(headers).map(Some)
    } else {
        Ok(None)
    }
}

/// A layer of a scene, or the problem that there is none.
pub(crate) fn one(scene: Scene, id: LayerId) -> Result<Layer, ApiProblem> {
    let mut layers = scene.layers.into_iter();
    layers
        .find(|layer| layer.id == id)
        .ok_or_else(|| no_layer(id))
}

fn no_layer(id: LayerId) -> ApiProblem {
    ApiProblem::new(ProblemCode::LayerNotFound).detail(format!("there is no layer {id}"))
}

/// A layer that is new.
pub(crate) fn made(layer: Layer) -> HttpResponse {
    let Layer {
        id, stream, scene, ..
    } = &layer;
    let location = format!("/api/layers/{id}?stream={stream}&scene={scene}");
    HttpResponse::Created()
        .insert_header((ETAG, etag(layer.revision)))
        .insert_header((LOCATION, location))
        .json(layer)
}

pub(crate) fn tagged(layer: &Layer) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, etag(layer.revision)))
        .json(layer)
}
