use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::auth::Identity;
use sm_common::id::{RuleId, StreamId};
use sm_common::problem::Problem;
use sm_common::stream::Severity;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ControlStream, ReadAnalytics};
use sm_service_kit::http::{Json, Path, Query, etag, if_match};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::{
    ChangeError, Condition, DryRun, Past, Rule, Samples as _, When, dry_run, new_rule,
    patched_rule, prometheus_rules,
};
use crate::api::Context;
use crate::api::error::ApiError;
use crate::query::{Moment, Step, WindowError};
use crate::rollup::Tier;

/// Which rule is meant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RulePath {
    /// The rule.
    id: RuleId,
}

/// Every rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AlertRuleList {
    /// The built-in ones first.
    rules: Vec<Rule>,
}

/// A rule as somebody writes it. In a patch everything may be left out, and what is left out stays.
#[derive(Clone, Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(crate) struct NewAlertRule {
    /// Its name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Whether it is looked at; true unless said otherwise.
    enabled: Option<bool>,
    /// The stream that it is about; every stream unless said otherwise.
    stream: Option<StreamId>,
    /// What breaks it.
    condition: Condition,
    /// When it is looked at; on air unless said otherwise.
    when: Option<When>,
    /// For how many seconds it has to be broken before it fires; 0 unless said otherwise.
    #[schema(maximum = 86_400)]
    for_s: Option<u32>,
    /// For how many seconds it has to hold before the alert is resolved; 0 unless said otherwise.
    #[schema(maximum = 86_400)]
    clear_for_s: Option<u32>,
    /// How bad it is; `warning` unless said otherwise.
    severity: Option<Severity>,
    /// What silences and receivers tell alerts by, at most 16.
    labels: Option<BTreeMap<String, String>>,
    /// What to do when it fires.
    #[schema(min_length = 1, max_length = 1000)]
    remedy: String,
    /// Rules whose alerts say more, at most 16.
    inhibited_by: Option<Vec<RuleId>>,
}

/// On which time a rule is tried.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRunQuery {
    /// The stream; `main` unless said otherwise.
    #[serde(default)]
    stream: StreamId,
    /// Where to begin: RFC 3339, or relative such as `-15m`, `-6h`, `-7d`.
    #[serde(default = "an_hour_ago")]
    #[param(value_type = String, default = "-1h")]
    from: Moment,
    /// Where to end, in the same forms.
    #[serde(default = "now")]
    #[param(value_type = String, default = "now")]
    to: Moment,
}

const fn an_hour_ago() -> Moment {
    Moment::Ago(3600)
}

const fn now() -> Moment {
    Moment::NOW
}

/// Lists every alert rule: the built-in ones, as they came or were changed, and the others.
#[utoipa::path(
    get, path = "/api/analytics/alerts/rules", tag = "alerts",
    responses(
        (status = 200, description = "The rules.", body = AlertRuleList),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_rules(
    _caller: Authorized<ReadAnalytics>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let rules = context.alerts.rules().await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(AlertRuleList { rules }))
}

