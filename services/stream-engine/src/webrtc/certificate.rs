use std::sync::Arc;

use anyhow::Context as _;
use str0m::config::{CryptoProvider, DtlsCert};

/// What this process proves itself with to its viewers: a certificate that lives as long as it does.
/// Its fingerprint is in every answer, which comes over HTTP from somebody the viewer trusts.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) crypto: Arc<CryptoProvider>,
    pub(super) certificate: DtlsCert,
}

impl Identity {
    /// A new one.
    pub(super) fn generate() -> anyhow::Result<Self> {
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let certificate = crypto
            .dtls_provider
            .generate_certificate()
            .context("make a certificate for WebRTC")?;
        Ok(Self {
            crypto,
            certificate,
        })
    }
}
