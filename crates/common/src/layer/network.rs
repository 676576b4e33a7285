//! What is fetched from elsewhere.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::SecretId;
use crate::secret::Secret;

/// What a layer shows while its source delivers nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLoss {
    /// Nothing: what is behind it shows.
    #[default]
    Hide,
    /// The last frame.
    Hold,
}

/// Live sound and picture that are fetched from elsewhere, stretched over the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSource {
    /// `rtmp://` or `rtmps://host/app/stream`, `rtsp://` or `rtsps://host/path`, `srt://host:port`
    /// (which we call), or the `http://` or `https://` address of an HLS playlist, a transport
    /// stream, a file or an internet radio. At most 2048 bytes, without user and password:
    /// everybody who sees the layer sees its address.
    #[schema(max_length = 2048, examples("rtmp://live.example.com/app/stream"))]
    pub url: String,
    /// The stream to ask an SRT listener for, at most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub stream_id: Option<String>,
    /// Who asks, at most 256 characters; not of SRT. The password is sent as `password` and never
    /// shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub user: Option<String>,
    /// Whether a password is set. Says so, and is not set by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schema(read_only)]
    pub has_password: bool,
    /// Whether a passphrase is set, of SRT. It is sent as `passphrase` and never shown again.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schema(read_only)]
    pub has_passphrase: bool,
    /// Length of the key that is made of the passphrase, in bytes, of SRT: 16, 24 or 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u8>, examples(16, 24, 32))]
    pub key_length: Option<KeyLength>,
    /// Where password or passphrase are kept. A copy of the layer may name it as well; for another
    /// server, the secret has to be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretId>,
    /// The password: sent, and never shown again. What is absent stays; null takes it away.
    #[serde(default, skip_serializing)]
    #[schema(write_only, min_length = 1, max_length = 256)]
    pub password: Option<Secret>,
    /// The passphrase, of SRT: sent, and never shown again. What is absent stays; null takes it
    /// away.
    #[serde(default, skip_serializing)]
    #[schema(write_only, min_length = 10, max_length = 79)]
    pub passphrase: Option<Secret>,
    /// How long frames wait for those that come late, in milliseconds, 20 to 8000.
    #[serde(default = "network_latency_ms")]
    #[schema(minimum = 20, maximum = 8000)]
    pub latency_ms: u32,
    /// What shows while nothing comes.
    #[serde(default)]
    pub on_loss: OnLoss,
}

impl NetworkSource {
    /// [`Self::latency_ms`] unless said otherwise.
    pub const LATENCY_MS: u32 = 500;

    /// Takes the secret out that was sent, on its way to where it is kept.
    pub fn take_plain(&mut self) -> Option<Secret> {
        let (password, passphrase) = (self.password.take(), self.passphrase.take());
        password.or(passphrase)
    }

    /// Puts the secret in that is kept, on its way to the worker.
    pub fn put_plain(&mut self, secret: Secret) {
        let place = if self.has_passphrase {
            &mut self.passphrase
        } else {
            &mut self.password
        };
        *place = Some(secret);
    }

    /// The secret itself, where it is known.
    pub fn plain(&self) -> Option<&Secret> {
        self.password.as_ref().or(self.passphrase.as_ref())
    }
}

/// Length of the key that encrypts an SRT connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum KeyLength {
    /// AES-128.
    Bytes16,
    /// AES-192.
    Bytes24,
    /// AES-256.
    Bytes32,
}

/// The number is not the length of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 16, 24 or 32")]
pub struct NotAKeyLength;

impl TryFrom<u8> for KeyLength {
    type Error = NotAKeyLength;

    fn try_from(bytes: u8) -> Result<Self, Self::Error> {
        match bytes {
            16 => Ok(Self::Bytes16),
            24 => Ok(Self::Bytes24),
            32 => Ok(Self::Bytes32),
            _ => Err(NotAKeyLength),
        }
    }
}

impl From<KeyLength> for u8 {
    fn from(length: KeyLength) -> Self {
        match length {
            KeyLength::Bytes16 => 16,
            KeyLength::Bytes24 => 24,
            KeyLength::Bytes32 => 32,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn network_latency_ms() -> u32 {
    NetworkSource::LATENCY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_of_a_former_version_still_reads() {
        let stored = r#"{"url":"srt://a.example:9000","latency_ms":500,"on_loss":"hide"}"#;
        let source: NetworkSource = serde_json::from_str(stored).unwrap();
        assert!(source.user.is_none() && source.secret.is_none() && !source.has_password);
        assert_eq!(serde_json::to_string(&source).unwrap(), stored);
    }

    #[test]
    fn the_secret_itself_is_never_written() {
        let stored = r#"{"url":"rtsp://a.example/a","user":"me","has_password":true}"#;
        let mut source: NetworkSource = serde_json::from_str(stored).unwrap();
        source.put_plain(Secret::from("planted".to_owned()));
        let written = serde_json::to_string(&source).unwrap();
        assert!(!written.contains("planted"), "{written}");
        assert!(!format!("{source:?}").contains("planted"));
        assert_eq!(source.plain().unwrap().expose(), "planted");
        assert_eq!(source.take_plain().unwrap().expose(), "planted");
        assert_eq!(source.plain(), None);
    }
}
