use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use sm_common::group::{Group, GroupTransform};
use sm_common::id::{GroupId, LayerId, SceneId, StreamId};
use sm_common::layer::{Layer, Transition};
use sm_common::problem::{Problem, ProblemCode};
use sm_common::scene::{LayerList, Scene, SceneSummary};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers, ReadStream};
use sm_service_kit::http::{Path, Query, etag};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::body::Document;
use super::copy::{AddedLayers, copied};
use super::layer::{LayersQuery, optional, read, ready, required};
use super::shape::TransitionPatch;
use crate::domain::copying::CopyOrder;
use crate::domain::{Action, Proposal, Remains};

/// Layers to make a group.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct NewGroup {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "Lower third")]
    name: String,
    /// Layers that lie next to each other in the scene's order and are in no group; each once.
    layers: Vec<LayerId>,
    /// How its layers are moved and scaled; not at all unless said otherwise, and around the upper
    /// left corner of the box around them.
    transform: Option<GroupTransform>,
    /// 0 (clear) to 1; 1 unless said otherwise.
    #[schema(minimum = 0, maximum = 1)]
    opacity: Option<f64>,
    /// Whether its layers are in the picture; they are unless said otherwise.
    visible: Option<bool>,
    /// Whether it and its layers refuse every change but its unlocking; not unless said otherwise.
    locked: Option<bool>,
    /// How its changes are made.
    transition: Option<Transition>,
}

/// A JSON merge patch (RFC 7396) of a group. What is left out stays; null is the default.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct GroupPatch {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The members of the transform to change.
    transform: Option<GroupTransformPatch>,
    /// 0 (clear) to 1.
    #[schema(minimum = 0, maximum = 1)]
    opacity: Option<f64>,
    /// Whether its layers are in the picture.
    visible: Option<bool>,
    /// Whether it and its layers refuse every change but its unlocking.
    locked: Option<bool>,
    /// The members of the transition to change.
    transition: Option<TransitionPatch>,
}

/// The members of a group's transform to change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct GroupTransformPatch {
    /// To the right, in canvas pixels.
    #[schema(minimum = -16384, maximum = 16384)]
    x: Option<i32>,
    /// Downwards.
    #[schema(minimum = -16384, maximum = 16384)]
    y: Option<i32>,
    /// How large its layers are made.
    #[schema(minimum = 0.05, maximum = 20)]
    scale: Option<f64>,
    /// The point that scaling leaves where it is: its distance from the left edge.
    #[schema(minimum = -16384, maximum = 16384)]
    origin_x: Option<i32>,
    /// Its distance from the upper edge.
    #[schema(minimum = -16384, maximum = 16384)]
    origin_y: Option<i32>,
}

/// The groups of a scene.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupList {
    /// The scene.
    scene: SceneSummary,
    /// Its groups, in the order they were made.
    groups: Vec<Group>,
}

/// Which group is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct GroupPath {
    /// The group.
    id: GroupId,
}

/// Which scene is meant, and what is to remain of a group.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UngroupQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// The scene; the one that is wanted on air unless said otherwise.
    scene: Option<SceneId>,
    /// What is to remain; `layers` unless said otherwise.
    #[serde(default)]
    #[param(inline)]
    remains: Remains,
}

/// Lists the groups of a scene.
#[utoipa::path(
    get, path = "/api/groups", tag = "layer-service", params(LayersQuery),
    responses(
        (status = 200, description = "The groups.", body = GroupList, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The groups cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_groups(
    _caller: Authorized<ReadStream>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let ready = ready(&context, &query).await?;
    let LayerList { scene, groups, .. } = &ready.list;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(scene.revision)))
        .json(GroupList {
            scene: scene.clone(),
            groups: groups.clone(),
        }))
}

