//! From a publisher to the layer's source in the media worker.

use std::time::Duration;

use sm_common::id::LayerId;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::outlet::{Piece, Pieces};
use crate::supervisor::Feeds;

/// Longest time for the worker to take anything at all.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Writes what a publisher sends to the worker for as long as it sends. While no worker takes it,
/// it is dropped; with each whole picture it is tried again.
pub(super) async fn feed_worker(mut pieces: Pieces, feeds: Feeds, layer: LayerId) {
    let mut line: Option<UnixStream> = None;
    while let Some(piece) = pieces.next().await {
        if let Some(worker) = line.take() {
            line = go_on(worker, &piece, &pieces).await;
        }
        if line.is_none() {
            line = begin(&piece, &pieces, &feeds, layer).await;
        }
    }
}

/// The line, where the worker has taken the tag.
async fn go_on(mut worker: UnixStream, piece: &Piece, pieces: &Pieces) -> Option<UnixStream> {
    let timestamp = piece.tag.message.timestamp;
    let again = piece
        .after_gap
        .then(|| pieces.prelude.read().tags(timestamp));
    for bytes in again.into_iter().chain([piece.tag.bytes()]) {
        write(&mut worker, &bytes).await?;
    }
    Some(worker)
}

/// A line to the worker, where this tag can be the first and there is one that takes it.
async fn begin(
    piece: &Piece,
    pieces: &Pieces,
    feeds: &Feeds,
    layer: LayerId,
) -> Option<UnixStream> {
    let prelude = pieces.prelude.read();
    if !prelude.begins_with(&piece.tag) {
        return None;
    }
    // Nobody listens where the layer is not open, or its worker is just being replaced.
    let mut worker = feeds.connect(layer).await.ok().flatten()?;
    write(&mut worker, &prelude.bytes(piece.tag.message.timestamp)).await?;
    write(&mut worker, &piece.tag.bytes()).await?;
    Some(worker)
}

async fn write(worker: &mut UnixStream, bytes: &[u8]) -> Option<()> {
    timeout(WRITE_TIMEOUT, worker.write_all(bytes))
        .await
        .ok()?
        .ok()
}
