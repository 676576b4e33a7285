use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use sm_bus::Which;
use sm_common::auth::Identity;
use sm_common::clock::Timestamp;
use sm_common::id::{SceneId, StreamId};
use sm_common::problem::{Problem, ProblemCode};
use sm_common::scene::SceneSummary;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::{Query, etag};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::error::ApiError;
use super::layer::optional;
use super::shape::BatchResult;
use crate::domain::history::{Author, Direction, Entry, Note, OnConflict};
use crate::scenes::{Changed, History, StepRequest, Taken};
use crate::store::NextSteps;

/// Most changes in one answer.
const ENTRIES_MAX: usize = 200;

/// Whose steps, and what is done where others were in between.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StepQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// The scene; the one that is wanted on air unless said otherwise.
    scene: Option<SceneId>,
    /// What is done where others have changed since what the step changed; `refuse` unless said
    /// otherwise.
    #[serde(default)]
    #[param(inline)]
    on_conflict: OnConflict,
}

/// Which changes are meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// The scene; the one that is wanted on air unless said otherwise.
    scene: Option<SceneId>,
    /// How many changes, 0 to 200.
    #[serde(default = "entries_default")]
    #[param(minimum = 0, maximum = 200)]
    limit: usize,
    /// Those that are older than this one: the `next` of the answer before.
    before: Option<String>,
}

const fn entries_default() -> usize {
    50
}

/// A step that can be taken back or made again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct StepSummary {
    /// What it did, such as "move Camera".
    name: String,
    /// When.
    at: Timestamp,
}

impl From<Entry> for StepSummary {
    fn from(Entry { name, at, .. }: Entry) -> Self {
        Self { name, at }
    }
}

/// A step that was taken back or made again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct StepAnswer {
    /// The scene now.
    scene: SceneSummary,
    /// The step.
    step: StepSummary,
    /// What was done; nothing when it was as wanted already, or when the step was skipped.
    results: Vec<BatchResult>,
    /// What can be taken back next.
    undo: Option<StepSummary>,
    /// What can be made again next.
    redo: Option<StepSummary>,
}

/// A change in the list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct HistoryEntry {
    /// Its place in the list.
    id: String,
    /// Whether the caller made it.
    own: bool,
    #[serde(flatten)]
    note: Note,
}

/// Who changed the layers of a scene, what and when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct HistoryList {
    /// The scene.
    scene: SceneId,
    /// What the caller can take back next.
    undo: Option<StepSummary>,
    /// What the caller can make again next.
    redo: Option<StepSummary>,
    /// The newest first.
    entries: Vec<HistoryEntry>,
    /// Send it as `before` for older ones; null when there are none.
    next: Option<String>,
}

/// Takes back the caller's last change of a scene's layers.
///
/// It is a change like any other: whole or not at all, with its events, and refused as any would
/// be. What others have changed since is never overwritten: the answer is 409 with both versions
/// of each such field, unless `on_conflict` says otherwise. A deleted layer comes back with its id
/// and place. Playback and replaced stream keys are not taken back. `If-Match`, where sent, is the
/// scene's revision that the caller has read.
#[utoipa::path(
    post, path = "/api/layers/undo", tag = "layer-service", params(StepQuery, ("If-Match" = Option<String>, Header, description = "The `ETag` of the list.")),
    responses(
        (status = 200, description = "It was taken back.", body = StepAnswer, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is nothing to take back (`layer.history.empty`), others have changed the same since (`layer.history.conflict`: `conflicts` holds both versions), or the scene holds as many layers as it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Something that the step needs is gone, such as a file; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "A layer is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn undo_layers(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(query): Query<StepQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    step(
        &caller.identity,
        &request,
        &query,
        &context,
        Direction::Undo,
    )
    .await
}

