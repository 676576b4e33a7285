use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ManageUsers};
use sm_service_kit::http::{Json, Path};
use utoipa::ToSchema;

use super::Context;
use super::caller::Caller;
use super::client::Client;
use super::error::ApiError;
use super::sessions::{known, own};
use super::users::{NamedUser, password_error};
use crate::audit::{AuditList, Entry, SecurityEvent};
use crate::users::{Link, Patch};

/// Where somebody chooses a password, once. Nothing is sent to anybody: hand it over yourself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasswordLink {
    /// The page of the console, below the address that you use yourself.
    path: String,
    /// For `POST /api/auth/password-link`.
    token: String,
    /// Until when.
    expires_at: Timestamp,
}

impl From<Link> for PasswordLink {
    fn from(Link { secret, expires_at }: Link) -> Self {
        Self {
            // Behind the number sign, so that it is in no log of a server.
            path: format!("/#choose-password={secret}"),
            token: secret,
            expires_at,
        }
    }
}

/// A password that somebody chooses by a link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChoosePassword {
    /// The `token` of the link.
    #[schema(value_type = String)]
    token: SecretString,
    /// The password to be.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// A new password for oneself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    /// The password of now.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What the authenticator app shows now, or a recovery code, where there is a second factor.
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
    /// The password to be.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Makes a link by which a person chooses a new password. The one of now stays until then.
#[utoipa::path(
    post, path = "/api/users/{username}/password-link", tag = "api-gateway",
    params(("username" = String, Path, description = "The name, in any case.")),
    responses(
        (status = 201, description = "The link. It is not shown again.", body = PasswordLink),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No link can be kept now; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_password_link(
    caller: Authorized<ManageUsers>,
    client: Client,
    Path(NamedUser { username }): Path<NamedUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = known(&context, &username).await?;
    let entry = Entry::new(SecurityEvent::PasswordLinkCreated, context.clock.now())
        .by(&caller.identity)
        .about(&person)
        .from(&context.origin(&client));
    // Before there is a link: one that nobody knows of is worse than a note of none.
    context
        .trail
        .record(AuditList::Actions, &entry)
        .await
        .map_err(ApiError::from)?;
    let link = context.links.make(&person).await.map_err(ApiError::from)?;
    Ok(HttpResponse::Created().json(PasswordLink::from(link)))
}

/// Chooses a password by a link, and ends every sign-in of the person. Sign in with it afterwards.
#[utoipa::path(
    post, path = "/api/auth/password-link", tag = "api-gateway", request_body = ChoosePassword,
    responses(
        (status = 204, description = "It is the password now."),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The link is too old, or has been used.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The password is not acceptable; the link stays.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn choose_password(
    client: Client,
    Json(ChoosePassword { token, password }): Json<ChoosePassword>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let token = token.expose_secret();
    let found = context.links.find(token).await.map_err(ApiError::from)?;
    let invited = found.ok_or(ApiError::NoLink)?;
    let policy = context.passwords.policy();
    if let Some(wrong) = password_error("/password", policy, &invited.name, &password) {
        return Err(ApiError::Invalid(vec![wrong]).into());
    }
    let hashed = context.passwords.hash(password).await;
    let hash = hashed.map_err(ApiError::from)?;
    let now = context.clock.now();
    let origin = context.origin(&client);
    context
        .users
        .change(
            |everybody| everybody.choose_password(&invited, hash.clone(), now),
            |change| {
                let entry = Entry::new(SecurityEvent::PasswordChosen, now);
                Some(entry.about(change.person()).from(&origin))
            },
        )
        .await
        .map_err(ApiError::from)?;
    // Where it stays it is of no use: the person has another password.
    drop(context.links.forget(token).await);
    Ok(HttpResponse::NoContent().finish())
}

/// Changes one's own password, and ends every sign-in, this one included.
#[utoipa::path(
    post, path = "/api/auth/password", tag = "api-gateway", request_body = ChangePassword,
    responses(
        (status = 204, description = "It is the password now."),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller is no person who can sign in.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The password or the code is wrong, or the new password not acceptable.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures; see `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn change_own_password(
    Caller(identity): Caller,
    client: Client,
    Json(body): Json<ChangePassword>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let ChangePassword {
        password,
        code,
        new_password,
    } = body;
    let person = own(&context, &identity).await?;
    let policy = context.passwords.policy();
    // First, so that a code is not used up for nothing.
    if let Some(wrong) = password_error("/new_password", policy, &person.name, &new_password) {
        return Err(ApiError::Invalid(vec![wrong]).into());
    }
    let origin = context.origin(&client);
    let code = code.as_ref().map(ExposeSecret::expose_secret);
    context
        .sign_ins
        .prove_again(&person, password, code, &origin)
        .await
        .map_err(ApiError::from)?;
    let hashed = context.passwords.hash(new_password).await;
    let patch = Patch {
        password: Some(hashed.map_err(ApiError::from)?),
        ..Patch::default()
    };
    let now = context.clock.now();
    context
        .users
        .change(
            |everybody| everybody.patch(&person.name, patch.clone(), now),
            |_| {
                let entry = Entry::new(SecurityEvent::PasswordChanged, now);
                Some(entry.by(&person).from(&origin))
            },
        )
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::NoContent().finish())
}
