//! Uploaded files: taken in, listed, handed out and removed.
//!
//! A file gets its name on the disk before it is in the index, and loses it after: a crash in
//! between leaves a file that nobody knows, which the sweep gives back, and never an entry
//! without its file. Its thumbnail comes before the entry and goes after it, too.

mod catalog;
mod content;
mod files;
mod intake;
mod parts;
mod prober;
mod processor_share;
mod resumable;
mod store_health;
mod usage;

use std::io;
use std::sync::Arc;

use actix_multipart::Multipart;
use sm_asset_store::{Bucket, Shelf, StoreError};
use sm_bus::BusError;
use sm_common::asset::{Asset, AssetUse, UsedAsset};
use sm_common::clock::SharedClock;
use sm_common::id::AssetId;
use sm_probe::{Findings, Look};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) use self::catalog::{Catalog, Inventory};
pub(crate) use self::files::{FileError, Files, Staged, blocking};
use self::intake::Limits;
pub(crate) use self::intake::{Received, Unpacked};
use self::parts::Parts;
pub(crate) use self::prober::{ProbeError, Prober};
pub(crate) use self::resumable::{Progress, ResumeError};
pub(crate) use self::store_health::StoreHealth;
use self::usage::describe;
use crate::config::AssetsConfig;
use crate::domain::upload::Unacceptable;
use crate::metrics::{Metrics, Swept, UploadOutcome};
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
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error("the disk has no space left for it; nothing was kept")]
    DiskFull,
    #[error("the file cannot be written")]
    Disk(#[source] io::Error),
    #[error("the object store does not take the file now; nothing was kept")]
    Store(#[source] StoreError),
    #[error("the index of files was changed by others again and again")]
    Contended,
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl UploadError {
    /// What an error of the disk, or of the store, means for who sends a file.
    pub(crate) fn disk(error: impl Into<FileError>) -> Self {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match error.into() {
            FileError::Disk(error) if matches!(error.kind(), StorageFull | QuotaExceeded) => {
                Self::DiskFull
            }
            FileError::Disk(error) | FileError::Store(StoreError::File(error)) => Self::Disk(error),
            FileError::Store(error @ (StoreError::NotFound | StoreError::Away { .. })) => {
                Self::Store(error)
            }
        }
    }
}

/// Why a file is not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    #[error("there is no asset {0}")]
    NotFound(AssetId),
    #[error("{}; delete the layer or give it another source first", describe(.0))]
    InUse(Vec<AssetUse>),
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
    parts: Parts,
    prober: Prober,
    scenes: Scenes,
    clock: SharedClock,
    metrics: Metrics,
    uploads: Arc<Semaphore>,
}

/// A file that would be taken, and what was seen of it.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) received: Received,
    look: Look,
}

