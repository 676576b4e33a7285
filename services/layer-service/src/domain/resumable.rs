//! Uploads that go on after a loss, as tus 1.0 has them: <https://tus.io/protocols/resumable-upload>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;
use sm_common::id::AssetId;
use uuid::Uuid;

use super::upload::{Unacceptable, file_name};

/// The version of the protocol that is spoken.
pub(crate) const VERSION: &str = "1.0.0";
/// What is spoken of it beside its core.
pub(crate) const EXTENSIONS: &str = "creation,expiration,termination";
/// Bytes of all that a sender says of its file, at most.
const METADATA_BYTES_MAX: usize = 4096;

/// An upload that may come in pieces. What has arrived of it is what its file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResumableUpload {
    pub(crate) id: Uuid,
    /// Bytes of the whole file.
    pub(crate) length: u64,
    pub(crate) name: String,
    /// The media type that its sender believes it to be.
    pub(crate) declared: Option<String>,
    /// When it is given up, unless something arrives before.
    pub(crate) expires_at: Timestamp,
    /// What it has become.
    pub(crate) asset: Option<AssetId>,
}

impl ResumableUpload {
    /// Bytes that are kept free for it.
    pub(crate) const fn reserved(&self) -> u64 {
        match self.asset {
            Some(_) => 0,
            None => self.length,
        }
    }
}

/// What a sender says of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) declared: Option<String>,
}

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DescriptionFault {
    #[error(
        "`Upload-Metadata` is a list of keys with their values in Base64, such as `filename YS5tcDQ=,filetype dmlkZW8vbXA0`, of {METADATA_BYTES_MAX} bytes or less"
    )]
    Malformed,
    #[error(transparent)]
    Name(#[from] Unacceptable),
}

/// Reads `Upload-Metadata`. Keys that nobody knows here are left out.
pub(crate) fn describe(metadata: Option<&str>) -> Result<Description, DescriptionFault> {
    let metadata = metadata.unwrap_or_default();
    if metadata.len() > METADATA_BYTES_MAX {
        return Err(DescriptionFault::Malformed);
    }
    let (mut name, mut declared) = (None, None);
    for pair in metadata.split(',').map(str::trim) {
        if pair.is_empty() && metadata.trim().is_empty() {
            break;
        }
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        if key.is_empty() {
            return Err(DescriptionFault::Malformed);
        }
        let decoded = STANDARD.decode(value.trim());
        let decoded = decoded.map_err(|_no_base64| DescriptionFault::Malformed)?;
        let text = String::from_utf8(decoded).map_err(|_no_text| DescriptionFault::Malformed)?;
        match key {
            "filename" => name = Some(text),
            "filetype" => declared = (!text.is_empty()).then_some(text),
            _ => {}
        }
    }
    Ok(Description {
        name: file_name(name.as_deref())?,
        declared,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_describes_its_file_in_a_header() {
        let cases = [
            (None, "upload", None),
            (Some(""), "upload", None),
            (
                Some("filename YS5tcDQ=,filetype dmlkZW8vbXA0"),
                "a.mp4",
                Some("video/mp4"),
            ),
            (Some("filetype , filename w4l0w6kubXA0"), "Été.mp4", None),
            (Some("is_confidential,filename YS5tcDQ="), "a.mp4", None),
        ];
        for (header, name, declared) in cases {
            let description = describe(header).unwrap();
            assert_eq!(description.name, name, "{header:?}");
            assert_eq!(description.declared.as_deref(), declared, "{header:?}");
        }
    }

    #[test]
    fn a_description_that_is_none_is_refused() {
        let long = format!("filename {}", "YWFh".repeat(1100));
        for bad in [
            "filename a",
            "filename YS5tcDQ=,,x",
            "filename /w==",
            ",",
            &long,
        ] {
            let refused = describe(Some(bad)).unwrap_err();
            assert_eq!(refused, DescriptionFault::Malformed, "{bad}");
        }
        // ../../etc/passwd
        let refused = describe(Some("filename Li4vLi4vZXRjL3Bhc3N3ZA==")).unwrap_err();
        assert_eq!(refused, DescriptionFault::Name(Unacceptable::Name));
    }
}
