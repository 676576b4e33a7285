use sm_bus::BusError;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;
use sm_service_kit::body::fault::Faults;
use sm_service_kit::http::etag;

use crate::domain::{ChoiceRefusal, Refusal, Refused};
use crate::operations::CommandError;
use crate::outputs::OutputError;

/// Why a request of this service is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl From<ApiError> for ApiProblem {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Bus(error)
            | ApiError::Command(CommandError::Bus(error))
            | ApiError::Output(OutputError::Bus(error)) => {
                if error.is_unavailable() {
                    Self::unavailable(error)
                } else {
                    Self::internal(error)
                }
            }
            ApiError::Output(error) => output(error),
            ApiError::Command(CommandError::Format(errors)) => Self::invalid(errors),
            ApiError::Command(error) => {
                let code = match &error {
                    CommandError::UnknownStream(_) => ProblemCode::StreamNotFound,
                    CommandError::Refused(Refusal::Illegal(_)) => ProblemCode::StreamActionIllegal,
                    CommandError::Refused(Refusal::Choice(ChoiceRefusal::NoSuchScene(_))) => {
                        ProblemCode::SceneNotFound
                    }
                    CommandError::Refused(Refusal::Choice(ChoiceRefusal::Draft(_))) => {
                        ProblemCode::SceneIsDraft
                    }
                    CommandError::Refused(Refusal::Choice(ChoiceRefusal::NothingInPreview)) => {
                        ProblemCode::PreviewEmpty
                    }
                    CommandError::IdempotencyConflict => ProblemCode::IdempotencyConflict,
                    CommandError::Contended(_)
                    | CommandError::Withdrawn(_)
                    | CommandError::Bus(_) => ProblemCode::Unavailable,
                    CommandError::Format(_) => ProblemCode::ValidationFailed,
                    CommandError::Capacity(_) => ProblemCode::CapacityExceeded,
                    CommandError::ForceForbidden => ProblemCode::Forbidden,
                };
                Self::new(code).detail(error.to_string())
            }
        }
    }
}

fn output(error: OutputError) -> ApiProblem {
    let code = match error {
        OutputError::Refused(refused) => return refusal(refused),
        OutputError::Encode(_) => return ApiProblem::internal(error),
        OutputError::UnknownStream(_) => ProblemCode::StreamNotFound,
        OutputError::IdempotencyConflict => ProblemCode::IdempotencyConflict,
        OutputError::Contended(_) | OutputError::Bus(_) => ProblemCode::Unavailable,
    };
    ApiProblem::new(code).detail(error.to_string())
}

fn refusal(refused: Refused) -> ApiProblem {
    let detail = refused.to_string();
    let told = |code| ApiProblem::new(code).detail(detail);
    match refused {
        Refused::NotFound(_) => told(ProblemCode::OutputNotFound),
        Refused::Full(_) => told(ProblemCode::OutputLimit),
        Refused::BuiltIn => told(ProblemCode::OutputBuiltIn),
        Refused::Disabled => told(ProblemCode::OutputDisabled),
        Refused::Stale { current } => told(ProblemCode::RevisionStale).etag(etag(current)),
        Refused::Invalid(faults) => invalid(faults),
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
