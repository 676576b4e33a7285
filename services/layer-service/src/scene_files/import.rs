//! Takes a scene in: the whole file first, then everything is judged, and only then anything is kept.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use actix_web::web::Payload;
use futures_util::StreamExt as _;
use sm_common::asset::AssetKind;
use sm_common::id::{AssetId, LayerId, StreamId};
use sm_common::scene::Scene;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::archive::Archive;
use super::{SceneFileError, SceneFiles};
use crate::assets::{Examined, Kept, Staged, blocking};
use crate::domain::scene_file::{self, ReadScene};
use crate::domain::variables::{Brought, Values};

/// A scene that was taken in.
#[derive(Clone, Debug)]
pub(crate) struct Imported {
    pub(crate) scene: Scene,
    /// Layers whose sources need a password or passphrase again.
    pub(crate) needs_secrets: Vec<LayerId>,
    /// What became of the variables that came with it.
    pub(crate) variables: Brought,
}

/// How a scene is taken in.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Its name, where it is not to be the one in the file.
    pub(crate) name: Option<String>,
    /// Whether the values that came with it replace those of the stream.
    pub(crate) replace_variables: bool,
}

impl SceneFiles {
    /// Takes a scene in. `length` is what its sender announces.
    pub(crate) async fn import(
        &self,
        stream: &StreamId,
        payload: Payload,
        length: Option<u64>,
        terms: Terms,
    ) -> Result<Imported, SceneFileError> {
        let _permit = self.permit()?;
        let bytes_max = self.config.bytes_max;
        if length.is_some_and(|length| length > bytes_max) {
            return Err(SceneFileError::TooLarge(bytes_max));
        }
        let room = self.assets.check_disk(length.unwrap_or_default()).await;
        room.map_err(SceneFileError::Room)?;
        // Before the first byte: without Redis nothing could be kept in the end.
        self.scenes.list(stream).await?;
        let whole = self.uploads.upload_timeout();
        let sent = timeout(whole, self.receive(payload)).await;
        let sent = sent.map_err(|_elapsed| SceneFileError::Slow)??;
        let (path, config) = (sent.path().to_owned(), self.config);
        let opened = in_background(move || {
            let file = std::fs::File::open(path).map_err(SceneFileError::Disk)?;
            let mut archive = Archive::open(file, config)?;
            let document = archive.scene()?;
            Ok((archive, document))
        });
        let (archive, document) = opened.await?;
        let read = scene_file::read(&document, self.layers_max, LayerId::generate);
        let mut read = read.map_err(SceneFileError::Scene)?;
        read.name = terms.name.unwrap_or(read.name);
        archive.expect_only(&read.assets)?;
        let replace = terms.replace_variables;
        self.take_in(stream, archive, read, replace).await
    }

    async fn take_in(
        &self,
        stream: &StreamId,
        archive: Archive,
        read: ReadScene,
        replace_variables: bool,
    ) -> Result<Imported, SceneFileError> {
        let named: Vec<AssetId> = read.assets.keys().cloned().collect();
        let known = self.assets.catalog().find(&named).await?;
        let mut kinds: BTreeMap<AssetId, AssetKind> = known
            .assets
            .values()
            .map(|asset| (asset.id.clone(), asset.kind))
            .collect();
        let missing = named.into_iter().filter(|id| !kinds.contains_key(id));
        let received = self.unpack(archive, missing.collect(), &read).await?;
        kinds.extend(
            received
                .iter()
                .map(|file| (file.received.id.clone(), file.received.content.kind)),
        );
        let scene = self.scenes.compose(stream, &read, kinds)?;
        let mut added = Vec::new();
        let brought = (&read.variables, replace_variables);
        let outcome = self.keep(&scene, brought, received, &mut added).await;
        if outcome.is_err() {
            for id in &added {
                if let Err(error) = self.assets.remove(id).await {
                    tracing::warn!(asset.id = %id, %error, "a file of a scene that was not taken in stays");
                }
            }
        }
        Ok(Imported {
            variables: outcome?,
            scene,
            needs_secrets: read.needs_secrets,
        })
    }

    /// Unpacks files and judges each as an upload would be.
    async fn unpack(
        &self,
        mut archive: Archive,
        missing: Vec<AssetId>,
        read: &ReadScene,
    ) -> Result<Vec<Examined>, SceneFileError> {
        let bytes_max = self.uploads.file_bytes_max;
        let mut received = Vec::new();
        // What is not in the archive is missed where a layer is to show it.
        for id in missing
            .into_iter()
            .filter(|id| archive.has(id))
            .collect::<Vec<_>>()
        {
            let (file, staged) = self.stage().await?;
            let wanted = id.clone();
            let unpacked = in_background(move || {
                let unpacked = archive.unpack(wanted, (file, staged), bytes_max)?;
                Ok((archive, unpacked))
            });
            let unpacked = unpacked.await?;
            archive = unpacked.0;
            let name = read.assets.get(&id).map_or("upload", String::as_str);
            let judged = self.assets.examine(unpacked.1, name).await;
            received.push(judged.map_err(|source| SceneFileError::Asset { id, source })?);
        }
        Ok(received)
    }

    /// Keeps the files, then the scene. `added` are those that nobody had before.
    async fn keep(
        &self,
        scene: &Scene,
        brought: (&Values, bool),
        received: Vec<Examined>,
        added: &mut Vec<AssetId>,
    ) -> Result<Brought, SceneFileError> {
        for file in received {
            let id = file.received.id.clone();
            let kept = self.assets.keep_examined(file).await;
            let Kept { asset, known } =
                kept.map_err(|source| SceneFileError::Asset { id, source })?;
            if !known {
                added.push(asset.id);
            }
        }
        Ok(self.scenes.add_imported(scene, brought).await?)
    }

    async fn stage(&self) -> Result<(std::fs::File, Staged), SceneFileError> {
        let staged = self.assets.files().stage().await;
        let (file, staged) = staged.map_err(SceneFileError::Disk)?;
        Ok((file.into_std().await, staged))
    }

    /// Takes the file from the network to the disk.
    async fn receive(&self, mut payload: Payload) -> Result<Staged, SceneFileError> {
        let (file, staged) = self.stage().await?;
        let mut file = tokio::fs::File::from_std(file);
        let (idle, bytes_max): (Duration, u64) =
            (self.uploads.idle_timeout(), self.config.bytes_max);
        let mut bytes = 0_u64;
        loop {
            let next = timeout(idle, payload.next()).await;
            let Some(piece) = next.map_err(|_elapsed| SceneFileError::Slow)? else {
                break;
            };
            let piece = piece.map_err(|error| SceneFileError::Cut {
                cause: error.to_string(),
            })?;
            bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if bytes > bytes_max {
                return Err(SceneFileError::TooLarge(bytes_max));
            }
            file.write_all(&piece).await.map_err(SceneFileError::Disk)?;
        }
        file.flush().await.map_err(SceneFileError::Disk)?;
        Ok(staged)
    }
}

/// Reads an archive where that may block.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SceneFileError> + Send + 'static,
) -> Result<T, SceneFileError> {
    let done: io::Result<Result<T, SceneFileError>> = blocking(move || Ok(work())).await;
    done.map_err(SceneFileError::Disk)?
}
