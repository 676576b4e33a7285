use actix_web::HttpResponse;
use actix_web::web::Data;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::problem::{FieldError, Problem, ProblemCode};
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ManageUsers};
use sm_service_kit::http::{Json, Path};
use utoipa::ToSchema;

use super::Context;
use super::auth::Enrolment;
use super::caller::Caller;
use super::client::Client;
use super::error::ApiError;
use super::sessions::own;
use super::users::{NamedUser, known_name};
use crate::audit::{Entry, SecurityEvent};
use crate::second_factor::{CodeError, RecoveryCodes, SecondFactor, TotpSecret};
use crate::users::{FactorChange, Patch, Person};

/// The caller's second factor.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecondFactorStatus {
    /// Whether there is one.
    enrolled: bool,
    /// Since when.
    enrolled_at: Option<Timestamp>,
    /// How many recovery codes are left.
    recovery_codes_left: usize,
    /// Whether the policy asks people of this role for one.
    required: bool,
}

/// Proof of who asks, once more: a session may have been stolen.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofAgain {
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What the authenticator app shows now, or a recovery code, where there is a second factor.
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
}

/// A code of the authenticator app that is being enrolled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmSecondFactor {
    /// What the app shows now.
    #[schema(value_type = String)]
    code: SecretString,
}

/// Codes to sign in with when the authenticator app is gone, each once. They are not shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecoveryCodeList {
    /// The codes.
    recovery_codes: Vec<String>,
}

