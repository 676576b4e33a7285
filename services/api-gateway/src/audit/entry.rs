use serde::{Deserialize, Serialize};
use sm_common::auth::Identity;
use sm_common::clock::Timestamp;
use sm_common::id::{SessionId, UserId};
use utoipa::ToSchema;

use crate::origin::Origin;
use crate::users::Person;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SecurityEvent {
    /// Somebody signed in.
    SignedIn,
    /// A wrong name or password, or a person who may not sign in.
    SignInFailed,
    /// Too many failures: nothing was checked.
    SignInThrottled,
    /// Somebody signed out.
    SignedOut,
    /// A sign-in was ended from elsewhere.
    SessionRevoked,
    /// Every sign-in of a person was ended.
    SessionsRevoked,
    /// A refresh token was used twice; the sign-in was ended.
    RefreshReused,
    /// A wrong one-time code.
    SecondFactorFailed,
    /// A person enrolled a second factor, in place of another where there was one.
    SecondFactorEnrolled,
    /// A person gave the second factor up.
    SecondFactorRemoved,
    /// An admin took a person's second factor away.
    SecondFactorReset,
    /// A recovery code was used up.
    RecoveryCodeUsed,
    /// New recovery codes replaced those of before.
    RecoveryCodesRenewed,
    /// A person was created.
    UserCreated,
    /// A person was changed; `detail` says what.
    UserChanged,
    /// A person was deleted.
    UserDeleted,
    /// A key for a machine was made; `detail` says which, and what it may do.
    KeyCreated,
    /// A key was taken back.
    KeyRevoked,
    /// A link to choose a password was made.
    PasswordLinkCreated,
    /// A person chose a password by a link.
    PasswordChosen,
    /// A person changed their own password.
    PasswordChanged,
}

/// A person, as they were called then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Party {
    /// Who.
    pub(crate) id: UserId,
    /// The name.
    pub(crate) name: String,
}

impl From<&Identity> for Party {
    fn from(identity: &Identity) -> Self {
        Self {
            id: identity.user,
            name: identity.name.clone(),
        }
    }
}

impl From<&Person> for Party {
    fn from(person: &Person) -> Self {
        Self {
            id: person.id,
            name: person.name.to_string(),
        }
    }
}

/// Something that happened. It holds no secret: no password, no token, and no name that is
/// nobody's, which may be a password in the wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Entry {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) event: SecurityEvent,
    /// Who did it; absent where nobody had proven who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<Party>,
    /// Whom it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<Party>,
    /// The sign-in that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionId>,
    /// Where from, as far as `sessions.addresses` lets it be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<String>,
    /// With which program, such as `Firefox on Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<String>,
    /// What exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Entry {
    /// Something that happened now.
    pub(crate) const fn new(event: SecurityEvent, at: Timestamp) -> Self {
        Self {
            at,
            event,
            by: None,
            about: None,
            session: None,
            network: None,
            client: None,
            detail: None,
        }
    }

    /// Who did it.
    #[must_use]
    pub(crate) fn by(mut self, party: impl Into<Party>) -> Self {
        self.by = Some(party.into());
        self
    }

    /// Whom it was done to.
    #[must_use]
    pub(crate) fn about(mut self, party: impl Into<Party>) -> Self {
        self.about = Some(party.into());
        self
    }

    /// The sign-in that it is about.
    #[must_use]
    pub(crate) const fn session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Where it came from.
    #[must_use]
    pub(crate) fn from(mut self, origin: &Origin) -> Self {
        self.network.clone_from(&origin.network);
        self.client = Some(origin.client.clone());
        self
    }

    /// What exactly.
    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
