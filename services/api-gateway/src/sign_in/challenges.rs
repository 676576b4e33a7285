use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use sm_bus::redis::{self, Script};
use sm_bus::{Bus, BusError, keys};
use sm_common::id::UserId;

use crate::config::SecondFactorConfig;
use crate::second_factor::TotpSecret;
use crate::secret::{NoRandomness, digest, random_text};
use crate::users::{Person, Username};

static TRY: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/try_challenge.lua")));

/// Longest challenge that is looked at.
const CHALLENGE_CHARS_MAX: usize = 64;

/// Somebody whose password was right, and whose second factor is awaited.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Awaited {
    pub(super) user: UserId,
    pub(super) name: Username,
    /// The person's sign-ins when it was given out: a new password ends challenges too.
    pub(super) generation: u64,
    /// The secret to enrol, where the person must and has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) draft: Option<TotpSecret>,
}

/// Challenges in Redis, by their digests.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    bus: Bus,
    config: SecondFactorConfig,
}

/// A challenge of which an answer has been counted.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) awaited: Awaited,
    key: String,
}

/// No challenge was given out.
#[derive(Debug, thiserror::Error)]
pub(super) enum IssueError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl Challenges {
    pub(crate) const fn new(bus: Bus, config: SecondFactorConfig) -> Self {
        Self { bus, config }
    }

    /// Seconds for which a challenge can be answered.
    pub(super) const fn lifetime_s(&self) -> u64 {
        self.config.challenge_s
    }

    /// A challenge for `person`.
    pub(super) async fn issue(
        &self,
        person: &Person,
        draft: Option<TotpSecret>,
    ) -> Result<String, IssueError> {
        let text = random_text::<32>()?;
        let awaited = Awaited {
            user: person.id,
            name: person.name.clone(),
            generation: person.generation,
            draft,
        };
        let key = keys::sign_in_challenge(&digest(&text));
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("HSET")
            .arg(&key)
            .arg("doc")
            .arg(serde_json::to_string(&awaited).map_err(BusError::Encode)?)
            .ignore()
            .cmd("EXPIRE")
            .arg(&key)
            .arg(self.config.challenge_s.max(1))
            .ignore();
        let () = self.bus.pipeline(&pipeline).await?;
        Ok(text)
    }

    /// Counts an answer. `None` when the challenge is unknown, too old, or was answered too often.
    pub(super) async fn attempt(&self, challenge: &str) -> Result<Option<Tried>, BusError> {
        if challenge.is_empty() || challenge.len() > CHALLENGE_CHARS_MAX {
            return Ok(None);
        }
        let key = keys::sign_in_challenge(&digest(challenge));
        let mut script = TRY.prepare_invoke();
        script.key(&key).arg(self.config.attempts_max.max(1));
        let document: Option<String> = self.bus.script(&script).await?;
        let Some(text) = document else {
            return Ok(None);
        };
        match serde_json::from_str(&text) {
            Ok(awaited) => Ok(Some(Tried { awaited, key })),
            Err(source) => Err(BusError::Document { key, source }),
        }
    }

    /// Takes a challenge that was answered rightly. False when somebody else was faster.
    pub(super) async fn take(&self, tried: &Tried) -> Result<bool, BusError> {
        let deleted: u64 = self.bus.query(redis::cmd("DEL").arg(&tried.key)).await?;
        Ok(deleted == 1)
    }
}
