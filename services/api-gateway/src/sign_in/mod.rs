//! Signing in, staying signed in, signing out.

mod again;
mod challenges;
mod second_step;
mod sessions;
mod throttle;
mod tickets;

use std::time::Duration;

use secrecy::SecretString;
use sm_bus::BusError;
use sm_common::id::SessionId;

use crate::audit::{AuditList, Entry, Party, SecurityEvent, Trail};
use crate::metrics::{LoginOutcome, Metrics, RefreshOutcome};
use crate::origin::Origin;
use crate::passwords::{PasswordError, Passwords};
use crate::second_factor::{Codes, Enrolment, EnrolmentError, TotpSecret};
use crate::secret::NoRandomness;
use crate::tokens::{AccessToken, AccessTokens, RefreshToken, Subject};
use crate::users::{Person, Username, Users};

pub(crate) use again::AgainError;
pub(crate) use challenges::Challenges;
use challenges::IssueError;
pub(crate) use second_step::SecondStepError;
use sessions::Rotation;
pub(crate) use sessions::{Claim, SessionInfo, Sessions};
pub(crate) use throttle::Throttle;
use throttle::{Admission, Attempt};
pub(crate) use tickets::{Ticket, TicketError, Tickets};

/// What somebody who has signed in gets.
pub(crate) struct Tokens {
    pub(crate) access: AccessToken,
    pub(crate) refresh: RefreshToken,
}

/// What comes of a right password.
pub(crate) enum SignedIn {
    /// That is all.
    Done(Tokens),
    /// The second factor is awaited.
    Awaited(Challenge),
}

/// What the second factor is answered to.
pub(crate) struct Challenge {
    pub(crate) text: String,
    pub(crate) lifetime_s: u64,
    /// What to enrol, where the person must and has none yet.
    pub(crate) enrolment: Option<Enrolment>,
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
    #[error("an authenticator app cannot be enrolled")]
    Enrolment(#[from] EnrolmentError),
}

impl From<IssueError> for SignInError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Bus(error) => error.into(),
            IssueError::Random(error) => error.into(),
        }
    }
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
    pub(crate) trail: Trail,
    pub(crate) challenges: Challenges,
    pub(crate) codes: Codes,
    pub(crate) metrics: Metrics,
}

