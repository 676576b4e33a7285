//! What must not be seen: keys, passwords and passphrases.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;

/// A key, a password or a passphrase. `Debug` does not show it; serde does, because what is kept of
/// it and the worker's commands carry it. No answer of the API and no event may hold one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secret of a network source, as it is kept: apart from its layer, which everybody may read
/// and which names it. It never changes; another password is another secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSecret {
    /// The server that it was given for, as [`crate::address::SourceUrl::origin`] names it. It is
    /// sent to no other.
    pub origin: String,
    /// The password or passphrase.
    pub text: Secret,
    /// When it was given.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_seen_by_accident() {
        let secret = SourceSecret {
            origin: "rtsp://camera.example:554".to_owned(),
            text: Secret::from("planted".to_owned()),
            created_at: Timestamp::from_unix_millis(0),
        };
        assert!(!format!("{secret:?}").contains("planted"));
        let kept = serde_json::to_string(&secret).unwrap();
        assert_eq!(serde_json::from_str::<SourceSecret>(&kept).unwrap(), secret);
    }
}
