//! Takes an upload from the network to the disk, in pieces, within its limits.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use sm_common::asset::AssetKind;
use sm_common::id::AssetId;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufWriter;
use tokio::time::timeout;

use super::UploadError;
use super::files::{Files, Staged, blocking};
use crate::domain::upload::{
    self, ContentType, HEAD_BYTES, PixelLimits, Unacceptable, content_type, file_name,
};

/// The one member of the form.
const FIELD: &str = "file";
/// Written to the disk at once, in bytes.
pub(super) const WRITE_BYTES: usize = 256 * 1024;

/// A whole, acceptable file that has no name yet.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) id: AssetId,
    pub(crate) name: String,
    pub(crate) content: ContentType,
    pub(crate) bytes: u64,
    pub(crate) staged: Staged,
}

/// A whole, synced file whose digest is its identifier, of which nothing else is known.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) id: AssetId,
    pub(crate) bytes: u64,
    /// Its first [`HEAD_BYTES`], as far as it has so many.
    pub(crate) head: Vec<u8>,
    pub(crate) staged: Staged,
}

/// What an upload may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes_max: u64,
    pub(crate) pixels: PixelLimits,
    /// Longest wait for the next part.
    pub(crate) idle: Duration,
}

/// Receives the form's file. Whatever goes wrong, what was written goes with the error.
pub(crate) async fn receive(
    files: &Files,
    mut form: Multipart,
    limits: Limits,
) -> Result<Received, UploadError> {
    let first = next_part(&mut form, limits.idle).await?;
    let field = first
        .filter(|field| field.name() == Some(FIELD))
        .ok_or(UploadError::Member)?;
    let received = receive_file(files, field, limits).await?;
    // The end of the form proves that nothing was cut off.
    if next_part(&mut form, limits.idle).await?.is_some() {
        return Err(UploadError::Member);
    }
    Ok(received)
}

/// Looks at a file that came by another way than a form: `head` are its first bytes.
pub(crate) async fn examine(
    found: Unpacked,
    name: &str,
    limits: Limits,
) -> Result<Received, UploadError> {
    let Unpacked {
        id,
        bytes,
        head,
        staged,
    } = found;
    let name = file_name(Some(name))?;
    let content = content_type(&head, None)?;
    check_header(&staged, content, limits.pixels).await?;
    Ok(Received {
        id,
        name,
        content,
        bytes,
        staged,
    })
}

async fn receive_file(
    files: &Files,
    mut field: Field,
    limits: Limits,
) -> Result<Received, UploadError> {
    let disposition = field.content_disposition();
    let name = file_name(disposition.and_then(|disposition| disposition.get_filename()))?;
    let declared = field
        .content_type()
        .map(|mime| mime.essence_str().to_owned());

    let (file, staged) = files.stage().await.map_err(UploadError::disk)?;
    let mut file = BufWriter::with_capacity(WRITE_BYTES, file);
    let mut digest = Sha256::new();
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let mut content = None;
    let mut bytes: u64 = 0;
    while let Some(part) = next_piece(&mut field, limits.idle).await? {
        bytes = bytes.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if bytes > limits.bytes_max {
            return Err(UploadError::TooLarge {
                bytes_max: limits.bytes_max,
            });
        }
        if content.is_none() {
            let room = HEAD_BYTES.saturating_sub(head.len());
            head.extend(part.iter().take(room));
            // As soon as the type can be told, so that nobody sends a gigabyte in vain.
            if head.len() >= HEAD_BYTES {
                content = Some(content_type(&head, declared.as_deref())?);
            }
        }
        digest.update(&part);
        file.write_all(&part).await.map_err(UploadError::disk)?;
    }
    let content = match content {
        Some(content) => content,
        None => content_type(&head, declared.as_deref())?,
    };
    file.flush().await.map_err(UploadError::disk)?;
    let file = file.into_inner();
    file.sync_all().await.map_err(UploadError::disk)?;
    check_header(&staged, content, limits.pixels).await?;
    Ok(Received {
        id: AssetId::from_sha256(&digest.finalize().into()),
        name,
        content,
        bytes,
        staged,
    })
}

/// A complete file that came in pieces, as [`receive`] leaves one.
pub(crate) async fn identify(
    staged: Staged,
    name: String,
    declared: Option<&str>,
    pixels: PixelLimits,
) -> Result<Received, UploadError> {
    let path = staged.path().to_owned();
    let (digest, head, bytes) = blocking(move || {
        let mut file = File::open(path)?;
        let (mut digest, mut head, mut bytes) = (Sha256::new(), Vec::new(), 0_u64);
        let mut buffer = vec![0; WRITE_BYTES];
        loop {
            let count = file.read(&mut buffer)?;
            let part = buffer.get(..count).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            let room = HEAD_BYTES.saturating_sub(head.len());
            head.extend(part.iter().take(room));
            digest.update(part);
            bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
        Ok((digest, head, bytes))
    })
    .await
    .map_err(UploadError::Disk)?;
    let content = content_type(&head, declared)?;
    check_header(&staged, content, pixels).await?;
    Ok(Received {
        id: AssetId::from_sha256(&digest.finalize().into()),
        name,
        content,
        bytes,
        staged,
    })
}

/// The beginning of a file, as far as its type is told by it.
pub(crate) async fn read_head(path: PathBuf) -> io::Result<Vec<u8>> {
    blocking(move || {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let bytes_max = u64::try_from(HEAD_BYTES).unwrap_or(u64::MAX);
        let _bytes = File::open(path)?.take(bytes_max).read_to_end(&mut head)?;
        Ok(head)
    })
    .await
}

/// Refuses a picture by what its header says alone: one that is too large costs no process.
async fn check_header(
    staged: &Staged,
    content: ContentType,
    limits: PixelLimits,
) -> Result<(), UploadError> {
    if content.kind != AssetKind::Image || content.media_type == upload::SVG {
        return Ok(());
    }
    let path = staged.path().to_owned();
    let size = blocking(move || Ok(imagesize::size(path)))
        .await
        .map_err(UploadError::disk)?
        .map_err(|_unreadable| Unacceptable::Header)?;
    upload::dimensions(size.width, size.height, limits)?;
    Ok(())
}

async fn next_part(form: &mut Multipart, idle: Duration) -> Result<Option<Field>, UploadError> {
    within(idle, form.next()).await
}

async fn next_piece(field: &mut Field, idle: Duration) -> Result<Option<Bytes>, UploadError> {
    within(idle, field.next()).await
}

async fn within<T>(
    idle: Duration,
    next: impl Future<Output = Option<Result<T, MultipartError>>>,
) -> Result<Option<T>, UploadError> {
    let arrived = timeout(idle, next)
        .await
        .map_err(|_elapsed| UploadError::Slow)?;
    arrived.transpose().map_err(|error| faulty_form(&error))
}

/// A form that cannot be read: of another type, cut off, or malformed.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else may be wrong with a form, now or later, makes it malformed"
)]
fn faulty_form(error: &MultipartError) -> UploadError {
    let cause = error.to_string();
    match error {
        MultipartError::ContentTypeMissing
        | MultipartError::ContentTypeParse
        | MultipartError::ContentTypeIncompatible => UploadError::NotAForm,
        MultipartError::Incomplete
        | MultipartError::Payload(PayloadError::Incomplete(_) | PayloadError::Io(_)) => {
            UploadError::Cut { cause }
        }
        _ => UploadError::Malformed { cause },
    }
}
