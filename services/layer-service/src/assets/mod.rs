//! Uploaded files: taken in, listed, handed out and removed.
//!
//! A file gets its name on the disk before it is in the index, and loses it after: a crash in
//! between leaves a file that nobody knows, which the sweep gives back, and never an entry
//! without its file.

mod catalog;
mod files;
mod intake;

use std::io;
use std::sync::Arc;

use actix_multipart::Multipart;
use sm_bus::BusError;
use sm_common::asset::Asset;
use sm_common::clock::SharedClock;
use sm_common::id::{AssetId, LayerId};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(crate) use self::catalog::{Catalog, Inventory};
pub(crate) use self::files::{Files, Staged, blocking};
use self::intake::Limits;
pub(crate) use self::intake::{Received, Unpacked};
use crate::config::AssetsConfig;
use crate::domain::upload::Unacceptable;
use crate::metrics::{Metrics, UploadOutcome};
use crate::scenes::Scenes;

/// Bytes of a form around its file: boundary, headers, name.
const FORM_BYTES_MAX: u64 = 64 * 1024;
/// How often a change of the index is tried when another replica was faster.
const ATTEMPTS_MAX: usize = 16;

/// Why an upload is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("{0} uploads at a time are taken; try again when one is over")]
    Busy(usize),
    #[error("send `Content-Type: multipart/form-data` with the file as its member `file`")]
    NotAForm,
    #[error("the upload ended before the form did; nothing was kept")]
    Cut { cause: String },
    #[error("the body is no well-formed form")]
    Malformed { cause: String },
    #[error("the form takes one member, `file`, and no other")]
    Member,
    #[error("the file did not arrive in time")]
    Slow,
    #[error("at most {bytes_max} bytes are taken now")]
    TooLarge { bytes_max: u64 },
    #[error("{0} files are kept, which is the most there may be; delete one first")]
    TooMany(usize),
    #[error(transparent)]
    Unacceptable(#[from] Unacceptable),
    #[error("the file cannot be written")]
    Disk(#[source] io::Error),
    #[error("the index of files was changed by others again and again")]
    Contended,
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Why a file is not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    #[error("there is no asset {0}")]
    NotFound(AssetId),
    #[error("layer {0} shows it; delete the layer or give it another source first")]
    InUse(LayerId),
    #[error("a layer is just being given it; try again in a few seconds")]
    Claimed,
    #[error("the index of files was changed by others again and again")]
    Contended,
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// An upload that was kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) asset: Asset,
    /// The same content was there already.
    pub(crate) known: bool,
}

/// The uploaded files. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Assets {
    config: AssetsConfig,
    catalog: Catalog,
    files: Files,
    scenes: Scenes,
    clock: SharedClock,
    metrics: Metrics,
    uploads: Arc<Semaphore>,
}

impl Assets {
    pub(crate) fn new(
        config: AssetsConfig,
        catalog: Catalog,
        scenes: Scenes,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        Self {
            files: Files::new(config.directory.clone()),
            uploads: Arc::new(Semaphore::new(config.uploads_max)),
            config,
            catalog,
            scenes,
            clock,
            metrics,
        }
    }

