use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::id::{SceneId, ScheduleId};
use sm_common::layer::Easing;
use sm_common::problem::Problem;
use sm_common::schedule::{EndedSchedule, ScheduleSummary, Trigger};
use sm_common::transition::{Direction, TransitionKind};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, EditLayers};
use sm_service_kit::http::{Path, Query};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::body::Document;
use super::error::ApiError;
use super::layer::StreamQuery;
use crate::domain::history::Author;
use crate::schedules::Listed;

/// Schedules that are over, in one answer at most.
const ENDED_MAX: usize = 50;

/// Which schedule is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct SchedulePath {
    /// The schedule.
    id: ScheduleId,
}

/// Something to do later: `operations` or a `command`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct NewSchedule {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100, example = "News")]
    name: String,
    /// The scene whose layers are changed; the one that is wanted on air now unless said otherwise.
    scene: Option<SceneId>,
    /// When.
    trigger: Trigger,
    /// How late it may be done, in seconds.
    #[schema(minimum = 0, default = 60)]
    grace_s: Option<u64>,
    /// As in `POST /api/layers/batch`.
    operations: Option<Vec<Value>>,
    /// The command.
    command: Option<NewScheduledCommand>,
}

/// A command to give later, as in `POST /api/stream/control`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) struct NewScheduledCommand {
    /// What to do.
    action: ScheduledAction,
    /// `take`: the scene to put on air; the one that is in preview then unless said otherwise.
    scene: Option<SceneId>,
    /// `take`: what happens between the two scenes; a cut unless said otherwise.
    transition: Option<TransitionKind>,
    /// `take`: where a wipe or a slide moves to; left unless said otherwise.
    direction: Option<Direction>,
    /// `take`: how long the transition takes; 500 unless said otherwise.
    #[schema(minimum = 0, maximum = 10000)]
    duration_ms: Option<u32>,
    /// `take`: how the transition moves over its time; linear unless said otherwise.
    easing: Option<Easing>,
}

/// What a scheduled command does.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "shows the shape of a body that the domain reads")]
pub(crate) enum ScheduledAction {
    /// Go on air.
    Start,
    /// Go off air.
    Stop,
    /// Put a scene on air.
    Take,
    /// Record the program.
    RecordStart,
    /// Record no more.
    RecordStop,
}

/// A schedule that waits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WaitingSchedule {
    #[serde(flatten)]
    summary: ScheduleSummary,
    /// As in `POST /api/layers/batch`; null where it gives a command.
    operations: Value,
}

/// The schedules of a stream.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleList {
    /// Those that wait, oldest first.
    waiting: Vec<WaitingSchedule>,
    /// Those that are over, newest first.
    ended: Vec<EndedSchedule>,
}

/// Lists the schedules that wait, and the newest that are over.
#[utoipa::path(
    get, path = "/api/schedules", tag = "layer-service", params(StreamQuery),
    responses(
        (status = 200, description = "The schedules.", body = ScheduleList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The schedules cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_schedules(
    _caller: Authorized<EditLayers>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let listed = context.schedules.list(&stream, ENDED_MAX).await;
    let Listed { waiting, ended } = listed.map_err(ApiError::from)?;
    let waiting = waiting.into_iter().map(|mut schedule| WaitingSchedule {
        operations: schedule
            .change
            .get_mut("operations")
            .map(Value::take)
            .unwrap_or_default(),
        summary: schedule.summary,
    });
    Ok(HttpResponse::Ok().json(ScheduleList {
        waiting: waiting.collect(),
        ended,
    }))
}

/// Changes layers or commands the stream later: at a moment, after a take, or at the end of what a layer
/// plays.
///
/// What is done is the caller's, whole or not at all, and once whatever replicas do. A change can be taken
/// back like any other; it is tried out now, and what is wrong with it is said now. When it is due it is
/// judged again; a refusal then is its outcome. Schedules survive restarts; what nobody could do within
/// `grace_s` is skipped.
#[utoipa::path(
    post, path = "/api/schedules", tag = "layer-service", params(StreamQuery), request_body = NewSchedule,
    responses(
        (status = 201, description = "It waits.", body = ScheduleSummary, headers(("Location" = String, description = "The schedule."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, scene or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The stream has as many schedules as it may, or the scene would hold more layers than it may.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds, such as a moment that is past; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "A layer is locked.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_schedule(
    caller: Authorized<EditLayers>,
    request: HttpRequest,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    Document(body): Document,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let author = Author::from(&caller.identity);
    let by = (&author, caller.identity.role);
    let made = context.schedules.create(&stream, &body, by).await;
    let made = made.map_err(ApiError::from)?;
    tracing::info!(stream.id = %stream, user.id = %author.id, schedule.id = %made.id, "scheduled");
    let place = format!("{}/{}?stream={stream}", request.path(), made.id);
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, place))
        .json(made))
}

/// Withdraws a schedule that waits.
#[utoipa::path(
    delete, path = "/api/schedules/{id}", tag = "layer-service", params(SchedulePath, StreamQuery),
    responses(
        (status = 204, description = "It will not be done."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule, or it is over.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis is away; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn cancel_schedule(
    caller: Authorized<EditLayers>,
    Path(SchedulePath { id }): Path<SchedulePath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let author = Author::from(&caller.identity);
    let withdrawn = context.schedules.cancel(&stream, id, &author).await;
    withdrawn.map_err(ApiError::from)?;
    tracing::info!(stream.id = %stream, user.id = %author.id, schedule.id = %id, "schedule withdrawn");
    Ok(HttpResponse::NoContent().finish())
}
