//! What has arrived of uploads that come in pieces: `<directory>/uploads/<id>`. The length of the
//! file is what is known of how far an upload has come: a piece is on the disk before it is
//! answered, and nothing else can disagree with it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::FlockOperation;
use sm_common::clock::Timestamp;
use uuid::Uuid;

use super::files::{FILE_MODE, blocking, create_directory, entries};

/// Where the files are.
const PARTS: &str = "uploads";

/// The files of uploads that come in pieces, in the directory that all replicas share.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    directory: PathBuf,
}

/// A file that nobody else writes to while this value lives, in any process on this file system.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) file: File,
    pub(crate) bytes: u64,
}

impl Parts {
    pub(crate) fn new(assets: &Path) -> Self {
        Self {
            directory: assets.join(PARTS),
        }
    }

    pub(crate) fn path(&self, id: Uuid) -> PathBuf {
        self.directory.join(id.to_string())
    }

    /// An empty file for a new upload.
    pub(crate) async fn create(&self, id: Uuid) -> io::Result<()> {
        let (directory, path) = (self.directory.clone(), self.path(id));
        blocking(move || {
            create_directory(&directory)?;
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(path)?;
            file.sync_all()?;
            File::open(directory)?.sync_all()
        })
        .await
    }

    /// The file of an upload, to go on at its end. `None` while somebody else does; not found when
    /// it was given up.
    pub(crate) async fn lock(&self, id: Uuid) -> io::Result<Option<Part>> {
        let path = self.path(id);
        blocking(move || {
            let file = OpenOptions::new().append(true).open(path)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            let found = file.metadata()?;
            if found.nlink() == 0 {
                // It went between the two steps.
                return Err(io::ErrorKind::NotFound.into());
            }
            let bytes = found.len();
            Ok(Some(Part { file, bytes }))
        })
        .await
    }

    /// Bytes that have arrived of an upload; `None` when there is no such file.
    pub(crate) async fn arrived(&self, id: Uuid) -> io::Result<Option<u64>> {
        match tokio::fs::metadata(self.path(id)).await {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the space of an upload back, if it has any.
    pub(crate) async fn remove(&self, id: Uuid) -> io::Result<()> {
        match tokio::fs::remove_file(self.path(id)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Uploads whose files nobody has written to since `age` ago.
    pub(crate) async fn old(&self, now: Timestamp, age: Duration) -> io::Result<Vec<Uuid>> {
        let directory = self.directory.clone();
        blocking(move || {
            let mut old = Vec::new();
            for path in entries(&directory)? {
                let modified = path.metadata().and_then(|found| found.modified()).ok();
                let modified = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                let modified = modified.and_then(|at| i64::try_from(at.as_millis()).ok());
                let is_old =
                    modified.is_some_and(|at| now.since(Timestamp::from_unix_millis(at)) > age);
                let name = path.file_name().and_then(|name| name.to_str());
                if let (true, Some(id)) = (is_old, name.and_then(|name| name.parse().ok())) {
                    old.push(id);
                }
            }
            Ok(old)
        })
        .await
    }
}
