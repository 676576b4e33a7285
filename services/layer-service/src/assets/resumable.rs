//! Uploads that come in pieces, to any replica, and go on after a loss.

use std::io;
use std::time::Duration;

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use sm_bus::BusError;
use sm_common::id::AssetId;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::intake::{self, WRITE_BYTES};
use super::parts::Part;
use super::prober::ProbeError;
use super::{ATTEMPTS_MAX, Assets, InProgress, Kept, UploadError};
use crate::domain::resumable::{Description, ResumableUpload};
use crate::domain::upload::HEAD_BYTES;
use crate::metrics::{Swept, UploadOutcome};

/// Why an upload does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    #[error("there is no upload {0}; it was cancelled, refused or given up")]
    NotFound(Uuid),
    #[error("the upload goes on at byte {arrived}")]
    Offset { arrived: u64 },
    #[error("a piece of this upload is just arriving; try again when it is over")]
    Locked,
    #[error("the piece goes beyond the {length} bytes that were announced")]
    Beyond { length: u64 },
    #[error("the piece was cut off; {arrived} bytes have arrived in all")]
    Cut { arrived: u64, cause: String },
    #[error("nothing more of the piece has arrived in time; {arrived} bytes have in all")]
    Slow { arrived: u64 },
    #[error("{0} uploads have begun and are not complete, which is the most there may be")]
    TooMany(usize),
    #[error(transparent)]
    Upload(#[from] UploadError),
}

impl From<BusError> for ResumeError {
    fn from(error: BusError) -> Self {
        Self::Upload(error.into())
    }
}

/// How far an upload has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) upload: ResumableUpload,
    pub(crate) arrived: u64,
}

impl Progress {
    /// What it has become, once it is complete.
    pub(crate) const fn asset(&self) -> Option<&AssetId> {
        self.upload.asset.as_ref()
    }
}

impl Assets {
    /// Begins an upload of `length` bytes, and keeps as much space for it.
    pub(crate) async fn begin(
        &self,
        description: Description,
        length: u64,
    ) -> Result<ResumableUpload, ResumeError> {
        let upload = ResumableUpload {
            id: Uuid::new_v4(),
            length,
            name: description.name,
            declared: description.declared,
            expires_at: self.clock.now().plus(self.config.resumable_keep()),
            asset: None,
        };
        self.check_disk(length).await?;
        for _ in 0..ATTEMPTS_MAX {
            let inventory = self.catalog.inventory().await?;
            let unfinished = inventory
                .uploads
                .values()
                .filter(|upload| upload.asset.is_none());
            if unfinished.count() >= self.config.resumable_max {
                return Err(ResumeError::TooMany(self.config.resumable_max));
            }
            let bytes_max = self.room(&inventory, None)?;
            if length > bytes_max {
                return Err(UploadError::TooLarge { bytes_max }.into());
            }
            self.parts
                .create(upload.id)
                .await
                .map_err(UploadError::disk)?;
            match self.catalog.add_upload(&inventory, &upload).await {
                Ok(true) => return Ok(upload),
                Ok(false) => self.forget_part(upload.id).await,
                Err(error) => {
                    self.forget_part(upload.id).await;
                    return Err(error.into());
                }
            }
        }
        Err(UploadError::Contended.into())
    }

    /// How far an upload has come.
    pub(crate) async fn progress(&self, id: Uuid) -> Result<Progress, ResumeError> {
        let upload = self.catalog.upload(id).await?;
        let upload = upload.ok_or(ResumeError::NotFound(id))?;
        if upload.asset.is_some() {
            let arrived = upload.length;
            return Ok(Progress { upload, arrived });
        }
        let arrived = self.parts.arrived(id).await.map_err(UploadError::Disk)?;
        let arrived = arrived.ok_or(ResumeError::NotFound(id))?;
        Ok(Progress { upload, arrived })
    }

