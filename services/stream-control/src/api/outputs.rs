use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::auth::Identity;
use sm_common::id::{OutputId, StreamId};
use sm_common::output::OutputKind;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream};
use sm_service_kit::http::{Json, Path, Query, etag, if_match};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::error::ApiError;
use super::idempotency::idempotency;
use super::state::StreamQuery;
use crate::domain::{Change, OutputList, OutputView};
use crate::outputs::{self, Changed};
use crate::store::Idempotency;

/// Which output is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OutputPath {
    /// The output.
    id: OutputId,
}

/// Which output is meant, and what is to be done with it.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OutputActionPath {
    /// The output.
    id: OutputId,
    /// `start`, `stop` or `restart`.
    action: OutputCommand,
}

/// What can be done with an output.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutputCommand {
    /// Let it send while the stream is on air.
    Start,
    /// Let it send no more.
    Stop,
    /// Let it begin anew, also when it gave up.
    Restart,
}

/// Where a new output goes; which fields there are depends on the kind.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(crate) struct OutputTargetBody {
    /// Of `rtmp`: `rtmp://host/app` or `rtmps://host/app`; what follows the application is taken
    /// as the key. Of `srt`: `srt://host:port`.
    url: Option<String>,
    /// Of `rtmp`: the stream key. Never shown again; null takes it away.
    #[schema(format = Password, max_length = 1000)]
    key: Option<String>,
    /// Of `srt`: who calls.
    mode: Option<sm_common::output::SrtMode>,
    /// Of `srt`: the stream that the peer asks for.
    #[schema(max_length = 512)]
    stream_id: Option<String>,
    /// Of `srt`: encrypts the connection. Never shown again; null takes it away.
    #[schema(format = Password, min_length = 10, max_length = 79)]
    passphrase: Option<String>,
    /// Of `srt`: how long lost packets may be asked for again, in milliseconds.
    #[schema(minimum = 20, maximum = 8000)]
    latency_ms: Option<u32>,
    /// Of `file`: the container.
    format: Option<sm_common::output::FileFormat>,
    /// Of `file`: begins a new file after so many seconds.
    #[schema(minimum = 10, maximum = 86_400)]
    split_s: Option<u32>,
    /// Of `file`: begins a new file after so many bytes.
    #[schema(minimum = 1_048_576)]
    split_bytes: Option<u64>,
    /// Of `file`: keeps so many of the newest files.
    #[schema(minimum = 1, maximum = 10_000)]
    keep_files: Option<u32>,
    /// Of `file`: deletes files so many seconds after they were finished.
    #[schema(minimum = 60)]
    keep_s: Option<u64>,
}

/// Whether an output may be sent less than the program while its target is congested. Of `rtmp`, and
/// of `srt` in the mode `caller`.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(crate) struct AdaptiveBody {
    /// Whether it may; false unless said otherwise.
    enabled: Option<bool>,
    /// The bitrate of the picture that it is always sent, in kbit/s; 500 unless said otherwise.
    #[schema(minimum = 100, maximum = 50_000)]
    min_kbps: Option<u32>,
}

/// A new output.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(crate) struct NewOutput {
    /// Its name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// `rtmp`, `srt` or `file`.
    kind: OutputKind,
    /// Where it goes; may be left out of a `file`.
    target: Option<OutputTargetBody>,
    /// Whether it may be sent less while its target is congested.
    adaptive: Option<AdaptiveBody>,
    /// Whether it is to send while the stream is on air; true unless said otherwise.
    enabled: Option<bool>,
}

/// A merge patch of an output: what is absent stays.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(crate) struct OutputPatch {
    /// Its name.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Where it goes, field by field.
    target: Option<OutputTargetBody>,
    /// Whether it may be sent less while its target is congested.
    adaptive: Option<AdaptiveBody>,
    /// Whether it is to send while the stream is on air.
    enabled: Option<bool>,
}

/// What an idempotency key of a new output is bound to.
#[derive(Serialize)]
struct Request<'a> {
    create_output: &'a Value,
    stream: &'a StreamId,
}

