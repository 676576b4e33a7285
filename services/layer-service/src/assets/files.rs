//! Uploaded files on disk: `<directory>/<first two digits>/<sha256>`, next to `tmp` for files on
//! their way in or out. A file under its digest is complete and on the disk; it appears and goes
//! in one step. Its thumbnail is under the same name in `thumbnails`.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sm_common::asset::Asset;
use sm_common::clock::Timestamp;
use sm_common::id::AssetId;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

/// Others may not read what people upload; the group may, for an engine of another user.
pub(super) const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;
/// Where files are while they have no name yet, or no longer.
const STAGING: &str = "tmp";
/// Where thumbnails are.
const THUMBNAILS: &str = "thumbnails";

/// The directory of uploaded files, shared by all replicas.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    directory: PathBuf,
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
    pub(crate) const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where the content of an asset is.
    fn path(&self, id: &AssetId) -> PathBuf {
        self.directory.join(id.relative_path())
    }

    /// Where the thumbnail of an asset is.
    fn thumbnail_path(&self, id: &AssetId) -> PathBuf {
        self.directory.join(THUMBNAILS).join(id.relative_path())
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
    pub(crate) async fn place(&self, staged: &Staged, id: &AssetId) -> io::Result<()> {
        let (from, to) = (staged.path.clone(), self.path(id));
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

    /// Keeps the thumbnail of an asset, in place of one that is there.
    pub(crate) async fn place_thumbnail(&self, id: &AssetId, bytes: &[u8]) -> io::Result<()> {
        let (mut file, staged) = self.stage().await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        self.return_thumbnail(staged, id).await
    }

    /// Gives a thumbnail its name, again or for the first time.
    pub(crate) async fn return_thumbnail(&self, staged: Staged, id: &AssetId) -> io::Result<()> {
        let to = self.thumbnail_path(id);
        blocking(move || {
            create_directory(to.parent().unwrap_or(Path::new(".")))?;
            std::fs::rename(staged.path(), &to)
        })
        .await
    }

    /// The thumbnail of an asset; `None` when there is none.
    pub(crate) async fn thumbnail(&self, id: &AssetId) -> io::Result<Option<Vec<u8>>> {
        match tokio::fs::read(self.thumbnail_path(id)).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a file's name away. `None` when it has none.
    pub(crate) async fn withdraw(&self, id: &AssetId) -> io::Result<Option<Staged>> {
        self.take(self.path(id)).await
    }

    /// Takes a thumbnail's name away. `None` when it has none.
    pub(crate) async fn withdraw_thumbnail(&self, id: &AssetId) -> io::Result<Option<Staged>> {
        self.take(self.thumbnail_path(id)).await
    }

    async fn take(&self, from: PathBuf) -> io::Result<Option<Staged>> {
        let staging = self.directory.join(STAGING);
        blocking(move || {
            create_directory(&staging)?;
            let path = staging.join(Uuid::new_v4().to_string());
            match std::fs::rename(&from, &path) {
                Ok(()) => Ok(Some(Staged { path })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Whether the content of an asset is there, and its thumbnail where it has one.
    pub(crate) async fn has(&self, asset: &Asset) -> io::Result<bool> {
        let content = tokio::fs::try_exists(self.path(&asset.id)).await?;
        let thumbnail = match asset.thumbnail {
            Some(_) => tokio::fs::try_exists(self.thumbnail_path(&asset.id)).await?,
            None => true,
        };
        Ok(content && thumbnail)
    }

    /// The content of an asset, where opening it may block.
    pub(crate) fn open_blocking(&self, id: &AssetId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// The content of an asset, and its size in bytes.
    pub(crate) async fn open(&self, id: &AssetId) -> io::Result<(tokio::fs::File, u64)> {
        let file = tokio::fs::File::open(self.path(id)).await?;
        let size = file.metadata().await?.len();
        Ok((file, size))
    }

    /// Whether files can be written: creates one and removes it.
    pub(crate) async fn check(&self) -> io::Result<()> {
        self.stage().await.map(drop)
    }

    /// Removes unnamed files that nobody has written to since `age` ago; and lists the names of
    /// files and thumbnails as old as that.
    pub(crate) async fn old(&self, now: Timestamp, age: Duration) -> io::Result<Old> {
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

/// What is old on the disk.
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