/// Reads one group.
#[utoipa::path(
    get, path = "/api/groups/{id}", tag = "layer-service", params(GroupPath, LayersQuery),
    responses(
        (status = 200, description = "The group.", body = Group, headers(("ETag" = String, description = "The group's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or group.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The group cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_group(
    _caller: Authorized<ReadStream>,
    Path(GroupPath { id }): Path<GroupPath>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let scene = read(&context, &query).await?.scene;
    Ok(tagged(&one(scene, id)?))
}

/// Makes layers a group. Nothing of the picture changes.
///
/// A layer joins a group later with a patch of its `group`, and leaves it with null. A group whose
/// last layer is gone is gone too. `If-Match`, where sent, is the scene's revision.
#[utoipa::path(
    post, path = "/api/groups", tag = "layer-service", params(LayersQuery, ("If-Match" = Option<String>, Header, description = "The `ETag` of the list.")),
    request_body = NewGroup,
    responses(
        (status = 201, description = "The new group.", body = Group, headers(("ETag" = String, description = "The group's revision."), ("Location" = String, description = "The group."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene holds as many groups as it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Layers are not there, in a group already or not next to each other, or fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "A layer is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_group(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(query): Query<LayersQuery>,
    Document(group): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let id = GroupId::generate();
    let proposal =
        Proposal::of(Action::Group { id, group }).expecting(optional(request.headers())?);
    let changed = context.change(&caller.identity, &query, &proposal).await?;
    let stream = changed.scene.stream.clone();
    let group = one(changed.scene, id)?;
    let location = format!("/api/groups/{id}?stream={stream}&scene={}", group.scene);
    Ok(HttpResponse::Created()
        .insert_header((ETAG, etag(group.revision)))
        .insert_header((LOCATION, location))
        .json(group))
}

/// Changes a group by a JSON merge patch: its layers move, fade and hide together.
///
/// `If-Match` is the group's revision that the caller has read.
#[utoipa::path(
    patch, path = "/api/groups/{id}", tag = "layer-service", params(GroupPath, LayersQuery, ("If-Match" = String, Header, description = "The group's `ETag`.")),
    request_body(content((GroupPatch = "application/json"), (GroupPatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The group now.", body = Group, headers(("ETag" = String, description = "The group's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or group.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The group has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "The group is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn update_group(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(GroupPath { id }): Path<GroupPath>,
    Query(query): Query<LayersQuery>,
    Document(patch): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = Some(required(request.headers())?);
    let proposal = Proposal::of(Action::UpdateGroup {
        id,
        expected,
        patch,
    });
    let changed = context.change(&caller.identity, &query, &proposal).await?;
    Ok(tagged(&one(changed.scene, id)?))
}

/// Ends a group. Its layers remain and look as they did in it, or go with it.
///
/// `If-Match` is the group's revision that the caller has read.
#[utoipa::path(
    delete, path = "/api/groups/{id}", tag = "layer-service", params(GroupPath, UngroupQuery, ("If-Match" = String, Header, description = "The group's `ETag`.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or group.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The group has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "The group or one of its layers is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_group(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(GroupPath { id }): Path<GroupPath>,
    Query(query): Query<UngroupQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let UngroupQuery {
        stream,
        scene,
        remains,
    } = query;
    let proposal = Proposal::of(Action::Ungroup {
        id,
        expected: Some(required(request.headers())?),
        remains,
    });
    let query = LayersQuery { stream, scene };
    context.change(&caller.identity, &query, &proposal).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Copies a group with its layers; the copy is right in front of it. Nothing of it is locked.
#[utoipa::path(
    post, path = "/api/groups/{id}/duplicate", tag = "layer-service", params(GroupPath, LayersQuery),
    responses(
        (status = 201, description = "The copies.", body = AddedLayers, headers(("ETag" = String, description = "The scene's revision."), ("Location" = String, description = "The layers of the scene."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or group.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene would hold more layers or groups than it may.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn duplicate_group(
    caller: Authorized<EditLayers>,
    Path(GroupPath { id }): Path<GroupPath>,
    Query(query): Query<LayersQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let scene = read(&context, &query).await?.scene;
    let members: Vec<&Layer> = members(&scene, id).collect();
    let front = members.last().map(|layer| layer.id);
    let order = CopyOrder {
        layers: members.iter().map(|layer| layer.id).collect(),
        to: scene.id,
        index: scene
            .layers
            .iter()
            .position(|layer| Some(layer.id) == front)
            .map(|place| place.saturating_add(1)),
    };
    one(scene.clone(), id)?;
    let query = LayersQuery {
        scene: Some(scene.id),
        ..query
    };
    copied(&context, &caller.identity, &query, &order, None).await
}

fn members(scene: &Scene, id: GroupId) -> impl Iterator<Item = &Layer> {
    let layers = scene.layers.iter();
    layers.filter(move |layer| layer.group == Some(id))
}

/// A group of a scene, or the problem that there is none.
fn one(scene: Scene, id: GroupId) -> Result<Group, ApiProblem> {
    let mut groups = scene.groups.into_iter();
    groups.find(|group| group.id == id).ok_or_else(|| {
        ApiProblem::new(ProblemCode::GroupNotFound).detail(format!("there is no group {id}"))
    })
}

fn tagged(group: &Group) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, etag(group.revision)))
        .json(group)
}