impl SignIns {
    /// Signs in whoever knows the password.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<SignedIn, SignInError> {
        let outcome = self.throttled(name, password, origin).await;
        self.metrics.login(match &outcome {
            Ok(SignedIn::Done(_)) => LoginOutcome::Success,
            Ok(SignedIn::Awaited(_)) => LoginOutcome::Challenged,
            Err(SignInError::Credentials) => LoginOutcome::Refused,
            Err(SignInError::Throttled(_)) => LoginOutcome::Throttled,
            Err(SignInError::Password(PasswordError::Busy)) => LoginOutcome::Busy,
            Err(
                SignInError::Password(_)
                | SignInError::Bus(_)
                | SignInError::Sign(_)
                | SignInError::Random(_)
                | SignInError::Enrolment(_),
            ) => LoginOutcome::Failed,
        });
        outcome
    }

    async fn throttled(
        &self,
        name: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<SignedIn, SignInError> {
        let attempt = Attempt::new(name, origin.address);
        match self.throttle.admit(&attempt).await? {
            Admission::Admitted => {}
            Admission::Refused(wait) => {
                let event = SecurityEvent::SignInThrottled;
                self.record_attempt(self.entry(event).from(origin)).await;
                return Err(SignInError::Throttled(wait));
            }
        }
        let outcome = self.recognised(name, password, origin).await;
        match &outcome {
            Ok(_) => self.throttle.succeeded(&attempt).await,
            Err(SignInError::Credentials) => {}
            Err(_) => self.throttle.undone(&attempt).await,
        }
        outcome
    }

    async fn recognised(
        &self,
        name: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<SignedIn, SignInError> {
        // What cannot be a name is nobody's name.
        let person = match name.parse::<Username>() {
            Ok(name) => self.users.find(&name).await?,
            Err(_no_name) => None,
        };
        let known = person.as_ref().map(|person| &person.password);
        let matches = self.passwords.matches(password, known).await?;
        match person {
            Some(person) if matches && !person.disabled => self.next_step(&person, origin).await,
            person => {
                let mut entry = self.entry(SecurityEvent::SignInFailed).from(origin);
                if let Some(person) = &person {
                    entry = entry.about(person);
                }
                self.record_attempt(entry).await;
                Err(SignInError::Credentials)
            }
        }
    }

    /// What comes after the password.
    async fn next_step(&self, person: &Person, origin: &Origin) -> Result<SignedIn, SignInError> {
        let policy = self.codes.config();
        let draft = match &person.second_factor {
            Some(_) => None,
            None if policy.is_required_for(person.role) => Some(TotpSecret::generate()?),
            None => {
                let tokens = self.begin(person, origin, "password").await?;
                return Ok(SignedIn::Done(tokens));
            }
        };
        let name = person.name.to_string();
        let enrolment = draft
            .as_ref()
            .map(|secret| secret.enrolment(&policy.issuer, &name))
            .transpose()?;
        Ok(SignedIn::Awaited(Challenge {
            text: self.challenges.issue(person, draft).await?,
            lifetime_s: self.challenges.lifetime_s(),
            enrolment,
        }))
    }

    /// Begins a sign-in of somebody who has proven who they are, and notes how.
    async fn begin(
        &self,
        person: &Person,
        origin: &Origin,
        how: &str,
    ) -> Result<Tokens, SignInError> {
        let refresh = RefreshToken::first(SessionId::generate())?;
        let access = self.access_token(person, refresh.session())?;
        let entry = self
            .entry(SecurityEvent::SignedIn)
            .by(person)
            .session(refresh.session())
            .from(origin)
            .detail(how);
        let note = self.trail.action(&entry)?;
        self.sessions.begin(person, &refresh, origin, &note).await?;
        Ok(Tokens { access, refresh })
    }

    fn entry(&self, event: SecurityEvent) -> Entry {
        Entry::new(event, self.access.clock.now())
    }

    /// Notes what changed nothing: that it cannot be noted is no reason to answer otherwise.
    async fn record_attempt(&self, entry: Entry) {
        if let Err(error) = self.trail.record(AuditList::Attempts, &entry).await {
            tracing::warn!(%error, event = ?entry.event, "an attempt was not noted");
        }
    }

    /// Exchanges a refresh token for a new pair, with the person's role of now.
    pub(crate) async fn refresh(
        &self,
        presented: &str,
        origin: &Origin,
    ) -> Result<Tokens, RefreshError> {
        let outcome = self.exchanged(presented, origin).await;
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

    async fn exchanged(&self, presented: &str, origin: &Origin) -> Result<Tokens, RefreshError> {
        let presented = RefreshToken::parse(presented).ok_or(RefreshError::Refused)?;
        let next = presented.next()?;
        match self.sessions.rotate(&presented, &next, origin).await? {
            Rotation::Rotated { person } => {
                let access = self.access_token(&person, next.session())?;
                Ok(Tokens {
                    access,
                    refresh: next,
                })
            }
            Rotation::Reused { user, name } => {
                let session = presented.session();
                tracing::warn!(
                    user.id = %user,
                    session.id = %session,
                    "an old refresh token was used: the sign-in is ended"
                );
                let entry = self
                    .entry(SecurityEvent::RefreshReused)
                    .about(Party { id: user, name })
                    .session(session)
                    .from(origin);
                // The sign-in has been ended already; only somebody who holds its tokens gets here.
                if let Err(error) = self.trail.record(AuditList::Actions, &entry).await {
                    tracing::warn!(%error, "the reuse of a refresh token was not noted");
                }
                Err(RefreshError::Reused)
            }
            Rotation::Unknown | Rotation::Over => Err(RefreshError::Refused),
            Rotation::Late => Err(RefreshError::Late),
        }
    }

    /// Ends the sign-in that the token belongs to, if there is one.
    pub(crate) async fn sign_out(&self, presented: &str, origin: &Origin) -> Result<(), BusError> {
        let Some(token) = RefreshToken::parse(presented) else {
            return Ok(());
        };
        let session = token.session();
        let Some((user, name)) = self.sessions.owner(session).await? else {
            return Ok(());
        };
        let entry = self
            .entry(SecurityEvent::SignedOut)
            .by(Party { id: user, name })
            .session(session)
            .from(origin);
        let note = self.trail.action(&entry)?;
        let claim = Claim::Token(&token);
        self.sessions.end(user, claim, &note).await.map(drop)
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
            standing: person.standing,
        })
    }
}
