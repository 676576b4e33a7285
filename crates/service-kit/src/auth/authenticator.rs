use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jsonwebtoken::jwk::JwkSet;
use quick_cache::sync::Cache;
use sm_common::auth::{Identity, KeySet, Revoked, TokenError, Verifier};
use sm_common::clock::SharedClock;
use sm_common::problem::ProblemCode;

use super::Revocations;
use super::exchange::{Exchange, KEY_PREFIX, Keys, at_issuer};
use crate::config::AuthConfig;
use crate::problem::ApiProblem;

/// Shortest distance between two reads of the public keys that an unknown key causes.
const UNKNOWN_KEY_REFETCH: Duration = Duration::from_secs(5);
/// Longest time that a read of the public keys may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// Wait before the first keys are asked for again.
const FIRST_KEYS_RETRY: Duration = Duration::from_millis(300);

/// Verified tokens that are remembered.
const REMEMBERED_MAX: usize = 4096;

/// Where public keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// The issuer's own keys.
    Local(KeySet),
    /// Another service's JSON Web Key Set.
    Url(String),
}

/// Why a caller was not recognised.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The public keys have not been read yet.
    #[error("the public keys have not been read yet")]
    NoKeys,
    /// The token proves nothing.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It is no key, or it was taken back.
    #[error("the key is unknown, too old, or was taken back")]
    Key,
    /// The key cannot be exchanged for a token now.
    #[error("the key cannot be exchanged for a token: {0}")]
    Exchange(String),
    /// What it proves is over.
    #[error("what the token proves is over: {0:?}")]
    Revoked(Revoked),
}

impl From<AuthError> for ApiProblem {
    fn from(error: AuthError) -> Self {
        let code = match &error {
            AuthError::NoKeys | AuthError::Exchange(_) => return Self::unavailable(error),
            AuthError::Key => {
                return Self::new(ProblemCode::TokenInvalid)
                    .detail("the key is unknown, too old, or was taken back");
            }
            AuthError::Revoked(_) => ProblemCode::TokenRevoked,
            AuthError::Token(TokenError::Expired) => ProblemCode::TokenExpired,
            AuthError::Token(
                TokenError::Malformed
                | TokenError::Unsupported
                | TokenError::UnknownKey { .. }
                | TokenError::Invalid(_)
                | TokenError::NotYetValid,
            ) => ProblemCode::TokenInvalid,
        };
        Self::new(code)
            .detail("sign in again, or refresh the token")
            .cause(error)
    }
}

/// Verifies access tokens against a cached key set.
#[derive(Clone)]
pub struct Authenticator {
    shared: Arc<Shared>,
}

struct Shared {
    verifier: Verifier,
    keys: ArcSwapOption<KeySet>,
    /// Tokens whose signature was good under the present keys. Their time is checked every time.
    remembered: Cache<String, Identity>,
    revocations: Revocations,
    keys_of_machines: ArcSwapOption<Keys>,
    leeway: Duration,
    url: Option<String>,
    client: reqwest::Client,
    clock: SharedClock,
    fetched_at_ms: AtomicI64,
    public_view: bool,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator")
            .field("url", &self.shared.url)
            .finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Verifies tokens of the configured issuer and audience with keys from `source`.
    pub fn new(config: &AuthConfig, source: KeySource, clock: SharedClock) -> Self {
        let leeway = Duration::from_secs(config.leeway_s.min(30));
        let client = reqwest::Client::new();
        let exchanged = match &source {
            KeySource::Local(_) => None,
            KeySource::Url(url) => {
                let exchange = at_issuer(url, client.clone());
                Some(Arc::new(Keys::new(exchange, Arc::clone(&clock))))
            }
        };
        let (keys, url) = match source {
            KeySource::Local(keys) => (Some(Arc::new(keys)), None),
            KeySource::Url(url) => (None, Some(url)),
        };
        Self {
            shared: Arc::new(Shared {
                verifier: Verifier::new(&config.issuer, &config.audience, leeway),
                keys: ArcSwapOption::from(keys),
                remembered: Cache::new(REMEMBERED_MAX),
                revocations: Revocations::default(),
                keys_of_machines: ArcSwapOption::from(exchanged),
                leeway,
                url,
                client,
                clock,
                fetched_at_ms: AtomicI64::new(0),
                public_view: config.public_view,
            }),
        }
    }

