//! Uploaded files on disk: `<directory>/<first two digits>/<sha256>`, next to `tmp` for files on
//! their way in or out. A file under its digest is complete and on the disk; it appears and goes
//! in one step.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sm_common::clock::Timestamp;
use sm_common::id::AssetId;
use uuid::Uuid;

/// Others may not read what people upload; the group may, for an engine of another user.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;
/// Where files are while they have no name yet, or no longer.
const STAGING: &str = "tmp";

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

    /// Takes a file's name away. `None` when it has none.
    pub(crate) async fn withdraw(&self, id: &AssetId) -> io::Result<Option<Staged>> {
        let from = self.path(id);
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

    pub(crate) async fn exists(&self, id: &AssetId) -> io::Result<bool> {
        tokio::fs::try_exists(self.path(id)).await
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
    /// files as old as that.
    pub(crate) async fn old(&self, now: Timestamp, age: Duration) -> io::Result<Vec<AssetId>> {
        let directory = self.directory.clone();
        let is_old = move |metadata: &Metadata| {
            let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            let modified = i64::try_from(modified.as_millis()).ok()?;
            Some(now.since(Timestamp::from_unix_millis(modified)) > age)
        };
        blocking(move || {
            let mut names = Vec::new();
            for inner in entries(&directory)? {
                let is_staging = inner.file_name().is_some_and(|name| name == STAGING);
                for path in entries(&inner)? {
                    if path.metadata().ok().and_then(|found| is_old(&found)) != Some(true) {
                        continue;
                    }
                    if is_staging {
                        drop(Staged { path });
                    } else if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                        names.extend(name.parse().ok());
                    }
                }
            }
            Ok(names)
        })
        .await
    }
}

/// What is in a directory; nothing when it is none.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
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

fn create_directory(path: &Path) -> io::Result<()> {
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
