use sm_bus::BusError;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;

use crate::domain::{ChoiceRefusal, Refusal};
use crate::operations::CommandError;

/// Why a request of this service is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl From<ApiError> for ApiProblem {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Bus(error) | ApiError::Command(CommandError::Bus(error)) => {
                if error.is_unavailable() {
                    Self::unavailable(error)
                } else {
                    Self::internal(error)
                }
            }
            ApiError::Command(error) => {
                let code = match &error {
                    CommandError::UnknownStream(_) => ProblemCode::StreamNotFound,
                    CommandError::Refused(Refusal::Illegal(_)) => ProblemCode::StreamActionIllegal,
                    CommandError::Refused(Refusal::Choice(ChoiceRefusal::NoSuchScene(_))) => {
                        ProblemCode::SceneNotFound
                    }
                    CommandError::Refused(Refusal::Choice(ChoiceRefusal::NothingInPreview)) => {
                        ProblemCode::PreviewEmpty
                    }
                    CommandError::IdempotencyConflict => ProblemCode::IdempotencyConflict,
                    CommandError::Contended | CommandError::Bus(_) => ProblemCode::Unavailable,
                };
                Self::new(code).detail(error.to_string())
            }
        }
    }
}
