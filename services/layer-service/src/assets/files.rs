//! Uploaded files on disk: `<directory>/<first two digits>/<sha256>`, next to `tmp` for files on
//! their way in or out. A file under its digest is complete and on the disk; it appears and goes
//! in one step. Its thumbnail is under the same name in `thumbnails`.
//!
//! With an object store the directory holds what is on its way alone, and everything that has a name is
//! in the bucket.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sm_asset_store::{Bucket, Shelf, StoreError};
use sm_common::asset::Asset;
use sm_common::clock::Timestamp;
use sm_common::id::AssetId;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::{StreamReader, SyncIoBridge};
use uuid::Uuid;

use super::content::Content;

/// Others may not read what people upload; the group may, for an engine of another user.
pub(super) const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;
/// Where files are while they have no name yet, or no longer.
const STAGING: &str = "tmp";
/// Where thumbnails are.
const THUMBNAILS: &str = "thumbnails";

/// Why a file cannot be kept, handed out or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("the file cannot be read or written")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Uploaded files, in a directory that all replicas share, or in a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    bucket: Option<Bucket>,
}

/// What has lost its name and can have it back.
#[derive(Debug)]
pub(crate) enum Withdrawn {
    File(Staged),
    Object(sm_asset_store::Withdrawn),
}

/// A file without a name; its space is given back with the value.
#[derive(Debug)]
pub(crate) struct Staged {
    path: PathBuf,
}

impl Staged {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, to be read.
    pub(crate) async fn open(&self) -> io::Result<File> {
        let path = self.path.clone();
        blocking(move || File::open(path)).await
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "a temporary file stays behind");
        }
    }
}

impl Files {
    pub(crate) const fn new(directory: PathBuf, bucket: Option<Bucket>) -> Self {
        Self { directory, bucket }
    }

    /// The bucket, where files are in one.
    pub(crate) const fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// Where an asset is on the disk.
    fn path(&self, id: &AssetId, which: Shelf) -> PathBuf {
        let directory = match which {
            Shelf::Content => self.directory.clone(),
            Shelf::Thumbnail => self.directory.join(THUMBNAILS),
        };
        directory.join(id.relative_path())
    }

    /// Bytes that can still be written to the disk.
    pub(crate) async fn free(&self) -> io::Result<u64> {
        let directory = self.directory.clone();
        blocking(move || {
            create_directory(&directory)?;
            let disk = rustix::fs::statvfs(&directory)?;
            Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
        })
        .await
    }

    /// An empty file to write to.
    pub(crate) async fn stage(&self) -> io::Result<(tokio::fs::File, Staged)> {
        let staging = self.directory.join(STAGING);
        let (file, staged) = blocking(move || {
            create_directory(&staging)?;
            let path = staging.join(Uuid::new_v4().to_string());
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(&path)?;
            Ok((file, Staged { path }))
        })
        .await?;
        Ok((tokio::fs::File::from_std(file), staged))
    }

    /// A second name, to be looked at, for a file that is elsewhere in the directory.
    pub(crate) async fn stage_link(&self, from: PathBuf) -> io::Result<Staged> {
        let staging = self.directory.join(STAGING);
        blocking(move || {
            create_directory(&staging)?;
            let path = staging.join(Uuid::new_v4().to_string());
            std::fs::hard_link(from, &path)?;
            Ok(Staged { path })
        })
        .await
    }

    /// Gives a complete, synced file its name; the staged name stays until it is dropped. The
    /// name may be taken: then its content is the same.
    pub(crate) async fn place(&self, staged: &Staged, id: &AssetId) -> Result<(), FileError> {
        match &self.bucket {
            Some(bucket) => Ok(bucket.put_file(id, &staged.path).await?),
            None => Ok(link(staged, self.path(id, Shelf::Content)).await?),
        }
    }

    /// Keeps the thumbnail of an asset, in place of one that is there.
    pub(crate) async fn place_thumbnail(
        &self,
        id: &AssetId,
        bytes: &[u8],
    ) -> Result<(), FileError> {
        if let Some(bucket) = &self.bucket {
            let bytes = Bytes::copy_from_slice(bytes);
            return Ok(bucket.put(id, Shelf::Thumbnail, bytes).await?);
        }
        let (mut file, staged) = self.stage().await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        let to = self.path(id, Shelf::Thumbnail);
        let named = blocking(move || {
            create_directory(to.parent().unwrap_or(Path::new(".")))?;
            std::fs::rename(staged.path(), &to)
        });
        Ok(named.await?)
    }

