use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use secrecy::SecretString;
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
use super::client::Client;
use super::error::ApiError;
use super::password::PasswordLink;
use crate::audit::{Entry, Party, SecurityEvent};
use crate::passwords::{PasswordHash, PasswordPolicy};
use crate::users::{
    Change, NewPerson, ParseUsernameError, Patch, Person, Refusal, Username, UsersError,
};

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
    /// Whether the person signs in with a second factor.
    second_factor: bool,
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
    /// 8 to 256 characters, unless configured otherwise; not the name, and none of those that are
    /// tried first. Absent: the answer has a link, by which the person chooses one.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
    /// What the person may do.
    role: Role,
}

/// What to change about a person. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateUser {
    /// Tokens of before are refused within seconds; a refresh gives one of the new role.
    role: Option<Role>,
    /// Ends every sign-in of the person.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
    /// True ends every sign-in of the person.
    disabled: Option<bool>,
}

/// A person who was created.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedUser {
    #[serde(flatten)]
    user: User,
    /// Where the person chooses a password, when none was given. It is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<PasswordLink>,
}

impl From<Person> for User {
    fn from(person: Person) -> Self {
        let Person {
            id,
            name,
            role,
            password: _,
            disabled,
            second_factor,
            generation: _,
            standing: _,
            created_at,
            updated_at,
        } = person;
        Self {
            id,
            username: name.to_string(),
            role,
            disabled,
            second_factor: second_factor.is_some(),
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
        (status = 201, description = "Created.", body = CreatedUser),
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
    client: Client,
    Json(body): Json<CreateUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let (name, password) = acceptable(&body, context.passwords.policy())?;
    let is_invited = password.is_none();
    let password = match password {
        Some(password) => context.passwords.hash(password).await,
        None => Ok(context.passwords.unknown()),
    };
    let new = NewPerson {
        name,
        role: body.role,
        password: password.map_err(ApiError::from)?,
    };
    let (id, now, most) = (
        UserId::generate(),
        context.clock.now(),
        context.config.users.count_max,
    );
    let entry = noted(&context, &caller, &client);
    let change = context
        .users
        .change(
            |everybody| everybody.add(id, new.clone(), most, now),
            |change| {
                let detail = format!("role {}", change.person().role);
                Some(entry(SecurityEvent::UserCreated, change).detail(detail))
            },
        )
        .await
        .map_err(ApiError::from)?;
    let link = if is_invited {
        let made = context.links.make(change.person()).await;
        Some(PasswordLink::from(made.map_err(ApiError::from)?))
    } else {
        None
    };
    let user = User::from(change.person().clone());
    tracing::info!(user.id = %user.id, by = %caller.identity.user, role = %user.role, "user created");
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/users/{}", user.username)))
        .json(CreatedUser { user, link }))
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
    client: Client,
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
        password: new_hash(&context, &name, password).await?,
        disabled,
        ..Patch::default()
    };
    let now = context.clock.now();
    let entry = noted(&context, &caller, &client);
    let change = context
        .users
        .change(
            |everybody| everybody.patch(&name, patch.clone(), now),
            |change| Some(entry(SecurityEvent::UserChanged, change).detail(patch.to_string())),
        )
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
    client: Client,
    Path(NamedUser { username }): Path<NamedUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let name = known_name(&username)?;
    let entry = noted(&context, &caller, &client);
    let change = context
        .users
        .change(
            |everybody| everybody.remove(&name),
            |change| Some(entry(SecurityEvent::UserDeleted, change)),
        )
        .await
        .map_err(ApiError::from)?;
    let id = change.person().id;
    tracing::info!(user.id = %id, by = %caller.identity.user, "user deleted");
    Ok(HttpResponse::NoContent().finish())
}

/// The user that a path names.
#[derive(Debug, Deserialize)]
pub(crate) struct NamedUser {
    pub(super) username: String,
}

/// What the audit trail says of a change that `caller` makes.
fn noted(
    context: &Context,
    caller: &Authorized<ManageUsers>,
    client: &Client,
) -> impl Fn(SecurityEvent, &Change) -> Entry {
    let now = context.clock.now();
    let origin = context.origin(client);
    let by = Party::from(&caller.identity);
    move |event, change| {
        Entry::new(event, now)
            .by(by.clone())
            .about(change.person())
            .from(&origin)
    }
}

/// What cannot be a name is nobody's.
pub(super) fn known_name(text: &str) -> Result<Username, ApiError> {
    text.parse()
        .map_err(|_no_name| UsersError::from(Refusal::Unknown).into())
}

/// The name and the password of a person to create, or everything that is wrong with them.
fn acceptable(
    body: &CreateUser,
    policy: &PasswordPolicy,
) -> Result<(Username, Option<SecretString>), ApiError> {
    let wrong_name = |error: ParseUsernameError| FieldError::new("/username", error.to_string());
    let name = body.username.parse::<Username>().map_err(wrong_name);
    let wrong_password = body.password.as_ref().and_then(|password| {
        // Judged beside a wrong name too, so that everything wrong is said at once.
        let judged = policy.judge(name.as_ref().ok(), password);
        let error = judged.err()?;
        Some(FieldError::new("/password", error.to_string()))
    });
    match (name, wrong_password) {
        (Ok(name), None) => Ok((name, body.password.clone())),
        (name, wrong_password) => {
            let wrong = name.err().into_iter().chain(wrong_password);
            Err(ApiError::Invalid(wrong.collect()))
        }
    }
}

/// The hash of a password that is acceptable for this person.
async fn new_hash(
    context: &Context,
    name: &Username,
    password: Option<SecretString>,
) -> Result<Option<PasswordHash>, ApiError> {
    let Some(password) = password else {
        return Ok(None);
    };
    let policy = context.passwords.policy();
    match password_error("/password", policy, name, &password) {
        Some(error) => Err(ApiError::Invalid(vec![error])),
        None => Ok(Some(context.passwords.hash(password).await?)),
    }
}

/// What is wrong with a new password, at the field `pointer`.
pub(super) fn password_error(
    pointer: &str,
    policy: &PasswordPolicy,
    name: &Username,
    password: &SecretString,
) -> Option<FieldError> {
    let judged = policy.judge(Some(name), password);
    judged
        .err()
        .map(|error| FieldError::new(pointer, error.to_string()))
}
