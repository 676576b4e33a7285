use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sm_common::auth::Permission;
use sm_common::clock::Timestamp;
use sm_common::id::UserId;

use crate::audit::Party;

/// Longest name.
const NAME_CHARS_MAX: usize = 64;

/// What a key is called by people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct KeyName(String);

/// The text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to {NAME_CHARS_MAX} characters, none of them a control character")]
pub(crate) struct ParseKeyNameError;

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = ParseKeyNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let length = text.chars().count();
        if (1..=NAME_CHARS_MAX).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseKeyNameError)
        }
    }
}

/// A key, as kept: its digest, never the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MachineKey {
    /// What its tokens name as their user and as their sign-in.
    pub(crate) id: UserId,
    pub(crate) name: KeyName,
    pub(crate) scopes: Vec<Permission>,
    pub(crate) digest: String,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: Party,
    pub(crate) expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_printable() {
        assert_eq!(
            " Grafana ".parse::<KeyName>().unwrap().to_string(),
            "Grafana"
        );
        for bad in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert!(bad.parse::<KeyName>().is_err(), "{bad:?}");
        }
    }
}