    /// The thumbnail of an asset; `None` when there is none.
    pub(crate) async fn thumbnail(&self, id: &AssetId) -> Result<Option<Bytes>, FileError> {
        if let Some(bucket) = &self.bucket {
            return Ok(bucket.whole(id, Shelf::Thumbnail).await?);
        }
        match tokio::fs::read(self.path(id, Shelf::Thumbnail)).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the name of an asset's file or thumbnail away. `None` when it has none.
    pub(crate) async fn withdraw(
        &self,
        id: &AssetId,
        which: Shelf,
    ) -> Result<Option<Withdrawn>, FileError> {
        if let Some(bucket) = &self.bucket {
            return Ok(bucket.withdraw(id, which).await?.map(Withdrawn::Object));
        }
        let (from, staging) = (self.path(id, which), self.directory.join(STAGING));
        let taken = blocking(move || {
            create_directory(&staging)?;
            let path = staging.join(Uuid::new_v4().to_string());
            match std::fs::rename(&from, &path) {
                Ok(()) => Ok(Some(Withdrawn::File(Staged { path }))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        });
        Ok(taken.await?)
    }

    /// Gives what was withdrawn its name back. The name may be taken: then its content is the same.
    pub(crate) async fn give_back(
        &self,
        withdrawn: &Withdrawn,
        id: &AssetId,
        which: Shelf,
    ) -> Result<(), FileError> {
        match (withdrawn, &self.bucket) {
            (Withdrawn::File(staged), _) => Ok(link(staged, self.path(id, which)).await?),
            (Withdrawn::Object(object), Some(bucket)) => {
                Ok(bucket.give_back(object, id, which).await?)
            }
            (Withdrawn::Object(_), None) => Ok(()),
        }
    }

    /// Gives the space of what was withdrawn back.
    pub(crate) async fn forget(&self, withdrawn: Withdrawn) -> Result<(), FileError> {
        match (withdrawn, &self.bucket) {
            (Withdrawn::Object(object), Some(bucket)) => Ok(bucket.forget(object).await?),
            (Withdrawn::File(_) | Withdrawn::Object(_), _) => Ok(()),
        }
    }

    /// Whether the content of an asset is there, and its thumbnail where it has one.
    pub(crate) async fn has(&self, asset: &Asset) -> Result<bool, FileError> {
        let thumbnail = asset.thumbnail.is_some().then_some(Shelf::Thumbnail);
        for which in [Some(Shelf::Content), thumbnail].into_iter().flatten() {
            let found = match &self.bucket {
                Some(bucket) => bucket.has(&asset.id, which).await?,
                None => tokio::fs::try_exists(self.path(&asset.id, which)).await?,
            };
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The content of an asset, read where that may block, and its size in bytes.
    pub(crate) fn open_blocking(&self, asset: &Asset) -> io::Result<(Box<dyn Read>, u64)> {
        if let Some(bucket) = &self.bucket {
            let runtime = tokio::runtime::Handle::current();
            let content = runtime.block_on(bucket.read(&asset.id, (0, asset.bytes)));
            let content = content.map_err(io::Error::other)?;
            let reader = StreamReader::new(content.map_err(io::Error::other));
            let reader = SyncIoBridge::new_with_handle(reader, runtime);
            return Ok((Box::new(reader), asset.bytes));
        }
        let file = File::open(self.path(&asset.id, Shelf::Content))?;
        let bytes = file.metadata()?.len();
        Ok((Box::new(file), bytes))
    }

    /// The content of an asset.
    pub(crate) async fn open(&self, asset: &Asset) -> Result<Content, FileError> {
        if let Some(bucket) = &self.bucket {
            return Ok(Content::object(bucket.clone(), asset));
        }
        let file = tokio::fs::File::open(self.path(&asset.id, Shelf::Content)).await?;
        let bytes = file.metadata().await?.len();
        Ok(Content::file(file, bytes))
    }

    /// Whether files can be written to the disk: creates one and removes it.
    pub(crate) async fn check(&self) -> io::Result<()> {
        self.stage().await.map(drop)
    }

    /// Removes unnamed files that nobody has written to since `age` ago; and lists the names of
    /// files and thumbnails as old as that.
    pub(crate) async fn old(&self, now: Timestamp, age: Duration) -> Result<Old, FileError> {
        let mut old = self.old_on_disk(now, age).await?;
        let Some(bucket) = &self.bucket else {
            return Ok(old);
        };
        // What has a name on the disk is no longer, or not yet, in use; it is not ours to judge.
        old.names.clear();
        let mut listed = bucket.list();
        while let Some(found) = listed.try_next().await? {
            if now.since(found.written_at) <= age {
                continue;
            }
            if let Some(id) = &found.asset {
                old.names.insert(id.clone());
            } else {
                bucket.forget_found(&found).await?;
                old.unnamed += 1;
            }
        }
        Ok(old)
    }

    async fn old_on_disk(&self, now: Timestamp, age: Duration) -> io::Result<Old> {
        let directory = self.directory.clone();
        let is_old = move |metadata: &Metadata| {
            let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            let modified = i64::try_from(modified.as_millis()).ok()?;
            Some(now.since(Timestamp::from_unix_millis(modified)) > age)
        };
        blocking(move || {
            let mut old = Old::default();
            let within = entries(&directory)?;
            let thumbnails = entries(&directory.join(THUMBNAILS))?;
            for inner in within.iter().chain(&thumbnails) {
                let is_staging = inner.file_name().is_some_and(|name| name == STAGING);
                for path in entries(inner)? {
                    if path.metadata().ok().and_then(|found| is_old(&found)) != Some(true) {
                        continue;
                    }
                    if is_staging {
                        old.unnamed += 1;
                        drop(Staged { path });
                    } else if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                        old.names.extend(name.parse::<AssetId>().ok());
                    }
                }
            }
            Ok(old)
        })
        .await
    }
}

/// Gives a file on the disk another name, for good.
async fn link(staged: &Staged, to: PathBuf) -> io::Result<()> {
    let from = staged.path.clone();
    blocking(move || {
        let directory = to.parent().unwrap_or(Path::new("."));
        create_directory(directory)?;
        match std::fs::hard_link(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // Without this a power cut may take back the name of a file that was acknowledged.
        File::open(directory)?.sync_all()
    })
    .await
}

/// What is old.
#[derive(Debug, Default)]
pub(crate) struct Old {
    /// Files and thumbnails with a name.
    pub(crate) names: BTreeSet<AssetId>,
    /// Files without one that were removed.
    pub(crate) unnamed: u64,
}

/// What is in a directory; nothing when it is none.
pub(super) fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(directory) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect(),
        Err(error) if is_no_directory(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn is_no_directory(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
}

/// Runs file operations where they may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|failed| Err(io::Error::other(failed)))
}
