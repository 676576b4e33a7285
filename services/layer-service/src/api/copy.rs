use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sm_common::auth::Identity;
use sm_common::group::Group;
use sm_common::id::{LayerId, SceneId, StreamId};
use sm_common::layer::Layer;
use sm_common::problem::Problem;
use sm_common::scene::SceneSummary;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::{Path, Query, etag};
use utoipa::ToSchema;

use super::Context;
use super::body::Document;
use super::error::ApiError;
use super::layer::{LayerPath, LayersQuery, made, one, optional};
use crate::domain::copying::CopyOrder;
use crate::domain::{Action, Expected, Proposal, Step};
use crate::scenes::{Changed, SceneError};

/// Layers to copy, and where to.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct LayerCopy {
    /// The layers; each exactly once. The copies keep the order that the layers have.
    layers: Vec<LayerId>,
    /// The scene that gets the copies.
    to: SceneId,
    /// The place of the hindmost copy from the back; the front unless said otherwise.
    #[schema(minimum = 0)]
    index: Option<usize>,
}

/// Layers that are new.
#[derive(Serialize, ToSchema)]
pub(crate) struct AddedLayers {
    /// The scene that they are in now.
    scene: SceneSummary,
    /// From the back of the picture to the front.
    layers: Vec<Layer>,
    /// The groups that are new, too.
    groups: Vec<Group>,
}

/// Copies a layer; the copy is right in front of it, and not locked.
///
/// `If-Match`, where sent, is the layer's revision that the caller has read.
#[utoipa::path(
    post, path = "/api/layers/{id}/duplicate", tag = "layer-service", params(LayerPath, LayersQuery),
    responses(
        (status = 201, description = "The copy.", body = Layer, headers(("ETag" = String, description = "The copy's revision."), ("Location" = String, description = "The copy."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene holds as many layers as it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the layer has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn duplicate_layer(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(LayerPath { id }): Path<LayerPath>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let copy = LayerId::generate();
    let proposal = Proposal::of(Action::Duplicate {
        id,
        copy,
        expected: optional(request.headers())?,
    });
    let changed = context.change(&caller.identity, &query, &proposal).await?;
    Ok(made(one(changed.scene, copy)?))
}

/// Copies layers of a scene into another one, or into the same: all of them, or none.
///
/// A group comes along if all of its layers are copied; else its layers look as they do in it. The
/// copies are not locked. What a copied file was to be followed by follows the copy if it is
/// copied too. `If-Match`, where sent, is the revision of the scene that gets the copies.
#[utoipa::path(
    post, path = "/api/layers/copy", tag = "layer-service", params(LayersQuery, ("If-Match" = Option<String>, Header, description = "The `ETag` of the scene that gets the copies.")),
    request_body = LayerCopy,
    responses(
        (status = 201, description = "The copies.", body = AddedLayers, headers(("ETag" = String, description = "The revision of the scene that they are in."), ("Location" = String, description = "The layers of that scene."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene would hold more layers than it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A layer is not there, or named twice; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn copy_layers(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(query): Query<LayersQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let order = CopyOrder::read(&body, context.operations_max)
        .map_err(|faults| ApiError::Scene(SceneError::Invalid(faults)))?;
    let expected = optional(request.headers())?;
    copied(&context, &caller.identity, &query, &order, expected).await
}

/// Copies layers, and answers with the copies.
pub(crate) async fn copied(
    context: &Context,
    caller: &Identity,
    query: &LayersQuery,
    order: &CopyOrder,
    expected: Option<Expected>,
) -> Result<HttpResponse, ApiProblem> {
    let author = caller.into();
    let copied = context
        .scenes
        .copy_layers(&query.stream, query.which(), order, expected, &author)
        .await;
    let Changed { scene, steps } = copied.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %query.stream, user.id = %author.id, scene.id = %scene.id,
        scene.revision = scene.revision, operations = steps.len(), "layers copied"
    );
    Ok(added(&query.stream, Changed { scene, steps }))
}

/// The answer to what has added layers.
pub(crate) fn added(stream: &StreamId, changed: Changed) -> HttpResponse {
    let Changed { scene, steps } = changed;
    let scene = SceneSummary::of(&scene);
    let (mut layers, mut groups) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Created { layer, .. } => layers.push(layer),
            Step::Grouped { group } => groups.push(group),
            Step::Updated { .. }
            | Step::Deleted { .. }
            | Step::Reordered { .. }
            | Step::Regrouped { .. }
            | Step::Ungrouped { .. } => {}
        }
    }
    let location = format!("/api/layers?stream={stream}&scene={}", scene.id);
    HttpResponse::Created()
        .insert_header((ETAG, etag(scene.revision)))
        .insert_header((LOCATION, location))
        .json(AddedLayers {
            scene,
            layers,
            groups,
        })
}
