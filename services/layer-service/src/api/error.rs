use std::time::Duration;

use sm_bus::BusError;
use sm_common::problem::{Conflict, FieldError, ProblemCode};
use sm_probe::RefusalKind;
use sm_service_kit::ApiProblem;
use sm_service_kit::http::etag;

use crate::assets::{FileError, ProbeError, RemoveError, ResumeError, UploadError};
use crate::domain::history::Clash;
use crate::domain::upload::Unacceptable;
use crate::domain::{Faults, ListRefusal, Refusal, Rejected};
use crate::scene_files::SceneFileError;
use crate::scenes::{DraftRefusal, SceneError, TemplateRefusal};
use crate::schedules::ScheduleError;

/// After so long, what was in use may be free.
const CAPACITY_AGAIN: Duration = Duration::from_secs(10);

/// Why a request of this service is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Scene(#[from] SceneError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Resume(#[from] ResumeError),
    #[error(transparent)]
    Remove(#[from] RemoveError),
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    #[error(transparent)]
    SceneFile(#[from] SceneFileError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the content of a listed file cannot be read")]
    Content(#[source] FileError),
}

impl From<ApiError> for ApiProblem {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Scene(error) => scene(error),
            ApiError::Upload(error) => upload(error),
            ApiError::Resume(error) => resume(error),
            ApiError::Remove(error) => remove(error),
            ApiError::Schedule(error) => schedule(error),
            ApiError::SceneFile(error) => scene_file(error),
            ApiError::Bus(error) => bus(error),
            ApiError::Content(FileError::Store(_)) => Self::unavailable(error),
            ApiError::Content(FileError::Disk(_)) => Self::internal(error),
        }
    }
}

fn bus(error: BusError) -> ApiProblem {
    if error.is_unavailable() {
        ApiProblem::unavailable(error)
    } else {
        ApiProblem::internal(error)
    }
}

fn scene(error: SceneError) -> ApiProblem {
    const UNKNOWN: &str =
        "whether the change was made is not known; read the resource before trying again";
    match error {
        SceneError::NoStream(_) => {
            ApiProblem::new(ProblemCode::StreamNotFound).detail(error.to_string())
        }
        SceneError::NoScene(_) => {
            ApiProblem::new(ProblemCode::SceneNotFound).detail(error.to_string())
        }
        SceneError::Rejected(rejected) => refused(rejected),
        SceneError::List(refusal) => {
            let code = match refusal {
                ListRefusal::Full { .. } => ProblemCode::SceneLimit,
                ListRefusal::OnAir(_)
                | ListRefusal::InPreview(_)
                | ListRefusal::Slate(_)
                | ListRefusal::HasDraft(_) => ProblemCode::SceneInUse,
                ListRefusal::Last => ProblemCode::SceneLast,
            };
            ApiProblem::new(code).detail(refusal.to_string())
        }
        SceneError::Stale { current } => ApiProblem::new(ProblemCode::RevisionStale)
            .detail(error.to_string())
            .etag(etag(current)),
        SceneError::Invalid(faults) => invalid(faults),
        SceneError::NoStep(_) => {
            ApiProblem::new(ProblemCode::HistoryEmpty).detail(error.to_string())
        }
        SceneError::Clashes { ref clashes, .. } => {
            let conflicts = clashes.iter().map(conflict).collect();
            ApiProblem::new(ProblemCode::HistoryConflict)
                .detail(format!(
                    "{error}; see `conflicts`, or send `on_conflict=keep` to leave those as they are"
                ))
                .conflicts(conflicts)
        }
        SceneError::Template(refusal) => {
            let code = match refusal {
                TemplateRefusal::None { .. } => ProblemCode::TemplateNotFound,
                TemplateRefusal::Exists(_) => ProblemCode::TemplateExists,
                TemplateRefusal::BuiltIn(_) => ProblemCode::TemplateBuiltIn,
                TemplateRefusal::Full { .. } => ProblemCode::TemplateLimit,
            };
            ApiProblem::new(code).detail(refusal.to_string())
        }
        SceneError::Draft(refusal) => {
            let code = match refusal {
                DraftRefusal::None(_) => ProblemCode::SceneDraftNotFound,
                DraftRefusal::Exists { .. } => ProblemCode::SceneDraftExists,
                DraftRefusal::IsDraft { .. } => ProblemCode::SceneIsDraft,
            };
            ApiProblem::new(code).detail(refusal.to_string())
        }
        SceneError::DraftClashes { ref clashes } => {
            let conflicts = clashes.iter().map(conflict).collect();
            ApiProblem::new(ProblemCode::SceneDraftConflict)
                .detail(format!(
                    "{error}; see `conflicts`, or send `on_conflict=keep` for theirs or \
                     `on_conflict=replace` for those of the draft"
                ))
                .conflicts(conflicts)
        }
        SceneError::Capacity(refusal) => ApiProblem::new(ProblemCode::LayerCapacity)
            .detail(refusal)
            .retry_after(CAPACITY_AGAIN),
        SceneError::Contended => ApiProblem::unavailable(error),
        SceneError::Slow => ApiProblem::unavailable(error).detail(UNKNOWN),
        SceneError::Unconfirmed(cause) => bus(cause).detail(UNKNOWN),
        SceneError::Bus(cause) => bus(cause),
    }
}

