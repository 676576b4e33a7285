use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Role;
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};

/// The claims of an access token (RFC 9068, `typ` is `at+jwt`). All but `standing` are required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// The user.
    pub sub: UserId,
    /// The user's name, for display and chat.
    pub name: String,
    /// The user's role.
    pub role: Role,
    /// The sign-in this token descends from.
    pub sid: SessionId,
    /// The person's standing when it was issued; raised when what the person may do changes.
    #[serde(default)]
    pub standing: u64,
    /// This token.
    pub jti: String,
    /// Issued at, seconds since the Unix epoch.
    pub iat: i64,
    /// Not valid before, seconds since the Unix epoch.
    pub nbf: i64,
    /// Not valid from this moment on, seconds since the Unix epoch.
    pub exp: i64,
}

/// A proven caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub name: String,
    /// The user's role.
    pub role: Role,
    /// The sign-in.
    pub session: SessionId,
    /// The person's standing when this was proven, see [`Revoked::Standing`](super::Revoked).
    #[serde(default)]
    pub standing: u64,
    /// When the proof ends.
    pub expires_at: Timestamp,
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Self {
        let Claims {
            iss: _,
            aud: _,
            sub,
            name,
            role,
            sid,
            standing,
            jti: _,
            iat: _,
            nbf: _,
            exp,
        } = claims;
        Self {
            user: sub,
            name,
            role,
            session: sid,
            standing,
            expires_at: Timestamp::from_unix_millis(exp.saturating_mul(1000)),
        }
    }
}
