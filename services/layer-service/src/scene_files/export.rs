//! Writes a scene as a file, piece by piece as fast as its reader takes them.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use sm_bus::Which;
use sm_common::asset::Asset;
use sm_common::id::{AssetId, SceneId, StreamId};
use tokio::sync::mpsc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{ASSETS, COPY_BYTES, SCENE, SceneFileError, SceneFiles};
use crate::assets::Files;
use crate::domain::scene_file::SceneFile;

/// Pieces that wait for the reader at most.
const PIECES_MAX: usize = 4;

/// A scene on its way out.
pub(crate) struct Export<S> {
    /// The scene's name.
    pub(crate) name: String,
    /// The file; an error in it means that the rest will not come.
    pub(crate) pieces: S,
}

impl SceneFiles {
    /// Begins to write a scene with everything that its layers need.
    pub(crate) async fn export(
        &self,
        stream: &StreamId,
        scene: SceneId,
    ) -> Result<Export<impl Stream<Item = io::Result<Bytes>> + use<>>, SceneFileError> {
        let permit = self.permit()?;
        let scene = self.scenes.read(stream, Which::Scene(scene)).await?.scene;
        let named = scene.layers.iter().flat_map(|layer| layer.source.assets());
        let named: Vec<AssetId> = named.cloned().collect();
        let inventory = self.assets.catalog().find(&named).await?;
        let variables = self.scenes.variables(stream).await?.values;
        let document = SceneFile::of(&scene, &inventory.assets, &variables);
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        let files = self.assets.files().clone();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let pipe = Pipe {
                sender: sender.clone(),
                piece: Vec::with_capacity(COPY_BYTES),
                broken: Arc::default(),
            };
            let broken = Arc::clone(&pipe.broken);
            if let Err(error) = write(&document, (&files, &inventory.assets), pipe, &broken) {
                tracing::warn!(scene.id = %scene.id, %error, "a scene was not written to its end");
                // Nobody may be there any more to hear of it.
                drop(sender.blocking_send(Err(error)));
            }
        });
        let pieces = unfold(receiver, |mut receiver| async {
            let piece = receiver.recv().await?;
            Some((piece, receiver))
        });
        Ok(Export {
            name: scene.name,
            pieces,
        })
    }
}

/// Writes the archive. The same scene gives the same bytes.
fn write(
    document: &SceneFile,
    kept: (&Files, &BTreeMap<AssetId, Asset>),
    pipe: Pipe,
    broken: &AtomicBool,
) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(pipe);
    let outcome = fill(&mut archive, document, kept);
    if outcome.is_err() {
        // The archive ends itself when it is dropped, and must not look whole.
        broken.store(true, Ordering::Relaxed);
        return outcome;
    }
    let mut pipe = archive.finish().map_err(io::Error::other)?.into_inner();
    pipe.flush()
}

fn fill<W: Write + io::Seek>(
    archive: &mut ZipWriter<W>,
    document: &SceneFile,
    (files, assets): (&Files, &BTreeMap<AssetId, Asset>),
) -> io::Result<()> {
    let packed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    archive
        .start_file(SCENE, packed)
        .map_err(io::Error::other)?;
    serde_json::to_writer_pretty(&mut *archive, document)?;
    let mut piece = vec![0; COPY_BYTES];
    for id in document.assets() {
        let asset = assets.get(&id).ok_or(io::ErrorKind::NotFound)?;
        let (mut file, bytes) = files.open_blocking(asset)?;
        // Pictures, videos and sounds are packed already.
        let stored = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(bytes >= u64::from(u32::MAX));
        let name = format!("{ASSETS}{id}");
        archive.start_file(name, stored).map_err(io::Error::other)?;
        loop {
            let count = file.read(&mut piece)?;
            if count == 0 {
                break;
            }
            archive.write_all(piece.get(..count).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Where the archive goes: to a reader in another task, who holds it back.
struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
    /// Nothing more may be written.
    broken: Arc<AtomicBool>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= COPY_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(COPY_BYTES));
        let sent = self.sender.blocking_send(Ok(Bytes::from(piece)));
        sent.map_err(|_reader_gone| io::ErrorKind::BrokenPipe.into())
    }
}