/// The caller's second factor.
#[utoipa::path(
    get, path = "/api/auth/second-factor", tag = "api-gateway",
    responses(
        (status = 200, description = "Whether there is one.", body = SecondFactorStatus),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller is no person who can sign in.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be read now.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_second_factor(
    caller: Caller,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = own(&context, &caller.0).await?;
    let factor = person.second_factor.as_ref();
    Ok(HttpResponse::Ok().json(SecondFactorStatus {
        enrolled: factor.is_some(),
        enrolled_at: factor.map(|factor| factor.enrolled_at),
        recovery_codes_left: factor.map_or(0, |factor| factor.recovery.left()),
        required: context.config.second_factor.is_required_for(person.role),
    }))
}

/// Begins to enrol an authenticator app, in place of the one there is. Nothing changes before a code
/// of it has been given.
#[utoipa::path(
    post, path = "/api/auth/second-factor", tag = "api-gateway", request_body = ProofAgain,
    responses(
        (status = 200, description = "What to enrol.", body = Enrolment),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller is no person who can sign in.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The password or the code is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures; see `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn begin_second_factor(
    caller: Caller,
    client: Client,
    Json(body): Json<ProofAgain>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = proven(&context, &caller, &client, body).await?;
    let secret = TotpSecret::generate().map_err(ApiError::from)?;
    let codes = &context.sign_ins.codes;
    let issuer = &codes.config().issuer;
    let enrolment = secret
        .enrolment(issuer, &person.name.to_string())
        .map_err(ApiError::from)?;
    codes
        .keep_draft(person.id, &secret)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(Enrolment::from(enrolment)))
}

/// Enrols the authenticator app by a code of it. From now on signing in asks for one.
#[utoipa::path(
    post, path = "/api/auth/second-factor/confirm", tag = "api-gateway", request_body = ConfirmSecondFactor,
    responses(
        (status = 200, description = "Enrolled.", body = RecoveryCodeList),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller is no person who can sign in.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "None is being enrolled, or it took too long.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The code is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong codes; see `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn confirm_second_factor(
    caller: Caller,
    client: Client,
    Json(ConfirmSecondFactor { code }): Json<ConfirmSecondFactor>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = own(&context, &caller.0).await?;
    let sign_ins = &context.sign_ins;
    let draft = sign_ins
        .codes
        .draft(person.id)
        .await
        .map_err(ApiError::from)?
        .ok_or(ApiError::SecondFactor(
            ProblemCode::SecondFactorNoDraft,
            "begin with POST /api/auth/second-factor",
        ))?;
    let code = code.expose_secret();
    match sign_ins.codes.confirm(person.id, &draft, code).await {
        Ok(()) => {}
        Err(CodeError::Wrong) => {
            let wrong = FieldError::new("/code", "give the code that the app shows now");
            return Err(ApiError::Invalid(vec![wrong]).into());
        }
        Err(error) => {
            let error = crate::sign_in::SecondStepError::from(error);
            return Err(ApiError::from(error).into());
        }
    }
    let origin = context.origin(&client);
    let recovery_codes = sign_ins
        .enrol(&person, draft, &origin)
        .await
        .map_err(ApiError::from)?;
    // Where it stays, the same app could be enrolled once more.
    drop(sign_ins.codes.forget_draft(person.id).await);
    Ok(HttpResponse::Ok().json(RecoveryCodeList { recovery_codes }))
}

/// Gives the second factor up.
#[utoipa::path(
    post, path = "/api/auth/second-factor/remove", tag = "api-gateway", request_body = ProofAgain,
    responses(
        (status = 204, description = "There is none any more."),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller is no person who can sign in.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is none, or people of this role need one.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The password or the code is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures; see `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn remove_second_factor(
    caller: Caller,
    client: Client,
    Json(body): Json<ProofAgain>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = own(&context, &caller.0).await?;
    enrolled(&person)?;
    if context.config.second_factor.is_required_for(person.role) {
        return Err(ApiError::SecondFactor(
            ProblemCode::SecondFactorRequired,
            "enrol another one in its place",
        )
        .into());
    }
    let person = proven(&context, &caller, &client, body).await?;
    let event = SecurityEvent::SecondFactorRemoved;
    let origin = context.origin(&client);
    context
        .sign_ins
        .set_factor(&person, FactorChange::Remove, event, &origin)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Replaces the recovery codes; those of before are void.
#[utoipa::path(
    post, path = "/api/auth/second-factor/recovery-codes", tag = "api-gateway", request_body = ProofAgain,
    responses(
        (status = 200, description = "The new codes.", body = RecoveryCodeList),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The caller is no person who can sign in.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is no second factor.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The password or the code is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures; see `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn renew_recovery_codes(
    caller: Caller,
    client: Client,
    Json(body): Json<ProofAgain>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let person = own(&context, &caller.0).await?;
    enrolled(&person)?;
    let person = proven(&context, &caller, &client, body).await?;
    let factor = enrolled(&person)?;
    let count = context.config.second_factor.recovery_codes;
    let (recovery, recovery_codes) = RecoveryCodes::generate(count).map_err(ApiError::from)?;
    let factor = SecondFactor {
        recovery,
        ..factor.clone()
    };
    let event = SecurityEvent::RecoveryCodesRenewed;
    let origin = context.origin(&client);
    context
        .sign_ins
        .set_factor(&person, FactorChange::Set(Box::new(factor)), event, &origin)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(RecoveryCodeList { recovery_codes }))
}

/// Takes a person's second factor away, who has lost it, and ends every sign-in of theirs.
#[utoipa::path(
    delete, path = "/api/users/{username}/second-factor", tag = "api-gateway",
    params(("username" = String, Path, description = "The name, in any case.")),
    responses(
        (status = 204, description = "There is none any more."),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn reset_second_factor(
    caller: Authorized<ManageUsers>,
    client: Client,
    Path(NamedUser { username }): Path<NamedUser>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let name = known_name(&username)?;
    let patch = Patch {
        second_factor: FactorChange::Remove,
        sign_out: true,
        ..Patch::default()
    };
    let now = context.clock.now();
    let origin = context.origin(&client);
    context
        .users
        .change(
            |everybody| everybody.patch(&name, patch.clone(), now),
            |change| {
                let entry = Entry::new(SecurityEvent::SecondFactorReset, now);
                let entry = entry.by(&caller.identity).about(change.person());
                Some(entry.from(&origin))
            },
        )
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// The caller, who has proven who they are once more.
async fn proven(
    context: &Context,
    Caller(identity): &Caller,
    client: &Client,
    ProofAgain { password, code }: ProofAgain,
) -> Result<Person, ApiError> {
    let person = own(context, identity).await?;
    let code = code.as_ref().map(ExposeSecret::expose_secret);
    let origin = context.origin(client);
    context
        .sign_ins
        .prove_again(&person, password, code, &origin)
        .await?;
    // A recovery code may have been used up by that.
    own(context, identity).await
}

fn enrolled(person: &Person) -> Result<&SecondFactor, ApiError> {
    person.second_factor.as_ref().ok_or(ApiError::SecondFactor(
        ProblemCode::SecondFactorNone,
        "POST /api/auth/second-factor enrols one",
    ))
}
