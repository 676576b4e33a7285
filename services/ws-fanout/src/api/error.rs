use sm_common::problem::{FieldError, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::http::etag;

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
        let code = error.code().unwrap_or(ProblemCode::Internal);
        let mut problem = Self::new(code).detail(error.to_string());
        if let Some(wait) = error.retry_after() {
            problem = problem.retry_after(wait);
        }
        match error {
            ChatError::Text(error) => {
                Self::invalid(vec![FieldError::new("/text", error.to_string())])
            }
            ChatError::UnknownParent(_) => {
                Self::invalid(vec![FieldError::new("/reply_to", error.to_string())])
            }
            ChatError::Invalid(faults) => Self::invalid(faults),
            ChatError::RulesStale { current } => problem.etag(etag(current)),
            ChatError::Bus(error) if error.is_unavailable() => Self::unavailable(error),
            ChatError::Bus(error) => Self::internal(error),
            ChatError::UnknownStream(_)
            | ChatError::UnknownMessage(_)
            | ChatError::UnknownPlace
            | ChatError::TooFast { .. }
            | ChatError::Crowded { .. }
            | ChatError::Slow { .. }
            | ChatError::Silenced { .. }
            | ChatError::GuestsClosed
            | ChatError::TooManyGuests { .. }
            | ChatError::Forbidden(_)
            | ChatError::NotAuthor
            | ChatError::EditClosed { .. }
            | ChatError::PinLimit(_)
            | ChatError::HeldLimit(_)
            | ChatError::UnknownHeld(_)
            | ChatError::BanLimit(_)
            | ChatError::UnknownBan(_)
            | ChatError::Contended => problem,
        }
    }
}
