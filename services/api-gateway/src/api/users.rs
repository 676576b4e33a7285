use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sm_common::auth::Role;
use sm_common::clock::Timestamp;
use sm_common::id::UserId;
use sm_common::problem::{FieldError, Problem};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ManageUsers};
use sm_service_kit::http::{Json, Path};
use utoipa::ToSchema;

use super::Context;
use super::error::ApiError;
use crate::config::PasswordsConfig;
use crate::passwords::PasswordHash;
use crate::users::{NewPerson, ParseUsernameError, Patch, Person, Refusal, Username, UsersError};

/// A person or machine that may sign in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct User {
    /// The person.
    id: UserId,
    /// The name to sign in with.
    username: String,
    /// What the person may do.
    role: Role,
    /// Whether the person cannot sign in.
    disabled: bool,
    /// When it was created.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// A person to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUser {
    /// 1 to 64 of A-Z, a-z, 0-9, `.`, `_`, `-` and `@`, starting with a letter or digit. Case makes
    /// no other name.
    username: String,
    /// 8 to 256 characters, unless configured otherwise.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What the person may do.
    role: Role,
}

/// What to change about a person. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateUser {
    /// Holds from the next refresh on, a quarter of an hour later at most.
    role: Option<Role>,
    /// Ends every sign-in of the person.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
    /// True ends every sign-in of the person.
    disabled: Option<bool>,
}

impl From<Person> for User {
    fn from(person: Person) -> Self {
        let Person {
            id,
            name,
            role,
            password: _,
            disabled,
            generation: _,
            created_at,
            updated_at,
        } = person;
        Self {
            id,
            username: name.to_string(),
            role,
            disabled,
            created_at,
            updated_at,
        }
    }
}

/// Everybody, by name.
#[utoipa::path(
    get, path = "/api/users", tag = "api-gateway",
    responses(
        (status = 200, description = "Everybody, by name.", body = Vec<User>),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_users(
    _caller: Authorized<ManageUsers>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let everybody = context.users.all().await.map_err(ApiError::from)?;
    let users: Vec<User> = everybody
        .into_people()
        .into_iter()
        .map(User::from)
        .collect();
    Ok(HttpResponse::Ok().json(users))
}

/// Creates a person.
#[utoipa::path(
    post, path = "/api/users", tag = "api-gateway", request_body = CreateUser,
    responses(
        (status = 201, description = "Created.", body = User),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or there are too many people.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The name or the password is not acceptable.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_user(
    caller: Authorized<ManageUsers>,
    Json(body): Json<CreateUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let (name, password) = acceptable(&body, &context.config.passwords)?;
    let new = NewPerson {
        name,
        role: body.role,
        password: context
            .passwords
            .hash(password)
            .await
            .map_err(ApiError::from)?,
    };
    let (id, now, most) = (
        UserId::generate(),
        context.clock.now(),
        context.config.users.count_max,
    );
    let change = context
        .users
        .change(|everybody| everybody.add(id, new.clone(), most, now))
        .await
        .map_err(ApiError::from)?;
    let user = User::from(change.person().clone());
    tracing::info!(user.id = %user.id, by = %caller.identity.user, role = %user.role, "user created");
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/users/{}", user.username)))
        .json(user))
}

/// Changes a person.
#[utoipa::path(
    patch, path = "/api/users/{username}", tag = "api-gateway", request_body = UpdateUser,
    params(("username" = String, Path, description = "The name, in any case.")),
    responses(
        (status = 200, description = "Changed.", body = User),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nobody would be left who can manage people.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The password is not acceptable.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn update_user(
    caller: Authorized<ManageUsers>,
    Path(NamedUser { username }): Path<NamedUser>,
    Json(body): Json<UpdateUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let name = known_name(&username)?;
    let UpdateUser {
        role,
        password,
        disabled,
    } = body;
    let patch = Patch {
        role,
        password: new_hash(&context, password).await?,
        disabled,
    };
    let now = context.clock.now();
    let change = context
        .users
        .change(|everybody| everybody.patch(&name, patch.clone(), now))
        .await
        .map_err(ApiError::from)?;
    let user = User::from(change.person().clone());
    tracing::info!(user.id = %user.id, by = %caller.identity.user, role = %user.role, disabled = user.disabled, "user changed");
    Ok(HttpResponse::Ok().json(user))
}

/// Deletes a person, and ends every sign-in of theirs.
#[utoipa::path(
    delete, path = "/api/users/{username}", tag = "api-gateway",
    params(("username" = String, Path, description = "The name, in any case.")),
    responses(
        (status = 204, description = "Deleted."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Nobody would be left who can manage people.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn delete_user(
    caller: Authorized<ManageUsers>,
    Path(NamedUser { username }): Path<NamedUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let name = known_name(&username)?;
    let change = context
        .users
        .change(|everybody| everybody.remove(&name))
        .await
        .map_err(ApiError::from)?;
    let id = change.person().id;
    tracing::info!(user.id = %id, by = %caller.identity.user, "user deleted");
    Ok(HttpResponse::NoContent().finish())
}

/// The user that a path names.
#[derive(Debug, Deserialize)]
pub(crate) struct NamedUser {
    username: String,
}

/// What cannot be a name is nobody's.
fn known_name(text: &str) -> Result<Username, ApiError> {
    text.parse()
        .map_err(|_no_name| UsersError::from(Refusal::Unknown).into())
}

/// The name and the password of a person to create, or everything that is wrong with them.
fn acceptable(
    body: &CreateUser,
    limits: &PasswordsConfig,
) -> Result<(Username, SecretString), ApiError> {
    let name = body
        .username
        .parse()
        .map_err(|error: ParseUsernameError| FieldError::new("/username", error.to_string()));
    match (name, password_error(&body.password, limits)) {
        (Ok(name), None) => Ok((name, body.password.clone())),
        (name, wrong_password) => {
            let wrong = name.err().into_iter().chain(wrong_password);
            Err(ApiError::Invalid(wrong.collect()))
        }
    }
}

async fn new_hash(
    context: &Context,
    password: Option<SecretString>,
) -> Result<Option<PasswordHash>, ApiError> {
    let Some(password) = password else {
        return Ok(None);
    };
    match password_error(&password, &context.config.passwords) {
        Some(error) => Err(ApiError::Invalid(vec![error])),
        None => Ok(Some(context.passwords.hash(password).await?)),
    }
}

fn password_error(password: &SecretString, limits: &PasswordsConfig) -> Option<FieldError> {
    let PasswordsConfig {
        chars_min,
        chars_max,
        ..
    } = limits;
    let length = password.expose_secret().chars().count();
    let fits = (*chars_min..=*chars_max).contains(&length);
    (!fits).then(|| {
        FieldError::new(
            "/password",
            format!("a password has {chars_min} to {chars_max} characters"),
        )
    })
}
