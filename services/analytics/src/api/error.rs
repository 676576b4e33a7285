use sm_bus::BusError;
use sm_common::id::{IncidentId, StreamId};
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;
use sm_service_kit::body::fault::Faults;
use sm_service_kit::http::etag;

use crate::alerts::{ChangeError, DryRunError};
use crate::catalogue::Metric;
use crate::delivery::DeliveryError;
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
    #[error("`limit` is at most {max}")]
    Limit { max: u16 },
    #[error("`month` is a year and a month, such as 2026-11")]
    Month,
    #[error("a rule is tried on at most {longest_s} s; ask for a shorter range")]
    LongDryRun { longest_s: u32 },
    #[error("there is no group of errors {fingerprint:?}")]
    UnknownErrorGroup { fingerprint: String },
    #[error("there is no incident {0}, or it is too old")]
    UnknownIncident(IncidentId),
    #[error("the body is not acceptable")]
    Body(Faults),
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
    DryRun(#[from] DryRunError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl From<Faults> for ApiError {
    fn from(faults: Faults) -> Self {
        Self::Body(faults)
    }
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
            ApiError::Bus(error)
            | ApiError::Change(ChangeError::Bus(error))
            | ApiError::Delivery(DeliveryError::Bus(error)) => return bus(error),
            ApiError::Parquet(_) => return Self::internal(error),
            ApiError::Body(faults) => return body(faults),
            ApiError::Change(error) => return change(&error),
            ApiError::Delivery(error) => return delivery(&error),
            ApiError::UnknownStream(_) => ProblemCode::StreamNotFound,
            ApiError::UnknownMetric { .. } => ProblemCode::MetricUnknown,
            ApiError::UnknownBroadcast => ProblemCode::BroadcastUnknown,
            ApiError::TooManyExports { .. } => ProblemCode::ExportLimit,
            ApiError::NoMetric
            | ApiError::Limit { .. }
            | ApiError::Month
            | ApiError::BroadcastOrRange
            | ApiError::RateOrQuantile
            | ApiError::Quantile(_) => ProblemCode::QueryInvalid,
            ApiError::OpenRange | ApiError::Window(_) | ApiError::LongDryRun { .. } => {
                ProblemCode::RangeInvalid
            }
            ApiError::DryRun(_) => ProblemCode::ValidationFailed,
            ApiError::UnknownErrorGroup { .. } => ProblemCode::ErrorGroupNotFound,
            ApiError::UnknownIncident(_) => ProblemCode::IncidentNotFound,
        };
        Self::new(code).detail(error.to_string())
    }
}

fn bus(error: BusError) -> ApiProblem {
    if error.is_unavailable() {
        ApiProblem::unavailable(error)
    } else {
        ApiProblem::internal(error)
    }
}

fn body(faults: Faults) -> ApiProblem {
    if faults.is_misshapen() {
        ApiProblem::new(ProblemCode::BodyInvalid)
            .detail("the body is not of the expected shape; see `errors`")
            .errors(faults.into_errors())
    } else {
        ApiProblem::invalid(faults.into_errors())
    }
}

fn change(error: &ChangeError) -> ApiProblem {
    let told = |code| ApiProblem::new(code).detail(error.to_string());
    match error {
        ChangeError::UnknownRule(_) => told(ProblemCode::AlertRuleNotFound),
        ChangeError::BuiltIn(_) => told(ProblemCode::AlertRuleBuiltIn),
        ChangeError::TooManyRules(_) => told(ProblemCode::AlertRuleLimit),
        ChangeError::UnknownSilence(_) => told(ProblemCode::SilenceNotFound),
        ChangeError::TooManySilences(_) => told(ProblemCode::SilenceLimit),
        ChangeError::Stale { current } => told(ProblemCode::RevisionStale).etag(etag(current)),
        ChangeError::Bus(_) => told(ProblemCode::Internal),
    }
}

fn delivery(error: &DeliveryError) -> ApiProblem {
    let told = |code| ApiProblem::new(code).detail(error.to_string());
    match error {
        DeliveryError::UnknownWebhook(_) => told(ProblemCode::WebhookNotFound),
        DeliveryError::TooManyWebhooks(_) => told(ProblemCode::WebhookLimit),
        DeliveryError::UnknownDelivery(_) => told(ProblemCode::DeliveryNotFound),
        DeliveryError::Stale { current } => told(ProblemCode::RevisionStale).etag(etag(current)),
        DeliveryError::Bus(_) => told(ProblemCode::Internal),
    }
}
