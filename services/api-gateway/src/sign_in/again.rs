use std::time::Duration;

use secrecy::SecretString;
use sm_bus::BusError;

use super::throttle::{Admission, Attempt};
use super::{SecondStepError, SignIns};
use crate::audit::SecurityEvent;
use crate::origin::Origin;
use crate::passwords::PasswordError;
use crate::second_factor::{CodeError, Proven};
use crate::users::Person;

/// Somebody who is signed in did not prove it once more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgainError {
    #[error("the password is wrong")]
    Password,
    /// With the reason, for the person.
    #[error("{0}")]
    Code(&'static str),
    #[error("too many failures; the window ends in {0:?}")]
    Throttled(Duration),
    #[error(transparent)]
    Hashing(#[from] PasswordError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    SecondStep(SecondStepError),
}

impl SignIns {
    /// Proves once more who somebody is who is signed in, before something that a stolen session
    /// must not do: by the password, and a code where there is a second factor.
    pub(crate) async fn prove_again(
        &self,
        person: &Person,
        password: SecretString,
        code: Option<&str>,
        origin: &Origin,
    ) -> Result<(), AgainError> {
        let attempt = Attempt::new(&person.name.to_string(), origin.address);
        match self.throttle.admit(&attempt).await? {
            Admission::Admitted => {}
            Admission::Refused(wait) => return Err(AgainError::Throttled(wait)),
        }
        let matches = self.passwords.matches(password, Some(&person.password));
        match matches.await {
            Ok(true) => self.throttle.succeeded(&attempt).await,
            Ok(false) => {
                let entry = self.entry(SecurityEvent::SignInFailed).about(person);
                self.record_attempt(entry.from(origin)).await;
                return Err(AgainError::Password);
            }
            Err(error) => {
                self.throttle.undone(&attempt).await;
                return Err(error.into());
            }
        }
        let Some(factor) = &person.second_factor else {
            return Ok(());
        };
        let missing = AgainError::Code("a code of the authenticator app, or a recovery code");
        let code = code.ok_or(missing)?;
        let proven = self.codes.prove(person.id, factor, code).await;
        match self.noted(person, origin, proven).await {
            Ok(Proven::Code) => Ok(()),
            Ok(Proven::Recovery) => self
                .use_recovery_code(person, code, origin)
                .await
                .map_err(AgainError::SecondStep),
            Err(CodeError::Wrong) => Err(AgainError::Code("the code is wrong, or has been used")),
            Err(CodeError::Throttled(wait)) => Err(AgainError::Throttled(wait)),
            Err(CodeError::Bus(error)) => Err(error.into()),
        }
    }
}
