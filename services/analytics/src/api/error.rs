use sm_bus::BusError;
use sm_common::id::StreamId;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;

use crate::catalogue::Metric;
use crate::query::WindowError;

/// Why a request of this service is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("there is no stream {0}")]
    UnknownStream(StreamId),
    #[error("there is no metric {name:?}; there are {names}", names = Metric::names())]
    UnknownMetric { name: String },
    #[error("`metric` names no metric; there are {names}", names = Metric::names())]
    NoMetric,
    #[error("`to` needs a `from`")]
    OpenRange,
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl From<ApiError> for ApiProblem {
    fn from(error: ApiError) -> Self {
        let code = match error {
            ApiError::Bus(error) if error.is_unavailable() => return Self::unavailable(error),
            ApiError::Bus(error) => return Self::internal(error),
            ApiError::UnknownStream(_) => ProblemCode::StreamNotFound,
            ApiError::UnknownMetric { .. } => ProblemCode::MetricUnknown,
            ApiError::NoMetric => ProblemCode::QueryInvalid,
            ApiError::OpenRange | ApiError::Window(_) => ProblemCode::RangeInvalid,
        };
        Self::new(code).detail(error.to_string())
    }
}
