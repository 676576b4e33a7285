use actix_web::HttpResponse;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::Data;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sm_common::auth::Identity;
use sm_common::problem::Problem;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, ReadStream};
use sm_service_kit::http::Json;
use utoipa::ToSchema;

use super::Context;
use super::caller::Caller;
use super::client::Client;
use super::error::ApiError;
use crate::second_factor;
use crate::sign_in::{self, SignedIn};
use crate::tokens::AccessToken;

/// The cookie that every service takes in place of the header.
const ACCESS_COOKIE: &str = "sm_access";

/// A name and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The name, in any case.
    username: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Whether to set the access token as the cookie `sm_access` too, for players that cannot
    /// send headers.
    #[serde(default)]
    cookie: bool,
}

/// A refresh token to exchange.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// The latest refresh token. It is valid once.
    #[schema(value_type = String)]
    refresh_token: SecretString,
    /// Whether to set the access token as the cookie `sm_access` too.
    #[serde(default)]
    cookie: bool,
}

/// A sign-in to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logout {
    /// A refresh token of the sign-in.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

/// The answer to a challenge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondStep {
    /// The `challenge` of the answer to the password.
    #[schema(value_type = String)]
    challenge: SecretString,
    /// What the authenticator app shows now, or a recovery code. Each is good once.
    #[schema(value_type = String)]
    code: SecretString,
    /// Whether to set the access token as the cookie `sm_access` too.
    #[serde(default)]
    cookie: bool,
}

/// The password was right, and the second factor is awaited.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecondStepRequired {
    /// Always true.
    mfa_required: bool,
    /// For `POST /api/auth/login/second-factor`, once.
    challenge: String,
    /// Its lifetime in seconds.
    expires_in: u64,
    /// What to enrol first: people of this role need a second factor, and this one has none yet.
    /// Answering with a code of it enrols it.
    #[serde(skip_serializing_if = "Option::is_none")]
    enrolment: Option<Enrolment>,
}

/// What an authenticator app is enrolled with.
#[derive(Serialize, ToSchema)]
pub(crate) struct Enrolment {
    /// The secret in base 32, for typing it in.
    secret: String,
    /// The same with the names, as an `otpauth:` link.
    otpauth_uri: String,
    /// The link as a QR code, an SVG document.
    qr_svg: String,
}

impl From<second_factor::Enrolment> for Enrolment {
    fn from(enrolment: second_factor::Enrolment) -> Self {
        let second_factor::Enrolment {
            secret,
            uri,
            qr_svg,
        } = enrolment;
        Self {
            secret,
            otpauth_uri: uri,
            qr_svg,
        }
    }
}

/// What proves a sign-in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// For the next pair, once. Using an old one ends the sign-in.
    refresh_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Lifetime of the access token in seconds.
    expires_in: u64,
    /// Codes to sign in with when the authenticator app is gone, each once; only where signing in
    /// enrolled it. They are not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

/// What opens a WebSocket.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ticket {
    /// For `/ws?ticket=`, once.
    ticket: String,
    /// Its lifetime in seconds.
    expires_in: u64,
}