    /// Takes the piece of an upload that begins at `offset`; with the last one, the file. Whatever
    /// ends a piece, what has arrived of it stays.
    pub(crate) async fn append<S>(
        &self,
        id: Uuid,
        offset: u64,
        piece: S,
    ) -> Result<Progress, ResumeError>
    where
        S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    {
        let busy = |_none_left| UploadError::Busy(self.config.uploads_max);
        let _permit = self.uploads.try_acquire().map_err(busy)?;
        let _counted = InProgress::count(&self.metrics);
        let Progress {
            mut upload,
            arrived,
        } = self.progress(id).await?;
        if offset != arrived {
            return Err(ResumeError::Offset { arrived });
        }
        if upload.asset.is_some() {
            return Ok(Progress { upload, arrived });
        }
        let part = self.lock(id).await?;
        // Whoever had the lock before may have gone on.
        if part.bytes != offset {
            let arrived = part.bytes;
            return Err(ResumeError::Offset { arrived });
        }
        self.check_disk(upload.length.saturating_sub(arrived))
            .await?;
        let kept_open = part.file.try_clone().map_err(UploadError::Disk)?;
        let arrived = self.receive_piece(part, &upload, piece).await?;
        let outcome = self.arrive(&mut upload, offset, arrived).await;
        drop(kept_open);
        outcome.map(|()| Progress { upload, arrived })
    }