    /// Whether anybody may watch and read the stream's state.
    pub fn public_view(&self) -> bool {
        self.shared.public_view
    }

    /// What was proven and holds no more.
    pub fn revocations(&self) -> &Revocations {
        &self.shared.revocations
    }

    /// Exchanges the keys of machines here, for the issuer, who need not ask anybody.
    pub fn exchange_keys(&self, exchange: Exchange) {
        let keys = Keys::new(exchange, Arc::clone(&self.shared.clock));
        self.shared.keys_of_machines.store(Some(Arc::new(keys)));
    }

    /// Whether tokens can be verified at all.
    pub fn has_keys(&self) -> bool {
        self.shared.keys.load().is_some()
    }

    /// Replaces the issuer's own keys.
    pub fn set_keys(&self, keys: KeySet) {
        self.shared.keys.store(Some(Arc::new(keys)));
        self.shared.remembered.clear();
    }

    /// Proves who presents `token`, which may be a machine's key. A token with an unknown key makes the keys be read again, at
    /// most once every few seconds.
    pub async fn verify(&self, token: &str) -> Result<Identity, AuthError> {
        let identity = if token.starts_with(KEY_PREFIX) {
            let token = self.token_of(token).await?;
            self.verify_signature(&token).await?
        } else {
            self.verify_signature(token).await?
        };
        match self.shared.revocations.covering(&identity) {
            Some(revoked) => Err(AuthError::Revoked(revoked)),
            None => Ok(identity),
        }
    }

    /// The token that a machine's key stands for.
    async fn token_of(&self, key: &str) -> Result<String, AuthError> {
        let keys = self.shared.keys_of_machines.load_full();
        let keys = keys.ok_or(AuthError::Key)?;
        let token = keys.token(key).await.map_err(AuthError::Exchange)?;
        token.ok_or(AuthError::Key)
    }

    async fn verify_signature(&self, token: &str) -> Result<Identity, AuthError> {
        match self.verify_with_known_keys(token) {
            Err(AuthError::Token(TokenError::UnknownKey { .. }) | AuthError::NoKeys)
                if self.may_refetch() =>
            {
                self.fetch().await;
                self.verify_with_known_keys(token)
            }
            verdict => verdict,
        }
    }

    fn verify_with_known_keys(&self, token: &str) -> Result<Identity, AuthError> {
        let now = self.shared.clock.now();
        if let Some(identity) = self.shared.remembered.get(token) {
            if now < identity.expires_at.plus(self.shared.leeway) {
                return Ok(identity);
            }
            self.shared.remembered.remove(token);
        }
        let keys = self.shared.keys.load_full().ok_or(AuthError::NoKeys)?;
        let identity = self.shared.verifier.verify(&keys, token, now)?;
        self.shared
            .remembered
            .insert(token.to_owned(), identity.clone());
        Ok(identity)
    }

    fn may_refetch(&self) -> bool {
        let now = self.shared.clock.now().as_unix_millis();
        let before = self.shared.fetched_at_ms.load(Ordering::Relaxed);
        let wait = i64::try_from(UNKNOWN_KEY_REFETCH.as_millis()).unwrap_or(i64::MAX);
        self.shared.url.is_some()
            && now.saturating_sub(before) >= wait
            && self
                .shared
                .fetched_at_ms
                .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Keeps the keys current until `stop`.
    pub async fn keep_current(self, every: Duration, stop: tokio_util::sync::CancellationToken) {
        while !stop.is_cancelled() {
            self.fetch().await;
            let wait = if self.has_keys() {
                every
            } else {
                FIRST_KEYS_RETRY
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn fetch(&self) {
        let Some(url) = &self.shared.url else { return };
        match fetch_keys(&self.shared.client, url).await {
            Ok(keys) => self.set_keys(keys),
            Err(error) if self.has_keys() => {
                tracing::warn!(%error, url, "public keys not read; the known ones stay");
            }
            Err(error) => tracing::debug!(%error, url, "public keys not read yet"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchKeysError {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("the answer is not a usable key set")]
    KeySet(#[from] sm_common::auth::KeySetError),
}

async fn fetch_keys(client: &reqwest::Client, url: &str) -> Result<KeySet, FetchKeysError> {
    let answer = client
        .get(url)
        .timeout(FETCH_TIMEOUT)
        .send()
        .await?
        .error_for_status()?;
    let jwks: JwkSet = answer.json().await?;
    Ok(KeySet::from_jwks(&jwks)?)
}
