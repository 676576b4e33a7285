//! Playback addresses: a signature that lets a player watch one stream until a moment.

use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

/// Shortest secret, in bytes.
const SECRET_BYTES_MIN: usize = 32;

/// Signs playback addresses. stream-engine verifies with the same secret.
#[derive(Clone)]
pub(crate) struct PlaybackSigner(Vec<u8>);

impl std::fmt::Debug for PlaybackSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlaybackSigner")
    }
}

impl PlaybackSigner {
    /// Reads the secret; `None` where none is configured.
    pub(crate) fn open(file: &Path) -> anyhow::Result<Option<Self>> {
        if file.as_os_str().is_empty() {
            return Ok(None);
        }
        let secret = std::fs::read(file)
            .with_context(|| format!("read playback.secret_file {}", file.display()))?;
        let secret = secret.trim_ascii().to_vec();
        anyhow::ensure!(
            secret.len() >= SECRET_BYTES_MIN,
            "playback.secret_file {} holds fewer than {SECRET_BYTES_MIN} bytes",
            file.display()
        );
        Ok(Some(Self(secret)))
    }

    /// The address, relative to the entrypoint, at which `stream` can be watched until `expires`.
    pub(crate) fn address(&self, stream: &StreamId, expires: Timestamp) -> Option<String> {
        let expires = expires.as_unix_seconds();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{stream}\n{expires}").as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Some(format!(
            "/live/{stream}/index.m3u8?expires={expires}&signature={signature}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_stream_or_moment_has_another_signature() {
        let signer = PlaybackSigner(vec![7; 32]);
        let main = StreamId::default();
        let other: StreamId = "other".parse().unwrap();
        let at = Timestamp::from_unix_millis(1_000_000);
        let later = Timestamp::from_unix_millis(2_000_000);
        let signature = |stream, at| {
            let address = signer.address(stream, at).unwrap();
            address.rsplit('=').next().unwrap().to_owned()
        };
        assert_eq!(signature(&main, at), signature(&main, at));
        assert_ne!(signature(&main, at), signature(&other, at));
        assert_ne!(signature(&main, at), signature(&main, later));
    }
}