/// Lists the outputs of a stream: what is wanted of each, and how it does.
///
/// HLS comes first; it belongs to every stream. No answer holds a stream key or a passphrase.
#[utoipa::path(
    get, path = "/api/stream/outputs", tag = "stream-control", params(StreamQuery),
    responses(
        (status = 200, description = "The outputs.", body = OutputList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or output.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_outputs(
    _caller: Authorized<ControlStream>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let list = outputs::list(&context.store, &stream)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(list))
}

/// Adds an output.
///
/// It begins at once when the stream is on air. `Idempotency-Key` replays the first answer.
#[utoipa::path(
    post, path = "/api/stream/outputs", tag = "stream-control", request_body = NewOutput,
    params(StreamQuery, ("Idempotency-Key" = Option<String>, Header, description = "At most 255 visible characters; the same key answers the same for a day.")),
    responses(
        (status = 201, description = "The new output.", body = OutputView, headers(("ETag" = String, description = "The output's revision."), ("Location" = String, description = "The output."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or output.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Not possible; `detail` says what to do.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds, `errors` names each; or the idempotency key belongs to another request.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_output(
    caller: Authorized<ControlStream>,
    request: HttpRequest,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    Json(body): Json<Value>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let bound = Request {
        create_output: &body,
        stream: &stream,
    };
    let idempotency = idempotency(request.headers(), &caller.identity, &bound)?;
    let change = Change::Create(body);
    let id = OutputId::generate();
    let changed = context
        .change_output(&caller.identity, &stream, (&id, &change), idempotency)
        .await?;
    let location = |id| format!("/api/stream/outputs/{id}?stream={stream}");
    Ok(match changed {
        Changed::Output(view) => HttpResponse::Created()
            .insert_header((ETAG, etag(view.revision)))
            .insert_header((LOCATION, location(view.id.clone())))
            .json(view),
        Changed::Replayed { id, revision, body } => HttpResponse::Created()
            .insert_header(("idempotency-replayed", "true"))
            .insert_header((ETAG, etag(revision)))
            .insert_header((LOCATION, location(id)))
            .json(body),
        Changed::Gone => HttpResponse::NoContent().finish(),
    })
}

/// Reads an output.
#[utoipa::path(
    get, path = "/api/stream/outputs/{id}", tag = "stream-control", params(OutputPath, StreamQuery),
    responses(
        (status = 200, description = "The output.", body = OutputView, headers(("ETag" = String, description = "The output's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or output.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_output(
    _caller: Authorized<ControlStream>,
    Path(OutputPath { id }): Path<OutputPath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let view = outputs::read(&context.store, &stream, &id)
        .await
        .map_err(ApiError::from)?;
    Ok(shown(&view))
}

/// Changes an output by a JSON merge patch.
///
/// `If-Match` is the revision that the caller has read. A secret that is absent stays, and null
/// takes it away. Where the target changes the output begins anew; the others go on undisturbed.
#[utoipa::path(
    patch, path = "/api/stream/outputs/{id}", tag = "stream-control",
    params(OutputPath, StreamQuery, ("If-Match" = String, Header, description = "The output's `ETag`.")),
    request_body(content((OutputPatch = "application/json"), (OutputPatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The output now.", body = OutputView, headers(("ETag" = String, description = "The output's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or output.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Not possible; `detail` says what to do.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The output has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds, `errors` names each; or the idempotency key belongs to another request.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn update_output(
    caller: Authorized<ControlStream>,
    request: HttpRequest,
    Path(OutputPath { id }): Path<OutputPath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    Json(patch): Json<Value>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = if_match(request.headers())?;
    let change = Change::Update { expected, patch };
    let changed = context
        .change_output(&caller.identity, &stream, (&id, &change), None)
        .await?;
    Ok(answer(changed))
}

/// Takes an output away. The others go on undisturbed; files that it has written stay.
#[utoipa::path(
    delete, path = "/api/stream/outputs/{id}", tag = "stream-control",
    params(OutputPath, StreamQuery, ("If-Match" = String, Header, description = "The output's `ETag`.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or output.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Not possible; `detail` says what to do.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The output has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_output(
    caller: Authorized<ControlStream>,
    request: HttpRequest,
    Path(OutputPath { id }): Path<OutputPath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = if_match(request.headers())?;
    let change = Change::Delete { expected };
    let changed = context
        .change_output(&caller.identity, &stream, (&id, &change), None)
        .await?;
    Ok(answer(changed))
}

/// Starts, stops or restarts an output.
#[utoipa::path(
    post, path = "/api/stream/outputs/{id}/{action}", tag = "stream-control",
    params(OutputActionPath, StreamQuery),
    responses(
        (status = 200, description = "The output now.", body = OutputView, headers(("ETag" = String, description = "The output's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or output.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Not possible; `detail` says what to do.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn steer_output(
    caller: Authorized<ControlStream>,
    Path(OutputActionPath { id, action }): Path<OutputActionPath>,
    Query(StreamQuery { stream }): Query<StreamQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let change = match action {
        OutputCommand::Start => Change::Start,
        OutputCommand::Stop => Change::Stop,
        OutputCommand::Restart => Change::Restart,
    };
    let changed = context
        .change_output(&caller.identity, &stream, (&id, &change), None)
        .await?;
    Ok(answer(changed))
}

impl Context {
    async fn change_output(
        &self,
        caller: &Identity,
        stream: &StreamId,
        (id, change): (&OutputId, &Change),
        idempotency: Option<Idempotency>,
    ) -> Result<Changed, ApiProblem> {
        let what = (id, change, self.config.outputs.rules());
        let changed = Box::pin(outputs::change(
            &self.store,
            stream,
            what,
            caller,
            idempotency,
        ))
        .await
        .map_err(ApiError::from)?;
        tracing::info!(
            stream.id = %stream, output.id = %id, user.id = %caller.user,
            action = ?change.action(), "output changed"
        );
        Ok(changed)
    }
}

fn answer(changed: Changed) -> HttpResponse {
    match changed {
        Changed::Output(view) => shown(&view),
        Changed::Gone => HttpResponse::NoContent().finish(),
        Changed::Replayed { body, .. } => HttpResponse::Ok().json(body),
    }
}

fn shown(view: &OutputView) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, etag(view.revision)))
        .json(view)
}
