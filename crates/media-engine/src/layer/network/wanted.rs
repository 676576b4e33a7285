use sm_common::address::SourceUrl;
use sm_common::layer::{KeyLength, NetworkSource};
use sm_common::secret::Secret;

/// What is to be fetched, and how.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) url: SourceUrl,
    /// The stream to ask an SRT listener for.
    pub(super) stream_id: Option<String>,
    /// Who asks.
    pub(super) user: Option<String>,
    /// The password, or the passphrase of SRT.
    pub(super) secret: Option<Secret>,
    pub(super) key_length: KeyLength,
    pub(super) latency_ms: u32,
    /// The size that its picture is needed in.
    pub(super) size: (u32, u32),
}

impl Wanted {
    pub(super) fn new(
        url: SourceUrl,
        source: &NetworkSource,
        secret: Option<&Secret>,
        size: (u32, u32),
    ) -> Self {
        Self {
            url,
            stream_id: source.stream_id.clone(),
            user: source.user.clone(),
            secret: secret.cloned(),
            key_length: source.key_length.unwrap_or(KeyLength::Bytes16),
            latency_ms: source.latency_ms,
            size,
        }
    }

    /// User and password, where somebody is to be asked with them.
    pub(super) fn credentials(&self) -> Option<(&str, &str)> {
        let password = self.secret.as_ref().map_or("", Secret::expose);
        Some((self.user.as_deref()?, password))
    }
}
