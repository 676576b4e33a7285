use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sm_common::id::SessionId;

use crate::secret::{NoRandomness, digest, random_text};

/// Base64url characters of the part that all tokens of a sign-in share (128 bits).
const FAMILY_CHARS: usize = 22;
/// Base64url characters of the part that each token has alone (256 bits).
const UNIQUE_CHARS: usize = 43;

/// A refresh token: `<session>.<secret>`, where the secret is one part that all tokens of the
/// sign-in share and one that is new each time.
///
/// The shared part tells an old token from a guess: only somebody who once held a token of this
/// sign-in knows it, so an old token can end the sign-in and a stranger cannot.
pub(crate) struct RefreshToken {
    session: SessionId,
    family: SecretString,
    unique: SecretString,
}

/// What is kept of a refresh token: digests, never the secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Digest of the part that all tokens of the sign-in share.
    pub(crate) family: String,
    /// Digest of the part that this token has alone.
    pub(crate) unique: String,
}

impl RefreshToken {
    /// The first token of a sign-in.
    pub(crate) fn first(session: SessionId) -> Result<Self, NoRandomness> {
        Ok(Self {
            session,
            family: random_text::<16>()?.into(),
            unique: random_text::<32>()?.into(),
        })
    }

    /// The token that replaces this one.
    pub(crate) fn next(&self) -> Result<Self, NoRandomness> {
        Ok(Self {
            session: self.session,
            family: self.family.clone(),
            unique: random_text::<32>()?.into(),
        })
    }

    /// Reads a token; `None` when it is none of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (session, secret) = text.split_once('.')?;
        let (family, unique) = secret.split_at_checked(FAMILY_CHARS)?;
        if unique.len() != UNIQUE_CHARS {
            return None;
        }
        Some(Self {
            session: session.parse().ok()?,
            family: family.to_owned().into(),
            unique: unique.to_owned().into(),
        })
    }

    /// The sign-in it belongs to.
    pub(crate) const fn session(&self) -> SessionId {
        self.session
    }

    /// What is kept of it.
    pub(crate) fn stored(&self) -> Stored {
        Stored {
            family: digest(self.family.expose_secret()),
            unique: digest(self.unique.expose_secret()),
        }
    }

    /// The token as its owner gets it.
    pub(crate) fn reveal(&self) -> String {
        let Self {
            session,
            family,
            unique,
        } = self;
        format!(
            "{session}.{}{}",
            family.expose_secret(),
            unique.expose_secret()
        )
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_it_was_given_out() {
        let token = RefreshToken::first(SessionId::generate()).unwrap();
        let read = RefreshToken::parse(&token.reveal()).unwrap();
        assert_eq!(read.session(), token.session());
        assert_eq!(read.stored(), token.stored());
    }

    #[test]
    fn the_next_token_shares_the_family_and_nothing_else() {
        let token = RefreshToken::first(SessionId::generate()).unwrap();
        let next = token.next().unwrap();
        assert_eq!(next.stored().family, token.stored().family);
        assert_ne!(next.stored().unique, token.stored().unique);
    }

    #[test]
    fn what_is_no_token_is_not_read() {
        let session = SessionId::generate();
        let long = format!("{session}.{}", "a".repeat(66));
        let wide = format!("{session}.{}", "é".repeat(40));
        for text in ["", ".", "a.b", &session.to_string(), &long, &wide] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_shown_by_accident() {
        let token = RefreshToken::first(SessionId::generate()).unwrap();
        let shown = format!("{token:?}");
        let text = token.reveal();
        let secret = text.split_once('.').unwrap().1;
        assert!(!shown.contains(secret.get(..FAMILY_CHARS).unwrap()));
    }
}
