//! Passwords: hashed with argon2id, on threads of their own, a few at a time.

mod policy;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::config::PasswordsConfig;
use crate::metrics::Metrics;
use crate::secret::{NoRandomness, random_text};

pub(crate) use policy::{PasswordPolicy, PolicyError};

/// A salted argon2id hash in the PHC string format.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(hidden)")
    }
}

/// A password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    /// As many requests as may wait are waiting.
    #[error("too many passwords are being checked")]
    Busy,
    #[error("the settings in [passwords] are not possible: {0}")]
    Settings(argon2::Error),
    #[error("the password cannot be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    #[error("the stored hash cannot be read: {0}")]
    Stored(argon2::password_hash::Error),
    #[error("the thread that hashes ended")]
    Thread(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Hashes and compares passwords. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passwords {
    shared: Arc<Shared>,
}

struct Shared {
    argon2: Argon2<'static>,
    /// One permit for each hash that is being computed.
    running: Semaphore,
    /// One permit for each request that computes or waits.
    admitted: Semaphore,
    /// Of a password that nobody knows: compared where there is no such person.
    nobody: PasswordHash,
    policy: PasswordPolicy,
    metrics: Metrics,
}

impl Passwords {
    /// Computes the hash that stands for nobody, so it takes as long as one comparison.
    pub(crate) fn new(config: &PasswordsConfig, metrics: Metrics) -> Result<Self, PasswordError> {
        let params = Params::new(config.memory_kib, config.iterations, config.lanes, None)
            .map_err(PasswordError::Settings)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let unknown = SecretString::from(random_text::<32>()?);
        let nobody = hash(&argon2, &unknown)?;
        let running = config.concurrent_max.max(1);
        Ok(Self {
            shared: Arc::new(Shared {
                argon2,
                running: Semaphore::new(running),
                admitted: Semaphore::new(running.saturating_add(config.waiting_max)),
                nobody,
                policy: PasswordPolicy::open(config)?,
                metrics,
            }),
        })
    }

    /// Which passwords may be chosen.
    pub(crate) fn policy(&self) -> &PasswordPolicy {
        &self.shared.policy
    }

    /// The hash of a password that nobody knows, for a person who is to choose one.
    pub(crate) fn unknown(&self) -> PasswordHash {
        self.shared.nobody.clone()
    }

    /// The hash of a new password.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<PasswordHash, PasswordError> {
        self.compute(move |argon2| hash(argon2, &password)).await
    }

    /// Whether `password` is the one that was hashed. Without a hash it takes as long, and says
    /// no, so that the time tells nobody which names exist.
    pub(crate) async fn matches(
        &self,
        password: SecretString,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, PasswordError> {
        let known = stored.is_some();
        let PasswordHash(stored) = stored.unwrap_or(&self.shared.nobody).clone();
        self.compute(move |argon2| {
            match argon2.verify_password(password.expose_secret().as_bytes(), stored.as_str()) {
                Ok(()) => Ok(known),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(PasswordError::Stored(error)),
            }
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let Shared {
            running,
            admitted,
            metrics,
            ..
        } = &*self.shared;
        let _admitted = admitted
            .try_acquire()
            .map_err(|_full_or_closed| PasswordError::Busy)?;
        let _pending = metrics.password_pending();
        let _running = running
            .acquire()
            .await
            .map_err(|_never_closed| PasswordError::Busy)?;
        let shared = Arc::clone(&self.shared);
        let start = Instant::now();
        let outcome = tokio::task::spawn_blocking(move || work(&shared.argon2)).await?;
        metrics.password_hashed(start.elapsed());
        outcome
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

fn hash(argon2: &Argon2<'_>, password: &SecretString) -> Result<PasswordHash, PasswordError> {
    argon2
        .hash_password(password.expose_secret().as_bytes())
        .map(|hash| PasswordHash(hash.to_string()))
        .map_err(PasswordError::Hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(concurrent_max: usize, waiting_max: usize) -> Passwords {
        let config = PasswordsConfig {
            chars_min: 8,
            chars_max: 256,
            breached_file: std::path::PathBuf::new(),
            memory_kib: 64,
            iterations: 1,
            lanes: 1,
            concurrent_max,
            waiting_max,
        };
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        Passwords::new(&config, metrics).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let passwords = passwords(1, 1);
        let hash = passwords.hash("open sesame".into()).await.unwrap();
        let matches = |text: &str| passwords.matches(text.into(), Some(&hash));
        assert!(matches("open sesame").await.unwrap());
        assert!(!matches("open sesamE").await.unwrap());
        assert!(!matches("").await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_a_password() {
        let passwords = passwords(1, 1);
        assert!(!passwords.matches("anything".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused() {
        let passwords = passwords(1, 1);
        let held = passwords.shared.running.acquire().await.unwrap();
        let waiting = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.hash("first".into()).await }
        });
        let also = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.hash("second".into()).await }
        });
        while passwords.shared.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.hash("third".into()).await;
        assert!(matches!(refused, Err(PasswordError::Busy)));
        drop(held);
        assert!(waiting.await.unwrap().is_ok());
        assert!(also.await.unwrap().is_ok());
    }
}
