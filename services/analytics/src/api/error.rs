use sm_bus::BusError;
use sm_common::id::StreamId;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;

use crate::catalogue::Metric;
use crate::format::ParquetError;
use crate::query::{QuantileError, WindowError};

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
    #[error("give either `broadcast`, or `from` and `to`")]
    BroadcastOrRange,
    #[error("give either `view=rate` or `quantile`")]
    RateOrQuantile,
    #[error(transparent)]
    Quantile(QuantileError),
    #[error("no such broadcast is known; /api/analytics/broadcasts lists them")]
    UnknownBroadcast,
    #[error("{running} exports are running, as many as there may be; try again when one has ended")]
    TooManyExports { running: usize },
    #[error("rows cannot be written as Parquet")]
    Parquet(#[source] ParquetError),
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl From<QuantileError> for ApiError {
    fn from(error: QuantileError) -> Self {
        match error {
            QuantileError::Bus(error) => Self::Bus(error),
            error @ (QuantileError::NoDistribution(_) | QuantileError::TooFine) => {
                Self::Quantile(error)
            }
        }
    }
}

impl From<ApiError> for ApiProblem {
    fn from(error: ApiError) -> Self {
        let code = match error {
            ApiError::Bus(error) if error.is_unavailable() => return Self::unavailable(error),
            ApiError::Bus(error) => return Self::internal(error),
            ApiError::Parquet(_) => return Self::internal(error),
            ApiError::UnknownStream(_) => ProblemCode::StreamNotFound,
            ApiError::UnknownMetric { .. } => ProblemCode::MetricUnknown,
            ApiError::UnknownBroadcast => ProblemCode::BroadcastUnknown,
            ApiError::TooManyExports { .. } => ProblemCode::ExportLimit,
            ApiError::NoMetric
            | ApiError::BroadcastOrRange
            | ApiError::RateOrQuantile
            | ApiError::Quantile(_) => ProblemCode::QueryInvalid,
            ApiError::OpenRange | ApiError::Window(_) => ProblemCode::RangeInvalid,
        };
        Self::new(code).detail(error.to_string())
    }
}
