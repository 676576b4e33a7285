//! Pictures of what is on air and in preview, at a price that does not depend on how many ask.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, mpsc, oneshot};

/// What a picture is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motif {
    /// The program.
    Program,
    /// The scene beside it.
    Preview,
}

/// Somebody wants a picture. Answered with the file that it is in.
#[derive(Debug)]
pub(crate) struct SnapshotRequest {
    pub(crate) motif: Motif,
    pub(crate) answer: oneshot::Sender<Result<PathBuf, SnapshotError>>,
}

impl SnapshotRequest {
    /// Whoever asked may have gone meanwhile.
    pub(crate) fn answer(self, answer: Result<PathBuf, SnapshotError>) {
        let _gone = self.answer.send(answer);
    }
}

/// There is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("the stream is not on air")]
    NotOnAir,
    #[error("no scene is in preview; put one there first")]
    NothingInPreview,
    #[error("the worker took no picture: {0}")]
    Refused(String),
    #[error("no picture was taken in time")]
    TooLate,
    #[error("the picture cannot be read")]
    Unreadable,
}

/// A JPEG picture.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) picture: Bytes,
    /// The same for the same picture.
    pub(crate) tag: String,
}

/// Asks the stream's task for pictures, and hands each to everybody who asked meanwhile.
#[derive(Debug)]
pub(crate) struct Snapshots {
    motif: Motif,
    requests: mpsc::Sender<SnapshotRequest>,
    max_age: Duration,
    limit: Duration,
    /// Held while a picture is being taken, so that the others wait for the same one.
    latest: Mutex<Option<(Instant, Snapshot)>>,
}

impl Snapshots {
    /// Pictures of `motif` that are at most `max_age` old; each is waited for up to `limit`.
    pub(crate) fn new(
        motif: Motif,
        requests: mpsc::Sender<SnapshotRequest>,
        max_age: Duration,
        limit: Duration,
    ) -> Self {
        Self {
            motif,
            requests,
            max_age,
            limit,
            latest: Mutex::default(),
        }
    }

    /// The picture now.
    pub(crate) async fn take(&self) -> Result<Snapshot, SnapshotError> {
        tokio::time::timeout(self.limit, self.take_or_wait())
            .await
            .unwrap_or(Err(SnapshotError::TooLate))
    }

    async fn take_or_wait(&self) -> Result<Snapshot, SnapshotError> {
        let mut latest = self.latest.lock().await;
        if let Some((taken, snapshot)) = &*latest
            && taken.elapsed() < self.max_age
        {
            return Ok(snapshot.clone());
        }
        let (answer, answered) = oneshot::channel();
        let request = SnapshotRequest {
            motif: self.motif,
            answer,
        };
        let asked = self.requests.send(request).await;
        asked.map_err(|_task_ended| SnapshotError::NotOnAir)?;
        let file = answered
            .await
            .map_err(|_worker_ended| SnapshotError::NotOnAir)??;
        let picture = tokio::fs::read(file)
            .await
            .map_err(|_gone| SnapshotError::Unreadable)?;
        let snapshot = Snapshot {
            tag: tag(&picture),
            picture: Bytes::from(picture),
        };
        *latest = Some((Instant::now(), snapshot.clone()));
        Ok(snapshot)
    }
}

fn tag(picture: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(picture))
}
