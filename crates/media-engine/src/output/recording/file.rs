use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::number::{to_u32, to_u64};

/// How often what is written is made to survive the loss of power. The end of the worker loses
/// nothing that was written, so this is no part of every fragment.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// Bytes at the front of a fragment that are written last.
const COVER_BYTES: usize = 9;

/// A recording that grows by whole fragments.
///
/// A fragment that is not completely written must not disturb players, wherever the worker is
/// killed. So its first bytes say at first that it is a gap of the fragment's length, which
/// players pass over, and are put right in one small write when all of it is there.
#[derive(Debug)]
pub(super) struct RecordingFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    synced: Instant,
}

impl RecordingFile {
    /// A file that holds this many bytes.
    pub(super) fn new(file: File, path: PathBuf, bytes: u64) -> Self {
        Self {
            file,
            path,
            bytes,
            synced: Instant::now(),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How large it is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a fragment.
    pub(super) fn append(&mut self, fragment: &[u8]) -> io::Result<()> {
        let written = self.write(fragment);
        if written.is_err() {
            // Half a fragment is of no use to anybody.
            let _ = self.file.set_len(self.bytes);
        }
        written?;
        self.bytes += to_u64(fragment.len());
        if self.synced.elapsed() >= SYNC_INTERVAL {
            self.file.sync_data()?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    fn write(&self, fragment: &[u8]) -> io::Result<()> {
        let (front, rest) = fragment.split_at(COVER_BYTES.min(fragment.len()));
        let end = self.bytes + to_u64(fragment.len());
        self.file.write_all_at(&gap(fragment), self.bytes)?;
        // A gap that the file ends in would be worth a warning to players.
        self.file.set_len(end)?;
        self.file
            .write_all_at(rest, self.bytes + to_u64(front.len()))?;
        self.file.write_all_at(front, self.bytes)
    }

    /// Makes all of it survive the loss of power.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// The first bytes of a gap as long as the fragment, in the language of its container: `free` of
/// MP4, `Void` of Matroska.
fn gap(fragment: &[u8]) -> Vec<u8> {
    let length = to_u64(fragment.len());
    if fragment.starts_with(&[0x1f, 0x43, 0xb6, 0x75]) {
        let content = length.saturating_sub(to_u64(COVER_BYTES));
        let mut gap = vec![0xec];
        gap.extend((content | 1 << 56).to_be_bytes());
        gap
    } else {
        let mut gap = to_u32(length).to_be_bytes().to_vec();
        gap.extend(b"free");
        gap
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_fragment_is_a_gap_until_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"head").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        let mut file = RecordingFile::new(file, path.clone(), 4);
        file.append(b"\0\0\0\x0cstypmsdh").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"head\0\0\0\x0cstypmsdh");
        assert_eq!(file.bytes(), 16);
        assert_eq!(gap(b"\0\0\0\x0cstypmsdh"), b"\0\0\0\x0cfree");
        let cluster = [0x1f, 0x43, 0xb6, 0x75, 1, 0, 0, 0, 0, 0, 0, 1, 9];
        assert_eq!(gap(&cluster), [0xec, 1, 0, 0, 0, 0, 0, 0, 4]);
    }
}
