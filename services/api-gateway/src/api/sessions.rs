use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use sm_common::auth::Identity;
use sm_common::id::SessionId;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ManageUsers};
use sm_service_kit::http::{Path, Query};
use utoipa::IntoParams;

use super::Context;
use super::caller::Caller;
use super::client::Client;
use super::error::ApiError;
use super::users::{NamedUser, known_name};
use crate::audit::{Entry, Party, SecurityEvent};
use crate::sign_in::{Claim, SessionInfo};
use crate::users::{Patch, Person, Refusal, Username, UsersError};

/// Which sign-ins of one's own to end.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EndOwn {
    /// Whether the one that asks goes on.
    #[serde(default)]
    keep_current: bool,
}

/// A sign-in that a path names.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct NamedSession {
    session: SessionId,
}

/// A person's sign-in that a path names.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NamedUserSession {
    username: String,
    session: SessionId,
}

/// One's own sign-ins, newest first.
#[utoipa::path(
    get, path = "/api/auth/sessions", tag = "api-gateway",
    responses(
        (status = 200, description = "The sign-ins.", body = Vec<SessionInfo>),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller is no person who can sign in.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "They cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_own_sessions(
    Caller(identity): Caller,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = own(&context, &identity).await?;
    let current = Some(identity.session);
    let listed = context.sign_ins.sessions.list(&person, current).await;
    Ok(HttpResponse::Ok().json(listed.map_err(ApiError::from)?))
}

/// Ends one's own sign-ins: their tokens and WebSockets end within seconds.
#[utoipa::path(
    delete, path = "/api/auth/sessions", tag = "api-gateway", params(EndOwn),
    responses(
        (status = 204, description = "They are over."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller is no person who can sign in.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Some may be over; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn end_own_sessions(
    Caller(identity): Caller,
    client: Client,
    Query(EndOwn { keep_current }): Query<EndOwn>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = own(&context, &identity).await?;
    if keep_current {
        let current = Some(identity.session);
        let listed = context.sign_ins.sessions.list(&person, current).await;
        for session in listed.map_err(ApiError::from)? {
            if !session.current {
                end(&context, &identity, &client, (&person, session.id)).await?;
            }
        }
    } else {
        end_all(&context, &identity, &client, &person.name).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one of one's own sign-ins: its tokens and WebSockets end within seconds.
#[utoipa::path(
    delete, path = "/api/auth/sessions/{session}", tag = "api-gateway",
    params(("session" = SessionId, Path, description = "The sign-in.")),
    responses(
        (status = 204, description = "It is over."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "It is over already, or somebody else's.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn end_own_session(
    Caller(identity): Caller,
    client: Client,
    Path(NamedSession { session }): Path<NamedSession>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = own(&context, &identity).await?;
    let ended = end(&context, &identity, &client, (&person, session)).await?;
    answer(ended)
}

/// A person's sign-ins, newest first.
#[utoipa::path(
    get, path = "/api/users/{username}/sessions", tag = "api-gateway",
    params(("username" = String, Path, description = "The name, in any case.")),
    responses(
        (status = 200, description = "The sign-ins.", body = Vec<SessionInfo>),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "They cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn list_user_sessions(
    caller: Authorized<ManageUsers>,
    Path(NamedUser { username }): Path<NamedUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = known(&context, &username).await?;
    let current = Some(caller.identity.session);
    let listed = context.sign_ins.sessions.list(&person, current).await;
    Ok(HttpResponse::Ok().json(listed.map_err(ApiError::from)?))
}

/// Ends every sign-in of a person: their tokens and WebSockets end within seconds.
#[utoipa::path(
    delete, path = "/api/users/{username}/sessions", tag = "api-gateway",
    params(("username" = String, Path, description = "The name, in any case.")),
    responses(
        (status = 204, description = "They are over."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn end_user_sessions(
    caller: Authorized<ManageUsers>,
    client: Client,
    Path(NamedUser { username }): Path<NamedUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let name = known_name(&username)?;
    end_all(&context, &caller.identity, &client, &name).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends a person's sign-in: its tokens and WebSockets end within seconds.
#[utoipa::path(
    delete, path = "/api/users/{username}/sessions/{session}", tag = "api-gateway",
    params(
        ("username" = String, Path, description = "The name, in any case."),
        ("session" = SessionId, Path, description = "The sign-in."),
    ),
    responses(
        (status = 204, description = "It is over."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user, or the sign-in is over already.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn end_user_session(
    caller: Authorized<ManageUsers>,
    client: Client,
    Path(NamedUserSession { username, session }): Path<NamedUserSession>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = known(&context, &username).await?;
    let ended = end(&context, &caller.identity, &client, (&person, session)).await?;
    answer(ended)
}

/// The caller, as kept; not found for one who is nobody here, such as a machine.
pub(super) async fn own(context: &Context, identity: &Identity) -> Result<Person, ApiError> {
    let person = match identity.name.parse::<Username>() {
        Ok(name) => context.users.find(&name).await?,
        Err(_no_name) => None,
    };
    person
        .filter(|person| person.id == identity.user)
        .ok_or_else(|| UsersError::from(Refusal::Unknown).into())
}

/// The person whom a path names.
pub(super) async fn known(context: &Context, name: &str) -> Result<Person, ApiError> {
    let person = context.users.find(&known_name(name)?).await?;
    person.ok_or_else(|| UsersError::from(Refusal::Unknown).into())
}

/// Ends a sign-in of `person` because `caller` wants so. False when there is none.
async fn end(
    context: &Context,
    caller: &Identity,
    client: &Client,
    (person, session): (&Person, SessionId),
) -> Result<bool, ApiError> {
    let entry = Entry::new(SecurityEvent::SessionRevoked, context.clock.now())
        .by(caller)
        .about(person)
        .session(session)
        .from(&context.origin(client));
    let note = context.trail.action(&entry)?;
    let claim = Claim::Person(person.id, session);
    let sessions = &context.sign_ins.sessions;
    Ok(sessions.end(person.id, claim, &note).await?)
}

/// Ends every sign-in of a person, and every one that is just beginning.
async fn end_all(
    context: &Context,
    caller: &Identity,
    client: &Client,
    name: &Username,
) -> Result<(), ApiError> {
    let patch = Patch {
        sign_out: true,
        ..Patch::default()
    };
    let now = context.clock.now();
    let origin = context.origin(client);
    context
        .users
        .change(
            |everybody| everybody.patch(name, patch.clone(), now),
            |change| {
                let entry = Entry::new(SecurityEvent::SessionsRevoked, now);
                let by = Party::from(caller);
                Some(entry.by(by).about(change.person()).from(&origin))
            },
        )
        .await?;
    Ok(())
}

fn answer(ended: bool) -> Result<HttpResponse, ApiProblem> {
    if ended {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::NoSession.into())
    }
}
