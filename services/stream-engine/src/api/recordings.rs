use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use sm_bus::keys;
use sm_common::id::{OutputId, StreamId};
use sm_common::output::{OutputState, OutputStatus};
use sm_common::problem::Problem;
use sm_common::recording::RecordingName;
use sm_common::stream::ObservedState;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream};
use sm_service_kit::http::Path;
use tokio::fs::{self, File};
use utoipa::IntoParams;

use super::Context;
use super::error::ApiError;
use super::sending::send;
use crate::live::forward::Forwarder;
use crate::live::forward::Promptness;
use crate::live::shelf::Place;
use crate::recordings::folder::{Folder, RecordingList};

/// What is still being written must be asked for again.
const CACHING: &str = "private, no-cache";

/// Whose recordings are meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RecordingsPath {
    /// The stream.
    stream: StreamId,
}

/// Which recording is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RecordingPath {
    /// The stream.
    stream: StreamId,
    /// The output that wrote it.
    output: OutputId,
    /// Its name.
    file: String,
}

/// Lists the recordings of a stream, the newest first.
///
/// They lie on the disk of the engine that wrote them: the one that holds the stream is asked, and
/// when nobody does, the one that is reached.
#[utoipa::path(
    get, path = "/live/{stream}/recordings/", tag = "stream-engine", params(RecordingsPath),
    responses(
        (status = 200, description = "The recordings.", body = RecordingList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine that holds the stream does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_recordings(
    request: HttpRequest,
    _caller: Authorized<ControlStream>,
    Path(RecordingsPath { stream }): Path<RecordingsPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let folder = match locate(&request, &stream, &context).await? {
        Answering::Here(folder) => folder,
        Answering::Done(answer) => return Ok(answer),
    };
    let outputs = observed_outputs(&stream, &context).await;
    let writing = move |output: &OutputId| may_write(outputs.as_deref(), output);
    let list = reading(move || folder.list(writing)).await?;
    Ok(HttpResponse::Ok().json(list))
}

/// A recording, also while it is written.
#[utoipa::path(
    get, path = "/live/{stream}/recordings/{output}/{file}", tag = "stream-engine", params(RecordingPath),
    responses(
        (status = 200, description = "The recording.", content_type = "video/mp4"),
        (status = 206, description = "The range that was asked for.", content_type = "video/mp4"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or recording.", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies behind the end."),
        (status = 503, description = "The engine that holds the stream does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_recording(
    request: HttpRequest,
    _caller: Authorized<ControlStream>,
    Path(path): Path<RecordingPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let file = path.name()?;
    let folder = match locate(&request, &path.stream, &context).await? {
        Answering::Here(folder) => folder,
        Answering::Done(answer) => return Ok(answer),
    };
    let on_disk = folder.path(&path.output, file);
    let data = fs::symlink_metadata(&on_disk).await.map_err(missing)?;
    if !data.is_file() {
        return Err(ApiError::UnknownRecording.into());
    }
    let opened = File::open(&on_disk).await.map_err(missing)?;
    Ok(send(&request, opened, file.media_type(), CACHING).await?)
}

/// Deletes a finished recording.
#[utoipa::path(
    delete, path = "/live/{stream}/recordings/{output}/{file}", tag = "stream-engine", params(RecordingPath),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream or recording.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is being written; stop the output first.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The engine that holds the stream does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_recording(
    request: HttpRequest,
    caller: Authorized<ControlStream>,
    Path(path): Path<RecordingPath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let file = path.name()?;
    let RecordingPath { stream, output, .. } = path;
    let folder = match locate(&request, &stream, &context).await? {
        Answering::Here(folder) => folder,
        Answering::Done(answer) => return Ok(answer),
    };
    let writing = may_write(
        observed_outputs(&stream, &context).await.as_deref(),
        &output,
    );
    let (searched, owner) = (folder.clone(), output.clone());
    let recordings = reading(move || searched.of_output(&owner, writing)).await?;
    let recording = recordings
        .into_iter()
        .find(|recording| recording.file == file)
        .ok_or(ApiError::UnknownRecording)?;
    if !recording.finished {
        return Err(ApiError::RecordingInUse.into());
    }
    let on_disk = folder.path(&output, file);
    fs::remove_file(on_disk).await.map_err(missing)?;
    tracing::info!(
        stream.id = %stream, output.id = %output, %file, user.id = %caller.identity.user,
        "recording deleted"
    );
    Ok(HttpResponse::NoContent().finish())
}

impl RecordingPath {
    fn name(&self) -> Result<RecordingName, ApiError> {
        let name = self.file.parse();
        name.map_err(|_not_one| ApiError::UnknownRecording)
    }
}

/// Where a request is answered.
enum Answering {
    /// Here, from this folder.
    Here(Folder),
    /// It was answered by a sibling.
    Done(HttpResponse),
}

/// The folder of the stream, or the answer of the sibling that holds it.
async fn locate(
    request: &HttpRequest,
    stream: &StreamId,
    context: &Context,
) -> Result<Answering, ApiError> {
    let shelf = context
        .registry
        .shelf(stream)
        .ok_or_else(|| ApiError::UnknownStream(stream.clone()))?;
    match shelf.place() {
        Place::Elsewhere(holder)
            if holder != context.own_url && !Forwarder::was_passed_on(request) =>
        {
            let answer = context
                .forwarder
                .pass_on(request, &holder, Promptness::AtOnce)
                .await?;
            Ok(Answering::Done(answer))
        }
        Place::Here | Place::Nowhere | Place::Unknown | Place::Elsewhere(_) => {
            Ok(Answering::Here(Folder::new(&context.recordings, stream)))
        }
    }
}

/// Reads from the disk without holding up other requests.
async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.map_err(std::io::Error::other);
    read.and_then(|read| read).map_err(ApiError::Read)
}

/// How the outputs do; `None` where Redis does not say.
async fn observed_outputs(stream: &StreamId, context: &Context) -> Option<Vec<OutputState>> {
    let document = context.bus.document(&keys::observed(stream)).await.ok()?;
    Some(document.map_or_else(Vec::new, |observed: ObservedState| observed.outputs))
}

/// Whether an output may be writing. Where that is not known it may.
fn may_write(outputs: Option<&[OutputState]>, output: &OutputId) -> bool {
    let Some(outputs) = outputs else {
        return true;
    };
    let known = outputs.iter().find(|known| known.id == *output);
    match known.map(|known| known.status) {
        Some(OutputStatus::Connecting | OutputStatus::Live | OutputStatus::Reconnecting) => true,
        Some(OutputStatus::Stopped | OutputStatus::Failed) | None => false,
    }
}

fn missing(error: std::io::Error) -> ApiError {
    if error.kind() == std::io::ErrorKind::NotFound {
        ApiError::UnknownRecording
    } else {
        ApiError::Read(error)
    }
}