/// Signs in.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "api-gateway", request_body = Login,
    responses(
        (status = 200, description = "Signed in.", body = Tokens),
        (status = 202, description = "The password is right, and the second factor is awaited.", body = SecondStepRequired),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The name or the password is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures from this address; see `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nobody can sign in now; try again.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn login(
    client: Client,
    Json(body): Json<Login>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let Login {
        username,
        password,
        cookie,
    } = body;
    let signed_in = context
        .sign_ins
        .sign_in(&username, password, &context.origin(&client))
        .await
        .map_err(ApiError::from)?;
    Ok(match signed_in {
        SignedIn::Done(tokens) => tokens_answer(tokens, None, cookie.then_some(&client)),
        SignedIn::Awaited(challenge) => {
            let sign_in::Challenge {
                text,
                lifetime_s,
                enrolment,
            } = challenge;
            HttpResponse::Accepted().json(SecondStepRequired {
                mfa_required: true,
                challenge: text,
                expires_in: lifetime_s,
                enrolment: enrolment.map(Enrolment::from),
            })
        }
    })
}

/// Signs in whoever has answered a challenge with the second factor. Only so many codes may be
/// wrong: of a challenge, and of a person.
#[utoipa::path(
    post, path = "/api/auth/login/second-factor", tag = "api-gateway", request_body = SecondStep,
    responses(
        (status = 200, description = "Signed in.", body = Tokens),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The code is wrong, or the challenge not valid any more.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong codes; see `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nobody can sign in now; try again.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn login_second_factor(
    client: Client,
    Json(body): Json<SecondStep>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let SecondStep {
        challenge,
        code,
        cookie,
    } = body;
    let (tokens, recovery_codes) = context
        .sign_ins
        .answer(
            challenge.expose_secret(),
            code.expose_secret(),
            &context.origin(&client),
        )
        .await
        .map_err(ApiError::from)?;
    let cookie_for = cookie.then_some(&client);
    Ok(tokens_answer(tokens, recovery_codes, cookie_for))
}

/// Exchanges a refresh token for a new pair. An old one ends the sign-in.
#[utoipa::path(
    post, path = "/api/auth/refresh", tag = "api-gateway", request_body = Refresh,
    responses(
        (status = 200, description = "The next pair, with the role of now.", body = Tokens),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Unknown, expired, revoked, or used before.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again with the same token.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn refresh(
    client: Client,
    Json(body): Json<Refresh>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let tokens = context
        .sign_ins
        .refresh(body.refresh_token.expose_secret(), &context.origin(&client))
        .await
        .map_err(ApiError::from)?;
    Ok(tokens_answer(tokens, None, body.cookie.then_some(&client)))
}

/// Ends a sign-in: no more tokens come of it, and its access tokens and WebSockets end within
/// seconds.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "api-gateway", request_body = Logout,
    responses(
        (status = 204, description = "There is no such sign-in (any more)."),
        (status = 400, description = "The body cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was changed; try again.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn logout(
    client: Client,
    Json(body): Json<Logout>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    context
        .sign_ins
        .sign_out(body.refresh_token.expose_secret(), &context.origin(&client))
        .await
        .map_err(ApiError::from)?;
    let mut cookie = access_cookie(String::new(), CookieDuration::ZERO, &client);
    cookie.make_removal();
    Ok(HttpResponse::NoContent().cookie(cookie).finish())
}

/// Who calls.
#[utoipa::path(
    get, path = "/api/auth/me", tag = "api-gateway",
    responses(
        (status = 200, description = "As the token says.", body = Identity),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn read_me(Caller(identity): Caller) -> HttpResponse {
    HttpResponse::Ok().json(identity)
}

/// Gives out a ticket that opens one WebSocket: a browser cannot send headers there, and a token
/// in an address ends up in logs.
#[utoipa::path(
    post, path = "/api/auth/ws-ticket", tag = "api-gateway",
    responses(
        (status = 200, description = "A ticket.", body = Ticket),
        (status = 401, description = "No or no valid token.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role does not allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No ticket can be kept now; try again.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(crate) async fn create_ws_ticket(
    caller: Authorized<ReadStream>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiProblem> {
    let sign_in::Ticket { text, lifetime } = context
        .tickets
        .issue(&caller.identity)
        .await
        .map_err(ApiError::from)?;
    Ok(HttpResponse::Ok().json(Ticket {
        ticket: text,
        expires_in: lifetime.as_secs(),
    }))
}

fn tokens_answer(
    tokens: sign_in::Tokens,
    recovery_codes: Option<Vec<String>>,
    cookie_for: Option<&Client>,
) -> HttpResponse {
    let sign_in::Tokens { access, refresh } = tokens;
    let AccessToken { text, lifetime } = access;
    let mut answer = HttpResponse::Ok();
    if let Some(client) = cookie_for {
        let age = CookieDuration::seconds(i64::try_from(lifetime.as_secs()).unwrap_or(0));
        answer.cookie(access_cookie(text.clone(), age, client));
    }
    answer.json(Tokens {
        access_token: text,
        refresh_token: refresh.reveal(),
        token_type: "Bearer",
        expires_in: lifetime.as_secs(),
        recovery_codes,
    })
}

/// Out of reach of scripts and of other sites.
fn access_cookie(token: String, age: CookieDuration, client: &Client) -> Cookie<'static> {
    Cookie::build(ACCESS_COOKIE, token)
        .path(client.base_path.clone())
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(client.https)
        .max_age(age)
        .finish()
}
