use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};
use sm_common::auth::Role;
use sm_common::clock::Timestamp;
use sm_common::id::UserId;

use crate::passwords::PasswordHash;
use crate::second_factor::SecondFactor;

/// Longest name.
const USERNAME_CHARS_MAX: usize = 64;

/// A name to sign in with. Upper and lower case are the same person; it is shown as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Username(String);

/// The text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is 1 to {USERNAME_CHARS_MAX} of A-Z, a-z, 0-9, '.', '_', '-' and '@', starting with a letter or digit"
)]
pub(crate) struct ParseUsernameError;

impl Username {
    /// What the person is found by.
    pub(crate) fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Username {
    type Err = ParseUsernameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let starts_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let goes_on_well = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte));
        if starts_well && goes_on_well && text.len() <= USERNAME_CHARS_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseUsernameError)
        }
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A person, as kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) name: Username,
    pub(crate) role: Role,
    pub(crate) password: PasswordHash,
    /// Cannot sign in.
    pub(crate) disabled: bool,
    /// The second factor, where one was enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) second_factor: Option<SecondFactor>,
    /// Raised when every sign-in so far must end: at a new password and when disabled.
    pub(crate) generation: u64,
    /// Raised when tokens of before must not be believed any more: then, and at a new role.
    #[serde(default)]
    pub(crate) standing: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A person to be created.
#[derive(Clone, Debug)]
pub(crate) struct NewPerson {
    pub(crate) name: Username,
    pub(crate) role: Role,
    pub(crate) password: PasswordHash,
}

/// What to change about a person; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    pub(crate) role: Option<Role>,
    pub(crate) password: Option<PasswordHash>,
    pub(crate) disabled: Option<bool>,
    /// Ends every sign-in.
    pub(crate) sign_out: bool,
    pub(crate) second_factor: FactorChange,
}

/// What was changed, for the audit trail: never what a password was or is.
impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role.map(|role| format!("role {role}"));
        let password = self.password.as_ref().map(|_| "password".to_owned());
        let disabled = self.disabled.map(|disabled| {
            let word = if disabled { "disabled" } else { "enabled" };
            word.to_owned()
        });
        let sign_out = self.sign_out.then(|| "signed out".to_owned());
        let parts: Vec<String> = [role, password, disabled, sign_out]
            .into_iter()
            .flatten()
            .collect();
        f.write_str(&parts.join(", "))
    }
}

/// What becomes of a second factor.
#[derive(Clone, Debug, Default)]
pub(crate) enum FactorChange {
    /// It stays, or there stays none.
    #[default]
    Keep,
    /// It is this from now on.
    Set(Box<SecondFactor>),
    /// There is none any more.
    Remove,
}

impl Person {
    /// A new person.
    pub(crate) fn new(id: UserId, new: NewPerson, now: Timestamp) -> Self {
        let NewPerson {
            name,
            role,
            password,
        } = new;
        Self {
            id,
            name,
            role,
            password,
            disabled: false,
            second_factor: None,
            generation: 0,
            standing: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// The same person with the patch applied.
    #[must_use]
    pub(crate) fn patched(mut self, patch: Patch, now: Timestamp) -> Self {
        let Patch {
            role,
            password,
            disabled,
            sign_out,
            second_factor,
        } = patch;
        let ends_sign_ins = password.is_some() || disabled == Some(true) || sign_out;
        if ends_sign_ins || role.is_some_and(|role| role != self.role) {
            self.standing = self.standing.saturating_add(1);
        }
        self.role = role.unwrap_or(self.role);
        self.password = password.unwrap_or(self.password);
        self.disabled = disabled.unwrap_or(self.disabled);
        match second_factor {
            FactorChange::Keep => {}
            FactorChange::Set(factor) => self.second_factor = Some(*factor),
            FactorChange::Remove => self.second_factor = None,
        }
        if ends_sign_ins {
            self.generation = self.generation.saturating_add(1);
        }
        self.updated_at = now;
        self
    }

    /// Whether the person can sign in and manage people.
    pub(crate) fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && !self.disabled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for good in ["admin", "Ada.Lovelace", "ops@example.org", "0", "a_b-c"] {
            assert!(good.parse::<Username>().is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", ".a", "a b", "a/b", "é", "a\n", long.as_str()] {
            assert!(bad.parse::<Username>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn case_does_not_make_another_person() {
        let key = |name: &str| name.parse::<Username>().unwrap().key();
        assert_eq!(key("Ada"), key("aDA"));
    }
}
