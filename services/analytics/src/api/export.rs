use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ContentDisposition, DispositionParam, DispositionType,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Bytes, Data};
use futures_util::stream::{Stream, try_unfold};
use serde::Deserialize;
use sm_bus::BusError;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadAnalytics};
use sm_service_kit::http::Query;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::{IntoParams, ToSchema};

use super::Context;
use super::error::ApiError;
use super::streams::Streams;
use super::timeseries::parse_metrics;
use crate::catalogue::Metric;
use crate::format::{Format, ParquetError, Writer};
use crate::query::{Moment, Pages, Selection};
use crate::rollup::Tier;

/// What to export.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// Comma-separated streams, or `*` for every one; `main` unless said otherwise.
    #[serde(default)]
    #[param(value_type = String, default = "main")]
    stream: Streams,
    /// Comma-separated names of metrics; all of them unless said otherwise.
    #[serde(default)]
    metric: Option<String>,
    /// Where to begin: RFC 3339, or relative such as `-15m`, `-6h`, `-30d`.
    #[serde(default = "a_day_ago")]
    #[param(value_type = String, default = "-1d")]
    from: Moment,
    /// Where to end, in the same forms.
    #[serde(default = "now")]
    #[param(value_type = String, default = "now")]
    to: Moment,
    /// Which of the kept rows: `auto` for the finest that are kept since `from`.
    #[serde(default)]
    #[param(inline)]
    resolution: Resolution,
    /// The form.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

const fn a_day_ago() -> Moment {
    Moment::Ago(86_400)
}

const fn now() -> Moment {
    Moment::NOW
}

/// Which of the kept rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
enum Resolution {
    /// The finest that are kept for long enough.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Of a second.
    #[serde(rename = "1s")]
    Second,
    /// Of ten seconds.
    #[serde(rename = "10s")]
    TenSeconds,
    /// Of a minute.
    #[serde(rename = "1m")]
    Minute,
    /// Of an hour.
    #[serde(rename = "1h")]
    Hour,
}

impl Resolution {
    const fn tier(self) -> Option<Tier> {
        match self {
            Self::Auto => None,
            Self::Second => Some(Tier::Seconds),
            Self::TenSeconds => Some(Tier::Tens),
            Self::Minute => Some(Tier::Minutes),
            Self::Hour => Some(Tier::Hours),
        }
    }
}

/// The kept rows, as a file.
///
/// As many as there are: the file is sent while it is read, in little memory. A row has the time
/// it begins, stream, metric, unit, mean, lowest, highest, sum, count and last value. What was not
/// measured has no row. When Redis goes away in between, the transfer breaks off.
#[utoipa::path(
    get, path = "/api/analytics/export", tag = "analytics", params(ExportQuery),
    responses(
        (status = 200, description = "The rows, of one metric of one stream after the other, in the order of time.", content(
            (String = "text/csv"), (String = "application/x-ndjson"), (Vec<u8> = "application/vnd.apache.parquet"),
        )),
        (status = 400, description = "A parameter cannot be read, a metric is unknown, or the range cannot be answered.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "As many exports are running as there may be.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn export_samples(
    _caller: Authorized<ReadAnalytics>,
    Query(query): Query<ExportQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let format = query.format;
    let pieces = begin(&context, query).await?;
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(format!(
            "samples.{}",
            format.extension()
        ))],
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.media_type()))
        .insert_header(disposition)
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .streaming(pieces))
}

/// Reads the first page, so that what goes wrong at once is told as a problem.
async fn begin(
    context: &Context,
    query: ExportQuery,
) -> Result<impl Stream<Item = Result<Bytes, ExportError>> + use<>, ApiError> {
    let ExportQuery {
        stream,
        metric,
        from,
        to,
        resolution,
        format,
    } = query;
    let metrics = match metric {
        Some(names) => parse_metrics(&names)?,
        None => Metric::ALL.to_vec(),
    };
    let streams = context.resolve(stream).await?;
    let store = context.store.clone();
    let now = store.bus().clock().now();
    let range = (from, to);
    let tier = resolution.tier();
    let selection = Selection::new(streams, metrics, tier, range, &context.limits, now)?;
    let permit = context.exports.admit()?;
    let mut export = Export {
        pages: Pages::new(store, selection),
        writer: Some(format.begin().map_err(ApiError::Parquet)?),
        _permit: permit,
    };
    let first = export.piece().await?;
    Ok(try_unfold((Some(export), first), |(export, first)| async {
        let Some(mut export) = export else {
            return Ok(None);
        };
        if let Some(first) = first {
            return Ok(Some((first, (Some(export), None))));
        }
        match export.piece().await {
            Ok(Some(piece)) => Ok(Some((piece, (Some(export), None)))),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::warn!(%error, "an export broke off");
                Err(error)
            }
        }
    }))
}

/// Why an export breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("rows cannot be written as Parquet")]
    Parquet(#[from] ParquetError),
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Bus(error) => Self::Bus(error),
            ExportError::Parquet(error) => Self::Parquet(error),
        }
    }
}

/// A running export.
struct Export {
    pages: Pages,
    /// `None` after the end was written.
    writer: Option<Writer>,
    _permit: OwnedSemaphorePermit,
}

impl Export {
    /// The next bytes; `None` at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, ExportError> {
        while let Some(mut writer) = self.writer.take() {
            let bytes = match self.pages.next().await? {
                Some(page) => {
                    let bytes = writer.add(&page)?;
                    self.writer = Some(writer);
                    bytes
                }
                None => writer.end()?,
            };
            if !bytes.is_empty() {
                return Ok(Some(bytes.into()));
            }
        }
        Ok(None)
    }
}

/// How many exports may run at a time.
#[derive(Clone, Debug)]
pub(crate) struct Exports {
    free: Arc<Semaphore>,
    most: usize,
}

impl Exports {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(most)),
            most,
        }
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.free)
            .try_acquire_owned()
            .map_err(|_none_is_free| ApiError::TooManyExports { running: self.most })
    }
}
