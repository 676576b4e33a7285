use std::str::FromStr;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Deserializer, de};
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadAnalytics};
use sm_service_kit::http::Query;
use utoipa::IntoParams;

use super::Context;
use super::cached::revalidated;
use super::error::ApiError;
use super::summary::parse_range;
use crate::query::{Comparison, Moment, Period};

/// What to compare.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CompareQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// The first: `latest` or `previous` broadcast, a time when a broadcast was on air, or a range
    /// as two times with a slash, such as `-2d/-1d`.
    #[serde(default = "previous")]
    #[param(value_type = String, default = "previous")]
    a: Choice,
    /// The second, in the same forms.
    #[serde(default = "latest")]
    #[param(value_type = String, default = "latest")]
    b: Choice,
}

const fn previous() -> Choice {
    Choice::Previous
}

const fn latest() -> Choice {
    Choice::Latest
}

/// A broadcast or a range as a query names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Latest,
    Previous,
    At(Moment),
    Range(Moment, Moment),
}

/// A text is no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "what to compare is `latest`, `previous`, a time such as 2026-01-31T20:15:00Z when a broadcast was on air, or two times with a slash, such as -2d/-1d"
)]
struct ParseChoiceError;

impl FromStr for Choice {
    type Err = ParseChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment = |text: &str| text.parse().map_err(|_no_time| ParseChoiceError);
        match text.split_once('/') {
            Some((from, to)) => Ok(Self::Range(moment(from)?, moment(to)?)),
            None if text == "latest" => Ok(Self::Latest),
            None if text == "previous" => Ok(Self::Previous),
            None => moment(text).map(Self::At),
        }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl Choice {
    fn period(self, now: Timestamp) -> Result<Period, ApiError> {
        match self {
            Self::Latest => Ok(Period::LatestBroadcast),
            Self::Previous => Ok(Period::PreviousBroadcast),
            Self::At(at) => Ok(Period::BroadcastAt(at.resolve(now))),
            Self::Range(from, to) => parse_range(from, to, now),
        }
    }
}

/// How two broadcasts, or two ranges, differ.
#[utoipa::path(
    get, path = "/api/analytics/compare", tag = "analytics", params(CompareQuery),
    responses(
        (status = 200, description = "Both summaries, and their numbers side by side.", body = Comparison),
        (status = 304, description = "Nothing has changed."),
        (status = 400, description = "A parameter cannot be read, or a range cannot be answered.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream, or no such broadcast.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_comparison(
    _caller: Authorized<ReadAnalytics>,
    request: HttpRequest,
    Query(CompareQuery { stream, a, b }): Query<CompareQuery>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let now = context.store.bus().clock().now();
    let (a, b) = (a.period(now)?, b.period(now)?);
    context.require(&stream).await?;
    let a = context.summarise(&stream, a).await?;
    let b = context.summarise(&stream, b).await?;
    revalidated(&request, &Comparison::new(stream, a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broadcast_or_a_range_is_chosen() {
        assert_eq!("latest".parse(), Ok(Choice::Latest));
        assert_eq!(
            "-2d/-1d".parse(),
            Ok(Choice::Range(Moment::Ago(172_800), Moment::Ago(86_400)))
        );
        assert_eq!("-1h".parse(), Ok(Choice::At(Moment::Ago(3600))));
        for bad in ["", "last", "-2d/", "/", "-2d/-1d/now"] {
            assert_eq!(bad.parse::<Choice>(), Err(ParseChoiceError), "{bad}");
        }
    }
}