/// Makes the change again that the caller took back last.
///
/// Another change of the caller in the same scene forgets what was taken back. Otherwise as
/// `POST /api/layers/undo`.
#[utoipa::path(
    post, path = "/api/layers/redo", tag = "layer-service", params(StepQuery, ("If-Match" = Option<String>, Header, description = "The `ETag` of the list.")),
    responses(
        (status = 200, description = "It was made again.", body = StepAnswer, headers(("ETag" = String, description = "The scene's revision."))),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is nothing to make again (`layer.history.empty`), others have changed the same since (`layer.history.conflict`: `conflicts` holds both versions), or the scene holds as many layers as it may.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`If-Match` was sent, and the scene has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Something that the step needs is gone, such as a file; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "A layer is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The host that has the scene on air has not enough CPU left for its layers (`layer.capacity.exceeded`: how much is needed, what is left and of what). Or Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn redo_layers(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(query): Query<StepQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    step(
        &caller.identity,
        &request,
        &query,
        &context,
        Direction::Redo,
    )
    .await
}

async fn step(
    caller: &Identity,
    request: &HttpRequest,
    query: &StepQuery,
    context: &Context,
    direction: Direction,
) -> Result<HttpResponse, ApiProblem> {
    let wanted = StepRequest {
        which: which(query.scene),
        direction,
        on_conflict: query.on_conflict,
        expected: optional(request.headers())?,
    };
    let stream = &query.stream;
    let taken = context.scenes.step(stream, &caller.into(), &wanted).await;
    let Taken {
        changed: Changed { scene, steps },
        step,
        next: NextSteps { undo, redo },
    } = taken.map_err(ApiError::from)?;
    tracing::info!(
        stream.id = %stream, user.id = %caller.user, scene.id = %scene.id,
        scene.revision = scene.revision, ?direction, step = step.name, "step"
    );
    let answer = StepAnswer {
        scene: SceneSummary::of(&scene),
        step: step.into(),
        results: steps.into_iter().map(BatchResult::from).collect(),
        undo: undo.map(StepSummary::from),
        redo: redo.map(StepSummary::from),
    };
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(scene.revision)))
        .json(answer))
}

/// Who changed the layers of a scene, what and when; and what the caller can take back.
#[utoipa::path(
    get, path = "/api/layers/history", tag = "layer-service", params(HistoryQuery),
    responses(
        (status = 200, description = "The newest changes, newest first.", body = HistoryList),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or scene.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The list cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_history(
    caller: Authorized<EditLayers>,
    Query(query): Query<HistoryQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let HistoryQuery {
        stream,
        scene,
        limit,
        before,
    } = query;
    if limit > ENTRIES_MAX {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail(format!("`limit` takes 0 to {ENTRIES_MAX}")));
    }
    if !before.as_deref().is_none_or(is_place) {
        return Err(ApiProblem::new(ProblemCode::QueryInvalid)
            .detail("`before` takes the `next` of an earlier answer"));
    }
    let author = Author::from(&caller.identity);
    let page = (before.as_deref(), limit);
    let history = context
        .scenes
        .history(&stream, which(scene), &author, page)
        .await;
    let History { scene, page, next } = history.map_err(ApiError::from)?;
    let oldest = page.notes.last().map(|(id, _)| id.clone());
    let entries = page.notes.into_iter().map(|(id, note)| HistoryEntry {
        id,
        own: note.user.id == author.id,
        note,
    });
    Ok(HttpResponse::Ok().json(HistoryList {
        scene,
        undo: next.undo.map(StepSummary::from),
        redo: next.redo.map(StepSummary::from),
        entries: entries.collect(),
        next: oldest.filter(|_| page.has_older),
    }))
}

fn which(scene: Option<SceneId>) -> Which {
    scene.map_or(Which::OnAir, Which::Scene)
}

/// Whether the text is a place in the list: two numbers.
fn is_place(text: &str) -> bool {
    let is_number = |part: &str| part.parse::<u64>().is_ok();
    text.split_once('-')
        .is_some_and(|(one, other)| is_number(one) && is_number(other))
}
