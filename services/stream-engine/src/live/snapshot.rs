//! Pictures of what is on air, at a price that does not depend on how many ask.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Mutex, mpsc, oneshot};

/// Somebody wants a picture. Answered with the file that it is in.
pub(crate) type SnapshotRequest = oneshot::Sender<Result<PathBuf, SnapshotError>>;

/// There is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("the stream is not on air")]
    NotOnAir,
    #[error("the worker took no picture: {0}")]
    Refused(String),
    #[error("no picture was taken in time")]
    TooLate,
    #[error("the picture cannot be read")]
    Unreadable,
}

/// Asks the stream's task for pictures, and hands each to everybody who asked meanwhile.
#[derive(Debug)]
pub(crate) struct Snapshots {
    requests: mpsc::Sender<SnapshotRequest>,
    max_age: Duration,
    limit: Duration,
    /// Held while a picture is being taken, so that the others wait for the same one.
    latest: Mutex<Option<(Instant, Bytes)>>,
}

impl Snapshots {
    pub(crate) fn new(
        requests: mpsc::Sender<SnapshotRequest>,
        max_age: Duration,
        limit: Duration,
    ) -> Self {
        Self {
            requests,
            max_age,
            limit,
            latest: Mutex::default(),
        }
    }

    /// The picture on air, as JPEG.
    pub(crate) async fn take(&self) -> Result<Bytes, SnapshotError> {
        tokio::time::timeout(self.limit, self.take_or_wait())
            .await
            .unwrap_or(Err(SnapshotError::TooLate))
    }

    async fn take_or_wait(&self) -> Result<Bytes, SnapshotError> {
        let mut latest = self.latest.lock().await;
        if let Some((taken, picture)) = &*latest
            && taken.elapsed() < self.max_age
        {
            return Ok(picture.clone());
        }
        let (answer, answered) = oneshot::channel();
        let asked = self.requests.send(answer).await;
        asked.map_err(|_task_ended| SnapshotError::NotOnAir)?;
        let file = answered
            .await
            .map_err(|_worker_ended| SnapshotError::NotOnAir)??;
        let picture = tokio::fs::read(file)
            .await
            .map_err(|_gone| SnapshotError::Unreadable)?;
        let picture = Bytes::from(picture);
        *latest = Some((Instant::now(), picture.clone()));
        Ok(picture)
    }
}
