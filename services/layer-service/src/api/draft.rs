use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use sm_common::id::{SceneId, StreamId};
use sm_common::problem::{Conflict, Problem};
use sm_common::scene::{Scene, SceneDraft, SceneSummary};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers, ReadStream};
use sm_service_kit::http::{Path, Query, etag};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::error::{ApiError, conflict};
use super::layer::{StreamQuery, optional, required};
use super::scene::ScenePath;
use super::shape::BatchResult;
use crate::domain::scene_draft::OnDraftConflict;
use crate::scenes::{Changed, DraftApplied, DraftState};

/// How a draft is applied.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApplyQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// What is done where others have changed in the scene what the draft changes; `refuse` unless said
    /// otherwise.
    #[serde(default)]
    #[param(inline)]
    on_conflict: OnDraftConflict,
}

/// A draft of a scene.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DraftAnswer {
    /// The draft, and who began it.
    draft: SceneDraft,
    /// The draft as the scene that it is; its revision is the `ETag`.
    scene: SceneSummary,
    /// What others have changed in the scene since it began, of what it changes: `wanted` is the
    /// draft's.
    conflicts: Vec<Conflict>,
}

/// A draft that was applied.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DraftApplication {
    /// The scene now.
    scene: SceneSummary,
    /// What was done to it; nothing when it was as in the draft already.
    results: Vec<BatchResult>,
}

/// Begins a draft of a scene: changes that are prepared beside it, and made all at once.
///
/// The draft is a scene of its own that is in no list. Its layers are edited as those of any scene, with
/// `scene` set to the draft's `id`, it can be in preview, and it cannot be taken. Each scene has one draft
/// at most, which everybody may edit, apply and discard. `If-Match`, where sent, is the scene's revision
/// that the caller has read.
#[utoipa::path(
    post, path = "/api/scenes/{id}/draft", tag = "layer-service", params(ScenePath, StreamQuery, ("If-Match" = Option<String>, Header, description = "The scene's `ETag`.")),
    responses(
        (status = 201, description = "The draft.", body = Scene, headers(("ETag" = String, description = "The draft's revision."), ("Location" = String, description = "The draft."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene has a draft (`scene.draft.exists`), or is one.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn begin_draft(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = optional(request.headers())?;
    let author = (&caller.identity).into();
    let begun = context
        .scenes
        .begin_draft(&stream, id, expected.as_ref(), &author);
    let draft = begun.await.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %stream, user.id = %author.id, scene.id = %id, scene.draft = %draft.id, "draft begun"
    );
    Ok(HttpResponse::Created()
        .insert_header((ETAG, etag(draft.revision)))
        .insert_header((
            LOCATION,
            format!("/api/scenes/{}?stream={stream}", draft.id),
        ))
        .json(draft))
}

/// Reads what there is to know of a scene's draft.
#[utoipa::path(
    get, path = "/api/scenes/{id}/draft", tag = "layer-service", params(ScenePath, StreamQuery),
    responses(
        (status = 200, description = "The draft.", body = DraftAnswer, headers(("ETag" = String, description = "The draft's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene, or it has no draft (`scene.draft.not-found`).", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene is a draft itself.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The draft cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_draft(
    _caller: Authorized<ReadStream>,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let DraftState {
        draft,
        scene,
        clashes,
    } = context
        .scenes
        .draft(&stream, id)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(scene.revision)))
        .json(DraftAnswer {
            draft,
            scene: SceneSummary::of(&scene),
            conflicts: clashes.iter().map(conflict).collect(),
        }))
}

/// Makes all changes of a draft in its scene, at once and on one frame, and ends the draft.
///
/// It is one step of the caller's, to be taken back as one. What others have changed in the scene since
/// the draft began stays. Where they have changed the same, the answer is 409 with both versions of each
/// such field, unless `on_conflict` says otherwise: `keep` leaves theirs, `replace` takes the draft's. Layers
/// that are new in the draft keep their identifiers. `If-Match` is the draft's revision that the caller has
/// read.
#[utoipa::path(
    post, path = "/api/scenes/{id}/draft/apply", tag = "layer-service", params(ScenePath, ApplyQuery, ("If-Match" = String, Header, description = "The draft's `ETag`.")),
    responses(
        (status = 200, description = "It was applied.", body = DraftApplication, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene, or it has no draft (`scene.draft.not-found`).", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Others have changed the same (`scene.draft.conflict`: `conflicts` holds both versions, `wanted` the draft's), or the scene would hold more layers than it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The draft has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Something that a change needs is gone, such as a file; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "A layer of the scene is locked, and not unlocked by the draft.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn apply_draft(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(query): Query<ApplyQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let ApplyQuery {
        stream,
        on_conflict,
    } = query;
    let expected = required(request.headers())?;
    let author = (&caller.identity).into();
    let applied = context
        .scenes
        .apply_draft(&stream, id, &expected, on_conflict, &author);
    let DraftApplied {
        draft,
        changed: Changed { scene, steps },
    } = applied.await.map_err(ApiError::from)?;
    note(&stream, author.id, (id, draft), "draft applied");
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(scene.revision)))
        .json(DraftApplication {
            scene: SceneSummary::of(&scene),
            results: steps.into_iter().map(BatchResult::from).collect(),
        }))
}

/// Throws a draft away; the scene stays as it is.
///
/// `If-Match` is the draft's revision that the caller has read.
#[utoipa::path(
    delete, path = "/api/scenes/{id}/draft", tag = "layer-service", params(ScenePath, StreamQuery, ("If-Match" = String, Header, description = "The draft's `ETag`.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene, or it has no draft (`scene.draft.not-found`).", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The scene is a draft itself.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The draft has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn discard_draft(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Path(ScenePath { id }): Path<ScenePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = required(request.headers())?;
    let discarded = context.scenes.discard_draft(&stream, id, &expected).await;
    let draft = discarded.map_err(ApiError::from)?;
    note(
        &stream,
        caller.identity.user,
        (id, draft),
        "draft discarded",
    );
    Ok(HttpResponse::NoContent().finish())
}

fn note(
    stream: &StreamId,
    user: sm_common::id::UserId,
    (scene, draft): (SceneId, SceneId),
    what: &'static str,
) {
    tracing::info!(stream.id = %stream, user.id = %user, scene.id = %scene, scene.draft = %draft, "{what}");
}
