use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sm_common::clock::Timestamp;
use sm_common::output::FileFormat;
use sm_common::recording::RecordingName;

use super::super::failure::Failure;
use super::file::RecordingFile;
use crate::number::{to_u64, to_usize};

/// Names that are tried for a file before the folder is taken for broken.
const NAMES_MAX: u32 = 10_000;

/// A part that is this old belongs to nobody any more.
const PART_AGE_MAX: Duration = Duration::from_mins(10);

/// The folder of one output's recordings.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    reserve_bytes: u64,
}

impl Folder {
    /// Makes the folder where there is none, and looks whether there is room.
    pub(super) fn open(path: &Path, reserve_bytes: u64) -> Result<Self, Failure> {
        fs::create_dir_all(path).map_err(|error| Failure::unwritable(&error))?;
        let folder = Self {
            path: path.to_owned(),
            reserve_bytes,
        };
        folder.check_room()?;
        Ok(folder)
    }

    /// Whether more can be written without touching the reserve.
    pub(super) fn check_room(&self) -> Result<(), Failure> {
        let disk = rustix::fs::statvfs(&self.path)
            .map_err(|error| Failure::unwritable(&io::Error::from(error)))?;
        // What an ordinary user may have.
        if disk.f_bavail.saturating_mul(disk.f_frsize) <= self.reserve_bytes {
            return Err(Failure::disk_full());
        }
        Ok(())
    }

    /// A new file with this in it, which is nowhere before all of it is. Its name sorts by time.
    pub(super) fn create(
        &self,
        began: Timestamp,
        format: FileFormat,
        bytes: &[u8],
    ) -> io::Result<RecordingFile> {
        let first = RecordingName::new(began, 0, format);
        let part = self.path.join(format!(".{first}.part"));
        let file = File::create(&part)?;
        let named = io::Write::write_all(&mut &file, bytes).and_then(|()| self.name(&part, first));
        match named {
            Ok(path) => Ok(RecordingFile::new(file, path, to_u64(bytes.len()))),
            Err(error) => {
                let _ = fs::remove_file(&part);
                Err(error)
            }
        }
    }

    /// Gives the part the first name that nobody has.
    fn name(&self, part: &Path, first: RecordingName) -> io::Result<PathBuf> {
        for number in 0..NAMES_MAX {
            let path = self.path.join(first.numbered(number).to_string());
            // Never in place of another file, unlike renaming.
            match fs::hard_link(part, &path) {
                Ok(()) => {
                    fs::remove_file(part)?;
                    return Ok(path);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Deletes all but the newest `keep_files`, and those finished longer than `keep_s` ago; never
    /// the one that is being written.
    pub(super) fn tidy(
        &self,
        current: Option<&Path>,
        keep_files: Option<u32>,
        keep_s: Option<u64>,
        now: Timestamp,
    ) {
        let Ok(entries) = fs::read_dir(&self.path) else {
            return;
        };
        let (mut recordings, mut parts) = (Vec::new(), Vec::new());
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(Ok(name)) = name.map(str::parse::<RecordingName>) {
                recordings.push((name, path));
            } else if path
                .extension()
                .is_some_and(|extension| extension == "part")
            {
                parts.push(path);
            }
        }
        recordings.sort();
        let recordings: Vec<PathBuf> = recordings.into_iter().map(|(_, path)| path).collect();
        let keep = keep_files.map_or(recordings.len(), |keep| to_usize(u64::from(keep)));
        let surplus = recordings.len().saturating_sub(keep);
        let too_many = recordings.iter().take(surplus);
        let too_old = recordings.iter().skip(surplus).filter(|path| {
            keep_s.is_some_and(|keep| age(path, now) > Some(Duration::from_secs(keep)))
        });
        let lost = parts
            .iter()
            .filter(|path| age(path, now) > Some(PART_AGE_MAX));
        for path in too_many.chain(too_old).chain(lost) {
            if current != Some(path.as_path())
                && let Err(error) = fs::remove_file(path)
            {
                tracing::warn!(%error, "a recording cannot be deleted");
            }
        }
    }
}

/// How long ago it was last written.
fn age(path: &Path, now: Timestamp) -> Option<Duration> {
    let written = fs::metadata(path).and_then(|data| data.modified()).ok()?;
    let since_epoch = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    let written = Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).ok()?);
    Some(now.since(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(second * 1000)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Folder::open(folder.path(), 0).unwrap();
        for content in [b"a", b"b"] {
            recordings.create(at(0), FileFormat::Mp4, content).unwrap();
        }
        recordings.create(at(1), FileFormat::Mp4, b"c").unwrap();
        assert_eq!(
            names(folder.path()),
            [
                "19700101T000000.000Z-0.mp4",
                "19700101T000000.000Z-1.mp4",
                "19700101T000001.000Z-0.mp4"
            ]
        );
        let first = folder.path().join("19700101T000000.000Z-0.mp4");
        assert_eq!(fs::read(first).unwrap(), b"a");
    }

    #[test]
    fn the_oldest_files_go_and_the_current_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Folder::open(folder.path(), 0).unwrap();
        let files: Vec<RecordingFile> = (0..4)
            .map(|second| {
                recordings
                    .create(at(second), FileFormat::Mkv, b"a")
                    .unwrap()
            })
            .collect();
        for mine in ["notes.txt", "film.mp4"] {
            fs::write(folder.path().join(mine), b"mine").unwrap();
        }
        recordings.tidy(Some(files[0].path()), Some(2), None, at(0));
        assert_eq!(
            names(folder.path()),
            [
                "19700101T000000.000Z-0.mkv",
                "19700101T000002.000Z-0.mkv",
                "19700101T000003.000Z-0.mkv",
                "film.mp4",
                "notes.txt"
            ]
        );
        let in_an_hour = {
            use sm_common::clock::{Clock as _, SystemClock};
            SystemClock.now().plus(Duration::from_hours(1))
        };
        recordings.tidy(Some(files[3].path()), None, Some(60), in_an_hour);
        assert_eq!(
            names(folder.path()),
            ["19700101T000003.000Z-0.mkv", "film.mp4", "notes.txt"]
        );
    }

    #[test]
    fn the_oldest_goes_first_also_within_a_second_and_of_former_versions() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Folder::open(folder.path(), 0).unwrap();
        // By their letters, these would sort the other way round.
        fs::write(folder.path().join("19700101T000000Z-0.mp4"), b"oldest").unwrap();
        fs::write(folder.path().join("19700101T000000.1Z-0.mp4"), b"old").unwrap();
        for millis in [120, 130] {
            let began = Timestamp::from_unix_millis(millis);
            recordings.create(began, FileFormat::Mp4, b"a").unwrap();
        }
        recordings.tidy(None, Some(3), None, at(0));
        assert_eq!(
            names(folder.path()),
            [
                "19700101T000000.120Z-0.mp4",
                "19700101T000000.130Z-0.mp4",
                "19700101T000000.1Z-0.mp4"
            ]
        );
    }

    #[test]
    fn what_is_kept_in_reserve_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Folder::open(folder.path(), u64::MAX).unwrap_err();
        assert_eq!(failure.code, "output.disk-full");
    }
}
