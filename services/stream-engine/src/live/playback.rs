//! Playback addresses: stream-control signs them, and this verifies them with the same secret.

use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

/// Shortest secret, in bytes.
const SECRET_BYTES_MIN: usize = 32;

/// What a playback address claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlaybackClaim {
    /// The moment from which it grants nothing any more, in seconds since the Unix epoch.
    pub(crate) expires: i64,
    /// HMAC-SHA256 of stream and expiry, base64url without padding.
    pub(crate) signature: String,
}

/// Why an address grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaybackRefusal {
    #[error("the playback address is not one of ours, or not for this stream")]
    Invalid,
    #[error("the playback address has expired")]
    Expired,
}

/// Verifies playback addresses.
#[derive(Clone, Debug)]
pub(crate) struct PlaybackVerifier(Option<SecretSlice<u8>>);

impl PlaybackVerifier {
    /// Reads the secret. Without one no address grants anything.
    pub(crate) fn open(file: &Path) -> anyhow::Result<Self> {
        if file.as_os_str().is_empty() {
            return Ok(Self(None));
        }
        let secret = std::fs::read(file)
            .with_context(|| format!("read playback.secret_file {}", file.display()))?;
        let secret = secret.trim_ascii().to_vec();
        anyhow::ensure!(
            secret.len() >= SECRET_BYTES_MIN,
            "playback.secret_file {} holds fewer than {SECRET_BYTES_MIN} bytes",
            file.display()
        );
        Ok(Self(Some(secret.into())))
    }

    /// Whether the claim lets its bearer watch `stream` now.
    pub(crate) fn verify(
        &self,
        stream: &StreamId,
        claim: &PlaybackClaim,
        now: Timestamp,
    ) -> Result<(), PlaybackRefusal> {
        let Self(Some(secret)) = self else {
            return Err(PlaybackRefusal::Invalid);
        };
        let signature = URL_SAFE_NO_PAD
            .decode(&claim.signature)
            .map_err(|_not_base64| PlaybackRefusal::Invalid)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret())
            .map_err(|_length| PlaybackRefusal::Invalid)?;
        mac.update(format!("{stream}\n{}", claim.expires).as_bytes());
        mac.verify_slice(&signature)
            .map_err(|_another| PlaybackRefusal::Invalid)?;
        if claim.expires <= now.as_unix_seconds() {
            return Err(PlaybackRefusal::Expired);
        }
        Ok(())
    }
}

impl PlaybackClaim {
    /// The query of an address that makes this claim. The signature was decoded before, so it
    /// holds nothing that would have to be escaped.
    pub(crate) fn query(&self) -> String {
        format!("?expires={}&signature={}", self.expires, self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_grants_one_stream_until_its_moment() {
        // HMAC-SHA256 with 32 bytes of 'k' over "main\n1000".
        let verifier = PlaybackVerifier(Some(vec![b'k'; 32].into()));
        let mut mac = Hmac::<Sha256>::new_from_slice(&[b'k'; 32]).unwrap();
        mac.update(b"main\n1000");
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        let claim = PlaybackClaim {
            expires: 1000,
            signature,
        };
        let main = StreamId::default();
        let other: StreamId = "other".parse().unwrap();
        let before = Timestamp::from_unix_millis(999_999);
        let after = Timestamp::from_unix_millis(1_000_000);
        assert_eq!(verifier.verify(&main, &claim, before), Ok(()));
        assert_eq!(
            verifier.verify(&main, &claim, after),
            Err(PlaybackRefusal::Expired)
        );
        assert_eq!(
            verifier.verify(&other, &claim, before),
            Err(PlaybackRefusal::Invalid)
        );
        let longer = PlaybackClaim {
            expires: 2000,
            ..claim.clone()
        };
        assert_eq!(
            verifier.verify(&main, &longer, before),
            Err(PlaybackRefusal::Invalid)
        );
        let none = PlaybackVerifier(None);
        assert_eq!(
            none.verify(&main, &claim, before),
            Err(PlaybackRefusal::Invalid)
        );
    }
}
