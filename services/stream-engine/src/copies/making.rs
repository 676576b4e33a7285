//! Makes one copy: all of it with the right digest, or none.

use std::io;
use std::path::PathBuf;

use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sm_asset_store::{Shelf, StoreError};
use sm_common::id::AssetId;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use super::room::NoRoom;
use super::{Copies, MAKING};

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Room(#[from] NoRoom),
    #[error("the copy cannot be written")]
    Disk(#[from] io::Error),
    #[error("the object has another digest than its name")]
    Digest,
}

/// A file that is being written; it goes with the value unless it was given its name.
struct Draft {
    path: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "a half-made copy stays behind");
        }
    }
}

impl Copies {
    pub(super) async fn copy(&self, id: &AssetId) -> Result<(), CopyError> {
        let turn = self.inner.turns.acquire().await;
        let _turn = turn.map_err(io::Error::other)?;
        let bytes = self.inner.bucket.size(id, Shelf::Content).await?;
        let going = {
            let mut state = self.inner.state();
            let needed = state.needed.values().flatten().cloned().collect();
            state.room.make(id, bytes, &needed)?
        };
        for gone in going {
            match tokio::fs::remove_file(self.path(&gone)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        let making = self.inner.directory.join(MAKING);
        let draft = Draft {
            path: making.join(Uuid::new_v4().to_string()),
        };
        let mut file = tokio::fs::File::create_new(&draft.path).await?;
        let mut digest = Sha256::new();
        let mut pieces = self.inner.bucket.read(id, (0, bytes)).await?;
        while let Some(piece) = pieces.try_next().await? {
            digest.update(&piece);
            file.write_all(&piece).await?;
        }
        file.flush().await?;
        if AssetId::from_sha256(&digest.finalize().into()) != *id {
            return Err(CopyError::Digest);
        }
        let path = self.path(id);
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        Ok(tokio::fs::rename(&draft.path, path).await?)
    }
}
