//! The content of a kept file, handed out in parts.

use std::io::{self, SeekFrom};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sm_asset_store::Bucket;
use sm_common::asset::Asset;
use sm_common::id::AssetId;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::files::FileError;

/// Read from the disk at once, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// A kept file that is to be read.
#[derive(Debug)]
pub(crate) struct Content {
    source: Source,
    bytes: u64,
}

#[derive(Debug)]
enum Source {
    File(File),
    Object(Bucket, AssetId),
}

impl Content {
    pub(super) const fn file(file: File, bytes: u64) -> Self {
        Self {
            source: Source::File(file),
            bytes,
        }
    }

    pub(super) fn object(bucket: Bucket, asset: &Asset) -> Self {
        Self {
            source: Source::Object(bucket, asset.id.clone()),
            bytes: asset.bytes,
        }
    }

    /// Its size.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `length` bytes from `start` on. An object that the store does not hand out is known now; what
    /// goes wrong later ends the stream with an error.
    pub(crate) async fn part(
        self,
        start: u64,
        length: u64,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, FileError> {
        match self.source {
            Source::File(mut file) => {
                file.seek(SeekFrom::Start(start)).await?;
                Ok(ReaderStream::with_capacity(file.take(length), READ_BYTES).boxed())
            }
            Source::Object(bucket, id) => {
                let part = (start, start.saturating_add(length));
                let pieces = bucket.read(&id, part).await?;
                Ok(pieces.map_err(io::Error::other).boxed())
            }
        }
    }
}
