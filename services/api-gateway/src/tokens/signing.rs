use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm,
    OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use sm_common::auth::{Claims, KeySet, KeySetError};
use sm_common::clock::{SharedClock, Timestamp};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::ring::{self, Handover};
use crate::config::SigningConfig;

/// The token type of RFC 9068.
const TOKEN_TYPE: &str = "at+jwt";
/// Largest clock difference that a verifier forgives.
const LEEWAY_MAX: Duration = Duration::from_secs(30);

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
/// one replaces the other. A key that is added to the folder takes over while everything runs.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    config: SigningConfig,
    clock: SharedClock,
    ring: ArcSwap<Ring>,
}

/// The keys of one moment.
struct Ring {
    key: EncodingKey,
    header: Header,
    jwks: JwkSet,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("signs", &self.header.kid)
            .finish_non_exhaustive()
    }
}

impl SigningKeys {
    /// Reads the configured files.
    pub(crate) fn read(config: &SigningConfig, clock: SharedClock) -> Result<Self, SigningError> {
        let ring = Ring::read(config, clock.now())?;
        Ok(Self {
            config: config.clone(),
            clock,
            ring: ArcSwap::from_pointee(ring),
        })
    }

    /// The public keys, as they are published.
    pub(crate) fn jwks(&self) -> JwkSet {
        self.ring.load().jwks.clone()
    }

    /// The public keys, as this process verifies with them.
    pub(crate) fn key_set(&self) -> Result<KeySet, SigningError> {
        Ok(KeySet::from_jwks(&self.ring.load().jwks)?)
    }

    /// The signed token of these claims.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let ring = self.ring.load();
        encode(&ring.header, claims, &ring.key)
    }

    /// Looks for new keys until `stop`. `changed` is told before any of them signs.
    pub(crate) async fn keep_current(
        self: Arc<Self>,
        changed: impl Fn(KeySet) + Send,
        stop: CancellationToken,
    ) {
        if self.config.directory.as_os_str().is_empty() {
            return;
        }
        while !stop.is_cancelled() {
            if let Err(error) = self.reload(&changed) {
                tracing::warn!(%error, "signing keys not read; the known ones stay");
            }
            tokio::select! {
                () = tokio::time::sleep(self.config.reload()) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn reload(&self, changed: &impl Fn(KeySet)) -> Result<(), SigningError> {
        let next = Ring::read(&self.config, self.clock.now())?;
        let known = self.ring.load();
        if next.header.kid == known.header.kid && next.jwks == known.jwks {
            return Ok(());
        }
        tracing::info!(
            key.id = next.header.kid,
            keys = next.jwks.keys.len(),
            "signing keys have changed"
        );
        changed(KeySet::from_jwks(&next.jwks)?);
        self.ring.store(Arc::new(next));
        Ok(())
    }
}

/// A key and since when it is there.
struct Dated {
    key: EncodingKey,
    public: Jwk,
    since: Timestamp,
}

impl Ring {
    fn read(config: &SigningConfig, now: Timestamp) -> Result<Self, SigningError> {
        let mut keys = Vec::new();
        if !config.key_file.as_os_str().is_empty() {
            let (key, public) = read_key(&config.key_file)?;
            // Older than any in the folder, whose keys take over from it.
            let since = Timestamp::from_unix_millis(0);
            keys.push(Dated { key, public, since });
        }
        keys.extend(read_directory(&config.directory)?);
        keys.sort_by_key(|dated| dated.since);
        let since: Vec<Timestamp> = keys.iter().map(|dated| dated.since).collect();
        let handover = Handover {
            publish: config.publish(),
            token_life: config.access_lifetime() + LEEWAY_MAX,
        };
        let choice = ring::choose(&since, handover, now).ok_or(SigningError::NotConfigured)?;
        let mut published: Vec<Jwk> = Vec::new();
        for index in choice.published {
            published.extend(keys.get(index).map(|dated| dated.public.clone()));
        }
        if !config.previous_key_file.as_os_str().is_empty() {
            let (_private, previous) = read_key(&config.previous_key_file)?;
            if !published.contains(&previous) {
                published.push(previous);
            }
        }
        let signs = keys.into_iter().nth(choice.signs);
        let Dated { key, public, .. } = signs.ok_or(SigningError::NotConfigured)?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid.clone_from(&public.common.key_id);
        Ok(Self {
            key,
            header,
            jwks: JwkSet { keys: published },
        })
    }
}

/// The keys of a folder; none where none is configured.
fn read_directory(directory: &Path) -> Result<Vec<Dated>, SigningError> {
    if directory.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let failed = |source| SigningError::Read {
        path: directory.to_owned(),
        source,
    };
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "pem") {
            continue;
        }
        let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
        let written = written.map_err(|source| SigningError::Read {
            path: path.clone(),
            source,
        })?;
        let (key, public) = read_key(&path)?;
        let since = Timestamp::from(OffsetDateTime::from(written));
        keys.push(Dated { key, public, since });
    }
    Ok(keys)
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
