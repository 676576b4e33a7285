//! A stream's directory: the segments, and the playlist that a restarted host goes on with.

use std::collections::HashMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sm_common::id::StreamId;
use tokio::sync::watch;

use super::file_name::LiveFile;
use super::playlist::{Playlist, Unfinished};
use super::snapshot::Motif;

/// Distance between two looks for files that nobody needs any more.
const CLEAN_EVERY: Duration = Duration::from_secs(2);
const PLAYLIST: &str = "playlist.json";
const PLAYLIST_DRAFT: &str = "playlist.json.draft";
const SEGMENT_DRAFT: &str = "segment.draft";
const COPY_DRAFT: &str = "copy.draft";
const SNAPSHOT: &str = "snapshot.jpg";
const SPRITE: &str = "sprite.jpg";
const PREVIEW: &str = "preview.jpg";

/// The directory. Its methods block: call them where that is allowed.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    directory: PathBuf,
}

impl Archive {
    /// The directory of `stream` under `root`; created when it is first used.
    pub(crate) fn new(root: &Path, stream: &StreamId) -> std::io::Result<Self> {
        let directory = std::path::absolute(root)?.join(stream.as_str());
        Ok(Self { directory })
    }

    /// Where the worker writes.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where a file that the worker wrote is.
    pub(crate) fn path(&self, file: &LiveFile) -> PathBuf {
        self.directory.join(file.to_string())
    }

    /// Where a file is written that is copied from another host, until it is whole.
    pub(crate) fn copy_draft(&self) -> PathBuf {
        self.directory.join(COPY_DRAFT)
    }

    /// Where the worker writes pictures.
    pub(crate) fn snapshot(&self, motif: Motif) -> PathBuf {
        self.directory.join(match motif {
            Motif::Program => SNAPSHOT,
            Motif::Preview => PREVIEW,
        })
    }

    /// Where the worker writes the small pictures of the last minutes.
    pub(crate) fn sprite(&self) -> PathBuf {
        self.directory.join(SPRITE)
    }

    /// Creates the directory, and reads the playlist as far as its files are still there; `None`
    /// when there is none that can be read.
    pub(crate) fn open(&self) -> std::io::Result<Option<Playlist>> {
        fs::create_dir_all(&self.directory)?;
        let text = match fs::read(self.directory.join(PLAYLIST)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let present = self.present()?;
        Ok(match serde_json::from_slice::<Playlist>(&text) {
            Ok(mut playlist) => {
                playlist.keep_playable(&present);
                Some(playlist)
            }
            Err(error) => {
                tracing::warn!(directory = %self.directory.display(), %error, "playlist not read");
                None
            }
        })
    }

    /// Creates the directory. Of a playlist of another host's, keeps what is here.
    pub(crate) fn take_in(&self, mut playlist: Playlist) -> std::io::Result<Option<Playlist>> {
        fs::create_dir_all(&self.directory)?;
        playlist.keep_playable(&self.present()?);
        Ok(Some(playlist))
    }

    fn present(&self) -> std::io::Result<Vec<LiveFile>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            files.extend(name.to_str().and_then(|name| name.parse().ok()));
        }
        Ok(files)
    }

    /// Writes the segment that nobody finished: it is what its parts are together.
    pub(crate) fn finish(&self, unfinished: &Unfinished) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        for part in &unfinished.parts {
            fs::File::open(self.path(part))?.read_to_end(&mut bytes)?;
        }
        let draft = self.directory.join(SEGMENT_DRAFT);
        fs::write(&draft, bytes)?;
        fs::rename(draft, self.path(&unfinished.segment))
    }

    /// Writes the playlist so that a reader finds the old one or the new one, whatever happens.
    fn save(&self, playlist: &Playlist) -> std::io::Result<()> {
        let draft = self.directory.join(PLAYLIST_DRAFT);
        let mut file = fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec(playlist)?)?;
        fs::rename(draft, self.directory.join(PLAYLIST))
    }

    /// Deletes files that the playlist has not needed for `grace`. `unneeded` remembers since
    /// when that is.
    fn clean(
        &self,
        playlist: &Playlist,
        unneeded: &mut HashMap<LiveFile, Instant>,
        grace: Duration,
    ) -> std::io::Result<()> {
        let now = Instant::now();
        let files: Vec<LiveFile> = self
            .present()?
            .into_iter()
            .filter(|file| !playlist.needs(file))
            .collect();
        unneeded.retain(|file, _| files.contains(file));
        for file in files {
            let since = *unneeded.entry(file.clone()).or_insert(now);
            if now.saturating_duration_since(since) >= grace {
                fs::remove_file(self.path(&file))?;
                unneeded.remove(&file);
            }
        }
        Ok(())
    }
}

/// Writes the newest playlist whenever there is one, and deletes what is no longer needed, until
/// the sender is gone. Touches nothing while there is none: the directory may be a sibling's.
pub(crate) async fn keep(
    archive: Archive,
    mut playlists: watch::Receiver<Option<Arc<Playlist>>>,
    grace: Duration,
) {
    let mut unneeded = HashMap::new();
    let mut clean_at = tokio::time::Instant::now() + CLEAN_EVERY;
    loop {
        let (changed, ended) = tokio::select! {
            changed = playlists.changed() => (true, changed.is_err()),
            () = tokio::time::sleep_until(clean_at) => (false, false),
        };
        let playlist = playlists.borrow_and_update().clone();
        if !changed {
            clean_at = tokio::time::Instant::now() + CLEAN_EVERY;
        }
        if let Some(playlist) = playlist {
            let archive = archive.clone();
            let mut memory = std::mem::take(&mut unneeded);
            let work = tokio::task::spawn_blocking(move || {
                let done = if changed {
                    archive.save(&playlist)
                } else {
                    archive.clean(&playlist, &mut memory, grace)
                };
                if let Err(error) = done {
                    let directory = archive.directory.display();
                    tracing::error!(%directory, %error, "the live directory cannot be kept");
                }
                memory
            });
            unneeded = work.await.unwrap_or_default();
        }
        if ended {
            return;
        }
    }
}