pub(super) fn conflict(clash: &Clash) -> Conflict {
    let Clash {
        layer,
        pointer,
        wanted,
        current,
    } = clash.clone();
    Conflict {
        layer,
        pointer,
        wanted,
        current,
    }
}

fn refused(rejected: Rejected) -> ApiProblem {
    match rejected {
        Rejected::SceneStale { current } => ApiProblem::new(ProblemCode::RevisionStale)
            .detail(format!(
                "the scene is at revision {current} now; read it again"
            ))
            .etag(etag(current)),
        Rejected::Invalid(faults) => invalid(faults),
        Rejected::Operation { at, refusal } => {
            let detail = refusal.to_string();
            let problem = match refusal {
                Refusal::NoSuchLayer(_) => ApiProblem::new(ProblemCode::LayerNotFound),
                Refusal::Locked(_) => ApiProblem::new(ProblemCode::LayerLocked),
                Refusal::Full { .. } => ApiProblem::new(ProblemCode::LayerLimit),
                Refusal::NoSuchGroup(_) => ApiProblem::new(ProblemCode::GroupNotFound),
                Refusal::GroupLocked(_) => ApiProblem::new(ProblemCode::GroupLocked),
                Refusal::GroupsFull { .. } => ApiProblem::new(ProblemCode::GroupLimit),
                Refusal::GroupStale { current, .. } => stale(current, at.is_empty()),
                Refusal::Stale {
                    current, clashes, ..
                } => {
                    let conflicts = clashes.iter().map(conflict).collect();
                    stale(current, at.is_empty()).conflicts(conflicts)
                }
            };
            let errors = if at.is_empty() {
                Vec::new()
            } else {
                vec![FieldError::new(at, detail.clone())]
            };
            problem.detail(detail).errors(errors)
        }
    }
}

/// What is stale is at this revision now. The entity tag of a batch is the scene's, and not what
/// was stale here.
fn stale(current: u64, is_alone: bool) -> ApiProblem {
    let problem = ApiProblem::new(ProblemCode::RevisionStale);
    if is_alone {
        problem.etag(etag(current))
    } else {
        problem
    }
}

fn invalid(faults: Faults) -> ApiProblem {
    if faults.is_misshapen() {
        ApiProblem::new(ProblemCode::BodyInvalid)
            .detail("the body is not of the expected shape; see `errors`")
            .errors(faults.into_errors())
    } else {
        ApiProblem::invalid(faults.into_errors())
    }
}

fn upload(error: UploadError) -> ApiProblem {
    let detail = error.to_string();
    let told = |code| ApiProblem::new(code).detail(detail.clone());
    match error {
        UploadError::Busy(_) => told(ProblemCode::RateLimited).retry_after(Duration::from_secs(1)),
        UploadError::NotAForm => told(ProblemCode::MediaTypeUnsupported),
        UploadError::Cut { cause } => told(ProblemCode::AssetIncomplete).cause(cause),
        UploadError::Malformed { cause } => told(ProblemCode::BodyInvalid).cause(cause),
        UploadError::Member => told(ProblemCode::BodyInvalid),
        UploadError::Slow => told(ProblemCode::BodyTimeout),
        UploadError::TooLarge { .. } | UploadError::TooMany(_) => told(ProblemCode::AssetTooLarge),
        UploadError::Unacceptable(Unacceptable::Name) => {
            ApiProblem::invalid(vec![FieldError::new("/file", detail)])
        }
        UploadError::Unacceptable(Unacceptable::Dimensions { .. }) => {
            told(ProblemCode::AssetDimensions)
        }
        UploadError::Unacceptable(
            Unacceptable::Type { .. } | Unacceptable::Lie { .. } | Unacceptable::Header,
        ) => told(ProblemCode::AssetUnsupported),
        UploadError::Probe(error) => probe(error),
        UploadError::DiskFull => told(ProblemCode::AssetStorageFull),
        UploadError::Disk(_) => ApiProblem::internal(error),
        UploadError::Store(_) => ApiProblem::unavailable(error).detail(detail),
        UploadError::Contended => ApiProblem::unavailable(error),
        UploadError::Bus(cause) => bus(cause),
    }
}

