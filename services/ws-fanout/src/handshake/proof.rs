use std::fmt::Write as _;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use sha2::{Digest as _, Sha256};
use sm_bus::{Bus, BusError, keys, redis};
use sm_common::auth::Identity;
use sm_common::clock::Timestamp;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;
use sm_service_kit::auth::{Authenticator, Bearer};

/// Longest ticket that is looked at.
const TICKET_CHARS_MAX: usize = 256;

/// Why a caller was not recognised.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unproven {
    #[error("the ticket is unknown, used or too old")]
    Ticket,
    #[error("the ticket's sign-in has expired")]
    Expired,
    #[error("the ticket's sign-in was ended, or what its person may do has changed")]
    Revoked,
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl From<Unproven> for ApiProblem {
    fn from(error: Unproven) -> Self {
        let code = match error {
            Unproven::Ticket => ProblemCode::TokenInvalid,
            Unproven::Expired => ProblemCode::TokenExpired,
            Unproven::Revoked => ProblemCode::TokenRevoked,
            Unproven::Bus(error) if error.is_unavailable() => return Self::unavailable(error),
            Unproven::Bus(error) => return Self::internal(error),
        };
        Self::new(code).detail(format!(
            "{error}; POST /api/auth/ws-ticket gives a new one, good for one connection"
        ))
    }
}

/// Proves who connects. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Proofs {
    bus: Bus,
    authenticator: Authenticator,
}

impl Proofs {
    pub(crate) const fn new(bus: Bus, authenticator: Authenticator) -> Self {
        Self { bus, authenticator }
    }

    /// Whether anybody may watch.
    pub(crate) fn public_view(&self) -> bool {
        self.authenticator.public_view()
    }

    /// Verifies access tokens.
    pub(crate) const fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Who connects: by ticket, else by the `Authorization` header, else nobody yet. A cookie
    /// proves nothing here, because a browser sends it for every page.
    pub(crate) async fn of_request(
        &self,
        request: &HttpRequest,
        ticket: Option<&str>,
    ) -> Result<Option<Identity>, ApiProblem> {
        if let Some(ticket) = ticket {
            return Ok(Some(self.redeem(ticket).await?));
        }
        if !request.headers().contains_key(AUTHORIZATION) {
            return Ok(None);
        }
        let Bearer(token) = Bearer::of(request).ok_or_else(|| {
            ApiProblem::new(ProblemCode::TokenInvalid)
                .detail("send `Authorization: Bearer <access token>`")
        })?;
        Ok(Some(self.authenticator.verify(&token).await?))
    }

    /// Takes a ticket. Nobody can take it again.
    async fn redeem(&self, ticket: &str) -> Result<Identity, Unproven> {
        if ticket.is_empty() || ticket.len() > TICKET_CHARS_MAX {
            return Err(Unproven::Ticket);
        }
        let key = keys::ws_ticket(&digest(ticket));
        let kept: Option<String> = self.bus.query(redis::cmd("GETDEL").arg(&key)).await?;
        let text = kept.ok_or(Unproven::Ticket)?;
        let identity: Identity = serde_json::from_str(&text)
            .map_err(|source| Unproven::Bus(BusError::Document { key, source }))?;
        let now: Timestamp = self.bus.clock().now();
        if identity.expires_at <= now {
            return Err(Unproven::Expired);
        }
        if self
            .authenticator
            .revocations()
            .covering(&identity)
            .is_some()
        {
            return Err(Unproven::Revoked);
        }
        Ok(identity)
    }
}

/// The name under which a secret is kept: whoever reads Redis does not learn it.
pub(crate) fn digest(ticket: &str) -> String {
    Sha256::digest(ticket)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
