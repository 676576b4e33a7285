use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use sm_common::auth::{Identity, Permission};
use sm_common::problem::ProblemCode;

use super::{Authenticator, Requires};
use crate::problem::ApiProblem;

/// The cookie that may carry the access token, for players that cannot send headers.
const ACCESS_COOKIE: &str = "sm_access";

type Proof<T> = Pin<Box<dyn Future<Output = Result<T, ApiProblem>>>>;

/// The access token of a request, unproven.
#[derive(Clone, Debug)]
pub struct Bearer(pub String);

impl Bearer {
    /// From the `Authorization` header, else from the cookie.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        if let Some(header) = header {
            let (scheme, token) = header.split_once(' ')?;
            return scheme
                .eq_ignore_ascii_case("bearer")
                .then(|| Self(token.trim().to_owned()));
        }
        request
            .cookie(ACCESS_COOKIE)
            .map(|cookie| Self(cookie.value().to_owned()))
    }
}

/// A caller who may do `P`.
#[derive(Clone, Debug)]
pub struct Authorized<P> {
    /// Who.
    pub identity: Identity,
    permission: PhantomData<P>,
}

impl<P: Requires> FromRequest for Authorized<P> {
    type Error = ApiProblem;
    type Future = Proof<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let identity = prove(&request).await?;
            authorize(&identity, P::PERMISSION)?;
            Ok(Self {
                identity,
                permission: PhantomData,
            })
        })
    }
}

/// A caller who may do `P`, or anybody where the public may watch.
#[derive(Clone, Debug)]
pub struct Viewer<P> {
    /// Who; `None` for the public.
    pub identity: Option<Identity>,
    permission: PhantomData<P>,
}

impl<P: Requires> FromRequest for Viewer<P> {
    type Error = ApiProblem;
    type Future = Proof<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let public = authenticator(&request)?.public_view();
            if public && Bearer::of(&request).is_none() {
                return Ok(Self {
                    identity: None,
                    permission: PhantomData,
                });
            }
            let identity = prove(&request).await?;
            authorize(&identity, P::PERMISSION)?;
            Ok(Self {
                identity: Some(identity),
                permission: PhantomData,
            })
        })
    }
}

/// Whether the caller's role carries the permission; else 403.
pub fn authorize(identity: &Identity, permission: Permission) -> Result<(), ApiProblem> {
    if identity.may(permission) {
        return Ok(());
    }
    if identity.scopes.is_some() {
        let detail = format!("this needs a key with the scope {}", permission.name());
        return Err(ApiProblem::new(ProblemCode::Forbidden).detail(detail));
    }
    Err(ApiProblem::new(ProblemCode::Forbidden).detail(format!(
        "this needs the role {} or above; the caller's role is {}",
        permission.least_role(),
        identity.role
    )))
}

async fn prove(request: &HttpRequest) -> Result<Identity, ApiProblem> {
    let Bearer(token) = Bearer::of(request).ok_or_else(|| {
        ApiProblem::new(ProblemCode::Unauthenticated)
            .detail("send `Authorization: Bearer <access token>`; POST /api/auth/login gives one")
    })?;
    Ok(authenticator(request)?.verify(&token).await?)
}

fn authenticator(request: &HttpRequest) -> Result<&Authenticator, ApiProblem> {
    request
        .app_data::<web::Data<Authenticator>>()
        .map(web::Data::get_ref)
        .ok_or_else(|| ApiProblem::internal("the server has no authenticator"))
}
