use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Identity;
use crate::id::{SessionId, UserId};

/// For how long something that was proven can be believed at most: the longest life of an access
/// token, and the largest clock difference that is forgiven.
pub const PROOF_LIFETIME_MAX: Duration = Duration::from_secs(900 + 30);

/// What was proven of a person, and holds no more. Every service is told, and believes no token
/// and no connection that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The person.
    pub user: UserId,
    /// What is over.
    #[serde(flatten)]
    pub what: Revoked,
}

/// What is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Revoked {
    /// A sign-in.
    Session {
        /// Which.
        session: SessionId,
    },
    /// Everything that was proven at an earlier standing: the role, the password, or whether the
    /// person may sign in has changed since.
    Standing {
        /// The first standing that counts.
        below: u64,
        /// Whether the sign-ins ended too. Otherwise a refresh gives a token of the new standing.
        signed_out: bool,
    },
}

impl Revocation {
    /// Whether what `identity` proves is over.
    pub fn covers(&self, identity: &Identity) -> bool {
        self.user == identity.user && self.what.covers(identity)
    }
}

impl Revoked {
    /// The same, where it is known that the person is the one.
    pub fn covers(&self, identity: &Identity) -> bool {
        match *self {
            Self::Session { session } => identity.session == session,
            Self::Standing { below, .. } => identity.standing < below,
        }
    }

    /// Whether the sign-in itself is over, so that only signing in again helps.
    pub const fn is_signed_out(&self) -> bool {
        match *self {
            Self::Session { .. } => true,
            Self::Standing { signed_out, .. } => signed_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;
    use crate::clock::Timestamp;

    fn identity(standing: u64) -> Identity {
        Identity {
            user: UserId::generate(),
            name: "ada".to_owned(),
            role: Role::Viewer,
            session: SessionId::generate(),
            standing,
            scopes: None,
            expires_at: Timestamp::from_unix_millis(0),
        }
    }

    #[test]
    fn a_sign_in_that_is_over_covers_itself_alone() {
        let (here, there) = (identity(0), identity(0));
        let over = Revocation {
            user: here.user,
            what: Revoked::Session {
                session: here.session,
            },
        };
        let elsewhere = Identity {
            session: there.session,
            ..here.clone()
        };
        let somebody_else = Identity {
            user: there.user,
            ..here.clone()
        };
        assert!(over.covers(&here));
        assert!(!over.covers(&elsewhere));
        assert!(!over.covers(&somebody_else));
    }

    #[test]
    fn a_new_standing_covers_what_was_proven_before_it() {
        let identity = identity(3);
        let at = |below| Revocation {
            user: identity.user,
            what: Revoked::Standing {
                below,
                signed_out: false,
            },
        };
        assert!(!at(3).covers(&identity));
        assert!(at(4).covers(&identity));
        assert!(at(u64::MAX).covers(&identity));
    }

    #[test]
    fn a_revocation_is_plain_json_that_a_script_can_write() {
        let user = UserId::generate();
        let session = SessionId::generate();
        let text = format!(r#"{{"user":"{user}","what":"session","session":"{session}"}}"#);
        let read: Revocation = serde_json::from_str(&text).unwrap();
        assert_eq!(
            read,
            Revocation {
                user,
                what: Revoked::Session { session }
            }
        );
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