/// Reads an alert rule.
#[utoipa::path(
    get, path = "/api/analytics/alerts/rules/{id}", tag = "alerts", params(RulePath),
    responses(
        (status = 200, description = "The rule.", body = Rule, headers(("ETag" = String, description = "The rule's revision."))),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such rule.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_rule(
    _caller: Authorized<ReadAnalytics>,
    Path(RulePath { id }): Path<RulePath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let rule = context.alerts.rule(&id).await.map_err(ApiError::from)?;
    Ok(shown(&rule))
}

/// Adds an alert rule.
#[utoipa::path(
    post, path = "/api/analytics/alerts/rules", tag = "alerts", request_body = NewAlertRule,
    responses(
        (status = 201, description = "The new rule.", body = Rule, headers(("ETag" = String, description = "The rule's revision."), ("Location" = String, description = "The rule."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are as many rules as there may be.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_rule(
    caller: Authorized<ControlStream>,
    Json(body): Json<Value>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let rule = new_rule(&body).map_err(ApiError::from)?;
    let rule = context.signed(rule, 1, &caller.identity);
    context
        .alerts
        .create_rule(&rule)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(rule.id = %rule.id, user.id = %caller.identity.user, "alert rule created");
    Ok(HttpResponse::Created()
        .insert_header((ETAG, etag(rule.revision)))
        .insert_header((LOCATION, format!("/api/analytics/alerts/rules/{}", rule.id)))
        .json(rule))
}

/// Changes an alert rule by a JSON merge patch.
///
/// `If-Match` is the revision that the caller has read. Built-in rules are changed in the same way, and
/// switched off by `enabled`.
#[utoipa::path(
    patch, path = "/api/analytics/alerts/rules/{id}", tag = "alerts",
    params(RulePath, ("If-Match" = String, Header, description = "The rule's `ETag`.")),
    request_body(content((NewAlertRule = "application/json"), (NewAlertRule = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The rule now.", body = Rule, headers(("ETag" = String, description = "The rule's revision."))),
        (status = 400, description = "The body is not of the expected shape.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such rule.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The rule has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn update_rule(
    caller: Authorized<ControlStream>,
    request: HttpRequest,
    Path(RulePath { id }): Path<RulePath>,
    Json(patch): Json<Value>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = if_match(request.headers())?;
    let before = context.expected_rule(&id, &expected).await?;
    let after = patched_rule(&before, &patch).map_err(ApiError::from)?;
    let after = context.signed(after, before.revision + 1, &caller.identity);
    context
        .alerts
        .replace_rule(&before, &after)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(rule.id = %id, user.id = %caller.identity.user, "alert rule changed");
    Ok(shown(&after))
}

/// Takes an alert rule away; its alert is resolved. A built-in rule is switched off instead.
#[utoipa::path(
    delete, path = "/api/analytics/alerts/rules/{id}", tag = "alerts",
    params(RulePath, ("If-Match" = String, Header, description = "The rule's `ETag`.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such rule.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is built in.", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The rule has changed; `ETag` is its revision now.", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Redis does not answer, and the change may have been made: read before trying again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_rule(
    caller: Authorized<ControlStream>,
    request: HttpRequest,
    Path(RulePath { id }): Path<RulePath>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let expected = if_match(request.headers())?;
    let rule = context.expected_rule(&id, &expected).await?;
    context
        .alerts
        .delete_rule(&rule)
        .await
        .map_err(ApiError::from)?;
    tracing::info!(rule.id = %id, user.id = %caller.identity.user, "alert rule deleted");
    Ok(HttpResponse::NoContent().finish())
}

/// Says when a rule would have fired, without keeping it.
///
/// Measurements are looked at by the second for the last 6 hours, and by the minute beyond. Errors are
/// kept by when they began: a rule about them fires once for each, and is said nothing of its end.
#[utoipa::path(
    post, path = "/api/analytics/alerts/rules/dry-run", tag = "alerts",
    request_body = NewAlertRule, params(DryRunQuery),
    responses(
        (status = 200, description = "What it would have done.", body = DryRun),
        (status = 400, description = "The body is not of the expected shape, or the range cannot be answered.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such stream.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Fields are out of bounds; `errors` names each.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn try_rule(
    _caller: Authorized<ReadAnalytics>,
    Query(query): Query<DryRunQuery>,
    Json(body): Json<Value>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let rule = new_rule(&body).map_err(ApiError::from)?;
    let past = context.past(&rule, &query).await?;
    let run: DryRun =
        dry_run(&rule, &past, context.alerts_config.settle()).map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(run))
}

/// The enabled rules as a rule file for Prometheus, as far as services export what they are about.
#[utoipa::path(
    get, path = "/api/analytics/alerts/rules/prometheus", tag = "alerts",
    responses(
        (status = 200, description = "A rule file.", body = String, content_type = "application/yaml"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn export_rules(
    _caller: Authorized<ReadAnalytics>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let rules = context.alerts.rules().await.map_err(ApiError::from)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/yaml"))
        .body(prometheus_rules(&rules)))
}

impl Context {
    /// The rule, if it is still the one that the caller has read.
    async fn expected_rule(&self, id: &RuleId, expected: &str) -> Result<Rule, ApiError> {
        let rule = self.alerts.rule(id).await?;
        if rule.revision.to_string() == expected {
            return Ok(rule);
        }
        let current = rule.revision;
        Err(ChangeError::Stale { current }.into())
    }

    /// The rule as this caller leaves it.
    fn signed(&self, rule: Rule, revision: u64, by: &Identity) -> Rule {
        Rule {
            revision,
            changed_by: Some(by.name.clone()),
            changed_at: Some(self.store.bus().clock().now()),
            ..rule
        }
    }

    /// What is kept of the time that a rule is to be tried on.
    async fn past(&self, rule: &Rule, query: &DryRunQuery) -> Result<Past, ApiError> {
        let now = self.store.bus().clock().now();
        let (from, until) = (query.from.resolve(now), query.to.resolve(now).min(now));
        if from >= until {
            let to = query.to.resolve(now);
            return Err(WindowError::Empty { from, to }.into());
        }
        let longest_s = self.alerts_config.dry_run_max_s;
        if until.since(from) > Duration::from_secs(u64::from(longest_s)) {
            return Err(ApiError::LongDryRun { longest_s });
        }
        let stream = &query.stream;
        self.require(stream).await?;
        let kept_by_second = self.limits.retention.of(Tier::Seconds);
        let kept_by_second = Duration::from_secs(u64::try_from(kept_by_second).unwrap_or(0));
        let is_recent = now.since(from) < kept_by_second;
        let (step, every) = if is_recent {
            (Duration::from_secs(1), NonZeroU32::MIN)
        } else {
            let minute = NonZeroU32::new(60).unwrap_or(NonZeroU32::MIN);
            (Duration::from_mins(1), minute)
        };
        let metrics: Vec<_> = rule.condition.metric().into_iter().collect();
        let readings = match metrics.as_slice() {
            [] => crate::alerts::Readings::default(),
            metrics => {
                let range = (from, until);
                let every = Step::Every(every);
                self.samples.readings(stream, metrics, range, every).await?
            }
        };
        Ok(Past {
            from,
            until,
            step,
            readings,
            happenings: self.store.timeline(stream).await?,
        })
    }
}

fn shown(rule: &Rule) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, etag(rule.revision)))
        .json(rule)
}
