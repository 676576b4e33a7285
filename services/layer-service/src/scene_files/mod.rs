//! Scenes as files: a ZIP archive of `scene.json` and the files that its layers need, each under its
//! digest. What comes in is trusted in nothing: names, sizes, digests and the description are looked at
//! before anything is kept.

mod archive;
mod export;
mod import;

use std::io;
use std::sync::Arc;

use sm_bus::BusError;
use sm_common::id::AssetId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::import::{Imported, Terms};
use crate::assets::{Assets, UploadError};
use crate::config::{AssetsConfig, SceneFilesConfig};
use crate::domain::Faults;
use crate::scenes::{SceneError, Scenes};

/// The description of the scene in its archive.
const SCENE: &str = "scene.json";
/// Where its files are in the archive.
const ASSETS: &str = "assets/";
/// Copied at once, in bytes.
const COPY_BYTES: usize = 64 * 1024;

/// Why a scene is not handed out or taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SceneFileError {
    #[error("{0} scenes at a time are taken in or handed out; try again when one is over")]
    Busy(usize),
    #[error("the file ended before all of it was sent; nothing was kept")]
    Cut { cause: String },
    #[error("the file did not arrive in time")]
    Slow,
    #[error("the file has more than {0} bytes")]
    TooLarge(u64),
    #[error("the file would be more than {0} bytes once unpacked")]
    Bomb(u64),
    #[error("the file is no whole ZIP archive: {0}")]
    NoArchive(String),
    #[error("the archive holds {name:?}: {why}")]
    Entry { name: String, why: &'static str },
    #[error("scene.json is no JSON: {0}")]
    NoJson(String),
    #[error("the scene cannot be taken in; see `errors`")]
    Scene(Faults),
    #[error("the file {id} of the archive: {source}")]
    Asset {
        id: AssetId,
        #[source]
        source: UploadError,
    },
    #[error(transparent)]
    Room(UploadError),
    #[error("a file cannot be read or written")]
    Disk(#[source] io::Error),
    #[error(transparent)]
    Scenes(#[from] SceneError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Hands out scenes as files and takes them in. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SceneFiles {
    config: SceneFilesConfig,
    uploads: AssetsConfig,
    layers_max: usize,
    scenes: Scenes,
    assets: Assets,
    transfers: Arc<Semaphore>,
}

impl SceneFiles {
    pub(crate) fn new(
        config: SceneFilesConfig,
        uploads: AssetsConfig,
        layers_max: usize,
        scenes: Scenes,
        assets: Assets,
    ) -> Self {
        Self {
            transfers: Arc::new(Semaphore::new(config.transfers_max)),
            config,
            uploads,
            layers_max,
            scenes,
            assets,
        }
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, SceneFileError> {
        let busy = |_none_left| SceneFileError::Busy(self.config.transfers_max);
        Arc::clone(&self.transfers)
            .try_acquire_owned()
            .map_err(busy)
    }
}
