use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use sm_common::auth::Permission;
use sm_common::clock::Timestamp;
use sm_common::id::UserId;
use sm_common::problem::{FieldError, Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, Bearer, KEY_PREFIX, ManageUsers};
use sm_service_kit::http::{Json, Path};
use utoipa::ToSchema;

use super::Context;
use super::client::Client;
use super::error::ApiError;
use crate::audit::{Entry, Party, SecurityEvent};
use crate::config::MachineKeysConfig;
use crate::machine_keys::{KeyName, MachineKey, NewKey};
use crate::tokens::AccessToken;

/// How long a key is valid, unless asked otherwise.
const DAYS: u64 = 90;

/// A key of a machine, without the key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// The key.
    id: UserId,
    /// What people call it.
    name: String,
    /// What it lets a machine do.
    scopes: Vec<Permission>,
    /// When it was made.
    created_at: Timestamp,
    /// Who made it.
    created_by: Party,
    /// When it ends.
    expires_at: Timestamp,
    /// When it was last exchanged for a token, which each service does once in a quarter of an hour.
    used_at: Option<Timestamp>,
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// What people call it, 1 to 64 characters.
    name: String,
    /// What it lets a machine do: names of permissions, as `docs/reference/permissions.md` lists them.
    /// No key manages people.
    scopes: Vec<Permission>,
    /// For how many days it is valid: 90, unless asked otherwise; 366 at most, unless configured
    /// otherwise.
    expires_in_days: Option<u64>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    key: ApiKey,
    /// The key itself, for `Authorization: Bearer` at every service. It is not shown again.
    secret: String,
}

/// A token that a key was exchanged for.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyTokenAnswer {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Its lifetime in seconds.
    expires_in: u64,
}

/// A key that a path names.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct NamedKey {
    id: UserId,
}

impl ApiKey {
    fn new(key: MachineKey, used_at: Option<Timestamp>) -> Self {
        let MachineKey {
            id,
            name,
            scopes,
            digest: _,
            created_at,
            created_by,
            expires_at,
        } = key;
        Self {
            id,
            name: name.to_string(),
            scopes,
            created_at,
            created_by,
            expires_at,
            used_at,
        }
    }
}

/// The keys of machines, newest first.
#[utoipa::path(
    get, path = "/api/auth/keys", tag = "api-gateway",
    responses(
        (status = 200, description = "The keys.", body = Vec<ApiKey>),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "They cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_keys(
    _caller: Authorized<ManageUsers>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let all = context.machine_keys.all().await.map_err(ApiError::from)?;
    let listed = all.into_iter().map(|(key, used)| ApiKey::new(key, used));
    Ok(HttpResponse::Ok().json(listed.collect::<Vec<_>>()))
}

/// Makes a key for a machine.
#[utoipa::path(
    post, path = "/api/auth/keys", tag = "api-gateway", request_body = CreateKey,
    responses(
        (status = 201, description = "Made. The key is not shown again.", body = CreatedKey),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are as many keys as there may be.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The name, the scopes or the time are not acceptable.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_key(
    caller: Authorized<ManageUsers>,
    client: Client,
    Json(body): Json<CreateKey>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let new = acceptable(body, context.config.machine_keys, &caller)?;
    let now = context.clock.now();
    let origin = context.origin(&client);
    let created = context.machine_keys.create(new, |key| {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
        Entry::new(SecurityEvent::KeyCreated, now)
            .by(&caller.identity)
            .from(&origin)
            .detail(format!("{}: {}", key.name, scopes.join(", ")))
    });
    let (key, secret) = created.await.map_err(ApiError::from)?;
    Ok(HttpResponse::Created().json(CreatedKey {
        key: ApiKey::new(key, None),
        secret,
    }))
}

/// Takes a key back. It opens nothing any more, and its tokens and WebSockets end within seconds.
#[utoipa::path(
    delete, path = "/api/auth/keys/{id}", tag = "api-gateway",
    params(("id" = UserId, Path, description = "The key.")),
    responses(
        (status = 204, description = "Taken back."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such key.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn revoke_key(
    caller: Authorized<ManageUsers>,
    client: Client,
    Path(NamedKey { id }): Path<NamedKey>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let now = context.clock.now();
    let origin = context.origin(&client);
    let revoked = context.machine_keys.revoke(id, |key| {
        Entry::new(SecurityEvent::KeyRevoked, now)
            .by(&caller.identity)
            .from(&origin)
            .detail(key.name.to_string())
    });
    revoked.await.map_err(ApiError::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Exchanges a machine's key for an access token. Services do that by themselves for a key in
/// `Authorization: Bearer`.
#[utoipa::path(
    post, path = "/api/auth/token", tag = "api-gateway",
    responses(
        (status = 200, description = "A token that is good for what the key is.", body = KeyTokenAnswer),
        (status = 401, description = "No key, or it is too old or was taken back.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be known now; try again.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn exchange_key(
    request: HttpRequest,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let Bearer(key) = Bearer::of(&request)
        .filter(|Bearer(text)| text.starts_with(KEY_PREFIX))
        .ok_or_else(|| {
            ApiProblem::new(ProblemCode::Unauthenticated)
                .detail("send `Authorization: Bearer <key>`")
        })?;
    let exchanged = context.exchange(&key).await.map_err(ApiError::from)?;
    let AccessToken { text, lifetime } = exchanged.ok_or_else(|| {
        ApiProblem::new(ProblemCode::TokenInvalid)
            .detail("the key is unknown, too old, or was taken back")
    })?;
    Ok(HttpResponse::Ok().json(KeyTokenAnswer {
        access_token: text,
        token_type: "Bearer",
        expires_in: lifetime.as_secs(),
    }))
}

/// The key to make, or everything that is wrong with it.
fn acceptable(
    body: CreateKey,
    config: MachineKeysConfig,
    caller: &Authorized<ManageUsers>,
) -> Result<NewKey, ApiError> {
    let CreateKey {
        name,
        mut scopes,
        expires_in_days,
    } = body;
    let mut wrong = Vec::new();
    let name = name
        .parse::<KeyName>()
        .map_err(|error| wrong.push(FieldError::new("/name", error.to_string())));
    if scopes.is_empty() {
        wrong.push(FieldError::new("/scopes", "give it one scope at least"));
    }
    for (index, scope) in scopes.iter().enumerate() {
        if !scope.is_for_keys() {
            let detail = format!("no key may have {}", scope.name());
            wrong.push(FieldError::new(format!("/scopes/{index}"), detail));
        }
    }
    let days_max = config.days_max;
    let days = expires_in_days.unwrap_or(DAYS.min(days_max));
    if !(1..=days_max).contains(&days) {
        let detail = format!("a key is valid for 1 to {days_max} days");
        wrong.push(FieldError::new("/expires_in_days", detail));
    }
    scopes.sort_unstable();
    scopes.dedup();
    match name {
        Ok(name) if wrong.is_empty() => Ok(NewKey {
            name,
            scopes,
            lifetime: Duration::from_hours(days.saturating_mul(24)),
            created_by: Party::from(&caller.identity),
        }),
        Ok(_) | Err(()) => Err(ApiError::Invalid(wrong)),
    }
}
