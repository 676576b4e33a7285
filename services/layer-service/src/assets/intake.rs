//! Takes an upload from the network to the disk, in pieces, within its limits.

use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use sm_common::asset::AssetKind;
use sm_common::id::AssetId;
use sm_media_files::{Drawing, SvgError, SvgLimits};
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
const WRITE_BYTES: usize = 256 * 1024;

/// A whole, acceptable file that has no name yet.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) id: AssetId,
    pub(crate) name: String,
    pub(crate) content: ContentType,
    pub(crate) bytes: u64,
    /// Width and height, where the header says them.
    pub(crate) size: Option<(u32, u32)>,
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
    pub(crate) svg: SvgLimits,
    pub(crate) font_bytes_max: u64,
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

/// The width and height of a file that is whole, once it is known that it can be used.
async fn size_of(
    content: ContentType,
    staged: &Staged,
    limits: Limits,
) -> Result<Option<(u32, u32)>, UploadError> {
    Ok(match content.kind {
        AssetKind::Image if content.media_type == upload::SVG => {
            Some(read_drawing(staged, limits).await?)
        }
        AssetKind::Image => Some(read_size(staged, limits.pixels).await?),
        AssetKind::Font => {
            read_font(staged, limits.font_bytes_max).await?;
            None
        }
        AssetKind::Video | AssetKind::Audio => None,
    })
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
    let size = size_of(content, &staged, limits).await?;
    Ok(Received {
        id,
        name,
        content,
        bytes,
        size,
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

    let (file, staged) = files.stage().await.map_err(UploadError::Disk)?;
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
        file.write_all(&part).await.map_err(UploadError::Disk)?;
    }
    let content = match content {
        Some(content) => content,
        None => content_type(&head, declared.as_deref())?,
    };
    file.flush().await.map_err(UploadError::Disk)?;
    let file = file.into_inner();
    file.sync_all().await.map_err(UploadError::Disk)?;
    let size = size_of(content, &staged, limits).await?;
    Ok(Received {
        id: AssetId::from_sha256(&digest.finalize().into()),
        name,
        content,
        bytes,
        size,
        staged,
    })
}

/// The picture's size, from its header alone: nothing is decoded.
async fn read_size(staged: &Staged, limits: PixelLimits) -> Result<(u32, u32), UploadError> {
    let path = staged.path().to_owned();
    let size = blocking(move || Ok(imagesize::size(path)))
        .await
        .map_err(UploadError::Disk)?
        .map_err(|_unreadable| Unacceptable::Header)?;
    Ok(upload::dimensions(size.width, size.height, limits)?)
}

/// A drawing's size, once it is known that it can be drawn.
async fn read_drawing(staged: &Staged, limits: Limits) -> Result<(u32, u32), UploadError> {
    let path = staged.path().to_owned();
    let Limits { pixels, svg, .. } = limits;
    let drawing = blocking(move || {
        let size = std::fs::metadata(&path)?.len();
        if usize::try_from(size).is_ok_and(|size| size <= svg.bytes_max) {
            Ok(Drawing::read(&std::fs::read(&path)?, svg))
        } else {
            Ok(Err(SvgError::TooLarge {
                bytes: usize::try_from(size).unwrap_or(usize::MAX),
                bytes_max: svg.bytes_max,
            }))
        }
    });
    let drawing = drawing.await.map_err(UploadError::Disk)?;
    Ok(drawing.map_err(Unacceptable::from)?.size(pixels.side_max))
}

/// Whether text can be written in a font.
async fn read_font(staged: &Staged, bytes_max: u64) -> Result<(), UploadError> {
    let path = staged.path().to_owned();
    let font = blocking(move || {
        let bytes = std::fs::metadata(&path)?.len();
        if bytes > bytes_max {
            return Ok(Err(Unacceptable::FontSize { bytes, bytes_max }));
        }
        let data = std::fs::read(&path)?;
        let letters = ttf_parser::Face::parse(&data, 0).map(|face| face.number_of_glyphs());
        Ok(match letters {
            Ok(letters) if letters > 1 => Ok(()),
            Ok(_) | Err(_) => Err(Unacceptable::Font),
        })
    });
    Ok(font.await.map_err(UploadError::Disk)??)
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
