use std::sync::Arc;
use std::time::Duration;

use sm_common::auth::{Claims, Role};
use sm_common::clock::SharedClock;
use sm_common::id::{SessionId, UserId};
use uuid::Uuid;

use super::SigningKeys;
use crate::machine_keys::MachineKey;

/// Whom an access token is for.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) session: SessionId,
    pub(crate) standing: u64,
}

/// A signed access token.
pub(crate) struct AccessToken {
    pub(crate) text: String,
    pub(crate) lifetime: Duration,
}

/// Issues access tokens.
#[derive(Clone, Debug)]
pub(crate) struct AccessTokens {
    pub(crate) keys: Arc<SigningKeys>,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) lifetime: Duration,
    pub(crate) clock: SharedClock,
}

impl AccessTokens {
    /// A token for a machine's key: good for its scopes alone, and not for longer than the key.
    pub(crate) fn issue_for_key(
        &self,
        key: &MachineKey,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        let now = self.clock.now();
        let lifetime = self.lifetime.min(key.expires_at.since(now));
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: key.id,
            name: key.name.to_string(),
            role: Role::Service,
            sid: SessionId::from_uuid(*key.id.as_uuid()),
            standing: 0,
            scopes: Some(key.scopes.clone()),
            jti: Uuid::new_v4().to_string(),
            iat: now.as_unix_seconds(),
            nbf: now.as_unix_seconds(),
            exp: now.plus(lifetime).as_unix_seconds(),
        };
        Ok(AccessToken {
            text: self.keys.sign(&claims)?,
            lifetime,
        })
    }

    /// A token for `subject`, valid from now on.
    pub(crate) fn issue(
        &self,
        subject: Subject,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        let now = self.clock.now();
        let Subject {
            user,
            name,
            role,
            session,
            standing,
        } = subject;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user,
            name,
            role,
            sid: session,
            standing,
            scopes: None,
            jti: Uuid::new_v4().to_string(),
            iat: now.as_unix_seconds(),
            nbf: now.as_unix_seconds(),
            exp: now.plus(self.lifetime).as_unix_seconds(),
        };
        Ok(AccessToken {
            text: self.keys.sign(&claims)?,
            lifetime: self.lifetime,
        })
    }
}
