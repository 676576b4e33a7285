//! The recordings of a stream: a folder for each output, and in it a file for each part.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Serialize;
use sm_common::clock::Timestamp;
use sm_common::id::{OutputId, StreamId};
use sm_common::recording::RecordingName;
use utoipa::ToSchema;

/// Recordings that are listed at most; the newest.
const LISTED_MAX: usize = 1_000;

/// The recordings of a stream on this engine's disk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RecordingList {
    /// The newest first, at most 1000.
    pub(crate) recordings: Vec<Recording>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Recording {
    /// The output that wrote it.
    pub(crate) output: OutputId,
    /// Its name, below the output.
    #[schema(value_type = String, examples("20260708T091011.123Z-0.mp4"))]
    pub(crate) file: RecordingName,
    /// Its length so far.
    pub(crate) bytes: u64,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it was last written to.
    pub(crate) modified_at: Timestamp,
    /// Whether nothing is written to it any more.
    pub(crate) finished: bool,
}

/// Where the recordings of a stream are.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// `recordings` is the directory of every stream.
    pub(crate) fn new(recordings: &Path, stream: &StreamId) -> Self {
        Self {
            path: recordings.join(stream.as_str()),
        }
    }

    /// The path of a recording. Its parts are identifiers and names, which hold no separators.
    pub(crate) fn path(&self, output: &OutputId, file: RecordingName) -> PathBuf {
        self.path.join(output.as_str()).join(file.to_string())
    }

    /// Every recording, the newest first. `writing` says of an output whether it may be writing:
    /// its newest file is not finished then.
    pub(crate) fn list(&self, writing: impl Fn(&OutputId) -> bool) -> io::Result<RecordingList> {
        let mut recordings = Vec::new();
        for entry in entries(&self.path)? {
            let name = entry.file_name();
            // What is not the name of an output, somebody else has put there.
            let Some(Ok(output)) = name.to_str().map(str::parse::<OutputId>) else {
                continue;
            };
            recordings.append(&mut self.of_output(&output, writing(&output))?);
        }
        recordings.sort_by_key(|recording| std::cmp::Reverse(recording.file));
        recordings.truncate(LISTED_MAX);
        Ok(RecordingList { recordings })
    }

    /// Every recording of an output, the oldest first. Its newest is not finished while it is
    /// `writing`.
    pub(crate) fn of_output(&self, output: &OutputId, writing: bool) -> io::Result<Vec<Recording>> {
        let mut recordings = files(&self.path.join(output.as_str()), output)?;
        recordings.sort_by_key(|recording| recording.file);
        if let Some(newest) = recordings.last_mut() {
            newest.finished = !writing;
        }
        Ok(recordings)
    }
}

fn files(path: &Path, output: &OutputId) -> io::Result<Vec<Recording>> {
    let mut recordings = Vec::new();
    for entry in entries(path)? {
        let name = entry.file_name();
        let Some(Ok(file)) = name.to_str().map(str::parse::<RecordingName>) else {
            continue;
        };
        // Deleted meanwhile, or not a file: a link could lead anywhere.
        let Some(data) = entry.metadata().ok().filter(Metadata::is_file) else {
            continue;
        };
        recordings.push(Recording {
            output: output.clone(),
            file,
            bytes: data.len(),
            started_at: file.began,
            modified_at: modified_at(&data).unwrap_or(file.began),
            finished: true,
        });
    }
    Ok(recordings)
}

/// What is in a directory; nothing where there is none.
fn entries(path: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(path) {
        Ok(entries) => entries.collect(),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

fn modified_at(data: &Metadata) -> Option<Timestamp> {
    let since_epoch = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let millis = i64::try_from(since_epoch.as_millis()).ok()?;
    Some(Timestamp::from_unix_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> (tempfile::TempDir, Folder) {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join("main").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"recorded").unwrap();
        }
        let folder = Folder::new(directory.path(), &StreamId::default());
        (directory, folder)
    }

    fn names(list: &RecordingList) -> Vec<(String, bool)> {
        let recordings = list.recordings.iter();
        recordings
            .map(|one| (format!("{}/{}", one.output, one.file), one.finished))
            .collect()
    }

    #[test]
    fn the_newest_comes_first_and_what_is_written_is_not_finished() {
        let (_directory, folder) = folder(&[
            "a/19700101T000001Z-0.mp4",
            "a/19700101T000001.5Z-0.mp4",
            "b/19700101T000003Z-0.mkv",
        ]);
        let list = folder.list(|output| output.as_str() == "a").unwrap();
        let expected = [
            ("b/19700101T000003Z-0.mkv", true),
            ("a/19700101T000001.5Z-0.mp4", false),
            ("a/19700101T000001Z-0.mp4", true),
        ];
        assert_eq!(
            names(&list),
            expected.map(|(name, finished)| (name.to_owned(), finished))
        );
        assert_eq!(list.recordings.first().unwrap().bytes, 8);
    }

    #[test]
    fn what_no_worker_recorded_is_not_listed() {
        let (directory, folder) = folder(&[
            "a/notes.txt",
            "a/.19700101T000001Z.mp4.part",
            "Not-An-Output/19700101T000001Z-0.mp4",
            "19700101T000001Z-0.mp4",
        ]);
        let outside = directory.path().join("secret");
        fs::write(&outside, b"secret").unwrap();
        let link = directory.path().join("main/a/19700101T000002Z-0.mp4");
        std::os::unix::fs::symlink(outside, link).unwrap();
        assert!(names(&folder.list(|_| false).unwrap()).is_empty());
    }

    #[test]
    fn a_stream_that_was_never_recorded_has_none() {
        let (_directory, folder) = folder(&[]);
        assert!(folder.list(|_| true).unwrap().recordings.is_empty());
    }
}
