use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use serde::Deserialize;
use sm_common::clock::{SharedClock, Timestamp};

/// What every key starts with, so that it is told from a token, and found where it has leaked.
pub const KEY_PREFIX: &str = "smk_";
/// Longest key that is looked at.
const KEY_CHARS_MAX: usize = 64;
/// Keys that are remembered, good and bad.
const REMEMBERED_MAX: usize = 1024;
/// For how long a key stays refused without being asked for again.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// Longest time that an exchange may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long before the end of a token the next one is asked for.
const MARGIN: Duration = Duration::from_secs(30);

/// A token that a key was exchanged for.
#[derive(Clone, Debug)]
pub struct KeyToken {
    /// The access token.
    pub token: String,
    /// For how long it is valid.
    pub lifetime: Duration,
}

/// Exchanges a key: `None` when it is none, the reason when that cannot be known now.
pub type Exchange = Arc<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Option<KeyToken>, String>> + Send>>
        + Send
        + Sync,
>;

/// Keys and what they were exchanged for: each is asked for once in the life of a token, and its
/// token is verified like any other.
pub(super) struct Keys {
    exchange: Exchange,
    known: Cache<String, Known>,
    clock: SharedClock,
}

#[derive(Clone)]
struct Known {
    /// `None` for a key that was refused.
    token: Option<String>,
    until: Timestamp,
}

/// The answer of `POST /api/auth/token`.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
}

impl Keys {
    pub(super) fn new(exchange: Exchange, clock: SharedClock) -> Self {
        Self {
            exchange,
            known: Cache::new(REMEMBERED_MAX),
            clock,
        }
    }

    /// The token of a key; `None` when it is no key of ours, or it was taken back.
    pub(super) async fn token(&self, key: &str) -> Result<Option<String>, String> {
        if key.len() > KEY_CHARS_MAX {
            return Ok(None);
        }
        let now = self.clock.now();
        if let Some(known) = self.known.get(key).filter(|known| known.until > now) {
            return Ok(known.token);
        }
        let known = match (self.exchange)(key.to_owned()).await? {
            Some(KeyToken { token, lifetime }) => Known {
                token: Some(token),
                until: now.plus(lifetime.saturating_sub(MARGIN)),
            },
            None => Known {
                token: None,
                until: now.plus(REFUSED_FOR),
            },
        };
        self.known.insert(key.to_owned(), known.clone());
        Ok(known.token)
    }
}

/// Exchanges keys at the issuer whose public keys are at `jwks_url`.
pub(super) fn at_issuer(jwks_url: &str, client: reqwest::Client) -> Exchange {
    let url = url::Url::parse(jwks_url)
        .and_then(|url| url.join("/api/auth/token"))
        .map_err(|error| error.to_string());
    Arc::new(move |key| {
        let (url, client) = (url.clone(), client.clone());
        Box::pin(async move {
            let request = client.post(url?).bearer_auth(key).timeout(TIMEOUT);
            let answer = request.send().await.map_err(|error| error.to_string())?;
            if answer.status() == reqwest::StatusCode::UNAUTHORIZED {
                return Ok(None);
            }
            let answer = answer
                .error_for_status()
                .map_err(|error| error.to_string())?;
            let TokenAnswer {
                access_token,
                expires_in,
            } = answer.json().await.map_err(|error| error.to_string())?;
            Ok(Some(KeyToken {
                token: access_token,
                lifetime: Duration::from_secs(expires_in),
            }))
        })
    })
}
