//! Secrets that are in files of their own.

use std::path::Path;

use secrecy::SecretSlice;

/// A file that is to hold a secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("read {setting} {}", file.display())]
pub struct ReadSecretError {
    /// The setting that names it.
    pub setting: &'static str,
    /// The file.
    pub file: std::path::PathBuf,
    /// Why it cannot be read.
    pub source: std::io::Error,
}

/// The secret in `file`, without the white space around it; `None` where the setting is empty.
pub fn read(
    file: &Path,
    setting: &'static str,
) -> Result<Option<SecretSlice<u8>>, ReadSecretError> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let secret = std::fs::read(file).map_err(|source| ReadSecretError {
        setting,
        file: file.to_owned(),
        source,
    })?;
    Ok(Some(secret.trim_ascii().to_vec().into()))
}
