//! Reads an archive that somebody sent: within its limits, and nothing from where it should not be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sm_common::id::AssetId;
use zip::ZipArchive;
use zip::result::ZipError;

use super::{ASSETS, COPY_BYTES, SCENE, SceneFileError};
use crate::assets::{Staged, Unpacked};
use crate::config::SceneFilesConfig;
use crate::domain::upload::HEAD_BYTES;

/// An archive whose list of contents was read and found to be that of a scene.
#[derive(Debug)]
pub(super) struct Archive {
    zip: ZipArchive<Metered>,
    /// Places of the files, by digest.
    assets: BTreeMap<AssetId, usize>,
    scene: usize,
    config: SceneFilesConfig,
}

impl Archive {
    /// Opens an archive and goes through its list of contents.
    pub(super) fn open(file: File, config: SceneFilesConfig) -> Result<Self, SceneFileError> {
        let left = Arc::new(AtomicU64::new(config.index_bytes_max));
        let metered = Metered {
            file,
            left: Arc::clone(&left),
        };
        let archive = ZipArchive::new(metered).map_err(unreadable)?;
        left.store(u64::MAX, Ordering::Relaxed);
        Self::look(archive, config)
    }

    fn look(
        mut zip: ZipArchive<Metered>,
        config: SceneFilesConfig,
    ) -> Result<Self, SceneFileError> {
        let wrong = |name: &str, why| SceneFileError::Entry {
            name: name.chars().take(200).collect(),
            why,
        };
        if zip.len() > config.files_max {
            return Err(wrong("", "it has more files than a scene may have"));
        }
        if zip.has_duplicate_names() || zip.has_overlapping_entries().map_err(unreadable)? {
            return Err(wrong("", "the same twice"));
        }
        let unpacked_max = config.bytes_max;
        let (mut packed, mut unpacked) = (0_u64, 0_u64);
        let (mut assets, mut scene) = (BTreeMap::new(), None);
        for place in 0..zip.len() {
            let entry = zip.by_index_raw(place).map_err(unreadable)?;
            let name = entry.name().map_err(unreadable)?.into_owned();
            if entry.encrypted() || !entry.is_file() {
                return Err(wrong(&name, "only plain files are read"));
            }
            packed = packed.saturating_add(entry.compressed_size());
            unpacked = unpacked.saturating_add(entry.size());
            if name == SCENE {
                if entry.size() > config.scene_bytes_max {
                    return Err(SceneFileError::Bomb(config.scene_bytes_max));
                }
                scene = Some(place);
                continue;
            }
            let id = name.strip_prefix(ASSETS).and_then(|id| id.parse().ok());
            let id: AssetId = id.ok_or_else(|| {
                wrong(
                    &name,
                    "only scene.json and assets/DIGEST are a scene's files",
                )
            })?;
            assets.insert(id, place);
        }
        if unpacked > unpacked_max {
            return Err(SceneFileError::Bomb(unpacked_max));
        }
        let most = packed.saturating_mul(config.ratio_max);
        if unpacked > most.max(config.scene_bytes_max) {
            return Err(SceneFileError::Bomb(most));
        }
        let scene = scene.ok_or_else(|| wrong("", "no scene.json: this is no scene"))?;
        Ok(Self {
            zip,
            assets,
            scene,
            config,
        })
    }

    /// The description of the scene.
    pub(super) fn scene(&mut self) -> Result<Value, SceneFileError> {
        let max = self.config.scene_bytes_max;
        let entry = self.zip.by_index(self.scene).map_err(unreadable)?;
        let mut text = Vec::new();
        let mut limited = entry.take(max.saturating_add(1));
        limited
            .read_to_end(&mut text)
            .map_err(|error| broken(&error))?;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > max {
            return Err(SceneFileError::Bomb(max));
        }
        serde_json::from_slice(&text).map_err(|error| SceneFileError::NoJson(error.to_string()))
    }

    /// Fails where the archive holds a file that the scene does not need.
    pub(super) fn expect_only(
        &self,
        needed: &BTreeMap<AssetId, String>,
    ) -> Result<(), SceneFileError> {
        let stray = self.assets.keys().find(|id| !needed.contains_key(id));
        stray.map_or(Ok(()), |id| {
            Err(SceneFileError::Entry {
                name: format!("{ASSETS}{id}"),
                why: "no layer needs it",
            })
        })
    }

    /// Whether it holds this file.
    pub(super) fn has(&self, id: &AssetId) -> bool {
        self.assets.contains_key(id)
    }

    /// Unpacks a file, at most `bytes_max` of it, and compares its content with its name.
    pub(super) fn unpack(
        &mut self,
        id: AssetId,
        (mut file, staged): (File, Staged),
        bytes_max: u64,
    ) -> Result<Unpacked, SceneFileError> {
        let place = self.assets.get(&id).copied().unwrap_or(usize::MAX);
        let mut entry = self.zip.by_index(place).map_err(unreadable)?;
        let (mut digest, mut head, mut bytes) = (Sha256::new(), Vec::new(), 0_u64);
        let mut piece = vec![0; COPY_BYTES];
        loop {
            let count = entry.read(&mut piece).map_err(|error| broken(&error))?;
            if count == 0 {
                break;
            }
            let read = piece.get(..count).unwrap_or_default();
            bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            if bytes > bytes_max {
                return Err(SceneFileError::Bomb(bytes_max));
            }
            let room = HEAD_BYTES.saturating_sub(head.len());
            head.extend(read.iter().take(room));
            digest.update(read);
            file.write_all(read).map_err(SceneFileError::Disk)?;
        }
        file.sync_all().map_err(SceneFileError::Disk)?;
        if AssetId::from_sha256(&digest.finalize().into()) != id {
            return Err(SceneFileError::Entry {
                name: format!("{ASSETS}{id}"),
                why: "its content has another digest",
            });
        }
        Ok(Unpacked {
            id,
            bytes,
            head,
            staged,
        })
    }
}

/// A file of which no more may be read than there is left to read: the list of contents is held in memory.
#[derive(Debug)]
struct Metered {
    file: File,
    left: Arc<AtomicU64>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let read = u64::try_from(count).unwrap_or(u64::MAX);
        let left = self.left.load(Ordering::Relaxed);
        if read > left {
            return Err(io::Error::other("its list of contents is too long"));
        }
        if left < u64::MAX {
            self.left
                .store(left.saturating_sub(read), Ordering::Relaxed);
        }
        Ok(count)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
fn unreadable(error: ZipError) -> SceneFileError {
    SceneFileError::NoArchive(error.to_string())
}

fn broken(error: &io::Error) -> SceneFileError {
    SceneFileError::NoArchive(error.to_string())
}
