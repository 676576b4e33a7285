use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Permission, Role};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};

/// The claims of an access token (RFC 9068, `typ` is `at+jwt`). All but `standing` and
/// `scopes` are required.
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
    /// What a key lets a machine do, in place of what its role does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Permission>>,
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
    /// What a key lets a machine do; absent for people, whose role says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Permission>>,
    /// When the proof ends.
    pub expires_at: Timestamp,
}

impl Identity {
    /// Whether this caller may do something: by the scopes of a key, else by the role.
    pub fn may(&self, permission: Permission) -> bool {
        match &self.scopes {
            Some(scopes) => scopes.contains(&permission),
            None => permission.allows(self.role),
        }
    }
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
            scopes,
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
            scopes,
            expires_at: Timestamp::from_unix_millis(exp.saturating_mul(1000)),
        }
    }
}
