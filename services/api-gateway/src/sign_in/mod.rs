//! Signing in, staying signed in, signing out.

mod sessions;
mod throttle;
mod tickets;

use std::net::IpAddr;
use std::time::Duration;

use secrecy::SecretString;
use sm_bus::BusError;
use sm_common::id::SessionId;

use crate::metrics::{LoginOutcome, Metrics, RefreshOutcome};
use crate::passwords::{PasswordError, Passwords};
use crate::secret::NoRandomness;
use crate::tokens::{AccessToken, AccessTokens, RefreshToken, Subject};
use crate::users::{Person, Username, Users};

use sessions::Rotation;
pub(crate) use sessions::Sessions;
pub(crate) use throttle::Throttle;
use throttle::{Admission, Attempt};
pub(crate) use tickets::{Ticket, TicketError, Tickets};

/// What somebody who has signed in gets.
pub(crate) struct Tokens {
    pub(crate) access: AccessToken,
    pub(crate) refresh: RefreshToken,
}

/// Nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// Which of the two is not said: it would tell which names exist.
    #[error("the name or the password is wrong")]
    Credentials,
    #[error("too many failures; the window ends in {0:?}")]
    Throttled(Duration),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the access token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// A refresh token was not exchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    /// Unknown, expired, revoked, or of somebody who may not sign in any more.
    #[error("the refresh token is not valid")]
    Refused,
    /// An old one; the sign-in has been ended.
    #[error("the refresh token has been used before")]
    Reused,
    /// Redis got to it after the caller had been told that it does not answer.
    #[error("the exchange came too late")]
    Late,
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the access token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// Signs people in. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SignIns {
    pub(crate) users: Users,
    pub(crate) passwords: Passwords,
    pub(crate) sessions: Sessions,
    pub(crate) throttle: Throttle,
    pub(crate) access: AccessTokens,
    pub(crate) metrics: Metrics,
}

impl SignIns {
    /// Signs in whoever knows the password. `client` is where the attempt comes from.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: SecretString,
        client: IpAddr,
    ) -> Result<Tokens, SignInError> {
        let outcome = self.throttled(name, password, client).await;
        self.metrics.login(match &outcome {
            Ok(_) => LoginOutcome::Success,
            Err(SignInError::Credentials) => LoginOutcome::Refused,
            Err(SignInError::Throttled(_)) => LoginOutcome::Throttled,
            Err(SignInError::Password(PasswordError::Busy)) => LoginOutcome::Busy,
            Err(
                SignInError::Password(_)
                | SignInError::Bus(_)
                | SignInError::Sign(_)
                | SignInError::Random(_),
            ) => LoginOutcome::Failed,
        });
        outcome
    }

    async fn throttled(
        &self,
        name: &str,
        password: SecretString,
        client: IpAddr,
    ) -> Result<Tokens, SignInError> {
        let attempt = Attempt::new(name, client);
        match self.throttle.admit(&attempt).await? {
            Admission::Admitted => {}
            Admission::Refused(wait) => return Err(SignInError::Throttled(wait)),
        }
        let outcome = self.recognised(name, password).await;
        match &outcome {
            Ok(_) => self.throttle.succeeded(&attempt).await,
            Err(SignInError::Credentials) => {}
            Err(_) => self.throttle.undone(&attempt).await,
        }
        outcome
    }

    async fn recognised(&self, name: &str, password: SecretString) -> Result<Tokens, SignInError> {
        // What cannot be a name is nobody's name.
        let person = match name.parse::<Username>() {
            Ok(name) => self.users.find(&name).await?,
            Err(_no_name) => None,
        };
        let known = person.as_ref().map(|person| &person.password);
        let matches = self.passwords.matches(password, known).await?;
        let person = person
            .filter(|person| matches && !person.disabled)
            .ok_or(SignInError::Credentials)?;

        let refresh = RefreshToken::first(SessionId::generate())?;
        let access = self.access_token(&person, refresh.session())?;
        self.sessions.begin(&person, &refresh).await?;
        Ok(Tokens { access, refresh })
    }

    /// Exchanges a refresh token for a new pair, with the person's role of now.
    pub(crate) async fn refresh(&self, presented: &str) -> Result<Tokens, RefreshError> {
        let outcome = self.exchanged(presented).await;
        self.metrics.refresh(match &outcome {
            Ok(_) => RefreshOutcome::Rotated,
            Err(RefreshError::Refused) => RefreshOutcome::Refused,
            Err(RefreshError::Reused) => RefreshOutcome::Reused,
            Err(
                RefreshError::Late
                | RefreshError::Bus(_)
                | RefreshError::Sign(_)
                | RefreshError::Random(_),
            ) => RefreshOutcome::Failed,
        });
        outcome
    }

    async fn exchanged(&self, presented: &str) -> Result<Tokens, RefreshError> {
        let presented = RefreshToken::parse(presented).ok_or(RefreshError::Refused)?;
        let next = presented.next()?;
        match self.sessions.rotate(&presented, &next).await? {
            Rotation::Rotated { person } => {
                let access = self.access_token(&person, next.session())?;
                Ok(Tokens {
                    access,
                    refresh: next,
                })
            }
            Rotation::Reused { user } => {
                let session = presented.session();
                tracing::warn!(
                    user.id = user,
                    session.id = %session,
                    "an old refresh token was used: the sign-in is ended"
                );
                Err(RefreshError::Reused)
            }
            Rotation::Unknown => Err(RefreshError::Refused),
            Rotation::Late => Err(RefreshError::Late),
        }
    }

    /// Ends the sign-in that the token belongs to, if there is one.
    pub(crate) async fn sign_out(&self, presented: &str) -> Result<(), BusError> {
        match RefreshToken::parse(presented) {
            Some(token) => self.sessions.end(&token).await,
            None => Ok(()),
        }
    }

    fn access_token(
        &self,
        person: &Person,
        session: SessionId,
    ) -> Result<AccessToken, jsonwebtoken::errors::Error> {
        self.access.issue(Subject {
            user: person.id,
            name: person.name.to_string(),
            role: person.role,
            session,
        })
    }
}