fn resume(error: ResumeError) -> ApiProblem {
    let detail = error.to_string();
    let told = |code| ApiProblem::new(code).detail(detail);
    match error {
        ResumeError::NotFound(_) => told(ProblemCode::AssetUploadNotFound),
        ResumeError::Offset { .. } => told(ProblemCode::AssetUploadOffset),
        ResumeError::Locked => {
            told(ProblemCode::AssetUploadLocked).retry_after(Duration::from_secs(1))
        }
        ResumeError::Beyond { .. } => told(ProblemCode::AssetTooLarge),
        ResumeError::Cut { cause, .. } => told(ProblemCode::AssetIncomplete).cause(cause),
        ResumeError::Slow { .. } => told(ProblemCode::BodyTimeout),
        ResumeError::TooMany(_) => told(ProblemCode::RateLimited).retry_after(CAPACITY_AGAIN),
        ResumeError::Upload(error) => upload(error),
    }
}

fn probe(error: ProbeError) -> ApiProblem {
    let told = |code| ApiProblem::new(code).detail(error.to_string());
    match &error {
        ProbeError::Refused(refusal) => told(match refusal.kind {
            RefusalKind::Broken => ProblemCode::AssetUnsupported,
            RefusalKind::Dimensions => ProblemCode::AssetDimensions,
            RefusalKind::Length => ProblemCode::AssetTooLong,
        }),
        ProbeError::Costly(_) => told(ProblemCode::AssetTooCostly),
        ProbeError::Starved(_) => told(ProblemCode::Unavailable).retry_after(CAPACITY_AGAIN),
        ProbeError::Absent { program } => {
            let cause = format!("there is no {}", program.display());
            told(ProblemCode::Unavailable).cause(cause)
        }
        ProbeError::Run(_) => ApiProblem::internal(error),
    }
}

fn schedule(error: ScheduleError) -> ApiProblem {
    let detail = error.to_string();
    let told = |code| ApiProblem::new(code).detail(detail);
    match error {
        ScheduleError::NotFound(_) => told(ProblemCode::ScheduleNotFound),
        ScheduleError::Forbidden => told(ProblemCode::Forbidden),
        ScheduleError::Full(_) => told(ProblemCode::ScheduleLimit),
        ScheduleError::Invalid(faults) => invalid(faults),
        ScheduleError::Contended => ApiProblem::unavailable(error),
        ScheduleError::Scenes(error) => scene(error),
        ScheduleError::Bus(cause) => bus(cause),
    }
}

fn scene_file(error: SceneFileError) -> ApiProblem {
    let detail = error.to_string();
    let told = |code| ApiProblem::new(code).detail(detail.clone());
    match error {
        SceneFileError::Busy(_) => {
            told(ProblemCode::RateLimited).retry_after(Duration::from_secs(1))
        }
        SceneFileError::Cut { cause } => told(ProblemCode::AssetIncomplete).cause(cause),
        SceneFileError::Slow => told(ProblemCode::BodyTimeout),
        SceneFileError::TooLarge(_) | SceneFileError::Bomb(_) => {
            told(ProblemCode::SceneFileTooLarge)
        }
        SceneFileError::NoArchive(_) | SceneFileError::Entry { .. } | SceneFileError::NoJson(_) => {
            told(ProblemCode::SceneFileInvalid)
        }
        SceneFileError::Scene(faults) => invalid(faults),
        SceneFileError::Asset { source, .. } => upload(source).detail(detail),
        SceneFileError::Room(error) => upload(error),
        SceneFileError::Disk(error) => upload(UploadError::disk(error)),
        SceneFileError::Scenes(error) => scene(error),
        SceneFileError::Bus(cause) => bus(cause),
    }
}

fn remove(error: RemoveError) -> ApiProblem {
    let told = |code| ApiProblem::new(code).detail(error.to_string());
    match error {
        RemoveError::NotFound(_) => told(ProblemCode::AssetNotFound),
        RemoveError::InUse(_) => told(ProblemCode::AssetInUse),
        RemoveError::Claimed => told(ProblemCode::AssetInUse).retry_after(Duration::from_secs(2)),
        RemoveError::Contended => ApiProblem::unavailable(error),
        RemoveError::Bus(cause) => bus(cause),
    }
}