    pub(crate) const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) const fn files(&self) -> &Files {
        &self.files
    }

    /// Takes an upload. `length` is what its sender announces.
    pub(crate) async fn upload(
        &self,
        form: Multipart,
        length: Option<u64>,
    ) -> Result<Kept, UploadError> {
        let outcome = self.take(form, length).await;
        self.metrics.count_upload(match &outcome {
            Ok(Kept { known: false, .. }) => UploadOutcome::Stored,
            Ok(Kept { known: true, .. }) => UploadOutcome::Duplicate,
            Err(_) => UploadOutcome::Refused,
        });
        outcome
    }

    async fn take(&self, form: Multipart, length: Option<u64>) -> Result<Kept, UploadError> {
        let busy = |_none_left| UploadError::Busy(self.config.uploads_max);
        let _permit = self.uploads.try_acquire().map_err(busy)?;
        let _counted = InProgress::count(&self.metrics);
        // Before the first byte: without Redis nothing could be kept in the end.
        let bytes_max = self.room(&self.catalog.inventory().await?)?;
        if length.is_some_and(|length| length > bytes_max.saturating_add(FORM_BYTES_MAX)) {
            return Err(UploadError::TooLarge { bytes_max });
        }
        let limits = self.limits(bytes_max);
        let whole = self.config.upload_timeout();
        let received = timeout(whole, intake::receive(&self.files, form, limits))
            .await
            .map_err(|_elapsed| UploadError::Slow)??;
        self.keep(&received).await
    }

    fn limits(&self, bytes_max: u64) -> Limits {
        Limits {
            bytes_max,
            pixels: self.config.pixel_limits(),
            svg: self.config.svg_limits(),
            font_bytes_max: self.config.font_bytes_max,
            idle: self.config.idle_timeout(),
        }
    }

    /// Judges a file as an upload would be, without keeping it.
    pub(crate) async fn examine(
        &self,
        found: Unpacked,
        name: &str,
    ) -> Result<Received, UploadError> {
        intake::examine(found, name, self.limits(self.config.file_bytes_max)).await
    }

    /// Bytes that one more file may have.
    fn room(&self, inventory: &Inventory) -> Result<u64, UploadError> {
        let AssetsConfig {
            total_bytes_max,
            file_bytes_max,
            files_max,
            ..
        } = self.config;
        let bytes = inventory.bytes();
        self.metrics.note_bytes(bytes, total_bytes_max);
        if inventory.assets.len() >= files_max {
            return Err(UploadError::TooMany(files_max));
        }
        Ok(total_bytes_max.saturating_sub(bytes).min(file_bytes_max))
    }

    /// Names a received file and lists it.
    pub(crate) async fn keep(&self, received: &Received) -> Result<Kept, UploadError> {
        let asset = Asset {
            id: received.id.clone(),
            name: received.name.clone(),
            kind: received.content.kind,
            media_type: received.content.media_type.to_owned(),
            bytes: received.bytes,
            width: received.size.map(|(width, _)| width),
            height: received.size.map(|(_, height)| height),
            created_at: self.clock.now(),
        };
        let place = || self.files.place(&received.staged, &asset.id);
        for _ in 0..ATTEMPTS_MAX {
            let inventory = self.catalog.inventory().await?;
            if let Some(known) = inventory.assets.get(&asset.id) {
                place().await.map_err(UploadError::Disk)?;
                return Ok(Kept {
                    asset: known.clone(),
                    known: true,
                });
            }
            let bytes_max = self.room(&inventory)?;
            if asset.bytes > bytes_max {
                return Err(UploadError::TooLarge { bytes_max });
            }
            place().await.map_err(UploadError::Disk)?;
            if self.catalog.add(&inventory, &asset).await? {
                // A removal of the same content may have crossed this; see `discard`.
                if !self
                    .files
                    .exists(&asset.id)
                    .await
                    .map_err(UploadError::Disk)?
                {
                    place().await.map_err(UploadError::Disk)?;
                }
                let bytes = inventory.bytes().saturating_add(asset.bytes);
                self.metrics.note_bytes(bytes, self.config.total_bytes_max);
                return Ok(Kept {
                    asset,
                    known: false,
                });
            }
            self.discard(&asset.id).await;
        }
        Err(UploadError::Contended)
    }

    /// Removes a file that no layer of any stream shows.
    pub(crate) async fn remove(&self, id: &AssetId) -> Result<(), RemoveError> {
        for _ in 0..ATTEMPTS_MAX {
            let inventory = self.catalog.inventory().await?;
            if !inventory.assets.contains_key(id) {
                return Err(RemoveError::NotFound(id.clone()));
            }
            let claim = self.catalog.claimed_at(id).await?;
            let age = claim.map(|claim| self.clock.now().since(claim));
            // The claim is read before the scenes: a change whose claim is old is over, so that
            // the scenes show it; a later claim stops the removal.
            if let Some(layer) = self.scenes.user_of(id).await? {
                return Err(RemoveError::InUse(layer));
            }
            if age.is_some_and(|age| age < self.config.claim()) {
                return Err(RemoveError::Claimed);
            }
            if self.catalog.remove(&inventory, id, claim).await? {
                self.discard(id).await;
                return Ok(());
            }
        }
        Err(RemoveError::Contended)
    }

    /// Gives back the space of a file that is not in the index; of another it keeps its hands.
    ///
    /// An upload of the same content may run at the same time. It lists the file after naming it
    /// and looks for the name once more; here the name goes first, and the index is read after.
    /// So one of the two sees the other, and the file stays if it is listed.
    pub(crate) async fn discard(&self, id: &AssetId) {
        let outcome = async {
            let Some(withdrawn) = self.files.withdraw(id).await? else {
                return Ok(());
            };
            match self.catalog.one(id).await {
                Ok(None) => Ok(()),
                // Also when Redis cannot say: a file too many is found by the next sweep.
                Ok(Some(_)) | Err(_) => self.files.place(&withdrawn, id).await,
            }
        };
        let outcome: io::Result<()> = outcome.await;
        if let Err(error) = outcome {
            tracing::warn!(asset.id = %id, %error, "a file was not removed");
        }
    }

    /// Gives back what killed processes have left behind.
    pub(crate) async fn sweep(&self) -> Result<(), UploadError> {
        let now = self.clock.now();
        let age = self.config.orphan_age();
        let old = self.files.old(now, age).await.map_err(UploadError::Disk)?;
        let inventory = self.catalog.inventory().await?;
        self.metrics
            .note_bytes(inventory.bytes(), self.config.total_bytes_max);
        for id in old.iter().filter(|id| !inventory.assets.contains_key(id)) {
            tracing::info!(asset.id = %id, "a file that nobody knows is removed");
            self.discard(id).await;
        }
        Ok(())
    }
}

/// Counts an upload for as long as it lasts, however it ends.
struct InProgress(prometheus::IntGauge);

impl InProgress {
    fn count(metrics: &Metrics) -> Self {
        let gauge = metrics.uploads_in_progress().clone();
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.dec();
    }
}
