//! Keys of the feeds that others push to us. They are derived from a secret and what the layer
//! says, so that no document, event or backup holds one, and every process that has the secret
//! knows all of them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use sha2::Sha256;

use crate::id::{LayerId, StreamId};

/// Bytes of a layer's identifier.
const LAYER_BYTES: usize = 16;
/// Bytes of the authentication code in a key: 128 bits, which nobody guesses.
const CODE_BYTES: usize = 16;
/// Longest text that is looked at as a key, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// The secret that keys are derived from; the same in every service that needs it.
#[derive(Clone)]
pub struct IngestSecret(Hmac<Sha256>);

/// The secret is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret holds fewer than {} bytes", IngestSecret::BYTES_MIN)]
pub struct SecretTooShort;

impl IngestSecret {
    /// Shortest secret, in bytes.
    pub const BYTES_MIN: usize = 32;

    /// A secret as it stands in its file; white space around it does not count.
    pub fn new(file: &[u8]) -> Result<Self, SecretTooShort> {
        let secret = file.trim_ascii();
        if secret.len() < Self::BYTES_MIN {
            return Err(SecretTooShort);
        }
        Hmac::new_from_slice(secret)
            .map(Self)
            .map_err(|_length| SecretTooShort)
    }

    /// The key with which somebody publishes to the layer: the stream, a dot, and 43 characters.
    pub fn stream_key(&self, stream: &StreamId, layer: LayerId, generation: u32) -> SecretString {
        let code = self.code(stream, layer, generation).finalize().into_bytes();
        let mut bytes = layer.as_uuid().as_bytes().to_vec();
        bytes.extend(code.iter().take(CODE_BYTES));
        format!("{stream}.{}", URL_SAFE_NO_PAD.encode(bytes)).into()
    }

    /// Whether it is the layer's key of this generation. Takes the same time for every wrong one.
    pub fn verify(&self, key: &StreamKey, generation: u32) -> bool {
        self.code(&key.stream, key.layer, generation)
            .verify_truncated_left(&key.code)
            .is_ok()
    }

    fn code(&self, stream: &StreamId, layer: LayerId, generation: u32) -> Hmac<Sha256> {
        let mut code = self.0.clone();
        code.update(format!("stream key\n{stream}\n{layer}\n{generation}").as_bytes());
        code
    }
}

impl fmt::Debug for IngestSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IngestSecret(…)")
    }
}

/// A key as somebody sent it: it names a layer, and claims to be that layer's.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamKey {
    /// The stream that it names.
    pub stream: StreamId,
    /// The layer that it names.
    pub layer: LayerId,
    code: [u8; CODE_BYTES],
}

/// The text has not the form of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text has not the form of a stream key")]
pub struct ParseStreamKeyError;

impl FromStr for StreamKey {
    type Err = ParseStreamKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > KEY_BYTES_MAX {
            return Err(ParseStreamKeyError);
        }
        let (stream, rest) = text.split_once('.').ok_or(ParseStreamKeyError)?;
        let stream = stream.parse().map_err(|_not_one| ParseStreamKeyError)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(rest)
            .map_err(|_not_base64| ParseStreamKeyError)?;
        let (layer, code) = bytes
            .split_first_chunk::<LAYER_BYTES>()
            .ok_or(ParseStreamKeyError)?;
        Ok(Self {
            stream,
            layer: LayerId::from_uuid(uuid::Uuid::from_bytes(*layer)),
            code: code.try_into().map_err(|_length| ParseStreamKeyError)?,
        })
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamKey")
            .field("stream", &self.stream)
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn secret() -> IngestSecret {
        IngestSecret::new(&[b'k'; 32]).unwrap()
    }

    fn key(text: &SecretString) -> StreamKey {
        text.expose_secret().parse().unwrap()
    }

    #[test]
    fn a_key_is_one_layers_of_one_generation() {
        let (main, layer) = (StreamId::default(), LayerId::generate());
        let text = secret().stream_key(&main, layer, 3);
        assert_eq!(text.expose_secret().len(), "main.".len() + 43);
        let sent = key(&text);
        assert_eq!((&sent.stream, sent.layer), (&main, layer));
        assert!(secret().verify(&sent, 3));
        assert!(!secret().verify(&sent, 4), "another generation");
        let other = IngestSecret::new(&[b'o'; 32]).unwrap();
        assert!(!other.verify(&sent, 3), "another secret");
        let elsewhere = StreamKey {
            stream: "other".parse().unwrap(),
            ..sent.clone()
        };
        assert!(!secret().verify(&elsewhere, 3), "another stream");
        let beside = StreamKey {
            layer: LayerId::generate(),
            ..sent
        };
        assert!(!secret().verify(&beside, 3), "another layer");
    }

    #[test]
    fn what_is_no_key_is_told_from_one_without_a_secret() {
        let text = secret().stream_key(&StreamId::default(), LayerId::generate(), 1);
        let whole = text.expose_secret();
        let long = format!("{whole}{}", "A".repeat(300));
        for wrong in [
            "",
            ".",
            "main",
            "main.",
            "main.AAAA",
            "Main.AAAA",
            whole.strip_suffix(|_last: char| true).unwrap(),
            &long,
            "../../etc.passwd",
        ] {
            assert_eq!(
                wrong.parse::<StreamKey>(),
                Err(ParseStreamKeyError),
                "{wrong}"
            );
        }
        assert!(!format!("{:?}", key(&text)).contains(whole.get(30..).unwrap()));
    }

    #[test]
    fn a_short_secret_is_none() {
        assert!(IngestSecret::new(b"   0123456789012345678901234567890\n").is_err());
    }
}
