use std::path::{Path, PathBuf};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use serde::{Deserialize, Serialize};

use crate::error::OpenError;

/// First wait before a request is sent again.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Times that a request is sent again at most, within the time that is configured.
const RETRIES_MAX: usize = 5;

/// `[object_store]`: where uploaded files are kept, unless it is a directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectStoreConfig {
    /// The bucket; empty for none.
    bucket: String,
    /// What the names of all objects begin with, such as `station-1`; may be empty.
    pub(crate) prefix: String,
    region: String,
    /// `https://host` of the store; empty for AWS's own.
    endpoint: String,
    /// Whether the bucket is a part of the host's name instead of the path.
    virtual_hosted: bool,
    /// Whether `http://` is taken.
    allow_http: bool,
    /// Empty: the role of this host.
    access_key_id: String,
    /// A file that holds the key and nothing else.
    secret_access_key_file: PathBuf,
    connect_timeout_ms: u64,
    request_timeout_ms: u64,
    retry_for_ms: u64,
}

impl ObjectStoreConfig {
    /// Whether there is one.
    pub fn is_wanted(&self) -> bool {
        !self.bucket.is_empty()
    }

    /// What speaks to the store. Nothing is asked of it yet.
    pub(crate) fn client(&self) -> Result<AmazonS3, OpenError> {
        let options = ClientOptions::new()
            .with_allow_http(self.allow_http)
            .with_connect_timeout(Duration::from_millis(self.connect_timeout_ms))
            .with_timeout(Duration::from_millis(self.request_timeout_ms));
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: FIRST_WAIT,
                max_backoff: LONGEST_WAIT,
                ..BackoffConfig::default()
            },
            max_retries: RETRIES_MAX,
            retry_timeout: Duration::from_millis(self.retry_for_ms),
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(self.virtual_hosted)
            // Not every store knows how to delete several objects with one request.
            .with_disable_bulk_delete(true)
            .with_client_options(options)
            .with_retry(retry);
        if !self.endpoint.is_empty() {
            let _parsed =
                url::Url::parse(&self.endpoint).map_err(|source| OpenError::Endpoint { source })?;
            builder = builder.with_endpoint(self.endpoint.trim_end_matches('/'));
        }
        if !self.access_key_id.is_empty() {
            builder = builder
                .with_access_key_id(&self.access_key_id)
                .with_secret_access_key(read_secret(&self.secret_access_key_file)?);
        }
        builder
            .build()
            .map_err(|source| OpenError::Settings { source })
    }
}

fn read_secret(path: &Path) -> Result<String, OpenError> {
    let read = std::fs::read_to_string(path).map_err(|source| OpenError::Secret {
        path: path.to_owned(),
        source,
    })?;
    let secret = read.trim();
    if secret.is_empty() {
        return Err(OpenError::NoSecret {
            path: path.to_owned(),
        });
    }
    Ok(secret.to_owned())
}