    async fn lock(&self, id: Uuid) -> Result<Part, ResumeError> {
        match self.parts.lock(id).await {
            Ok(part) => part.ok_or(ResumeError::Locked),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ResumeError::NotFound(id)),
            Err(error) => Err(UploadError::disk(error).into()),
        }
    }

    /// Writes a piece behind what is there, and says how much that is then.
    async fn receive_piece<S>(
        &self,
        part: Part,
        upload: &ResumableUpload,
        mut piece: S,
    ) -> Result<u64, ResumeError>
    where
        S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    {
        let length = upload.length;
        let mut arrived = part.bytes;
        let file = tokio::fs::File::from_std(part.file);
        let mut file = BufWriter::with_capacity(WRITE_BYTES, file);
        let end = Instant::now() + self.config.upload_timeout();
        let ended = loop {
            let idle = Instant::now() + self.config.idle_timeout();
            let bytes = match timeout_at(idle.min(end), piece.next()).await {
                Ok(Some(Ok(bytes))) => bytes,
                Ok(None) => break None,
                Ok(Some(Err(error))) => {
                    break Some(ResumeError::Cut {
                        arrived,
                        cause: error.to_string(),
                    });
                }
                Err(_elapsed) => break Some(ResumeError::Slow { arrived }),
            };
            let after = arrived.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if after > length {
                break Some(ResumeError::Beyond { length });
            }
            file.write_all(&bytes).await.map_err(UploadError::disk)?;
            arrived = after;
        };
        file.flush().await.map_err(UploadError::disk)?;
        let file = file.into_inner();
        file.sync_all().await.map_err(UploadError::disk)?;
        ended.map_or(Ok(arrived), Err)
    }

    /// After a piece: the file is looked at as soon as its type can be told, and taken when it is
    /// complete. What is not taken is given back.
    async fn arrive(
        &self,
        upload: &mut ResumableUpload,
        offset: u64,
        arrived: u64,
    ) -> Result<(), ResumeError> {
        let outcome = if arrived == upload.length {
            let kept = self.complete(upload).await;
            self.count(&kept);
            kept.map(Some)
        } else {
            self.check_head(upload, offset, arrived)
                .await
                .map(|()| None)
        };
        match outcome {
            Ok(kept) => {
                upload.asset = kept.map(|kept| kept.asset.id);
                upload.expires_at = self.clock.now().plus(self.config.resumable_keep());
                self.catalog.write_upload(upload).await?;
                if upload.asset.is_some() {
                    self.forget_part(upload.id).await;
                }
                Ok(())
            }
            Err(error) => {
                if is_final(&error) {
                    self.forget_upload(upload.id).await;
                }
                Err(error.into())
            }
        }
    }

    async fn check_head(
        &self,
        upload: &ResumableUpload,
        offset: u64,
        arrived: u64,
    ) -> Result<(), UploadError> {
        let enough = u64::try_from(HEAD_BYTES).unwrap_or(u64::MAX);
        if offset >= enough || arrived < enough {
            return Ok(());
        }
        let path = self.parts.path(upload.id);
        let head = intake::read_head(path).await.map_err(UploadError::Disk)?;
        crate::domain::upload::content_type(&head, upload.declared.as_deref())?;
        Ok(())
    }

    /// Takes a complete file, as one that came at once.
    async fn complete(&self, upload: &ResumableUpload) -> Result<Kept, UploadError> {
        let path = self.parts.path(upload.id);
        let staged = self
            .files
            .stage_link(path)
            .await
            .map_err(UploadError::disk)?;
        let (name, declared) = (upload.name.clone(), upload.declared.as_deref());
        let pixels = self.config.pixel_limits();
        let received = intake::identify(staged, name, declared, pixels).await?;
        self.admit(&received, Some(upload.id)).await
    }

    fn count(&self, outcome: &Result<Kept, UploadError>) {
        self.metrics.count_upload(match outcome {
            Ok(Kept { known: false, .. }) => UploadOutcome::Stored,
            Ok(Kept { known: true, .. }) => UploadOutcome::Duplicate,
            Err(_) => UploadOutcome::Refused,
        });
    }

    /// Gives up an upload, complete or not; what it has become stays.
    pub(crate) async fn cancel(&self, id: Uuid) -> Result<(), ResumeError> {
        let upload = self.catalog.upload(id).await?;
        let upload = upload.ok_or(ResumeError::NotFound(id))?;
        if upload.asset.is_none() {
            let _part = match self.lock(id).await {
                Ok(part) => Some(part),
                // There is nothing to be locked; the rest can go.
                Err(ResumeError::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
            self.catalog.remove_upload(id).await?;
            self.forget_part(id).await;
            return Ok(());
        }
        Ok(self.catalog.remove_upload(id).await?)
    }

    /// Gives up uploads that nobody goes on with, and removes files that belong to none.
    pub(super) async fn sweep_uploads(&self, orphan_age: Duration) -> Result<(), UploadError> {
        let now = self.clock.now();
        let old = self
            .parts
            .old(now, orphan_age)
            .await
            .map_err(UploadError::Disk)?;
        let uploads = self.catalog.inventory().await?.uploads;
        for upload in uploads.values().filter(|upload| upload.expires_at < now) {
            match self.cancel(upload.id).await {
                Ok(()) if upload.asset.is_none() => {
                    tracing::info!(upload.id = %upload.id, "an upload that nobody goes on with is given up");
                    self.metrics.count_swept(Swept::Abandoned, 1);
                }
                // Somebody goes on with it, or another replica was faster.
                Ok(()) | Err(ResumeError::Locked | ResumeError::NotFound(_)) => {}
                Err(error) => {
                    tracing::warn!(upload.id = %upload.id, %error, "an upload is not given up");
                }
            }
        }
        for id in old.into_iter().filter(|id| !uploads.contains_key(id)) {
            self.forget_part(id).await;
            self.metrics.count_swept(Swept::Unnamed, 1);
        }
        Ok(())
    }

    async fn forget_upload(&self, id: Uuid) {
        if let Err(error) = self.catalog.remove_upload(id).await {
            tracing::warn!(upload.id = %id, %error, "a refused upload stays until it expires");
            return;
        }
        self.forget_part(id).await;
    }

    async fn forget_part(&self, id: Uuid) {
        if let Err(error) = self.parts.remove(id).await {
            tracing::warn!(upload.id = %id, %error, "what arrived of an upload was not removed");
        }
    }
}

/// Whether sending the same again would end the same: then nothing is kept of it.
const fn is_final(error: &UploadError) -> bool {
    match error {
        UploadError::Unacceptable(_)
        | UploadError::TooLarge { .. }
        | UploadError::TooMany(_)
        | UploadError::Probe(ProbeError::Refused(_) | ProbeError::Costly(_)) => true,
        UploadError::Busy(_)
        | UploadError::NotAForm
        | UploadError::Cut { .. }
        | UploadError::Malformed { .. }
        | UploadError::Member
        | UploadError::Slow
        | UploadError::Probe(
            ProbeError::Starved(_) | ProbeError::Absent { .. } | ProbeError::Run(_),
        )
        | UploadError::DiskFull
        | UploadError::Disk(_)
        | UploadError::Store(_)
        | UploadError::Contended
        | UploadError::Bus(_) => false,
    }
}
