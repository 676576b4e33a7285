use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use sm_common::auth::{Claims, KeySet, Role};
use sm_common::clock::{Clock as _, SystemClock};
use sm_common::id::{SessionId, UserId};
use sm_service_kit::auth::KeySource;

use crate::Forger;

/// Mints tokens that a service under test believes.
pub struct Issuer {
    key: EncodingKey,
    pkcs8: Vec<u8>,
    jwks: JwkSet,
    users: [UserId; 5],
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}

impl Issuer {
    /// The issuer and audience that tokens name unless said otherwise.
    pub const NAME: &'static str = "stream-manager";

    /// An issuer with a fresh key.
    pub fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let jwks = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "test",
            "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        }]});
        Self {
            key: EncodingKey::from_ed_der(pkcs8.as_ref()),
            pkcs8: pkcs8.as_ref().to_vec(),
            jwks: serde_json::from_value(jwks).unwrap(),
            users: std::array::from_fn(|_| UserId::generate()),
        }
    }

    /// Somebody who makes tokens like this issuer's that nobody may believe.
    pub fn forger(&self) -> Forger {
        Forger::new(&self.pkcs8, "test")
    }

    /// The public keys, for a service under test.
    pub fn key_source(&self) -> KeySource {
        KeySource::Local(KeySet::from_jwks(&self.jwks).unwrap())
    }

    /// The public keys as a JSON Web Key Set.
    pub fn jwks(&self) -> &JwkSet {
        &self.jwks
    }

    /// A valid token for the one user of this issuer with this role.
    pub fn token(&self, role: Role) -> String {
        self.token_for(role, Duration::from_mins(10))
    }

    /// A token that is valid for `lifetime` from now.
    pub fn token_for(&self, role: Role, lifetime: Duration) -> String {
        let now = SystemClock.now().as_unix_seconds();
        self.sign(&self.claims(role, now, now + i64::try_from(lifetime.as_secs()).unwrap()))
    }

    /// A token whose time was over long ago.
    pub fn expired_token(&self, role: Role) -> String {
        let now = SystemClock.now().as_unix_seconds();
        self.sign(&self.claims(role, now - 7200, now - 3600))
    }

    /// The user that tokens of this role name.
    pub fn user(&self, role: Role) -> UserId {
        let index = Role::ALL.iter().position(|known| *known == role).unwrap();
        *self.users.get(index).unwrap()
    }

    /// Claims as this issuer writes them.
    pub fn claims(&self, role: Role, issued_at: i64, expires_at: i64) -> Claims {
        Claims {
            iss: Self::NAME.to_owned(),
            aud: Self::NAME.to_owned(),
            sub: self.user(role),
            name: role.as_str().to_owned(),
            role,
            sid: SessionId::generate(),
            standing: 0,
            scopes: None,
            jti: uuid::Uuid::new_v4().to_string(),
            iat: issued_at,
            nbf: issued_at,
            exp: expires_at,
        }
    }

    /// Signs claims.
    pub fn sign(&self, claims: &Claims) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some("test".to_owned());
        encode(&header, claims, &self.key).unwrap()
    }
}
