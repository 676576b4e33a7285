use std::sync::LazyLock;
use std::time::Duration;

use sm_bus::redis::{self, Script};
use sm_bus::{Bus, BusError, keys};
use sm_common::id::UserId;

use super::totp::STEP_S;
use super::{SecondFactor, TotpSecret};
use crate::config::SecondFactorConfig;

static CLAIM_STEP: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/claim_step.lua")));
static ADMIT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../sign_in/scripts/admit_attempt.lua")));

/// Steps after which no code of a step is taken any more, and some.
const STEPS_KEPT: u64 = 8;

/// How a person proved the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proven {
    /// By a code of the app.
    Code,
    /// By a recovery code, which must be taken away.
    Recovery,
}

/// A code proves nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodeError {
    #[error("the code is wrong, or has been used")]
    Wrong,
    #[error("too many wrong codes; the window ends in {0:?}")]
    Throttled(Duration),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Checks codes: each is good once, and only so many may be wrong. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    bus: Bus,
    config: SecondFactorConfig,
}

impl Codes {
    pub(crate) const fn new(bus: Bus, config: SecondFactorConfig) -> Self {
        Self { bus, config }
    }

    pub(crate) const fn config(&self) -> &SecondFactorConfig {
        &self.config
    }

    /// Whether `code` is one of this person's. A code of the app is used up by it.
    pub(crate) async fn prove(
        &self,
        user: UserId,
        factor: &SecondFactor,
        code: &str,
    ) -> Result<Proven, CodeError> {
        self.admit(user).await?;
        let proven = match self.claim(user, &factor.secret, code).await? {
            true => Proven::Code,
            false if factor.recovery.without(code).is_some() => Proven::Recovery,
            false => return Err(CodeError::Wrong),
        };
        self.forgive(user).await?;
        Ok(proven)
    }

    /// Whether `code` is a code of this secret, which the person is about to enrol.
    pub(crate) async fn confirm(
        &self,
        user: UserId,
        secret: &TotpSecret,
        code: &str,
    ) -> Result<(), CodeError> {
        self.admit(user).await?;
        if !self.claim(user, secret, code).await? {
            return Err(CodeError::Wrong);
        }
        Ok(self.forgive(user).await?)
    }

    /// Keeps the secret that a person is about to enrol.
    pub(crate) async fn keep_draft(
        &self,
        user: UserId,
        secret: &TotpSecret,
    ) -> Result<(), BusError> {
        let mut command = redis::cmd("SET");
        command
            .arg(keys::second_factor_draft(user))
            .arg(serde_json::to_string(secret).map_err(BusError::Encode)?)
            .arg("EX")
            .arg(self.config.draft_s.max(1));
        let _kept: String = self.bus.query(&command).await?;
        Ok(())
    }

    /// The secret that a person is about to enrol, unless that was too long ago.
    pub(crate) async fn draft(&self, user: UserId) -> Result<Option<TotpSecret>, BusError> {
        self.bus.document(&keys::second_factor_draft(user)).await
    }

    /// It was enrolled, or is not wanted any more.
    pub(crate) async fn forget_draft(&self, user: UserId) -> Result<(), BusError> {
        let key = keys::second_factor_draft(user);
        let _deleted: u64 = self.bus.query(redis::cmd("DEL").arg(key)).await?;
        Ok(())
    }

    /// Counts an attempt as wrong until it turns out to be right: many at the same moment are no
    /// way around.
    async fn admit(&self, user: UserId) -> Result<(), CodeError> {
        let window = u64::try_from(self.config.window().as_millis()).unwrap_or(u64::MAX);
        let mut script = ADMIT.prepare_invoke();
        script
            .key(keys::second_factor_failures(user))
            .arg(window)
            .arg(self.config.failures_max.max(1));
        match self.bus.script(&script).await? {
            0 => Ok(()),
            wait_ms => Err(CodeError::Throttled(Duration::from_millis(wait_ms))),
        }
    }

    async fn forgive(&self, user: UserId) -> Result<(), BusError> {
        let key = keys::second_factor_failures(user);
        let _deleted: u64 = self.bus.query(redis::cmd("DEL").arg(key)).await?;
        Ok(())
    }

    /// Uses a code of the app up. False when it is none, or it or a later one has been used.
    async fn claim(&self, user: UserId, secret: &TotpSecret, code: &str) -> Result<bool, BusError> {
        let Some(step) = secret.step_of(code, self.bus.clock().now()) else {
            return Ok(false);
        };
        let mut script = CLAIM_STEP.prepare_invoke();
        script
            .key(keys::second_factor_step(user))
            .arg(step)
            .arg(STEP_S.saturating_mul(STEPS_KEPT));
        let claimed: u64 = self.bus.script(&script).await?;
        Ok(claimed == 1)
    }
}
