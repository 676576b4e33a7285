use std::collections::BTreeMap;
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::{Claims, Identity};
use crate::clock::Timestamp;

/// Keys in a set at most; two suffice for a rotation.
const KEYS_MAX: usize = 16;
/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;
/// The token type of RFC 9068.
const TOKEN_TYPE: &str = "at+jwt";

/// Why a key set was refused.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// Over [`KEYS_MAX`].
    #[error("the key set holds more than {KEYS_MAX} keys")]
    TooMany,
    /// No Ed25519 key with an identifier.
    #[error("the key set holds no Ed25519 key with a kid")]
    Empty,
    /// A key could not be read.
    #[error("key {kid} cannot be read")]
    Key {
        /// The key.
        kid: String,
        /// Why.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
}

/// The public keys that tokens are verified with, by exact `kid`.
#[derive(Clone, Default)]
pub struct KeySet(BTreeMap<String, DecodingKey>);

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl KeySet {
    /// Takes the Ed25519 keys of a JSON Web Key Set; other kinds are passed over.
    pub fn from_jwks(jwks: &JwkSet) -> Result<Self, KeySetError> {
        if jwks.keys.len() > KEYS_MAX {
            return Err(KeySetError::TooMany);
        }
        let mut keys = BTreeMap::new();
        for jwk in &jwks.keys {
            let (Some(kid), AlgorithmParameters::OctetKeyPair(pair)) =
                (jwk.common.key_id.clone(), &jwk.algorithm)
            else {
                continue;
            };
            if pair.curve != EllipticCurve::Ed25519 {
                continue;
            }
            let key = DecodingKey::from_jwk(jwk).map_err(|source| KeySetError::Key {
                kid: kid.clone(),
                source,
            })?;
            keys.insert(kid, key);
        }
        if keys.is_empty() {
            Err(KeySetError::Empty)
        } else {
            Ok(Self(keys))
        }
    }

    /// Whether the set holds this key.
    pub fn contains(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
    }
}

/// Why a token proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not three base64url parts of JSON, or over-long.
    #[error("the token is not a JSON Web Token")]
    Malformed,
    /// Another algorithm or type than ours.
    #[error("the token is not an EdDSA access token")]
    Unsupported,
    /// Signed with a key we do not know; the caller may refetch the key set and try once more.
    #[error("the token is signed with an unknown key")]
    UnknownKey {
        /// The unknown key.
        kid: String,
    },
    /// The signature or a claim's form is wrong, or issuer or audience is another.
    #[error("the token is not valid here")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
}

/// Verifies access tokens: a pure computation over a key set and a moment.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuer: String,
    audience: String,
    leeway: Duration,
}

impl Verifier {
    /// A verifier for tokens of this issuer and audience. `leeway` forgives clocks that differ.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, leeway: Duration) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            leeway,
        }
    }

    /// Proves who presents `token` at the moment `now`.
    pub fn verify(
        &self,
        keys: &KeySet,
        token: &str,
        now: Timestamp,
    ) -> Result<Identity, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let header = decode_header(token).map_err(|_unreadable| TokenError::Malformed)?;
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(TokenError::Unsupported);
        }
        let kid = header.kid.ok_or(TokenError::Malformed)?;
        let key = keys.0.get(&kid).ok_or(TokenError::UnknownKey { kid })?;

        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The two moments are checked below, against the given clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = decode::<Claims>(token, key, &validation)
            .map_err(TokenError::Invalid)?
            .claims;

        let leeway = i64::try_from(self.leeway.as_secs()).unwrap_or(0);
        let seconds = now.as_unix_seconds();
        if seconds >= claims.exp.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        if seconds < claims.nbf.saturating_sub(leeway) {
            return Err(TokenError::NotYetValid);
        }
        Ok(claims.into())
    }
}
