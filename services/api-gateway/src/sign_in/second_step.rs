use sm_bus::BusError;

use super::challenges::Tried;
use super::{SignInError, SignIns, Tokens};
use crate::audit::{Entry, SecurityEvent};
use crate::metrics::LoginOutcome;
use crate::origin::Origin;
use crate::second_factor::{CodeError, Proven, RecoveryCodes, SecondFactor, TotpSecret};
use crate::users::{FactorChange, Patch, Person, Refusal, UsersError};

/// The second factor was not proven.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecondStepError {
    /// Unknown, too old, or answered too often; the password is needed again.
    #[error("the challenge is not valid")]
    Challenge,
    #[error(transparent)]
    Code(CodeError),
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    Users(#[from] UsersError),
}

impl From<BusError> for SecondStepError {
    fn from(error: BusError) -> Self {
        Self::SignIn(error.into())
    }
}

impl From<CodeError> for SecondStepError {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Bus(error) => error.into(),
            error @ (CodeError::Wrong | CodeError::Throttled(_)) => Self::Code(error),
        }
    }
}

impl SignIns {
    /// Signs in who has answered a challenge with a code of the second factor. Recovery codes come
    /// with the tokens where the factor was enrolled by that.
    pub(crate) async fn answer(
        &self,
        challenge: &str,
        code: &str,
        origin: &Origin,
    ) -> Result<(Tokens, Option<Vec<String>>), SecondStepError> {
        let outcome = self.answered(challenge, code, origin).await;
        self.metrics.login(match &outcome {
            Ok(_) => LoginOutcome::Success,
            Err(SecondStepError::Challenge | SecondStepError::Code(CodeError::Wrong)) => {
                LoginOutcome::Refused
            }
            Err(SecondStepError::Code(CodeError::Throttled(_))) => LoginOutcome::Throttled,
            Err(
                SecondStepError::Code(CodeError::Bus(_))
                | SecondStepError::SignIn(_)
                | SecondStepError::Users(_),
            ) => LoginOutcome::Failed,
        });
        outcome
    }

    async fn answered(
        &self,
        challenge: &str,
        code: &str,
        origin: &Origin,
    ) -> Result<(Tokens, Option<Vec<String>>), SecondStepError> {
        let tried = self.challenges.attempt(challenge).await?;
        let tried = tried.ok_or(SecondStepError::Challenge)?;
        let person = self.awaited(&tried).await?;
        match (&person.second_factor, &tried.awaited.draft) {
            (Some(factor), _) => {
                let proven = self.codes.prove(person.id, factor, code).await;
                let proven = self.noted(&person, origin, proven).await?;
                self.take(&tried).await?;
                if proven == Proven::Recovery {
                    self.use_recovery_code(&person, code, origin).await?;
                }
                let how = match proven {
                    Proven::Code => "password and one-time code",
                    Proven::Recovery => "password and recovery code",
                };
                Ok((self.begin(&person, origin, how).await?, None))
            }
            (None, Some(draft)) => {
                let confirmed = self.codes.confirm(person.id, draft, code).await;
                self.noted(&person, origin, confirmed).await?;
                self.take(&tried).await?;
                let codes = self.enrol(&person, draft.clone(), origin).await?;
                let how = "password and the second factor enrolled with it";
                Ok((self.begin(&person, origin, how).await?, Some(codes)))
            }
            // It was taken away meanwhile.
            (None, None) => Err(SecondStepError::Challenge),
        }
    }

    /// The person whom a challenge was given to, as they are now.
    async fn awaited(&self, tried: &Tried) -> Result<Person, SecondStepError> {
        let awaited = &tried.awaited;
        let person = self.users.find(&awaited.name).await?;
        person
            .filter(|person| {
                let is_same = person.id == awaited.user && person.generation == awaited.generation;
                is_same && !person.disabled
            })
            .ok_or(SecondStepError::Challenge)
    }

    async fn take(&self, tried: &Tried) -> Result<(), SecondStepError> {
        if self.challenges.take(tried).await? {
            Ok(())
        } else {
            Err(SecondStepError::Challenge)
        }
    }

    /// The outcome of checking a code, noted where the code was wrong.
    pub(super) async fn noted<T>(
        &self,
        person: &Person,
        origin: &Origin,
        outcome: Result<T, CodeError>,
    ) -> Result<T, CodeError> {
        if let Err(CodeError::Wrong) = &outcome {
            let entry = self.entry(SecurityEvent::SecondFactorFailed);
            self.record_attempt(entry.about(person).from(origin)).await;
        }
        outcome
    }

    /// Makes `secret` the second factor of `person`. Gives the recovery codes, to be shown once.
    pub(crate) async fn enrol(
        &self,
        person: &Person,
        secret: TotpSecret,
        origin: &Origin,
    ) -> Result<Vec<String>, SecondStepError> {
        let count = self.codes.config().recovery_codes;
        let (recovery, codes) = RecoveryCodes::generate(count).map_err(SignInError::from)?;
        let factor = SecondFactor {
            secret,
            enrolled_at: self.access.clock.now(),
            recovery,
        };
        let event = SecurityEvent::SecondFactorEnrolled;
        let change = FactorChange::Set(Box::new(factor));
        self.set_factor(person, change, event, origin).await?;
        Ok(codes)
    }

    /// Replaces the second factor of a person, who wants that.
    pub(crate) async fn set_factor(
        &self,
        person: &Person,
        change: FactorChange,
        event: SecurityEvent,
        origin: &Origin,
    ) -> Result<(), UsersError> {
        let patch = Patch {
            second_factor: change,
            ..Patch::default()
        };
        let now = self.access.clock.now();
        self.users
            .change(
                |everybody| {
                    // Another person may have the name by now.
                    let same = everybody
                        .get(&person.name)
                        .filter(|now| now.id == person.id);
                    same.ok_or(Refusal::Unknown)?;
                    everybody.patch(&person.name, patch.clone(), now)
                },
                |_| Some(Entry::new(event, now).by(person).from(origin)),
            )
            .await
            .map(drop)
    }

    /// Takes a recovery code away. Nobody can use it again.
    pub(super) async fn use_recovery_code(
        &self,
        person: &Person,
        code: &str,
        origin: &Origin,
    ) -> Result<(), SecondStepError> {
        let now = self.access.clock.now();
        let changed = self.users.change(
            |everybody| everybody.use_recovery_code(person.id, &person.name, code, now),
            |change| {
                let factor = change.person().second_factor.as_ref();
                let left = factor.map_or(0, |factor| factor.recovery.left());
                let entry = Entry::new(SecurityEvent::RecoveryCodeUsed, now);
                let entry = entry.by(person).from(origin);
                Some(entry.detail(format!("{left} left")))
            },
        );
        match changed.await {
            Ok(_) => Ok(()),
            Err(UsersError::Refused(Refusal::CodeUsed)) => Err(CodeError::Wrong.into()),
            Err(error) => Err(error.into()),
        }
    }
}