impl Assets {
    pub(crate) fn new(
        (config, bucket): (AssetsConfig, Option<Bucket>),
        prober: Prober,
        catalog: Catalog,
        scenes: Scenes,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        Self {
            files: Files::new(config.directory.clone(), bucket),
            parts: Parts::new(&config.directory),
            prober,
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

    /// Bytes of the largest file.
    pub(crate) const fn file_bytes_max(&self) -> u64 {
        self.config.file_bytes_max
    }

    pub(crate) const fn prober(&self) -> &Prober {
        &self.prober
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
        let bytes_max = self.room(&self.catalog.inventory().await?, None)?;
        if length.is_some_and(|length| length > bytes_max.saturating_add(FORM_BYTES_MAX)) {
            return Err(UploadError::TooLarge { bytes_max });
        }
        self.check_disk(length.unwrap_or_default()).await?;
        let limits = self.limits(bytes_max);
        let whole = self.config.upload_timeout();
        let received = timeout(whole, intake::receive(&self.files, form, limits))
            .await
            .map_err(|_elapsed| UploadError::Slow)??;
        self.admit(&received, None).await
    }

    /// Refuses what would leave the disk too full for others.
    pub(crate) async fn check_disk(&self, bytes: u64) -> Result<(), UploadError> {
        let free = self.files.free().await.map_err(UploadError::disk)?;
        if free < self.config.disk_free_bytes_min.saturating_add(bytes) {
            return Err(UploadError::DiskFull);
        }
        Ok(())
    }

    /// Has a received file looked into, and keeps it. Known content is not looked into again.
    /// `upload` is the one that the space is kept free for.
    async fn admit(&self, received: &Received, upload: Option<Uuid>) -> Result<Kept, UploadError> {
        if let Some(asset) = self.catalog.one(&received.id).await? {
            let placed = self.files.place(&received.staged, &asset.id).await;
            placed.map_err(UploadError::disk)?;
            // It may have been removed meanwhile; then it is as any other.
            if self.catalog.one(&received.id).await?.is_some() {
                return Ok(Kept { asset, known: true });
            }
            self.discard(&received.id).await;
        }
        let look = self.look_into(received).await?;
        // In a box, because it is large and waited for by everything above.
        Box::pin(self.keep(received, look, upload)).await
    }

    const fn limits(&self, bytes_max: u64) -> Limits {
        Limits {
            bytes_max,
            pixels: self.config.pixel_limits(),
            idle: self.config.idle_timeout(),
        }
    }

    /// Judges a file as an upload would be, without keeping it.
    pub(crate) async fn examine(
        &self,
        found: Unpacked,
        name: &str,
    ) -> Result<Examined, UploadError> {
        let limits = self.limits(self.config.file_bytes_max);
        let received = intake::examine(found, name, limits).await?;
        let look = self.look_into(&received).await?;
        Ok(Examined { received, look })
    }

    /// Names an examined file and lists it.
    pub(crate) async fn keep_examined(&self, examined: Examined) -> Result<Kept, UploadError> {
        let Examined { received, look } = examined;
        Box::pin(self.keep(&received, look, None)).await
    }

    async fn look_into(&self, received: &Received) -> Result<Look, UploadError> {
        let file = received.staged.open().await.map_err(UploadError::Disk)?;
        // In a box, because it is large and waited for by everything above.
        Ok(Box::pin(self.prober.look(file, received.content)).await?)
    }

    /// Bytes that one more file may have; `upload` is the one that it comes from.
    fn room(&self, inventory: &Inventory, upload: Option<Uuid>) -> Result<u64, UploadError> {
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
        let taken = bytes.saturating_add(inventory.reserved(upload));
        Ok(total_bytes_max.saturating_sub(taken).min(file_bytes_max))
    }

    /// Names a received file and lists it.
    async fn keep(
        &self,
        received: &Received,
        look: Look,
        upload: Option<Uuid>,
    ) -> Result<Kept, UploadError> {
        let asset = self.asset(received, look.findings);
        let place = || self.place(received, &asset, &look.thumbnail);
        for _ in 0..ATTEMPTS_MAX {
            let inventory = self.catalog.inventory().await?;
            if let Some(known) = inventory.assets.get(&asset.id) {
                place().await?;
                return Ok(Kept {
                    asset: known.clone(),
                    known: true,
                });
            }
            let bytes_max = self.room(&inventory, upload)?;
            if asset.bytes > bytes_max {
                return Err(UploadError::TooLarge { bytes_max });
            }
            place().await?;
            if self.catalog.add(&inventory, &asset).await? {
                // A removal of the same content may have crossed this; see `discard`.
                if !self.files.has(&asset).await.map_err(UploadError::disk)? {
                    place().await?;
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

    /// Gives a file and its thumbnail their names, both or none.
    async fn place(
        &self,
        received: &Received,
        asset: &Asset,
        thumbnail: &[u8],
    ) -> Result<(), UploadError> {
        let placed = async {
            self.files.place(&received.staged, &asset.id).await?;
            if asset.thumbnail.is_some() {
                self.files.place_thumbnail(&asset.id, thumbnail).await?;
            }
            Ok::<(), FileError>(())
        };
        let placed = placed.await.map_err(UploadError::disk);
        if placed.is_err() {
            // The same content may be listed; then it stays.
            self.discard(&asset.id).await;
        }
        placed
    }

    fn asset(&self, received: &Received, findings: Findings) -> Asset {
        let Findings {
            size,
            duration_ms,
            frames,
            video_codec,
            audio_codec,
            family,
            thumbnail,
        } = findings;
        let content = received.content.decoded(size.is_some());
        Asset {
            id: received.id.clone(),
            name: received.name.clone(),
            kind: content.kind,
            media_type: content.media_type.to_owned(),
            bytes: received.bytes,
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            duration_ms,
            frames,
            video_codec,
            audio_codec,
            family,
            thumbnail,
            created_at: self.clock.now(),
        }
    }

    /// Every uploaded file with where it is used, newest first.
    pub(crate) async fn list(&self) -> Result<Vec<UsedAsset>, BusError> {
        let inventory = self.catalog.inventory().await?;
        let mut uses = self.scenes.uses().await?;
        let assets = inventory.assets.into_values();
        let mut listed: Vec<UsedAsset> = assets
            .map(|asset| UsedAsset {
                uses: uses.remove(&asset.id).unwrap_or_default(),
                asset,
            })
            .collect();
        let newest = |used: &UsedAsset| (used.asset.created_at, used.asset.id.clone());
        listed.sort_by_cached_key(|used| std::cmp::Reverse(newest(used)));
        Ok(listed)
    }

    /// Where a file is used.
    pub(crate) async fn uses(&self, id: &AssetId) -> Result<Vec<AssetUse>, BusError> {
        Ok(self.scenes.uses().await?.remove(id).unwrap_or_default())
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
            let uses = self.uses(id).await?;
            if !uses.is_empty() {
                return Err(RemoveError::InUse(uses));
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
        for which in [Shelf::Content, Shelf::Thumbnail] {
            if let Err(error) = self.discard_one(id, which).await {
                tracing::warn!(asset.id = %id, ?which, %error, "a file was not removed");
            }
        }
    }

    async fn discard_one(&self, id: &AssetId, which: Shelf) -> Result<(), FileError> {
        let Some(withdrawn) = self.files.withdraw(id, which).await? else {
            return Ok(());
        };
        // Also when Redis cannot say: a file too many is found by the next sweep.
        if !matches!(self.catalog.one(id).await, Ok(None)) {
            self.files.give_back(&withdrawn, id, which).await?;
        }
        self.files.forget(withdrawn).await
    }

    /// Gives back what killed processes have left behind, and what nobody has used for long.
    pub(crate) async fn sweep(&self) -> Result<(), UploadError> {
        let now = self.clock.now();
        let age = self.config.orphan_age();
        let old = self.files.old(now, age).await.map_err(UploadError::disk)?;
        self.metrics.count_swept(Swept::Unnamed, old.unnamed);
        let inventory = self.catalog.inventory().await?;
        self.metrics
            .note_bytes(inventory.bytes(), self.config.total_bytes_max);
        let unknown = |id: &&AssetId| !inventory.assets.contains_key(id);
        for id in old.names.iter().filter(unknown) {
            tracing::info!(asset.id = %id, "a file that nobody knows is removed");
            self.discard(id).await;
            self.metrics.count_swept(Swept::Unknown, 1);
        }
        self.sweep_uploads(age).await?;
        self.sweep_unused(&inventory).await
    }

    /// Removes files that no layer has used for as long as is configured.
    async fn sweep_unused(&self, inventory: &Inventory) -> Result<(), UploadError> {
        let Some(keep) = self.config.unused_keep() else {
            return Ok(());
        };
        let uses = self.scenes.uses().await?;
        let now = self.clock.now();
        let needed: Vec<&AssetId> = uses.keys().collect();
        self.catalog.note_used(&needed, now).await?;
        let last_used = self.catalog.last_used().await?;
        for asset in inventory.assets.values() {
            let last = last_used
                .get(&asset.id)
                .copied()
                .max(Some(asset.created_at));
            let unused = last.map_or(keep, |last| now.since(last));
            if uses.contains_key(&asset.id) || unused <= keep {
                continue;
            }
            match self.remove(&asset.id).await {
                Ok(()) => {
                    tracing::info!(asset.id = %asset.id, "a file that nobody has used for long is removed");
                    self.metrics.count_swept(Swept::Unused, 1);
                }
                Err(RemoveError::Bus(error)) => return Err(error.into()),
                // Somebody has just begun to use it, or another replica was faster.
                Err(
                    RemoveError::InUse(_)
                    | RemoveError::Claimed
                    | RemoveError::NotFound(_)
                    | RemoveError::Contended,
                ) => {}
            }
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
