use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use sm_common::auth::Identity;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authenticator, Bearer};

/// Somebody with a valid token, whatever the role.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) Identity);

impl FromRequest for Caller {
    type Error = ApiProblem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiProblem>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Bearer(token) = Bearer::of(&request).ok_or_else(|| {
                ApiProblem::new(ProblemCode::Unauthenticated)
                    .detail("send `Authorization: Bearer <access token>`")
            })?;
            let authenticator = request
                .app_data::<web::Data<Authenticator>>()
                .ok_or_else(|| ApiProblem::internal("the server has no authenticator"))?;
            Ok(Self(authenticator.verify(&token).await?))
        })
    }
}
