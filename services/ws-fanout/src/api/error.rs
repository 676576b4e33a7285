use sm_common::problem::{FieldError, ProblemCode};
use sm_service_kit::ApiProblem;

use crate::chat::ChatError;

/// Why a request of this service is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Chat(#[from] ChatError),
}

impl From<ApiError> for ApiProblem {
    fn from(error: ApiError) -> Self {
        let ApiError::Chat(error) = error;
        match error {
            ChatError::Text(error) => {
                Self::invalid(vec![FieldError::new("/text", error.to_string())])
            }
            ChatError::UnknownStream(_) => {
                Self::new(ProblemCode::StreamNotFound).detail(error.to_string())
            }
            ChatError::UnknownMessage(_) => {
                Self::new(ProblemCode::ChatMessageNotFound).detail(error.to_string())
            }
            ChatError::TooFast { wait } | ChatError::Crowded { wait } => {
                Self::new(ProblemCode::RateLimited)
                    .detail(error.to_string())
                    .retry_after(wait)
            }
            ChatError::Bus(error) if error.is_unavailable() => Self::unavailable(error),
            ChatError::Bus(error) => Self::internal(error),
        }
    }
}
