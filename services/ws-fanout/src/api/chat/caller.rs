use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use sm_common::auth::Identity;
use sm_common::id::StreamId;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authorized, Bearer, Chat};

use crate::api::Context;
use crate::api::error::ApiError;
use crate::chat::is_guest_token;

/// Somebody who takes part in a chat: with an account, or as a guest.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    pub(crate) guest: bool,
}

impl Caller {
    /// Lets people with an account in, and guests where the rules do.
    pub(crate) async fn enter(
        &self,
        stream: &StreamId,
        context: &Context,
    ) -> Result<(), ApiProblem> {
        if self.guest {
            let entered = context.services.chat.require_guests(stream).await;
            entered.map_err(ApiError::from)?;
        }
        Ok(())
    }
}

impl FromRequest for Caller {
    type Error = ApiProblem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiProblem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let token = Bearer::of(request).map(|Bearer(token)| token);
        let Some(token) = token.filter(|token| is_guest_token(token)) else {
            let authorized = Authorized::<Chat>::from_request(request, payload);
            return Box::pin(async move {
                let Authorized { identity, .. } = authorized.await?;
                Ok(Self {
                    identity,
                    guest: false,
                })
            });
        };
        let context = request.app_data::<Data<Context>>().cloned();
        Box::pin(async move {
            let context = context.ok_or_else(|| ApiProblem::new(ProblemCode::Internal))?;
            let identity = context.services.chat.guest(&token).await;
            let identity = identity.map_err(ApiError::from)?.ok_or_else(|| {
                ApiProblem::new(ProblemCode::TokenInvalid)
                    .detail("the guest is unknown or has been here too long; come anew")
            })?;
            Ok(Self {
                identity,
                guest: true,
            })
        })
    }
}
