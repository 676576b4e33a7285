//! Identifiers: each kind is its own type, parsed once at the edge.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;
use uuid::Uuid;

/// The text is not an identifier of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {expected}")]
pub struct ParseIdError {
    /// What was being parsed.
    pub kind: &'static str,
    /// The accepted form.
    pub expected: &'static str,
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier that sorts by its time of creation.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The identifier with this value.
            pub const fn from_uuid(value: Uuid) -> Self {
                Self(value)
            }

            /// Its value.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self).map_err(|_not_a_uuid| ParseIdError {
                    kind: stringify!($name),
                    expected: "a UUID",
                })
            }
        }
    )+};
}

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident: $expected:literal, $check:expr),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(ParseIdError { kind: stringify!($name), expected: $expected })
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

uuid_ids! {
    /// A layer of a scene.
    LayerId,
    /// A group of layers of a scene.
    GroupId,
    /// A scene: a named, ordered set of layers.
    SceneId,
    /// A person or machine that signs in.
    UserId,
    /// One sign-in and everything refreshed from it.
    SessionId,
    /// A control command and what became of it.
    OperationId,
    /// An event on the bus.
    EventId,
    /// A chat message.
    MessageId,
    /// One WebSocket connection.
    ConnectionId,
    /// The secret of a network source.
    SecretId,
    /// A change that is made later.
    ScheduleId,
    /// One time that an alert rule was broken.
    AlertId,
    /// Something that went wrong, from its first sign to its last.
    IncidentId,
    /// A time in which alerts are told to nobody.
    SilenceId,
    /// Somebody whom alerts are sent to.
    WebhookId,
    /// One message to a webhook; the same however often it is sent.
    DeliveryId,
}

text_ids! {
    /// A stream; `main` unless said otherwise.
    StreamId: "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", is_slug,
    /// An uploaded file, named by the SHA-256 of its content in lower-case hexadecimal.
    AssetId: "64 lower-case hexadecimal digits", is_sha256_hex,
    /// Where a program goes, unique in its stream; `hls` is the one that every stream has.
    OutputId: "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", is_slug,
    /// One encoding of a program among several, as part of addresses.
    RenditionName: "1 to 16 of a-z and 0-9, and neither 'index' nor 'master'", is_rendition,
    /// A variable of a stream.
    VariableName: "1 to 32 of a-z, 0-9 and '_', starting with a letter, and none of viewers, uptime and clock", is_variable,
    /// An alert rule.
    RuleId: "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", is_slug,
    /// A template, unique in its stream.
    TemplateName: "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", is_slug,
    /// One running process of a service, unique among all that ever ran.
    InstanceId: "1 to 63 of a-z, 0-9 and '-', starting with a letter or digit", is_slug,
}

impl Default for StreamId {
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl OutputId {
    /// The HLS output that every stream has.
    pub fn hls() -> Self {
        Self("hls".to_owned())
    }

    /// The recording that is started and stopped by control commands.
    pub fn recording() -> Self {
        Self("recording".to_owned())
    }

    /// A new identifier.
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string())
    }
}

impl RuleId {
    /// A new identifier.
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string())
    }
}

impl InstanceId {
    /// A new identifier for a process of `service`.
    pub fn generate(service: &str) -> Self {
        let unique = Uuid::new_v4().simple().to_string();
        let short: String = unique.chars().take(8).collect();
        Self(format!("{service}-{short}"))
    }
}

impl AssetId {
    /// Where the content is in the assets directory that layer-service fills and engines read:
    /// `ab/abcd…`, so that no directory grows too large.
    pub fn relative_path(&self) -> PathBuf {
        let digits: String = self.0.chars().take(2).collect();
        Path::new(&digits).join(&self.0)
    }

    /// The identifier of content with this SHA-256 digest.
    pub fn from_sha256(digest: &[u8; 32]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in digest {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

fn is_variable(text: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(known)
        && !crate::variable::BUILT_IN.contains(&text)
}

fn is_rendition(text: &str) -> bool {
    // Those two are playlists already.
    !matches!(text, "index" | "master")
        && (1..=16).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_slug(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 63
        && bytes
            .next()
            .is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_sha256_hex(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_id_is_a_slug() {
        for good in ["main", "a", "0", "studio-2"] {
            assert!(good.parse::<StreamId>().is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", "-a", "Main", "a b", "a/b", "a}b", "é", long.as_str()] {
            assert!(bad.parse::<StreamId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_asset_id_cannot_climb_out_of_its_directory() {
        assert!("../../etc/passwd".parse::<AssetId>().is_err());
        let asset = AssetId::from_sha256(&[0xab; 32]);
        assert_eq!(asset.as_str(), "ab".repeat(32));
        let path = Path::new("ab").join(asset.as_str());
        assert_eq!(asset.relative_path(), path);
    }
}
