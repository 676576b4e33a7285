use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm,
    OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use sm_common::auth::{Claims, KeySet, KeySetError};

use crate::config::SigningConfig;

/// The token type of RFC 9068.
const TOKEN_TYPE: &str = "at+jwt";

/// The signing keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    /// There is no default key: everybody would know it.
    #[error("signing.key_file is not set; `openssl genpkey -algorithm ed25519` makes a key")]
    NotConfigured,
    #[error("the signing key {path} cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is not an Ed25519 private key in PKCS#8, PEM")]
    Form {
        path: PathBuf,
        #[source]
        source: jsonwebtoken::errors::Error,
    },
    #[error("{path} is not an Ed25519 private key: {reason}")]
    Rejected { path: PathBuf, reason: String },
    #[error("the public keys cannot be published")]
    Publish(#[from] KeySetError),
}

/// The key that tokens are signed with, and the public keys that verify them: two of them while
/// one replaces the other.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    key: EncodingKey,
    header: Header,
    jwks: JwkSet,
}

impl SigningKeys {
    /// Reads the configured files.
    pub(crate) fn read(config: &SigningConfig) -> Result<Self, SigningError> {
        if config.key_file.as_os_str().is_empty() {
            return Err(SigningError::NotConfigured);
        }
        let (key, public) = read_key(&config.key_file)?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid.clone_from(&public.common.key_id);
        let mut jwks = JwkSet { keys: vec![public] };
        if !config.previous_key_file.as_os_str().is_empty() {
            let (_private, previous) = read_key(&config.previous_key_file)?;
            if !jwks.keys.contains(&previous) {
                jwks.keys.push(previous);
            }
        }
        Ok(Self { key, header, jwks })
    }

    /// The public keys, as they are published.
    pub(crate) const fn jwks(&self) -> &JwkSet {
        &self.jwks
    }

    /// The public keys, as this process verifies with them.
    pub(crate) fn key_set(&self) -> Result<KeySet, SigningError> {
        Ok(KeySet::from_jwks(&self.jwks)?)
    }

    /// The signed token of these claims.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        encode(&self.header, claims, &self.key)
    }
}

/// A private key and its public half, named by its thumbprint (RFC 7638).
fn read_key(path: &Path) -> Result<(EncodingKey, Jwk), SigningError> {
    let form = |source| SigningError::Form {
        path: path.to_owned(),
        source,
    };
    let pem = std::fs::read(path).map_err(|source| SigningError::Read {
        path: path.to_owned(),
        source,
    })?;
    let key = EncodingKey::from_ed_pem(&pem).map_err(form)?;
    let pair =
        Ed25519KeyPair::from_pkcs8(key.as_bytes()).map_err(|reason| SigningError::Rejected {
            path: path.to_owned(),
            reason: reason.to_string(),
        })?;
    let mut public = Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::EdDSA),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(pair.public_key()),
        }),
    };
    let thumbprint = public.thumbprint(ThumbprintHash::SHA256).map_err(form)?;
    public.common.key_id = Some(thumbprint);
    Ok((key, public))
}
